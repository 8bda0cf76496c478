"""The cold path: lamps registered, shown and changed by the operator's commands."""

import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from skill.abilities import Abilities
from skill.models import LampRow, RegistryVersionRow, SimulatedLampRow
from skill.storage.engine import open_engine

SIMULATED = "simulated"


FIRST_WHITE = 2700
"""Kelvin of a new simulated lamp, or the nearest that it can."""


def _first_white(driver: str, options: Mapping[str, Any]) -> int:
    limits = Abilities.of(driver, options).kelvin
    return FIRST_WHITE if limits is None else limits.nearest(FIRST_WHITE)


class Registry:
    """One unit of work on the lamps: committed when the block ends well, else nothing happened."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, owner: str, name: str, driver: str, options: Mapping[str, Any]) -> LampRow:
        """The id is random: globally unique, and never given again (contract 2.2). Raises ValueError where a simulated
        lamp's options say what no lamp can."""
        lamp = LampRow(
            endpoint_id=f"lamp-{uuid.uuid4().hex}",
            owner=owner,
            name=name,
            driver=driver,
            options=dict(options),
            created_at=int(time.time()),
        )
        await self._changed()
        self._session.add(lamp)
        await self._session.flush()
        if driver == SIMULATED:
            self._session.add(SimulatedLampRow(endpoint_id=lamp.endpoint_id, kelvin=_first_white(driver, options)))
        return lamp

    async def lamps(self, owner: str | None = None) -> Sequence[LampRow]:
        statement = select(LampRow).order_by(col(LampRow.created_at), col(LampRow.name), col(LampRow.endpoint_id))
        return (await self._session.exec(statement.where(LampRow.owner == owner) if owner else statement)).all()

    async def lamp(self, endpoint_id: str) -> LampRow | None:
        return await self._session.get(LampRow, endpoint_id)

    async def rename(self, endpoint_id: str, name: str) -> LampRow | None:
        if (lamp := await self.lamp(endpoint_id)) is not None:
            await self._changed()
            lamp.name = name
        return lamp

    async def remove(self, endpoint_id: str) -> LampRow | None:
        if (lamp := await self.lamp(endpoint_id)) is not None:
            await self._changed()
            await self._session.delete(lamp)
        return lamp

    async def _changed(self) -> None:
        """Every replica hears of it. First in a unit, so that two units on one lamp wait for each other here."""
        version = col(RegistryVersionRow.version)
        await self._session.exec(update(RegistryVersionRow).values(version=version + 1))

    async def plug(self, endpoint_id: str, online: bool) -> SimulatedLampRow | None:
        """Give a simulated lamp its current, or take it."""
        if (lamp := await self._session.get(SimulatedLampRow, endpoint_id)) is not None:
            lamp.online = online
        return lamp


@asynccontextmanager
async def open_registry(url: str) -> AsyncIterator[Registry]:
    engine = open_engine(url)
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield Registry(session)
    finally:
        await engine.dispose()
