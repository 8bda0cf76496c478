"""The outbox: what gets into it, in which order it leaves, and what becomes of what nobody takes."""

import asyncio
import dataclasses
import threading
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr
from sqlmodel import col, select, update

from authserver.accounts import verification
from authserver.accounts.mail import letters, outbox, run_outbox, worker
from authserver.accounts.mail.server import MailServer
from authserver.accounts.mail.worker import Away, lateness, send_due
from authserver.accounts.verification import Purpose
from authserver.background import end
from authserver.models import Mail, VerificationCode
from authserver.services import Services
from authserver.storage.statements import INSERT_MAIL
from tests.authserver.accounts.people import new_address
from tests.authserver.protocol.harness import Server, settings_for
from tests.conftest import NewDatabase
from tests.running.mail import Mailbox, text_of
from tests.running.ports import LOOPBACK, free_port

SENDER = "lamps@auth.example.test"


@pytest_asyncio.fixture(loop_scope="session")
async def server(database_kind: str, new_database: NewDatabase) -> AsyncIterator[Server]:
    """An outbox of its own: no other test's mails are due."""
    async with Server(settings_for(new_database(database_kind), mail_from=SENDER, mail_rate=1000)) as server:
        yield server


@pytest.fixture
def at(smtp_server: Mailbox) -> MailServer:
    return MailServer.of(f"smtp://127.0.0.1:{smtp_server.port}")


async def put(server: Server, recipient: str, **changes: object) -> Mail:
    """A mail that nobody waits for."""
    mail = letters.password_changed_mail(server.settings, recipient, server.clock())
    for name, value in changes.items():
        setattr(mail, name, value)
    async with server.services.database.unit() as session:
        session.add(mail)
    return mail


async def put_code(server: Server, recipient: str) -> tuple[Mail, str]:
    """A mail with a code that is good."""
    services, now = server.services, server.clock()
    async with services.database.unit() as session:
        issued = await verification.issue(
            services, session, now, Purpose.SIGN_UP, f"sign-up of {recipient}"[:32], recipient, real=True
        )
        mail = letters.code_mail(server.settings, recipient, issued.code, now)
        await outbox.post(session, mail, code_id=issued.code_id)
    return mail, issued.code


async def row(server: Server, mail: Mail) -> Mail:
    async with server.services.database.unit() as session:
        return await session.get_one(Mail, mail.mail_id)


async def count(server: Server) -> int:
    async with server.services.database.unit() as session:
        return len((await session.exec(select(Mail.mail_id))).all())


async def test_a_mail_arrives_with_text_html_and_an_id_of_its_own(
    server: Server, smtp_server: Mailbox, at: MailServer
) -> None:
    mail, code = await put_code(server, new_address())
    assert await send_due(server.services, at) == 1
    (message,) = smtp_server.to(mail.recipient)
    assert message["message-id"] == f"<{mail.mail_id}@auth.example.test>"
    assert message["from"] == f"Lampgate <{SENDER}>"
    assert message["auto-submitted"] == "auto-generated"
    assert message["date"] is not None
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert code in text_of(message)
    html = message.get_body(("html",))
    assert html is not None
    assert code in html.get_content()


async def test_what_was_sent_is_not_sent_again_and_its_code_is_not_kept(
    server: Server, smtp_server: Mailbox, at: MailServer
) -> None:
    mail, _code = await put_code(server, new_address())
    assert await send_due(server.services, at) == 1
    server.clock.advance(86_300)
    assert await send_due(server.services, at) == 0
    assert len(smtp_server.messages) == 1
    kept = await row(server, mail)
    assert (kept.sent_at is None, kept.due_at, kept.details) == (False, None, {})


async def test_workers_that_race_send_every_mail_once(server: Server, smtp_server: Mailbox, at: MailServer) -> None:
    recipients = [(await put(server, new_address())).recipient for _ in range(12)]
    sent = await asyncio.gather(*(send_due(server.services, at) for _ in range(4)))
    assert sum(sent) == 12
    assert sorted(str(message["to"]) for message in smtp_server.messages) == sorted(recipients)


async def test_one_action_is_one_mail_however_often_it_is_asked_for(server: Server) -> None:
    services, now, recipient = server.services, server.clock(), new_address()

    async def ask() -> bool:
        async with services.database.unit() as session:
            letter = letters.password_changed_mail(server.settings, recipient, now)
            return await outbox.post(session, letter, "the sub", now)

    assert sum(await asyncio.gather(*(ask() for _ in range(8)))) == 1
    linked = letters.linked_mail(server.settings, recipient, "Lamps", "https://x.example/unlink", now)
    for _ in range(2):  # as the token endpoint does it
        again = linked.model_copy(update={"mail_id": new_address()[:32]})
        values = outbox.hot_row(outbox.for_action(again, "an origin"))
        await services.hot.write(lambda transaction, values=values: transaction.run(INSERT_MAIL, **values))
    assert await count(server) == 2


