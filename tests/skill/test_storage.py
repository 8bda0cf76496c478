"""The store on SQLite and on PostgreSQL, the migration against the models, and what discovery leaves out."""

import asyncio
import json
import logging
import sqlite3
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from skill.access_token import Caller
from skill.canonical import BrightnessStep
from skill.directives import DISCOVER, Directive
from skill.discovery import NotDescribable, friendly_name
from skill.drivers.simulated import SimulatedDriver
from skill.handlers import HANDLERS
from skill.lamps import Lamps
from skill.models import LampRow, SimulatedLampRow, metadata
from skill.storage import sqlite
from skill.storage.engine import open_engine
from skill.storage.migrations import migrate
from skill.storage.registry import Registry, open_registry
from skill.storage.store import Store, open_store
from tests.running.bridge import directive
from tests.skill.alexa_rules import check_answer


async def test_the_migrated_tables_equal_the_models(database_url: str, store: Store) -> None:
    """`store` has migrated."""
    engine = open_engine(database_url)
    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(
                MigrationContext.configure(sync, opts={"compare_type": True, "compare_server_default": True}), metadata
            )
        )
    await engine.dispose()
    assert differences == []


async def add(url: str, owner: str = "u1", name: str = "Desk lamp") -> str:
    async with open_registry(url) as registry:
        return (await registry.add(owner, name, "simulated", {})).endpoint_id


async def test_what_is_not_there_is_none(store: Store) -> None:
    assert await store.lamp("lamp-0") is None
    assert await store.simulated_lamp("lamp-0") is None
    assert await store.change_simulated_lamp("lamp-0", lambda state: state) is None
    assert await store.key_set("https://nobody.example") is None
    assert await store.lamps_of("nobody", 10) == []


async def test_an_id_that_the_database_refuses_is_no_lamp_and_fails_nobody_else(
    database_url: str, store: Store
) -> None:
    """Questions of one moment share one statement."""
    lamp = await add(database_url)
    none, found, claimed = await asyncio.gather(
        store.lamp("lamp-\0"), store.lamp(lamp), store.claim_signature(b"\1" * 32, 100)
    )
    assert none is None
    assert found is not None
    assert found[0].endpoint_id == lamp
    assert claimed


async def test_lamps_come_oldest_first_and_those_of_one_second_by_name(database_url: str, store: Store) -> None:
    """Not by their random ids: the order that a person sees must not depend on chance."""
    async with open_registry(database_url) as registry:
        for name, at in (("Floor lamp", 20), ("Desk lamp", 20), ("Attic lamp", 30), ("Zoo lamp", 10)):
            (await registry.add("u1", name, "simulated", {})).created_at = at
    expected = ["Zoo lamp", "Desk lamp", "Floor lamp", "Attic lamp"]
    assert [lamp.name for lamp, _ in await store.lamps_of("u1", 10)] == expected
    async with open_registry(database_url) as registry:
        assert [lamp.name for lamp in await registry.lamps("u1")] == expected


@pytest.mark.spec("security 6.72")
async def test_a_signature_belongs_to_one_caller_on_all_replicas(database_url: str, store: Store) -> None:
    other = await open_store(database_url)
    signatures = [bytes([n]) * 32 for n in range(10)]
    claims = await asyncio.gather(*(each.claim_signature(s, 100) for s in signatures for each in (store, other, store)))
    assert sum(claims) == 10
    await other.close()


async def test_expired_signatures_are_purged_in_batches(store: Store) -> None:
    for n in range(7):
        await store.claim_signature(bytes([n]) * 32, 100 if n < 5 else 200)
    assert await store.purge_signatures(now=150, limit=3) == 3
    assert await store.purge_signatures(now=150, limit=3) == 2
    assert await store.purge_signatures(now=150, limit=3) == 0
    assert not await store.claim_signature(bytes([6]) * 32, 200)


async def test_a_key_set_is_replaced_by_a_newer_one(store: Store) -> None:
    await store.save_key_set("https://a.example", b"{}", 1)
    await store.save_key_set("https://a.example", '{"ü":1}'.encode(), 2)
    assert await store.key_set("https://a.example") == ('{"ü":1}'.encode(), 2)


async def test_a_lamp_takes_its_state_with_it(database_url: str, store: Store) -> None:
    lamp = await add(database_url)
    async with open_registry(database_url) as registry:
        await registry.remove(lamp)
    assert await store.simulated_lamp(lamp) is None


async def test_a_failed_unit_of_work_leaves_nothing(database_url: str, store: Store) -> None:
    async def break_off(registry: Registry) -> None:
        await registry.add("u9", "Lamp", "simulated", {})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        async with open_registry(database_url) as registry:
            await break_off(registry)
    assert await store.lamps_of("u9", 10) == []


