"""`Alexa.ColorController` (contract 2.3)."""

from skill.access_token import Caller
from skill.canonical import Color
from skill.directives import Directive
from skill.errors import InvalidDirective, InvalidValue
from skill.handlers.payload import number_within
from skill.lamps import Lamps
from skill.responses import Message, response


async def set_color(directive: Directive, caller: Caller, lamps: Lamps) -> Message:
    """Switches on; the colour is reported as asked."""
    lamp = await lamps.owned(directive.endpoint_id, caller.sub)
    if not lamp.abilities.color:
        raise InvalidDirective("The lamp has no Alexa.ColorController.")
    color = directive.payload.get("color")
    if not isinstance(color, dict):
        raise InvalidValue("color must be an object.")
    change = Color(
        hue=number_within(color, "hue", 0, 360),
        saturation=number_within(color, "saturation", 0, 1),
        value=number_within(color, "brightness", 0, 1),
    )
    return response(directive, await lamp.apply(change), lamp.abilities)