async def test_codes_go_before_notices_and_no_number_of_codes_holds_notices_up(
    server: Server, smtp_server: Mailbox, at: MailServer
) -> None:
    notices = [(await put(server, new_address())).recipient for _ in range(worker.BATCH + 5)]
    server.clock.advance(1)
    codes = [(await put_code(server, new_address()))[0].recipient for _ in range(worker.BATCH)]
    assert await send_due(server.services, at) == worker.BATCH
    first = [str(message["to"]) for message in smtp_server.messages]
    ahead = worker.BATCH - worker.RESERVED
    assert set(first[:ahead]) <= set(codes)
    assert set(first[ahead:]) <= set(notices)


@pytest.mark.spec("security 6.62")
@pytest.mark.parametrize("end", ["expired", "used", "a newer one", "forgotten"])
async def test_a_mail_whose_code_is_good_for_nothing_is_not_sent(
    server: Server, smtp_server: Mailbox, at: MailServer, end: str
) -> None:
    recipient = new_address()
    mail, _code = await put_code(server, recipient)
    newer = 0
    if end == "expired":
        server.clock.advance(server.settings.email_code_lifetime)
    elif end == "a newer one":
        await put_code(server, recipient)
        newer = 1
    else:
        change = {"used_at": 1} if end == "used" else {"code_id": "another"}
        async with server.services.database.unit() as session:
            await session.exec(
                update(VerificationCode).where(col(VerificationCode.code_id) == mail.code_id).values(**change)
            )
    assert await send_due(server.services, at) == newer
    assert len(smtp_server.messages) == newer
    kept = await row(server, mail)
    assert (kept.due_at, kept.sent_at, kept.details) == (None, None, {})
    assert "code" in kept.error


async def test_a_mail_server_that_is_away_costs_no_mail_a_try(
    server: Server, smtp_server: Mailbox, at: MailServer
) -> None:
    mail = await put(server, new_address())
    smtp_server.stop()
    for _ in range(5):
        with pytest.raises(Away):
            await send_due(server.services, at)
        server.clock.advance(86_400)
    assert (await row(server, mail)).attempts == 0
    assert await lateness(server.services) == 5 * 86_400
    smtp_server.start()
    assert await send_due(server.services, at) == 1
    assert len(smtp_server.to(mail.recipient)) == 1
    assert await lateness(server.services) == 0


class Picky:
    """Answers what it is told to: `answers` of RCPT by the recipient's domain, `sender` of MAIL."""

    def __init__(self, answers: dict[str, str], sender: str = "") -> None:
        self.answers = answers
        self.sender = sender
        self.taken: list[str] = []
        self.raw: list[bytes] = []
        self.controller = Controller(self, hostname=LOOPBACK, port=free_port(), enable_SMTPUTF8=True)

    @property
    def server(self) -> MailServer:
        return MailServer.of(f"smtp://{LOOPBACK}:{self.controller.port}")

    def __enter__(self) -> "Picky":
        self.controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.controller.stop()

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.sender:
            return self.sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answers.get(address.rpartition("@")[2], "250 OK")
        if answer == "hang up":
            server.transport.close()
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.taken += envelope.rcpt_tos
        self.raw.append(envelope.content)
        return "250 OK"


async def test_a_recipient_that_does_not_exist_holds_up_nobody_else_and_stays_to_be_seen(server: Server) -> None:
    refused = await put(server, "somebody@nowhere.example.org", created_at=server.clock() - 1)
    strange = await put(server, "two@example.org\r\nBcc: three@example.org")
    fine = await put(server, new_address())
    with Picky({"nowhere.example.org": "550 no such user"}) as picky:
        assert await send_due(server.services, picky.server) == 1
    assert picky.taken == [fine.recipient]
    for mail in (refused, strange):
        kept = await row(server, mail)
        assert (kept.due_at, kept.sent_at) == (None, None)
        assert kept.details, "the operator may try it again"
    assert (await row(server, refused)).error == "SMTPRecipientsRefused 550"


