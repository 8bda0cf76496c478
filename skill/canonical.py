"""The lamp as every driver and handler speaks of it, and what may be asked of it: pure values, no input or output."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from skill.abilities import KelvinRange
from skill.errors import NotSupportedInColorMode

Mode = Literal["white", "color"]

TEMPERATURE_STEP = 500
"""Kelvin by which "warmer" and "cooler" go."""


class Lamp(NamedTuple):
    """A registered lamp. `options` belong to its driver (topics of an `mqtt` lamp) and to `skill.abilities`. `details`
    are what `LampRow.details` holds, where the lamp is to be described; a directive has no use for them."""

    endpoint_id: str
    owner: str
    name: str
    driver: str
    options: Mapping[str, Any]
    details: Mapping[str, Any] | None = None


class LampState(NamedTuple):
    """How a lamp stands; None is unknown.

    `last_brightness` (1-100 percent) survives being switched off, so that TurnOn restores it. `hue` is 0-360,
    `saturation` and `value` 0-1, all three as they were asked for last; `kelvin` holds in mode `white`. `online` is
    False only where the lamp is known to be away.
    """

    power: bool | None
    last_brightness: int | None
    mode: Mode = "white"
    hue: float = 0.0
    saturation: float = 0.0
    value: float = 1.0
    kelvin: int = 2700
    online: bool | None = None

    @property
    def brightness(self) -> int | None:
        """Effective percentage: 0 while off (contract 2.3)."""
        return 0 if self.power is False else self.last_brightness


class Sample(NamedTuple):
    """A state, when it was taken (Unix seconds, UTC) and by how many milliseconds that may be wrong."""

    state: LampState
    at: float
    uncertainty: int


class Change(Protocol):
    """What a directive asks of a lamp; the semantics are the table of contract 2.3."""

    def applied_to(self, state: LampState) -> LampState: ...


@dataclass(frozen=True, slots=True)
class Power:
    """TurnOn, TurnOff. On restores the last non-zero brightness and the colour, since neither is touched."""

    on: bool

    def applied_to(self, state: LampState) -> LampState:
        return _lit(state) if self.on else state._replace(power=False)


@dataclass(frozen=True, slots=True)
class Brightness:
    """SetBrightness, 0-100. 0 switches off and leaves the brightness to come back to."""

    percent: int

    def applied_to(self, state: LampState) -> LampState:
        if self.percent == 0:
            return state._replace(power=False)
        return _lit(state)._replace(last_brightness=self.percent)


@dataclass(frozen=True, slots=True)
class BrightnessStep:
    """AdjustBrightness. Clamped to 0-100, never an error; the base is 0 while off, and 100 in a lamp that shines and
    never told how brightly: "a bit darker" must not switch it off."""

    delta: int

    def applied_to(self, state: LampState) -> LampState:
        base = (100 if state.last_brightness is None else state.last_brightness) if state.power else 0
        return Brightness(max(0, min(100, base + self.delta))).applied_to(state)


@dataclass(frozen=True, slots=True)
class Color:
    """SetColor: hue 0-360, saturation and value 0-1. Switches on.

    `value` belongs to the colour and is reported as asked; the lamp's brightness is BrightnessController's alone
    (contract 2.3): Amazon's plans dim a lamp and expect the value that was set before, and Alexa sends 1.0 with most
    colours, which would make a lamp that is dimmed for the night flare up. Value 0 is black, which is off.
    """

    hue: float
    saturation: float
    value: float

    def applied_to(self, state: LampState) -> LampState:
        return state._replace(
            power=self.value > 0, mode="color", hue=self.hue, saturation=self.saturation, value=self.value
        )


@dataclass(frozen=True, slots=True)
class Temperature:
    """SetColorTemperature, within the lamp's limits. Switches on, and keeps the brightness."""

    kelvin: int

    def applied_to(self, state: LampState) -> LampState:
        return state._replace(power=True, mode="white", kelvin=self.kelvin)


@dataclass(frozen=True, slots=True)
class TemperatureStep:
    """IncreaseColorTemperature (`steps` 1, cooler), DecreaseColorTemperature (-1, warmer). Switches on; ends at the
    lamp's limits, never an error. A colour is neither warmer nor cooler: raises NotSupportedInColorMode."""

    steps: int
    within: KelvinRange

    def applied_to(self, state: LampState) -> LampState:
        if state.mode == "color":
            raise NotSupportedInColorMode
        kelvin = self.within.nearest(state.kelvin) + self.steps * TEMPERATURE_STEP
        return Temperature(self.within.nearest(kelvin)).applied_to(state)


def _lit(state: LampState) -> LampState:
    """On, in the colour that it had; black has none to come back to."""
    return state._replace(power=True, value=state.value or 1.0)
