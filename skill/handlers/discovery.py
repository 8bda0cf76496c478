"""`Alexa.Discovery` (contract 2.2)."""

import logging

from skill.access_token import Caller
from skill.directives import Directive
from skill.discovery import NotDescribable, endpoint
from skill.lamps import MOST_LAMPS, Lamps
from skill.responses import Message, discovered

log = logging.getLogger(__name__)


async def discover(directive: Directive, caller: Caller, lamps: Lamps, proactive: bool = False) -> Message:
    """Exactly the user's lamps; one that cannot be described is left out, since it would spoil the rest. `proactive`
    where events are sent for this user."""
    owned = await lamps.of(caller.sub)
    if len(owned) > MOST_LAMPS:
        log.warning("user %s has more than %d lamps: the newest are not shown to Alexa", caller.sub, MOST_LAMPS)
    endpoints = []
    for lamp in owned[:MOST_LAMPS]:
        try:
            endpoints.append(endpoint(lamp, proactive))
        except NotDescribable as reason:
            log.warning("lamp %s left out of discovery: %s", lamp.endpoint_id, reason)
    return discovered(endpoints)