async def test_a_refusal_for_now_is_tried_again_after_growing_pauses_and_given_up_in_the_end(server: Server) -> None:
    mail = await put(server, "busy@later.example.org")
    pauses = []
    with Picky({"later.example.org": "451 later"}) as picky:
        for _ in range(5):
            assert await send_due(server.services, picky.server) == 0
            due = (await row(server, mail)).due_at
            assert due is not None
            pauses.append(due - server.clock())
            server.clock.advance(pauses[-1] - 1)
            assert await send_due(server.services, picky.server) == 0  # not before its time
            assert (await row(server, mail)).attempts == len(pauses)
            server.clock.advance(1)
        assert pauses == [15, 30, 60, 120, 240]
        await server.change(await row(server, mail), attempts=worker.TRIES - 1)
        assert await send_due(server.services, picky.server) == 0
    assert (await row(server, mail)).due_at is None
    assert sum(min(15 * 2**number, 3600) for number in range(worker.TRIES)) > 3 * 86_400 - 7200


async def test_a_mail_that_breaks_the_connection_each_time_holds_up_nobody_else(server: Server) -> None:
    poison = await put(server, "poison@breaks.example.org", created_at=server.clock() - 1)
    fine = [(await put(server, new_address())).recipient for _ in range(3)]
    with Picky({"breaks.example.org": "hang up"}) as picky:
        assert await send_due(server.services, picky.server) == 3
    assert sorted(picky.taken) == sorted(fine)
    kept = await row(server, poison)
    assert (kept.sent_at, kept.attempts, kept.due_at) == (None, 1, server.clock() + worker.FIRST_PAUSE)


async def test_a_letter_that_cannot_be_written_holds_up_nobody_else(server: Server, smtp_server: Mailbox,
                                                                      at: MailServer) -> None:  # fmt: skip
    """As when a template of the operator's is broken: it is mended, and the mail goes out."""
    broken = await put(server, new_address(), created_at=server.clock() - 1, details={"home": "x"})
    fine = await put(server, new_address())
    assert await send_due(server.services, at) == 1
    assert [str(message["to"]) for message in smtp_server.messages] == [fine.recipient]
    assert (await row(server, broken)).due_at == server.clock() + worker.FIRST_PAUSE


async def test_a_sender_that_the_mail_server_refuses_costs_no_mail_a_try(server: Server) -> None:
    """`AUTHSERVER_MAIL_FROM` is wrong: the operator mends it, and nothing is lost meanwhile."""
    mails = [await put(server, new_address()) for _ in range(3)]
    with Picky({}, sender="553 not your address") as picky:
        for _ in range(3):
            with pytest.raises(Away, match="553"):
                await send_due(server.services, picky.server)
        assert [(await row(server, mail)).attempts for mail in mails] == [0, 0, 0]
        picky.sender = ""
        assert await send_due(server.services, picky.server) == 3


async def test_what_was_claimed_by_a_worker_that_died_is_sent_after_its_time(
    server: Server, smtp_server: Mailbox, at: MailServer
) -> None:
    mail = await put(server, new_address())
    batch = await worker.claim(server.services)
    assert [claimed.mail_id for claimed in batch.mails] == [mail.mail_id]
    server.clock.advance(worker.CLAIM - 1)
    assert await send_due(server.services, at) == 0
    server.clock.advance(1)
    assert await send_due(server.services, at) == 1


async def test_a_service_that_ends_in_the_middle_gives_back_what_it_did_not_try(
    server: Server, smtp_server: Mailbox, at: MailServer
) -> None:
    for _ in range(8):
        await put(server, new_address())
    slow = dataclasses.replace(server.services, settings=server.settings.model_copy(update={"mail_rate": 5}))
    running = asyncio.create_task(send_due(slow, at))
    while not smtp_server.messages:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    sent = len(smtp_server.messages)
    assert sent < 8
    assert await send_due(server.services, at) == 8 - sent
    assert len({str(message["message-id"]) for message in smtp_server.messages}) == 8


async def test_a_hundred_thousand_mails_that_wait_slow_nothing(server: Server) -> None:
    services, now = server.services, server.clock()
    mail = letters.password_changed_mail(server.settings, "many@example.org", now)
    async with services.database.unit() as session:
        connection = await session.connection()
        for start in range(0, 100_000, 5000):
            values = [
                mail.model_dump() | {"mail_id": f"m{number}", "rank": number % 2, "due_at": now + number % 7 * 1000}
                for number in range(start, start + 5000)
            ]
            await connection.execute(Mail.__table__.insert(), values)  # type: ignore[attr-defined]
    begun = time.perf_counter()
    for _ in range(5):
        assert await lateness(services) == 0
        batch = await worker.claim(services)
        assert len(batch.mails) == worker.BATCH
        async with services.database.unit() as session:
            await outbox.post(session, letters.account_deleted_mail(server.settings, "a@b.c", now), new_address())
    assert time.perf_counter() - begun < 2.5, "a hundredth of this is usual"


