"""The outbox against a real SMTP server on loopback."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr

from authserver.accounts.mail import letters, run_outbox, worker
from authserver.accounts.mail.worker import MailServer, send_due
from authserver.models import Mail
from authserver.services import Services
from tests.authserver.accounts.people import new_address
from tests.authserver.protocol.harness import Server, settings_for
from tests.conftest import NewDatabase
from tests.running.mail import Mailbox, text_of
from tests.running.ports import LOOPBACK, free_port


@pytest_asyncio.fixture(loop_scope="session")
async def server(database_kind: str, new_database: NewDatabase) -> AsyncIterator[Server]:
    """An outbox of its own: no other test's mails are due."""
    async with Server(settings_for(new_database(database_kind), mail_from="lamps@auth.example.test")) as server:
        yield server


@pytest.fixture
def at(smtp_server: Mailbox) -> MailServer:
    return MailServer.of(f"smtp://127.0.0.1:{smtp_server.port}")


async def put(server: Server, recipient: str, **changes: object) -> Mail:
    mail = letters.code_mail(server.settings, recipient, "012345", server.clock())
    for name, value in changes.items():
        setattr(mail, name, value)
    async with server.services.database.unit() as session:
        session.add(mail)
    return mail


async def row(server: Server, mail: Mail) -> Mail:
    async with server.services.database.unit() as session:
        return await session.get_one(Mail, mail.mail_id)


async def test_a_mail_arrives_with_text_html_and_an_id_of_its_own(
    server: Server, smtp_server: Mailbox, at: MailServer
) -> None:
    mail = await put(server, new_address())
    assert await send_due(server.services, at) == 1
    (message,) = smtp_server.to(mail.recipient)
    assert message["message-id"] == f"<{mail.mail_id}@auth.example.test>"
    assert message["from"] == "Lampgate <lamps@auth.example.test>"
    assert message["auto-submitted"] == "auto-generated"
    assert "012345" in text_of(message)
    html = message.get_body(("html",))
    assert html is not None
    assert "012345" in html.get_content()


async def test_what_was_sent_is_not_sent_again_and_its_code_is_not_kept(
    server: Server, smtp_server: Mailbox, at: MailServer
) -> None:
    mail = await put(server, new_address())
    assert await send_due(server.services, at) == 1
    server.clock.advance(86_400)
    assert await send_due(server.services, at) == 0
    assert len(smtp_server.messages) == 1
    kept = await row(server, mail)
    assert kept.sent_at is not None
    assert (kept.text, kept.html) == ("", "")


async def test_workers_that_race_send_every_mail_once(server: Server, smtp_server: Mailbox, at: MailServer) -> None:
    recipients = [(await put(server, new_address())).recipient for _ in range(12)]
    sent = await asyncio.gather(*(send_due(server.services, at) for _ in range(4)))
    assert sum(sent) == 12
    assert sorted(str(message["to"]) for message in smtp_server.messages) == sorted(recipients)


async def test_a_mail_server_that_is_down_loses_nothing(server: Server, smtp_server: Mailbox, at: MailServer) -> None:
    mail = await put(server, new_address())
    smtp_server.stop()
    pauses = []
    for _ in range(4):
        assert await send_due(server.services, at) == 0
        pauses.append((await row(server, mail)).due_at - server.clock())
        server.clock.advance(pauses[-1] - 1)
        assert await send_due(server.services, at) == 0  # not before its time
        server.clock.advance(1)
    assert pauses == [15, 30, 60, 120]
    smtp_server.start()
    assert await send_due(server.services, at) == 1
    assert len(smtp_server.to(mail.recipient)) == 1


async def test_a_mail_that_nobody_takes_is_given_up_and_stays_to_be_seen(
    server: Server, smtp_server: Mailbox, at: MailServer
) -> None:
    mail = await put(server, new_address())
    smtp_server.stop()
    server.clock.advance(worker.GIVE_UP)
    assert await send_due(server.services, at) == 0
    assert (await row(server, mail)).due_at == worker.NEVER
    assert "Error" in (await row(server, mail)).error
    smtp_server.start()


class Picky:
    """Takes nobody at `nowhere.example.org`."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.endswith("nowhere.example.org"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.taken += envelope.rcpt_tos
        return "250 OK"


async def test_a_recipient_that_does_not_exist_holds_up_nobody_else(server: Server) -> None:
    picky, port = Picky(), free_port()
    controller = Controller(picky, hostname=LOOPBACK, port=port)
    controller.start()
    try:
        refused = await put(server, "somebody@nowhere.example.org", created_at=server.clock() - 1)
        strange = await put(server, new_address(), subject="two\nlines")
        fine = await put(server, new_address())
        assert await send_due(server.services, MailServer.of(f"smtp://127.0.0.1:{port}")) == 1
    finally:
        controller.stop()
    assert picky.taken == [fine.recipient]
    assert (await row(server, refused)).due_at == worker.NEVER
    assert (await row(server, strange)).due_at == worker.NEVER


async def test_the_worker_sends_what_comes_while_it_runs(server: Server, smtp_server: Mailbox) -> None:
    url = SecretStr(f"smtp://127.0.0.1:{smtp_server.port}")
    services: Services = dataclasses.replace(
        server.services, settings=server.settings.model_copy(update={"smtp_url": url})
    )
    running = asyncio.create_task(run_outbox(services))
    try:
        for _ in range(2):
            mail = await put(server, new_address())
            await asyncio.to_thread(smtp_server.wait_for, mail.recipient)
    finally:
        running.cancel()
        while not running.done():  # as the service ends it: a cancellation may be swallowed by a farewell
            running.cancel()
            await asyncio.wait({running}, timeout=0.5)


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "user", "password"),
    [
        ("smtp://mail.example.org", "mail.example.org", 25, False, None, None),
        ("smtp://u%40x:p%2Fw@mail.example.org", "mail.example.org", 587, False, "u@x", "p/w"),
        ("smtps://u:p@mail.example.org", "mail.example.org", 465, True, "u", "p"),
        ("smtp://mail.example.org:2525", "mail.example.org", 2525, False, None, None),
    ],
)
def test_the_url_says_where_and_how(
    url: str, host: str, port: int, tls: bool, user: str | None, password: str | None
) -> None:
    server = MailServer.of(url)
    assert (server.host, server.port, server.tls, server.user, server.password) == (host, port, tls, user, password)
    assert "p/w" not in repr(server)


async def test_a_password_never_goes_unprotected_to_another_machine() -> None:
    assert MailServer.of("smtp://u:p@mail.example.org").connect()._start_tls_on_connect is True
    assert MailServer.of("smtp://u:p@127.0.0.1").connect()._start_tls_on_connect is None
    assert MailServer.of("smtps://u:p@mail.example.org").connect().use_tls is True


@pytest.mark.parametrize("url", ["mail.example.org", "http://mail.example.org", "smtp://"])
def test_another_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="AUTHSERVER_SMTP_URL"):
        MailServer.of(url)


@pytest.mark.spec("security 6.56")
def test_names_of_strangers_stay_text_in_html_and_one_line_in_the_subject() -> None:
    settings = settings_for("sqlite:///unused")
    mail = letters.linked_mail(settings, "a@example.org", "<b>X</b>\r\nBcc: y", f"{settings.issuer}/unlink?link=1", 0)
    assert "<b>" not in mail.html
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject
