"""The lamp as every driver and handler speaks of it, and what may be asked of it: pure values, no input or output."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Mode = Literal["white", "color"]


class Lamp(NamedTuple):
    """A registered lamp. `options` belong to its driver (topics of an `mqtt` lamp)."""

    endpoint_id: str
    owner: str
    name: str
    driver: str
    options: Mapping[str, str]


class LampState(NamedTuple):
    """How a lamp stands; None is unknown.

    `last_brightness` (1-100 percent) survives being switched off, so that TurnOn restores it. `hue` is 0-360,
    `saturation` and `value` 0-1, `kelvin` holds in mode `white`. `online` is False only where the lamp is known to be
    away.
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
        """Effective percentage: 0 while off, which is also the base of AdjustBrightness (contract 2.3)."""
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
        return state._replace(power=self.on)


@dataclass(frozen=True, slots=True)
class Brightness:
    """SetBrightness, 0-100. 0 switches off and leaves the brightness to come back to."""

    percent: int

    def applied_to(self, state: LampState) -> LampState:
        if self.percent == 0:
            return state._replace(power=False)
        return state._replace(power=True, last_brightness=self.percent)


@dataclass(frozen=True, slots=True)
class BrightnessStep:
    """AdjustBrightness. Clamped to 0-100, never an error; the base is 0 while off."""

    delta: int

    def applied_to(self, state: LampState) -> LampState:
        return Brightness(max(0, min(100, (state.brightness or 0) + self.delta))).applied_to(state)
