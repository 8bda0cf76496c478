"""The outbox and the judge on the real databases, without a network."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from skill.canonical import LampState
from skill.events import watching as watching_module
from skill.events.comparing import encoded
from skill.events.watching import Watching
from skill.models import EventGrantRow, EventRow, KnownStateRow, SimulatedLampRow
from skill.news import Cause, Happening
from skill.storage.cold import Cold
from skill.storage.outbox import LEASE, Outbox, add_change, lamp_appeared, lamp_left, take_back_changes
from skill.storage.registry import Registry
from tests.conftest import MigratedDatabase
from tests.running.postgres import Postgres
from tests.running.tasks import end

NOW = 1_800_000_000
OFF = LampState(False, 40, online=True)
ON = OFF._replace(power=True)


def room(most: int) -> dict[str, int]:
    return dict.fromkeys(("NA", "EU"), most)


@pytest.fixture
async def cold(migrated_database: MigratedDatabase, database_kind: str) -> AsyncIterator[Cold]:
    """u1 has a grant in NA, u2 in NA and EU, u3 none."""
    cold = Cold(migrated_database("skill", database_kind))
    async with cold.unit() as session:
        for owner, region in (("u1", "NA"), ("u2", "NA"), ("u2", "EU")):
            session.add(EventGrantRow(owner=owner, region=region, sealed=b"", expires_at=0, created_at=0))
    yield cold
    await cold.close()


async def add(cold: Cold, owner: str = "u1", driver: str = "mqtt", told: bool = False) -> str:
    async with cold.unit() as session:
        lamp = await Registry(session).add(owner, "Lamp", driver, {"command_topic": f"home/{time.time_ns()}"})
    if not told:
        async with cold.unit() as session:
            for row in (await session.exec(select(EventRow).where(EventRow.about == lamp.endpoint_id))).all():
                await session.delete(row)
    return lamp.endpoint_id


async def waiting(cold: Cold) -> list[EventRow]:
    async with cold.unit(write=False) as session:
        return list((await session.exec(select(EventRow).order_by(col(EventRow.id)))).all())


async def kinds(cold: Cold) -> list[tuple[str, str, str]]:
    return [(row.owner, row.region, row.kind) for row in await waiting(cold)]


@pytest.mark.spec("S23")
async def test_S23_a_lamp_that_changes_hands_leaves_one_user_and_appears_to_the_other(cold: Cold) -> None:
    lamp = await add(cold, "u1", told=True)
    async with cold.unit() as session:
        await lamp_left(session, "u1", lamp, NOW)
        await lamp_appeared(session, "u2", lamp, NOW)
        await lamp_appeared(session, "u3", lamp, NOW)
        await lamp_appeared(session, "", lamp, NOW)
    assert (
        await kinds(cold)
        == [
            ("u1", "NA", "DeleteReport"),  # that it appeared was never sent
            *(("u2", region, "AddOrUpdateReport") for region in [row.region for row in (await waiting(cold))[1:]]),
        ]
    )
    assert {row.region for row in await waiting(cold)} == {"NA", "EU"}


@pytest.mark.spec("S23")
async def test_S23_what_a_unit_did_not_commit_is_not_told(cold: Cold) -> None:
    lamp = await add(cold)
    with pytest.raises(ZeroDivisionError):
        async with cold.unit() as session:
            await lamp_appeared(session, "u1", lamp, NOW // 0)
    assert await waiting(cold) == []


@pytest.mark.spec("S22", "S23")
async def test_S23_events_of_a_user_go_in_order_one_at_a_time_and_each_is_taken_once(cold: Cold) -> None:
    first, second = await add(cold), await add(cold)
    other = await add(cold, "u2")
    async with cold.unit() as session:
        await lamp_appeared(session, "u1", first, NOW)
        await lamp_appeared(session, "u1", second, NOW)
        await lamp_appeared(session, "u2", other, NOW)
    now = NOW * 1000
    takers = await asyncio.gather(*(Outbox(cold).take(room(10), now) for _ in range(4)))
    taken = [event for events in takers for event in events]
    assert sorted((event.owner, event.region) for event in taken) == [("u1", "NA"), ("u2", "EU"), ("u2", "NA")]
    outbox = Outbox(cold)
    assert await outbox.take(room(10), now + LEASE - 1) == []
    mine = next(event for event in taken if event.owner == "u1")
    assert mine.body == {"lamps": [first]}
    await outbox.put_off(mine, now + 5000, "status 503")
    assert await outbox.take(room(10), now + 4999) == []
    (again,) = await outbox.take(room(10), now + 5000)
    assert (again.message_id, again.attempts) == (mine.message_id, 2)
    await outbox.sent(mine)  # whose turn is over: it says nothing any more
    assert len(await waiting(cold)) == 4
    await outbox.sent(again)
    (after,) = [event for event in await outbox.take(room(10), now + 5000) if event.owner == "u1"]
    assert after.body == {"lamps": [second]}


@pytest.mark.spec("S22")
async def test_S22_a_turn_begins_anew_for_who_still_has_it_and_for_nobody_else(cold: Cold) -> None:
    lamp, now, outbox = await add(cold, "u2"), NOW * 1000, Outbox(cold)
    async with cold.unit() as session:
        await lamp_appeared(session, "u2", lamp, NOW)
    (mine,) = await outbox.take({"EU": 5}, now)
    assert await outbox.keep(mine, now + LEASE + 5), "nobody else took it meanwhile"
    assert await outbox.take({"EU": 5}, now + 2 * LEASE) == []
    (theirs,) = await outbox.take({"EU": 5}, now + 2 * LEASE + 5)
    assert not await outbox.keep(mine, now + 2 * LEASE + 5)
    await outbox.put_off(theirs, now, "status 503")
    assert not await outbox.keep(theirs, now), "it was given back"
    (again,) = await outbox.take({"EU": 5}, now)
    await outbox.sent(again)
    assert not await outbox.keep(again, now)


@pytest.fixture(autouse=True)
def _soon_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching_module, "SETTLING_BY_HAND", 0.1)
    monkeypatch.setattr(watching_module, "TICK", 0.02)


@pytest.fixture
async def watching(cold: Cold) -> AsyncIterator[Watching]:
    async def lamps() -> frozenset[str]:
        return frozenset()

    async def version() -> int:
        return 1

    watching = Watching(cold, time.time, lamps, version, lambda: None)
    running = asyncio.create_task(watching.run())
    yield watching
    await end(running)


async def known(cold: Cold, lamp: str, state: LampState | None = None) -> str | None:
    async with cold.unit() as session:
        if state is not None:
            session.add(KnownStateRow(endpoint_id=lamp, state=encoded(state), at=0))
        row = await session.get(KnownStateRow, lamp)
        return None if row is None else row.state


def happening(lamp: str, after: LampState, cause: Cause = Cause.companion, before: LampState | None = None) -> Any:
    return Happening(lamp, before, after, time.time(), cause)


async def changes(cold: Cold, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 10
    while len(rows := await waiting(cold)) != count:
        assert time.monotonic() < deadline, [row.body for row in rows]
        await asyncio.sleep(0.02)
    return [row.body for row in rows]


@pytest.mark.spec("S22", "alexa 2.5")
async def test_S22_what_the_companion_changed_is_an_interaction_with_an_application(
    cold: Cold, watching: Watching
) -> None:
    lamp = await add(cold)
    await known(cold, lamp, OFF)
    watching.hear(happening(lamp, ON, Cause.lamp))
    watching.hear(happening(lamp, ON))
    (body,) = await changes(cold, 1)
    assert body["message"]["event"]["payload"]["change"]["cause"] == {"type": "APP_INTERACTION"}
    assert body["changed"] == ["brightness", "powerState"]
    assert await known(cold, lamp) == encoded(ON)


@pytest.mark.spec("S22")
async def test_S22_each_region_of_a_user_is_told(cold: Cold, watching: Watching) -> None:
    lamp = await add(cold, "u2")
    watching.hear(happening(lamp, ON, before=OFF))  # what nobody told Alexa, but this process knew
    await changes(cold, 2)
    assert {row.region for row in await waiting(cold)} == {"NA", "EU"}


@pytest.mark.spec("S22", "S25")
async def test_S22_an_unsent_report_is_replaced_and_falls_away_when_nothing_is_left_of_it(
    cold: Cold, watching: Watching
) -> None:
    lamp = await add(cold)
    await known(cold, lamp, OFF)
    watching.hear(happening(lamp, ON))
    (first,) = await waiting(cold) if await changes(cold, 1) else []
    watching.hear(happening(lamp, ON._replace(online=False)))
    deadline = time.monotonic() + 10
    while (rows := await waiting(cold))[0].message_id == first.message_id and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    (second,) = rows
    assert second.body["changed"] == ["brightness", "connectivity", "powerState"]
    watching.hear(happening(lamp, OFF))
    await changes(cold, 0)


@pytest.mark.spec("S22", "S25")
async def test_S22_of_a_report_that_may_have_arrived_everything_is_told_again(cold: Cold, watching: Watching) -> None:
    lamp = await add(cold)
    await known(cold, lamp, OFF)
    watching.hear(happening(lamp, ON))
    await changes(cold, 1)
    outbox, now = Outbox(cold), int(time.time() * 1000)
    (taken,) = await outbox.take(room(1), now)
    await outbox.put_off(taken, now + 60_000, "no answer")
    watching.hear(happening(lamp, OFF))
    deadline = time.monotonic() + 10
    while (row := (await waiting(cold))[0]).message_id == taken.message_id:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    properties = row.body["message"]["event"]["payload"]["change"]["properties"]
    assert {each["name"]: each["value"] for each in properties} == {"powerState": "OFF", "brightness": 0}


@pytest.mark.spec("S22")
async def test_S22_what_Alexa_asks_for_makes_a_waiting_report_needless(cold: Cold, watching: Watching) -> None:
    lamp = await add(cold)
    await known(cold, lamp, OFF)
    watching.hear(happening(lamp, ON))
    await changes(cold, 1)
    watching.hear(happening(lamp, OFF, Cause.alexa))
    await changes(cold, 0)
    assert await known(cold, lamp) == encoded(OFF)


@pytest.mark.spec("S22", "S25")
async def test_S25_of_many_that_judge_the_same_change_one_reports_it(cold: Cold) -> None:
    lamp = await add(cold)
    await known(cold, lamp, OFF)

    async def nothing() -> Any:
        return frozenset()

    judges = [Watching(cold, time.time, nothing, nothing, lambda: None) for _ in range(5)]
    tasks = [asyncio.create_task(each.run()) for each in judges]
    for each in judges:
        each.hear(happening(lamp, ON))
    await changes(cold, 1)
    await asyncio.sleep(0.5)  # the others judge it, too
    for task in tasks:
        await end(task)
    assert len(await waiting(cold)) == 1


@pytest.mark.spec("S22")
async def test_S22_a_simulated_lamp_is_judged_as_it_stands_now(cold: Cold, watching: Watching) -> None:
    """Another replica may have changed it since, of which this one does not hear."""
    lamp = await add(cold, driver="simulated")
    await known(cold, lamp, OFF)
    async with cold.unit() as session:
        row = await session.get(SimulatedLampRow, lamp)
        assert row is not None
        row.power, row.last_brightness = True, 70
    watching.hear(happening(lamp, ON))
    (body,) = await changes(cold, 1)
    properties = body["message"]["event"]["payload"]["change"]["properties"]
    assert {each["name"]: each["value"] for each in properties}["brightness"] == 70


@pytest.mark.spec("S22")
async def test_S22_lamps_of_users_without_a_grant_leave_nothing_behind(cold: Cold, watching: Watching) -> None:
    lamp = await add(cold, "u3")
    watching.hear(happening(lamp, ON, before=OFF))
    other = await add(cold, "u1")
    watching.hear(happening(other, ON, before=OFF))
    await changes(cold, 1)  # of the other, which is judged after it
    assert await known(cold, other) is not None
    assert await known(cold, lamp) is None


@pytest.mark.spec("S22", "S25")
async def test_S22_what_replaces_an_event_that_is_being_taken_is_not_lost_with_it(cold: Cold) -> None:
    """SQLite gives the id of the newest row again once that is gone."""
    lamp = await add(cold)
    now = NOW * 1000
    async with cold.unit() as session:
        add_change(session, "u1", "NA", lamp, {"message": "old"}, now)
    async with cold.unit() as session:
        assert await take_back_changes(session, "u1", "NA", lamp, now)
        add_change(session, "u1", "NA", lamp, {"message": "new"}, now)
        await session.flush()
        taking = asyncio.create_task(Outbox(cold).take(room(1), now))  # it sees the old one
        await asyncio.sleep(0.3)
    outbox, taken = Outbox(cold), await taking
    for event in taken or await outbox.take(room(1), now):
        assert event.body == {"message": "new"}
        await outbox.sent(event)
    assert await waiting(cold) == []


@pytest.mark.spec("S22", "S23", "S25")
async def test_S23_a_lamp_goes_while_it_is_judged_and_nothing_is_said_of_it_afterwards(cold: Cold) -> None:
    """Both begin at the same row, so that neither is refused by the database."""
    lamp = await add(cold)
    await known(cold, lamp, OFF)
    now = NOW * 1000
    async with cold.unit() as session:
        add_change(session, "u1", "NA", lamp, {"message": "old"}, now)

    async def leave() -> None:
        async with cold.unit() as session:
            assert await Registry(session).unclaim(lamp, "u1", NOW) is not None

    async with cold.unit() as session:  # as the judge does
        row = await session.get(KnownStateRow, lamp)
        assert row is not None
        row.state = encoded(ON)
        await session.flush()
        leaving = asyncio.create_task(leave())
        await asyncio.sleep(0.5)
        assert await take_back_changes(session, "u1", "NA", lamp, now)
        add_change(session, "u1", "NA", lamp, {"message": "new"}, now)
    await leaving
    assert await kinds(cold) == [("u1", "NA", "DeleteReport")]
    assert await known(cold, lamp) is None


@pytest.mark.spec("S22", "S23", "S25")
async def test_S22_who_has_given_the_lamp_away_meanwhile_hears_nothing_of_it(cold: Cold, watching: Watching) -> None:
    lamp = await add(cold)
    async with cold.unit() as session:
        assert await Registry(session).give(lamp, "u2", NOW) is not None
        watching.hear(happening(lamp, ON, before=OFF))
        await asyncio.sleep(0.5)  # it is judged, and waits for who gives it away
    await changes(cold, 5)
    assert [(owner, kind) for owner, _, kind in await kinds(cold) if kind == "ChangeReport"] == [
        ("u2", "ChangeReport")
    ] * 2
    assert [kind for owner, _, kind in await kinds(cold) if owner == "u1"] == ["DeleteReport"]


@pytest.mark.spec("S22", "S25")
async def test_S22_a_report_that_was_under_way_is_not_repeated_after_Alexas_own_directive(
    cold: Cold, watching: Watching
) -> None:
    lamp = await add(cold)
    await known(cold, lamp, OFF)
    watching.hear(happening(lamp, ON))
    await changes(cold, 1)
    outbox, now = Outbox(cold), int(time.time() * 1000)
    (taken,) = await outbox.take(room(1), now)
    assert await outbox.holds(taken)
    watching.hear(happening(lamp, OFF, Cause.alexa))
    await asyncio.sleep(0.5)
    await outbox.put_off(taken, now, "status 503")
    (again,) = await outbox.take(room(1), now)
    assert not await outbox.holds(again)
    watching.hear(happening(lamp, ON))
    await changes(cold, 2)
    assert await outbox.holds(again), "a newer one follows"


@pytest.mark.spec("S22", "S23")
async def test_S22_a_report_that_was_under_way_is_not_repeated_to_who_has_the_lamp_no_more(
    cold: Cold, watching: Watching
) -> None:
    lamp = await add(cold)
    await known(cold, lamp, OFF)
    watching.hear(happening(lamp, ON))
    await changes(cold, 1)
    (taken,) = await Outbox(cold).take(room(1), int(time.time() * 1000))
    async with cold.unit() as session:
        assert await Registry(session).give(lamp, "u3", NOW) is not None
    assert not await Outbox(cold).holds(taken)


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)  # SQLite waits for locks alone
async def test_a_database_that_does_not_answer_is_not_waited_for_without_end(database_url: str) -> None:
    cold = Cold(database_url, patience=0.5)
    with pytest.raises(TimeoutError):
        async with cold.unit(write=False) as session:
            await session.execute(text("SELECT pg_sleep(5)"))
    async with cold.unit(write=False) as session:
        await session.execute(text("SELECT 1"))
    await cold.close()


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)  # SQLite has none to run out of
async def test_the_cold_path_leaves_connections_to_directives(cold: Cold, postgres: Postgres) -> None:

    async def work() -> str:
        async with cold.unit(write=False) as session:
            name, _ = (await session.execute(text("SELECT current_database(), pg_sleep(0.1)"))).one()
        return str(name)

    working = [asyncio.create_task(work()) for _ in range(15)]
    name = await working[0]
    there = await asyncio.to_thread(postgres.psql, f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")
    await asyncio.gather(*working)
    assert 1 <= int(there) <= 5


@pytest.mark.spec("S22")
async def test_S22_directives_have_their_turn_while_many_lamps_are_judged(cold: Cold, watching: Watching) -> None:
    """On SQLite whoever writes keeps all others waiting."""
    async with cold.unit() as session:
        registry = Registry(session)
        lamps = [(await registry.add("u1", f"Lamp {n}", "simulated", {})).endpoint_id for n in range(60)]
        await session.exec(delete(EventRow))
        await session.exec(update(SimulatedLampRow).values(power=True))
        session.add_all(KnownStateRow(endpoint_id=lamp, state=encoded(OFF), at=0) for lamp in lamps)
    for lamp in lamps:
        watching.hear(happening(lamp, ON))
    seen = set()
    deadline = time.monotonic() + 10
    while (count := len(await waiting(cold))) < len(lamps):
        assert time.monotonic() < deadline
        seen.add(count)
    assert len(seen - {0}) >= 2


async def test_an_error_of_the_database_names_no_values(cold: Cold) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with cold.unit() as session:
            await session.execute(text("SELECT :word FROM no_such_table"), {"word": "a-secret"})
    assert "a-secret" not in str(refused.value)


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)  # SQLite has none to end
async def test_a_connection_that_the_database_ended_is_nobodys_trouble(cold: Cold, postgres: Postgres) -> None:
    async with cold.unit(write=False) as session:
        (name,) = (await session.execute(text("SELECT current_database()"))).one()
    postgres.psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    await asyncio.sleep(0.2)
    assert await waiting(cold) == []