async def test_an_address_of_any_alphabet_gets_its_mail(server: Server) -> None:
    mail = await put(server, "jörg@bücher.example.org")
    with Picky({}) as picky:
        assert await send_due(server.services, picky.server) == 1
    assert picky.taken == [mail.recipient]


def with_mail_server(server: Server, smtp_server: Mailbox) -> Services:
    url = SecretStr(f"smtp://127.0.0.1:{smtp_server.port}")
    settings = server.settings.model_copy(update={"smtp_url": url})
    return dataclasses.replace(server.services, settings=settings)


async def test_the_worker_sends_what_comes_while_it_runs(server: Server, smtp_server: Mailbox) -> None:
    running = asyncio.create_task(run_outbox(with_mail_server(server, smtp_server)))
    try:
        for _ in range(2):
            mail = await put(server, new_address())
            await asyncio.to_thread(smtp_server.wait_for, mail.recipient)
    finally:
        await end(running)
    assert running.done()


@pytest.mark.spec("decision 13")
async def test_the_worker_ends_with_the_service_whatever_it_is_at(server: Server, smtp_server: Mailbox) -> None:
    services = with_mail_server(server, smtp_server)
    for _ in range(60):
        await put(server, new_address())
    for number in range(25):
        running = asyncio.create_task(run_outbox(services))
        await asyncio.sleep(0.004 * number)
        begun = time.monotonic()
        await end(running)
        assert running.done()
        assert time.monotonic() - begun < 4


class Thoughtful(Picky):
    """Takes a mail, and answers when it may."""

    def __init__(self) -> None:
        super().__init__({})
        self.has_one, self.may_answer = threading.Event(), threading.Event()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        self.has_one.set()
        await asyncio.to_thread(self.may_answer.wait, 20)
        return answer


@pytest.mark.spec("decision 13")
@pytest.mark.parametrize("moment", ["before the answer", "between the answer and the note"])
async def test_an_orderly_end_cuts_no_mail_off_from_the_note_that_it_was_sent(server: Server, moment: str) -> None:
    mails = [await put(server, new_address()) for _ in range(3)]
    with Thoughtful() as mail_server:
        running = asyncio.create_task(worker.send_for_ever(server.services, mail_server.server))
        await asyncio.to_thread(mail_server.has_one.wait, 20)
        if moment == "before the answer":
            ending = asyncio.create_task(end(running))
            await asyncio.sleep(0.7)
            mail_server.may_answer.set()
        else:
            async with server.services.database.unit() as session:
                await session.exec(update(Mail).values(details=col(Mail.details)))  # nobody else writes now
                mail_server.may_answer.set()
                await asyncio.sleep(0.3)
                ending = asyncio.create_task(end(running))
                await asyncio.sleep(0.7)
        await ending
        assert running.done()
        states = [outbox.state_of(await row(server, mail)) for mail in mails]
        assert sorted(states) == [outbox.State.SENT, outbox.State.WAITING, outbox.State.WAITING]
        for _ in range(3):
            await send_due(server.services, mail_server.server)
            server.clock.advance(worker.CLAIM)
        assert sorted(mail_server.taken) == sorted(mail.recipient for mail in mails)


@pytest.mark.spec("decision 13")
async def test_a_mail_server_that_never_answers_holds_up_no_end(server: Server) -> None:
    await put(server, new_address())
    with Thoughtful() as mail_server:
        running = asyncio.create_task(worker.send_for_ever(server.services, mail_server.server))
        await asyncio.to_thread(mail_server.has_one.wait, 20)
        begun = time.monotonic()
        await end(running)
        assert running.done()
        assert time.monotonic() - begun < 5
        mail_server.may_answer.set()


async def test_mails_that_are_late_are_an_error_in_the_log(
    server: Server, smtp_server: Mailbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "WATCH", 0.01)
    services = with_mail_server(server, smtp_server)
    await put(server, new_address())
    server.clock.advance(server.settings.mail_overdue - 1)
    watching = asyncio.create_task(worker.watch_outbox(services))
    try:
        await asyncio.sleep(0.3)
        assert "wait" not in caplog.text
        server.clock.advance(1)
        for _ in range(100):
            await asyncio.sleep(0.05)
            if caplog.records:
                break
        assert "outbox: 1 mails wait, the oldest is 600 s late" in caplog.text
    finally:
        await end(watching)
