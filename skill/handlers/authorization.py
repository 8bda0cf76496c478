"""`Alexa.Authorization` (contract 1.8)."""

from skill.access_token import Caller
from skill.directives import Directive
from skill.errors import AcceptGrantFailed
from skill.lamps import Lamps
from skill.responses import Message, grant_accepted


async def accept_grant(directive: Directive, caller: Caller, lamps: Lamps) -> Message:
    """Accepted without keeping the code: no events are sent, and a refusal would make the linking itself fail."""
    grant = directive.payload.get("grant")
    if not isinstance(grant, dict) or grant.get("type") != "OAuth2.AuthorizationCode" or not grant.get("code"):
        raise AcceptGrantFailed("The directive holds no authorization code.")
    return grant_accepted(directive)
