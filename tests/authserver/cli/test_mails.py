"""`authserver mail …`: the outbox as the operator sees it, and a mail server that is tried."""

import asyncio
import secrets
import time
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from authserver.accounts.mail import letters
from authserver.models import Mail
from authserver.storage.database import Database, DatabaseUrl
from tests.authserver.protocol.harness import settings_for
from tests.running.mail import Mailbox
from tests.running.ports import LOOPBACK, free_port
from tests.running.service import Service

CODE = "031415"


def put(operator: Service, **fields: Any) -> str:
    """A mail with a code, in the operator's database; its id."""
    url = operator.settings["AUTHSERVER_DATABASE_URL"]
    mail = letters.code_mail(settings_for(url), f"{secrets.token_hex(6)}@example.org", CODE, int(time.time()))
    for name, value in fields.items():
        setattr(mail, name, value)

    async def write() -> None:
        database = Database(DatabaseUrl.parse(url))
        async with database.unit() as session:
            session.add(Mail(**mail.model_dump()))
        await database.close()

    asyncio.run(write())
    return mail.mail_id


def of(operator: Service, mail_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = operator.cli_json("mail", "show", mail_id)
    return shown


def test_what_waits_and_what_was_given_up_is_listed_and_no_code_is(operator: Service) -> None:
    now = int(time.time())
    waiting = put(operator)
    given_up = put(operator, due_at=None, kept_until=now + 99, error="SMTPRecipientsRefused 550", attempts=3)
    sent = put(operator, due_at=None, sent_at=now, kept_until=now + 99, details={})
    listed = operator.cli("mail", "list")
    assert (waiting in listed.stdout, given_up in listed.stdout, sent in listed.stdout) == (True, True, False)
    assert "SMTPRecipientsRefused 550" in listed.stdout
    assert sent in operator.cli("mail", "list", "--sent").stdout
    assert (of(operator, waiting)["state"], of(operator, given_up)["state"]) == ("waiting", "given up")
    for words in (("mail", "list"), ("mail", "list", "--json"), ("mail", "show", waiting)):
        assert CODE not in operator.cli(*words).stdout


def test_a_mail_that_was_given_up_is_sent_again_and_one_that_was_dropped_never(operator: Service) -> None:
    given_up = [put(operator, due_at=None, kept_until=1, attempts=80) for _ in range(2)]
    sent = put(operator, due_at=None, sent_at=1, kept_until=99)
    assert operator.cli_json("mail", "retry", given_up[0])["retried"] == [given_up[0]]
    again = of(operator, given_up[0])
    assert (again["state"], again["attempts"]) == ("waiting", 0)
    assert given_up[1] in operator.cli_json("mail", "retry", "--all")["retried"]
    assert operator.cli_json("mail", "drop", given_up[0])["dropped"] is True
    for words in (
        ("show", given_up[0]),
        ("drop", given_up[0]),
        ("retry", given_up[0]),
        ("drop", sent),
        ("retry", sent),
    ):
        assert operator.cli("mail", *words).returncode == 1, words
    assert operator.cli("mail", "retry").returncode == 2
    assert operator.cli("mail", "retry", sent, "--all").returncode == 2


@pytest.fixture
def sender(on_sqlite: Service, smtp_server: Mailbox) -> Service:
    on_sqlite.settings["AUTHSERVER_SMTP_URL"] = f"smtp://127.0.0.1:{smtp_server.port}"
    on_sqlite.settings["AUTHSERVER_MAIL_FROM"] = "lamps@example.org"
    return on_sqlite


def test_a_test_mail_arrives_and_every_step_is_told(sender: Service, smtp_server: Mailbox) -> None:
    done = sender.cli("mail", "test", "somebody@example.org")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.partition(" ")[0] for line in done.stdout.splitlines()] == ["ok", "ok", "ok"]
    for words in ("connected to 127.0.0.1", "not encrypted", "was taken: Message accepted for delivery"):
        assert words in done.stdout
    (message,) = smtp_server.to("somebody@example.org")
    assert "test mail" in message["subject"]
    assert "lamps@example.org" in message["from"]


class Strict:
    """Wants a password, and knows nobody at `nowhere.example.org`."""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return "550 5.1.1 nobody of that name" if address.endswith("nowhere.example.org") else "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return "250 OK"


def test_what_the_mail_server_refuses_is_told_in_its_words_and_the_password_is_not(sender: Service) -> None:
    controller = Controller(
        Strict(), hostname=LOOPBACK, port=free_port(), auth_require_tls=False, auth_required=True,
        authenticator=lambda *given: AuthResult(
            success=given[-1].password == b"right password", handled=False
        ),
    )  # fmt: skip
    at = f"127.0.0.1:{controller.port}"
    cases = {
        f"smtp://me:right%20password@{at}": ("a@nowhere.example.org", "550 5.1.1 nobody of that name"),
        f"smtp://me:wrong%20password@{at}": ("a@example.org", "refuses the user name or the password: 535"),
        f"smtp://{at}": ("a@example.org", "refuses the sender lamps@example.org (AUTHSERVER_MAIL_FROM): 530"),
        f"smtps://me:wrong%20password@{at}": ("a@example.org", "no TLS with"),
        f"smtp://127.0.0.1:{free_port()}": ("a@example.org", "cannot connect to"),
    }
    controller.start()
    try:
        for url, (address, words) in cases.items():
            sender.settings["AUTHSERVER_SMTP_URL"] = url
            done = sender.cli("mail", "test", address)
            assert done.returncode == 1, url
            assert words in done.stdout.splitlines()[-1], done.stdout + done.stderr
            assert done.stdout.splitlines()[-1].startswith("failed")
            assert "password" not in done.stdout.replace("the password", "")
            assert "Traceback" not in done.stderr
    finally:
        controller.stop()


def test_without_a_mail_server_or_an_address_there_is_nothing_to_test(on_sqlite: Service) -> None:
    assert on_sqlite.cli("mail", "test", "a@example.org").returncode == 2
    on_sqlite.settings["AUTHSERVER_SMTP_URL"] = "smtp://127.0.0.1"
    assert on_sqlite.cli("mail", "test", "no address").returncode == 2
