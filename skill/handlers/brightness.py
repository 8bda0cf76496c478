"""`Alexa.BrightnessController` (contract 2.3)."""

from skill.access_token import Caller
from skill.canonical import Brightness, BrightnessStep, Change
from skill.directives import Directive
from skill.errors import InvalidDirective
from skill.handlers.payload import integer, integer_within
from skill.lamps import Lamps, OwnedLamp
from skill.responses import Message, response


async def set_brightness(directive: Directive, caller: Caller, lamps: Lamps) -> Message:
    """0 switches off; anything above switches on."""
    lamp = await _dimmable(directive, caller, lamps)
    return await _applied(directive, lamp, Brightness(integer_within(directive.payload, "brightness", 0, 100)))


async def adjust_brightness(directive: Directive, caller: Caller, lamps: Lamps) -> Message:
    """Clamped, never out of range."""
    lamp = await _dimmable(directive, caller, lamps)
    delta = max(-100, min(100, integer(directive.payload, "brightnessDelta")))
    return await _applied(directive, lamp, BrightnessStep(delta))


async def _dimmable(directive: Directive, caller: Caller, lamps: Lamps) -> OwnedLamp:
    lamp = await lamps.owned(directive.endpoint_id, caller.sub)
    if not lamp.abilities.brightness:
        raise InvalidDirective("The lamp has no Alexa.BrightnessController.")
    return lamp


async def _applied(directive: Directive, lamp: OwnedLamp, change: Change) -> Message:
    return response(directive, await lamp.apply(change), lamp.abilities)
