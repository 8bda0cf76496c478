"""The outbox while mail servers and workers die: a real SMTP server in a process of its own, killed at every moment."""

import asyncio
import contextlib
import dataclasses
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlmodel import col, func, select, update

from authserver.accounts.mail import letters, outbox, worker
from authserver.accounts.mail.server import MailServer
from authserver.models import Mail
from authserver.services import Services
from authserver.storage.database import Database, DatabaseUrl
from tests.authserver.accounts.people import PASSWORD, People, new_address
from tests.authserver.pages.browsing import browser_of
from tests.authserver.protocol.harness import Server, settings_for
from tests.conftest import MigratedDatabase, NewDatabase
from tests.running.home import authserver_settings
from tests.running.ports import free_port
from tests.running.service import Service
from tests.running.smtp_sink import Sink

MANY = 60


@pytest_asyncio.fixture(loop_scope="session")
async def server(database_kind: str, new_database: NewDatabase) -> AsyncIterator[Server]:
    settings = settings_for(
        new_database(database_kind), mail_from="lamps@auth.example.test", mail_rate=200, address_attempts=100_000
    )
    async with Server(settings) as server:
        yield server


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    return Sink(tmp_path, free_port())


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "POLL", 0.05)
    monkeypatch.setattr(worker, "LONGEST_OUTAGE", 0.2)


async def put(server: Server, count: int) -> dict[str, str]:
    """Mails that wait, as Message-ID and recipient."""
    put: dict[str, str] = {}
    async with server.services.database.unit() as session:
        for number in range(count):
            mail = letters.password_changed_mail(server.settings, new_address(), server.clock())
            await outbox.post(session, mail, number)
            put[f"<{mail.mail_id}@auth.example.test>"] = mail.recipient
    return put


async def unsent(server: Server) -> int:
    async with server.services.database.unit() as session:
        waiting = select(func.count()).where(col(Mail.due_at).is_not(None))
        return (await session.exec(waiting)).one()


@contextlib.asynccontextmanager
async def working(services: Services, at: MailServer) -> AsyncIterator[None]:
    running = asyncio.create_task(worker.send_for_ever(services, at))
    try:
        yield
    finally:
        while not running.done():
            running.cancel()
            await asyncio.wait({running}, timeout=0.5)


async def until_all_are_sent(server: Server) -> None:
    """Time passes: five seconds in each twentieth of one."""
    for _ in range(600):
        if not await unsent(server):
            return
        server.clock.advance(5)
        await asyncio.sleep(0.05)
    raise AssertionError(f"{await unsent(server)} mails are still there")


async def until(condition: object) -> None:
    for _ in range(1500):
        if condition():  # type: ignore[operator]
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")


