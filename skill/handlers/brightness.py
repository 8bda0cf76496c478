"""`Alexa.BrightnessController` (contract 2.3)."""

from skill.access_token import Caller
from skill.canonical import Brightness, BrightnessStep
from skill.directives import Directive
from skill.errors import InvalidValue, ValueOutOfRange
from skill.lamps import Lamps
from skill.responses import Message, response


def _integer(directive: Directive, name: str) -> int:
    value = directive.payload.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValue(f"{name} must be an integer.")
    return value


async def set_brightness(directive: Directive, caller: Caller, lamps: Lamps) -> Message:
    """0 switches off; anything above switches on."""
    lamp = await lamps.owned(directive.endpoint_id, caller.sub)
    percent = _integer(directive, "brightness")
    if not 0 <= percent <= 100:
        raise ValueOutOfRange("brightness must be 0 to 100.", 0, 100)
    return response(directive, await lamp.apply(Brightness(percent)))


async def adjust_brightness(directive: Directive, caller: Caller, lamps: Lamps) -> Message:
    """Clamped, never out of range."""
    lamp = await lamps.owned(directive.endpoint_id, caller.sub)
    delta = max(-100, min(100, _integer(directive, "brightnessDelta")))
    return response(directive, await lamp.apply(BrightnessStep(delta)))
