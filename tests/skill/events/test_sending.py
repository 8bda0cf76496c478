"""Who sends, and how long: on the real databases, with Amazon's end of the tests' own and without a service."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import update
from sqlmodel import select

from skill.events import amazon as amazon_module
from skill.events import sending as sending_module
from skill.events.amazon import Amazon
from skill.events.sending import Sending
from skill.models import EventGrantRow, EventRow
from skill.settings import Settings
from skill.storage.cold import Cold
from skill.storage.outbox import LEASE, lamp_left
from tests.conftest import MigratedDatabase
from tests.running.alexa_events import LOGIN, AlexaEvents
from tests.running.tasks import end
from tests.skill.events.conftest import grants_in, until

GONE = "DeleteReport"


@pytest.fixture
async def cold(migrated_database: MigratedDatabase, database_kind: str) -> AsyncIterator[Cold]:
    cold = Cold(migrated_database("skill", database_kind))
    yield cold
    await cold.close()


async def waiting(cold: Cold) -> list[EventRow]:
    async with cold.unit(write=False) as session:
        return list((await session.exec(select(EventRow))).all())


async def until_waiting(cold: Cold, wanted: Callable[[list[EventRow]], bool]) -> None:
    deadline = time.monotonic() + 20
    while not wanted(rows := await waiting(cold)):
        assert time.monotonic() < deadline, rows
        await asyncio.sleep(0.02)


class Replicas:
    """Of the part that sends. Each renews by the true time, whatever its own clock says of events."""

    def __init__(self, cold: Cold, settings: Settings, amazon: Amazon) -> None:
        self._cold, self._settings, self._amazon = cold, settings, amazon
        self.running: list[tuple[asyncio.Task[None], Sending]] = []

    def start(self, ahead: float = 0.0) -> None:
        grants = grants_in(self._cold, self._settings, self._amazon)
        sending = Sending(self._cold, grants, self._amazon, lambda: time.time() + ahead)
        self.running.append((asyncio.create_task(sending.run(alone=False)), sending))

    async def given(self, code: str, region: str = "NA") -> str:
        """A grant of a new user, and an event under it: the lamp that it is about."""
        owner, lamp = str(uuid.uuid4()), f"lamp-{uuid.uuid4()}"
        await grants_in(self._cold, self._settings, self._amazon).accept(owner, region, code)
        async with self._cold.unit() as session:
            await lamp_left(session, owner, lamp, int(time.time()))
        return lamp

    async def expire(self) -> None:
        async with self._cold.unit() as session:
            await session.exec(update(EventGrantRow).values(expires_at=0))


@pytest.fixture
async def replicas(cold: Cold, settings: Settings, amazon: Amazon, at_amazon: AlexaEvents) -> AsyncIterator[Replicas]:
    replicas = Replicas(cold, settings, amazon)
    yield replicas
    at_amazon.silent.clear()
    for task, sending in replicas.running:
        await end(task)
        with contextlib.suppress(Exception):
            await sending.close()


@pytest.mark.spec("S22")
async def test_S22_whose_turn_is_over_while_the_token_is_renewed_sends_nothing(
    cold: Cold, replicas: Replicas, at_amazon: AlexaEvents
) -> None:
    lamp = await replicas.given(at_amazon.new_code())
    await replicas.expire()
    forms = len(at_amazon.forms)
    at_amazon.silent.add(LOGIN)
    replicas.start()
    await until(lambda: len(at_amazon.forms) > forms)
    replicas.start(ahead=LEASE / 1000 + 1)
    await until_waiting(cold, lambda rows: rows[0].attempts == 2)
    at_amazon.silent.clear()
    await until_waiting(cold, lambda rows: rows == [])
    await asyncio.gather(*(asyncio.wait(sending._under_way) for _, sending in replicas.running if sending._under_way))
    assert [each.status for each in at_amazon.received if lamp in each.about] == [202]


@pytest.mark.spec("S22")
async def test_S22_an_attempt_ends_before_its_turn_and_what_Amazon_gave_meanwhile_is_kept(
    cold: Cold, replicas: Replicas, at_amazon: AlexaEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending_module, "SPARE", LEASE - 500)
    monkeypatch.setattr(sending_module, "RETRY_FIRST", 0.05)
    at_amazon.rotates = at_amazon.may_repeat = True  # half a second may not be enough for an answer
    lamp = await replicas.given(at_amazon.new_code())
    await replicas.expire()
    forms = len(at_amazon.forms)
    at_amazon.silent.add(LOGIN)
    replicas.start()
    await until_waiting(cold, lambda rows: rows[0].last_error == "all of it took too long")
    at_amazon.silent.clear()
    await until_waiting(cold, lambda rows: rows == [])
    assert [form["grant_type"] for form in at_amazon.forms[forms:]] == ["refresh_token"]
    assert lamp in at_amazon.accepted(GONE)[-1].about


@pytest.mark.spec("S22")
async def test_S22_a_gateway_that_does_not_answer_holds_up_its_own_region_alone(
    cold: Cold, replicas: Replicas, at_amazon: AlexaEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending_module, "AT_ONCE", 2)
    monkeypatch.setattr(amazon_module, "SENDING_PATIENCE", 60.0)
    held_up = [await replicas.given(at_amazon.new_code()) for _ in range(3)]
    at_amazon.silent.add("NA")
    replicas.start()
    await until(lambda: sum(each.about[0] in held_up for each in at_amazon.accepted(GONE)) == 2)
    other = await replicas.given(at_amazon.new_code("EU"), "EU")
    await until(lambda: [each for each in at_amazon.accepted(GONE) if other in each.about])
    assert {each.about for each in await waiting(cold)} >= set(held_up)
    at_amazon.silent.clear()
    await until_waiting(cold, lambda rows: rows == [])


@pytest.mark.spec("S22")
async def test_S22_who_waits_for_login_with_amazon_holds_up_nobody_whose_token_is_good(
    cold: Cold, replicas: Replicas, at_amazon: AlexaEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More wait for it than are sent at once, and more than may: these are put off."""
    monkeypatch.setattr(sending_module, "AT_ONCE", 2)
    monkeypatch.setattr(sending_module, "MOST_RENEWING", 3)
    monkeypatch.setattr(amazon_module, "RENEWAL_PATIENCE", 60.0)
    held_up = [await replicas.given(at_amazon.new_code()) for _ in range(5)]
    await replicas.expire()
    other = await replicas.given(at_amazon.new_code())
    at_amazon.silent.add(LOGIN)
    replicas.start()
    await until(lambda: [each for each in at_amazon.accepted(GONE) if other in each.about])
    await until_waiting(cold, lambda rows: sum("too many" in (row.last_error or "") for row in rows) == 2)
    await until_waiting(cold, lambda rows: {row.about for row in rows} == set(held_up))
    at_amazon.silent.clear()
    await until_waiting(cold, lambda rows: rows == [])
