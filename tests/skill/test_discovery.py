"""One endpoint that breaks a rule of Alexa's spoils the whole answer: what cannot be shown is left out."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from skill.lamps import MOST_LAMPS
from skill.storage.registry import open_registry
from tests.running.service import Service
from tests.skill.talking import Alexa


async def spoil(skill: Service, endpoint_id: str, column: str, value: str) -> None:
    """What no command would store: left by an import or an older version."""
    url = skill.settings["SKILL_DATABASE_URL"]
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}[url.split(":")[0]]
    engine = create_async_engine(driver + url[url.index(":") :])
    async with engine.begin() as connection:
        statement = text(f"UPDATE lamp SET {column} = :value WHERE endpoint_id = :endpoint_id")
        changed = await connection.execute(statement, {"value": value, "endpoint_id": endpoint_id})
        assert changed.rowcount == 1
    await engine.dispose()


@pytest.mark.spec("S03", "alexa 2.2")
@pytest.mark.parametrize(("column", "value"), [("name", "!?"), ("driver", "carrier-pigeon")])
async def test_S03_a_lamp_that_cannot_be_described_is_left_out(
    alexa: Alexa, skill: Service, column: str, value: str
) -> None:
    owner = f"s03-{column}"
    async with open_registry(skill.settings["SKILL_DATABASE_URL"]) as registry:
        good = (await registry.add(owner, "Desk lamp", "simulated", {})).endpoint_id
        bad = (await registry.add(owner, "Floor lamp", "simulated", {})).endpoint_id
    await spoil(skill, bad, column, value)
    found = await alexa.discover(alexa.issuer.token(sub=owner))
    assert [each["endpointId"] for each in found] == [good]
    assert f"lamp {bad} left out of discovery" in skill.log()


@pytest.mark.spec("S02", "alexa 2.2")
async def test_S02_beyond_300_lamps_the_newest_are_left_out_and_it_is_logged(alexa: Alexa, skill: Service) -> None:
    owner = "s02-collector"
    async with open_registry(skill.settings["SKILL_DATABASE_URL"]) as registry:
        lamps = [(await registry.add(owner, f"Lamp {n}", "simulated", {})).endpoint_id for n in range(MOST_LAMPS + 1)]
    found = {each["endpointId"] for each in await alexa.discover(alexa.issuer.token(sub=owner))}
    assert len(found) == MOST_LAMPS == 300
    assert found < set(lamps)
    assert f"user {owner} has more than 300 lamps" in skill.log()
