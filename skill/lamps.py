"""Whose lamp it is, and how it stands."""

import asyncio
from collections.abc import Awaitable, Container, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from skill.abilities import Abilities
from skill.bridge_call import SignatureUsed
from skill.canonical import Change, Lamp, LampState, Sample
from skill.drivers import Driver
from skill.errors import AlexaError, InternalError, InvalidDirective, NoSuchEndpoint
from skill.news import Cause
from skill.storage.store import Store

MOST_LAMPS = 300
"""Of one user (contract 2.2): Alexa takes no more."""
MOST_SHOWN = 10_000
"""Of one user, on pages and over HTTP."""
UNUSABLE = Sample(LampState(power=None, last_brightness=None, online=False), 0.0, 0)
"""Of a lamp whose options say what no lamp can: nobody commands it, so it is as one that is away."""


@dataclass(frozen=True, slots=True)
class LampView:
    """One lamp as its owner may see it, for drawing.

    `online` is None where nothing is known. `brightness` is the effective percentage (0 while off), `hue` 0-360,
    `saturation` and `value` 0-1, `kelvin` an integer that holds in mode `white`, `sampled_at` Unix seconds (UTC), 0
    where it never said whether it is on.
    """

    endpoint_id: str
    name: str
    driver: str
    online: bool | None
    power: bool
    brightness: int
    mode: Literal["white", "color"]
    hue: float
    saturation: float
    value: float
    kelvin: int
    sampled_at: float


class OwnedLamp(NamedTuple):
    """The proof that a lamp belongs to the user who asks, in a call that may act; only such a lamp can be sampled or
    changed."""

    lamp: Lamp
    driver: Driver
    stored: LampState | None
    abilities: Abilities

    async def sample(self) -> Sample:
        return await self.driver.sample(self.lamp, self.stored)

    async def apply(self, change: Change, cause: Cause = Cause.alexa) -> Sample:
        return await self.driver.apply(self.lamp, change, self.stored, cause)


class Lamps:
    """`claim` is that of the call's signature, None where nothing was signed: it is waited for, with what the lamp is
    looked up for, before there is an `OwnedLamp`."""

    def __init__(self, store: Store, drivers: Mapping[str, Driver], claim: Awaitable[bool] | None = None) -> None:
        self._store, self._drivers, self._claim = store, drivers, claim

    def under(self, claim: Awaitable[bool] | None) -> "Lamps":
        """The same lamps, for one call."""
        return Lamps(self._store, self._drivers, claim)

    async def claimed(self) -> None:
        """Before something is done that concerns no lamp. Raises SignatureUsed."""
        if self._claim is not None and not await self._claim:
            raise SignatureUsed

    async def owned(self, endpoint_id: str | None, owner: str) -> OwnedLamp:
        """Another user's lamp answers exactly as one that does not exist. Raises SignatureUsed."""
        if endpoint_id is None:
            raise InvalidDirective("The directive names no endpoint.")
        found = await self._store.lamp(endpoint_id)
        if self._claim is not None and not await self._claim:
            raise SignatureUsed
        if found is None or found[0].owner != owner:
            raise NoSuchEndpoint
        lamp, stored = found
        if (driver := self._drivers.get(lamp.driver)) is None:
            raise InternalError("The lamp's driver is not there.")
        try:
            abilities = Abilities.of(lamp.driver, lamp.options)
        except ValueError as error:
            raise InternalError("The lamp's capabilities cannot be used.") from error
        return OwnedLamp(lamp, driver, stored, abilities)

    async def of(self, owner: str) -> list[Lamp]:
        """Oldest first, one more than Alexa takes where there are too many, so that the caller can tell."""
        return [lamp for lamp, _ in await self._store.lamps_of(owner, MOST_LAMPS + 1)]

    async def views(self, owner: str, only: Container[str] | None = None) -> list[LampView]:
        """Every lamp of the user, or those of them that are named, drawn as off and unknown where it cannot be
        reached."""
        found = await self._store.lamps_of(owner, MOST_SHOWN)
        return await asyncio.gather(
            *(
                self._view(lamp, self._drivers.get(lamp.driver), stored)
                for lamp, stored in found
                if only is None or lamp.endpoint_id in only
            )
        )

    async def view(self, owned: OwnedLamp) -> LampView:
        """This one."""
        return await self._view(owned.lamp, owned.driver, owned.stored)

    @staticmethod
    async def _view(lamp: Lamp, driver: Driver | None, stored: LampState | None) -> LampView:
        try:
            if driver is None:
                raise InternalError("The lamp's driver is not there.")
            sample = await driver.sample(lamp, stored)
        except AlexaError:
            sample = Sample(LampState(power=None, last_brightness=None), 0.0, 0)
        return view_of(lamp, sample if usable(lamp) else UNUSABLE)


def usable(lamp: Lamp) -> bool:
    """Whether its options say what a lamp can."""
    try:
        Abilities.of(lamp.driver, lamp.options)
    except ValueError:
        return False
    return True


def view_of(lamp: Lamp, sample: Sample) -> LampView:
    state = sample.state
    return LampView(
        endpoint_id=lamp.endpoint_id,
        name=lamp.name,
        driver=lamp.driver,
        online=state.online,
        power=bool(state.power),
        brightness=(state.brightness or 0) if state.power else 0,
        mode=state.mode,
        hue=state.hue,
        saturation=state.saturation,
        value=state.value,
        kelvin=state.kelvin,
        sampled_at=0.0 if state.power is None else sample.at,
    )
