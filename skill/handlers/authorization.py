"""`Alexa.Authorization` (contract 1.8)."""

from skill.access_token import Caller
from skill.directives import Directive
from skill.errors import AcceptGrantFailed
from skill.lamps import Lamps
from skill.responses import Message, grant_accepted


def code_of(directive: Directive) -> str:
    """Raises AcceptGrantFailed."""
    grant = directive.payload.get("grant")
    code = grant.get("code") if isinstance(grant, dict) and grant.get("type") == "OAuth2.AuthorizationCode" else None
    if not isinstance(code, str) or not code:
        raise AcceptGrantFailed("The directive holds no authorization code.")
    return code


async def accept_grant(directive: Directive, caller: Caller, lamps: Lamps) -> Message:
    """Without events nothing is kept of it: a refusal would make the linking itself fail. With them
    `skill.events.running` stands here."""
    code_of(directive)
    return grant_accepted(directive)