async def test_killed_and_started_again_in_the_middle_every_mail_arrives_once(server: Server, sink: Sink) -> None:
    mails = await put(server, MANY)
    sink.start()
    async with working(server.services, MailServer.of(sink.url)):
        for part in (MANY // 4, MANY // 2):
            await until(lambda part=part: len(sink.taken()) >= part)
            sink.kill()
            await asyncio.sleep(0.3)
            sink.start()
        await until_all_are_sent(server)
    sink.kill()
    taken = sink.taken()
    assert {one.message_id: one.recipient for one in taken} == mails, "nothing lost, nothing strange"
    # a kill between "written down" and "answered" is the one case that makes a second delivery
    assert len(taken) <= MANY + 2
    assert max(Counter(taken).values()) <= 2


async def test_killed_in_the_middle_of_a_message_every_mail_arrives_once(server: Server, sink: Sink) -> None:
    mails = await put(server, MANY)
    sink.start(die_at=7)
    async with working(server.services, MailServer.of(sink.url)):
        for die_at in (1, 9, 0):
            await until(lambda: sink.is_dead)
            sink.start(die_at=die_at)
        await until_all_are_sent(server)
    sink.kill()
    taken = sink.taken()
    assert len(taken) == MANY
    assert {one.message_id: one.recipient for one in taken} == mails


async def test_killed_after_it_took_a_mail_and_before_it_said_so_that_one_comes_again_under_the_same_id(
    server: Server, sink: Sink
) -> None:
    mails = await put(server, MANY)
    sink.start(die_at=11, die_in="stored")
    async with working(server.services, MailServer.of(sink.url)):
        await until(lambda: sink.is_dead)
        sink.start()
        await until_all_are_sent(server)
    sink.kill()
    twice = [one for one, times in Counter(sink.taken()).items() if times > 1]
    assert len(sink.taken()) == MANY + 1
    assert len(twice) == 1
    assert {one.message_id: one.recipient for one in sink.taken()} == mails


async def test_greylisting_delays_and_a_recipient_that_does_not_exist_costs_only_its_own_mail(
    server: Server, sink: Sink
) -> None:
    mails = await put(server, 50)
    async with server.services.database.unit() as session:
        lost = letters.password_changed_mail(server.settings, "x@nowhere.example.org", server.clock())
        await outbox.post(session, lost, "lost")
    sink.start(greylist=True)
    async with working(server.services, MailServer.of(sink.url)):
        await until_all_are_sent(server)
    sink.kill()
    taken = sink.taken()
    assert len(taken) == 50
    assert {one.message_id: one.recipient for one in taken} == mails
    async with server.services.database.unit() as session:
        left = (await session.exec(select(Mail).where(col(Mail.sent_at).is_(None)))).all()
    assert [(one.recipient, outbox.state_of(one)) for one in left] == [(lost.recipient, outbox.State.GIVEN_UP)]


async def test_two_replicas_send_every_mail_once_and_share_the_work(server: Server, sink: Sink) -> None:
    mails = await put(server, MANY)
    sink.start()
    async with Server(server.settings, server.clock) as replica:
        slow = server.settings.model_copy(update={"mail_rate": 40})
        at, sent = MailServer.of(sink.url), Counter[str]()
        workers = {"one": server.services, "other": replica.services}

        async def work(name: str) -> None:
            services = dataclasses.replace(workers[name], settings=slow)
            for _ in range(200):
                sent[name] += await worker.send_due(services, at)
                if sum(sent.values()) >= MANY:
                    return
                await asyncio.sleep(0.01)

        await asyncio.gather(*map(work, workers))
    sink.kill()
    taken = sink.taken()
    assert len(taken) == MANY
    assert {one.message_id: one.recipient for one in taken} == mails
    assert min(sent.values()) > 0, sent


async def answered(people: People) -> list[float]:
    """Seconds that forgotten passwords of known addresses take, each of which puts a mail in the outbox."""
    taken = []
    for _ in range(12):
        user = await people.server.add_person()
        browser = browser_of(people)
        page = await browser.open(f"{people.server.settings.issuer}/forgotPassword")
        begun = time.perf_counter()
        page = await browser.press(page, "send", email=user.email)
        taken.append(time.perf_counter() - begun)
        assert page.asks_for("code", "password")
    return taken


@pytest.mark.alone
class TestTheClock:
    @pytest.mark.spec("alexa 1.3")
    @pytest.mark.parametrize("trouble", ["dead", "silent"])
    async def test_a_mail_server_in_trouble_slows_no_request(self, server: Server, sink: Sink, trouble: str) -> None:
        people = People(server)
        await answered(people)
        quiet = await answered(people)
        holes: list[asyncio.StreamWriter] = []
        hole = await asyncio.start_server(lambda _, writer: holes.append(writer), "127.0.0.1", sink.port)
        if trouble == "dead":
            hole.close()
            await hole.wait_closed()
        async with working(server.services, MailServer.of(sink.url)):
            await asyncio.sleep(0.2)
            meanwhile = await answered(people)
        if trouble == "silent":
            assert holes, "the worker did not try"
            for writer in holes:
                writer.close()
            hole.close()
        assert statistics.median(meanwhile) < 2 * statistics.median(quiet) + 0.02
        assert max(meanwhile) < 2
        assert await unsent(server) == 36, "they wait"


@pytest.mark.spec("design 1")
async def test_the_service_sends_while_it_serves(
    database_kind: str, new_database: NewDatabase, sink: Sink, tmp_path: Path
) -> None:
    """With the settings of an operator: a sign-up's code arrives, also after the mail server was away."""
    url = SecretStr(sink.url)
    async with Server(settings_for(new_database(database_kind), smtp_url=url)) as server:
        people = People(server)
        first = await people.begin(new_address(), PASSWORD)
        await asyncio.sleep(0.3)
        sink.start()
        await until(lambda: [one.recipient for one in sink.taken()] == [first.email])
        sink.kill()


async def test_a_worker_that_is_killed_loses_nothing_and_repeats_at_most_one_mail(
    database_kind: str, migrated_database: MigratedDatabase, sink: Sink, tmp_path: Path
) -> None:
    port, url = free_port(), migrated_database("authserver", database_kind)
    settings = authserver_settings(url, port, AUTHSERVER_SMTP_URL=sink.url, AUTHSERVER_MAIL_RATE="40")
    database, now = Database(DatabaseUrl.parse(url)), int(time.time())
    mails: dict[str, str] = {}
    async with database.unit() as session:
        for number in range(MANY):
            mail = letters.password_changed_mail(settings_for(url), new_address(), now)
            await outbox.post(session, mail, number)
            mails[f"<{mail.mail_id}@127.0.0.1>"] = mail.recipient
    sink.start()
    service = Service("authserver", settings, tmp_path, port)
    await asyncio.to_thread(service.start)
    await until(lambda: len(sink.taken()) >= MANY // 3)
    service.kill()
    async with database.unit() as session:  # the claims of the dead run out
        await session.exec(update(Mail).where(col(Mail.due_at).is_not(None)).values(due_at=now))
    await asyncio.to_thread(service.start)
    await until(lambda: len({one.message_id for one in sink.taken()}) >= MANY)
    await asyncio.to_thread(service.stop)
    await database.close()
    sink.kill()
    assert {one.message_id: one.recipient for one in sink.taken()} == mails
    assert len(sink.taken()) <= MANY + 1