async def test_a_command_that_writes_makes_directives_wait_and_not_fail(sqlite_url: str) -> None:
    await migrate(sqlite_url)
    store, lamp = await open_store(sqlite_url), await add(sqlite_url)
    blocker = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    change = asyncio.create_task(store.change_simulated_lamp(lamp, BrightnessStep(5).applied_to))
    for _ in range(5):  # the loop is free meanwhile
        await asyncio.sleep(0.02)
        assert await store.simulated_lamp(lamp) is not None
    assert not change.done()
    blocker.execute("COMMIT")
    changed = await change
    assert changed is not None
    assert changed.brightness == 5
    blocker.close()
    await store.close()


async def test_the_log_of_sqlite_begins_anew_under_load(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "COMMITS_BETWEEN_CHECKPOINTS", 10)
    monkeypatch.setattr(sqlite, "LARGEST_LOG", 50)
    await migrate(sqlite_url)
    store = await open_store(sqlite_url)
    log = Path(sqlite_url.removeprefix("sqlite:///") + "-wal")
    await store.claim_signature(bytes(32), 100)
    first = log.read_bytes()[12:16]  # counts how often the log began
    deadline = time.monotonic() + 20
    n = 0
    while log.read_bytes()[12:16] == first and time.monotonic() < deadline:
        n += 1
        await store.claim_signature(n.to_bytes(32, "big"), 100)
    assert log.read_bytes()[12:16] > first
    assert not await store.claim_signature(n.to_bytes(32, "big"), 100)
    await store.close()


@pytest.fixture
def lamps(store: Store) -> Lamps:
    return Lamps(store, {"simulated": SimulatedDriver(store, lambda: 1_800_000_000.0)})


async def discover(lamps: Lamps, owner: str) -> list[str]:
    answer = await HANDLERS[DISCOVER](Directive(DISCOVER, None, None, None, {}), Caller(owner, "alexa"), lamps)
    check_answer(directive(*DISCOVER, "a token"), json.loads(json.dumps(answer)))
    return [each["friendlyName"] for each in answer["event"]["payload"]["endpoints"]]


@pytest.mark.spec("alexa 2.2", "S02")
async def test_S02_more_than_300_lamps_are_300_and_a_warning(
    database_url: str, lamps: Lamps, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_registry(database_url) as registry:
        for number in range(301):
            await registry.add("u1", f"Lamp {number}", "simulated", {})
    with caplog.at_level(logging.WARNING):
        assert len(await discover(lamps, "u1")) == 300
    assert "more than 300 lamps" in caplog.text


@pytest.mark.spec("alexa 2.2", "S03")
async def test_S03_a_lamp_that_cannot_be_described_is_left_out(
    database_url: str, lamps: Lamps, caplog: pytest.LogCaptureFixture
) -> None:
    engine = open_engine(database_url)
    async with engine.begin() as connection:
        for endpoint_id, name, driver in [
            ("lamp-1", "Desk lamp", "simulated"),
            ("lamp.with/bad characters", "Bad id", "simulated"),
            ("lamp-2", "!!!", "simulated"),
            ("lamp-3", "Unknown driver", "teleport"),
            ("lamp-4", "Floor lamp", "simulated"),
        ]:
            row = LampRow(endpoint_id=endpoint_id, owner="u1", name=name, driver=driver, options={}, created_at=1)
            await connection.execute(LampRow.__table__.insert().values(row.model_dump()))  # type: ignore[attr-defined]
            state = SimulatedLampRow(endpoint_id=endpoint_id).model_dump()
            await connection.execute(SimulatedLampRow.__table__.insert().values(state))  # type: ignore[attr-defined]
    await engine.dispose()
    with caplog.at_level(logging.WARNING):
        assert await discover(lamps, "u1") == ["Desk lamp", "Floor lamp"]
    assert caplog.text.count("left out of discovery") == 3


async def test_views_show_every_lamp_even_where_its_driver_is_away(database_url: str, lamps: Lamps) -> None:
    lamp = await add(database_url)
    async with open_registry(database_url) as registry:
        await registry.add("u1", "Bulb", "mqtt", {"command_topic": "a"})
    views = {view.driver: view for view in await lamps.views("u1")}
    assert (views["simulated"].endpoint_id, views["simulated"].online, views["simulated"].brightness) == (lamp, True, 0)
    assert (views["mqtt"].online, views["mqtt"].power) == (None, False)


@pytest.mark.spec("alexa 2.2", "S02")
@pytest.mark.parametrize(
    ("name", "friendly"),
    [
        ("Desk lamp", "Desk lamp"),
        ("  Desk \t lamp ", "Desk lamp"),
        ("Anna's lamp", "Annas lamp"),
        ("Lamp (left) #2", "Lamp left 2"),
        ("a_b/c", "a b c"),
        ("Küchenlampe", "Küchenlampe"),
        ("Ku\u0308che", "Küche"),
        ("台所の照明", "台所の照明"),
        ("बत्ती", "बत्ती"),
    ],
)
def test_S02_a_name_keeps_what_can_be_said(name: str, friendly: str) -> None:
    assert friendly_name(name) == friendly


@pytest.mark.parametrize("name", ["", " ", "!?", "\x00", "x" * 129])
def test_a_name_that_nobody_can_say_is_refused(name: str) -> None:
    with pytest.raises(NotDescribable):
        friendly_name(name)
