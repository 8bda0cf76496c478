"""`Alexa.PowerController` (contract 2.3)."""

from skill.access_token import Caller
from skill.canonical import Power
from skill.directives import Directive
from skill.lamps import Lamps
from skill.responses import Message, response


async def turn_on(directive: Directive, caller: Caller, lamps: Lamps) -> Message:
    """Restores the last non-zero brightness, and the colour."""
    lamp = await lamps.owned(directive.endpoint_id, caller.sub)
    return response(directive, await lamp.apply(Power(on=True)), lamp.abilities)


async def turn_off(directive: Directive, caller: Caller, lamps: Lamps) -> Message:
    lamp = await lamps.owned(directive.endpoint_id, caller.sub)
    return response(directive, await lamp.apply(Power(on=False)), lamp.abilities)
