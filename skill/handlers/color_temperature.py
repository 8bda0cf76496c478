"""`Alexa.ColorTemperatureController` (contract 2.3)."""

from skill.abilities import COLDEST, WARMEST, KelvinRange
from skill.access_token import Caller
from skill.canonical import Temperature, TemperatureStep
from skill.directives import Directive
from skill.errors import InvalidDirective
from skill.handlers.payload import integer_within
from skill.lamps import Lamps, OwnedLamp
from skill.responses import Message, response


def _whites(lamp: OwnedLamp) -> KelvinRange:
    if lamp.abilities.kelvin is None:
        raise InvalidDirective("The lamp has no Alexa.ColorTemperatureController.")
    return lamp.abilities.kelvin


async def set_color_temperature(directive: Directive, caller: Caller, lamps: Lamps) -> Message:
    """What Alexa can say and the lamp cannot do becomes the nearest white, which is reported."""
    lamp = await lamps.owned(directive.endpoint_id, caller.sub)
    whites = _whites(lamp)
    kelvin = integer_within(directive.payload, "colorTemperatureInKelvin", WARMEST, COLDEST)
    return response(directive, await lamp.apply(Temperature(whites.nearest(kelvin))), lamp.abilities)


async def increase_color_temperature(directive: Directive, caller: Caller, lamps: Lamps) -> Message:
    """Cooler."""
    return await _step(directive, caller, lamps, 1)


async def decrease_color_temperature(directive: Directive, caller: Caller, lamps: Lamps) -> Message:
    """Warmer."""
    return await _step(directive, caller, lamps, -1)


async def _step(directive: Directive, caller: Caller, lamps: Lamps, steps: int) -> Message:
    lamp = await lamps.owned(directive.endpoint_id, caller.sub)
    return response(directive, await lamp.apply(TemperatureStep(steps, _whites(lamp))), lamp.abilities)
