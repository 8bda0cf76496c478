"""Sends the outbox: at least once, each mail claimed by one replica, tried again with growing pauses."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from urllib.parse import unquote, urlsplit

import aiosmtplib
from sqlmodel import col, select, update

from authserver.accounts.surroundings import Surroundings
from authserver.models import Mail
from authserver.settings import Settings, is_loopback
from authserver.storage.database import StorageError

log = logging.getLogger(__name__)

POLL = 1.0  # seconds between two looks at the outbox
CLAIM = 120  # seconds that a claimed mail is left to its worker
BATCH = 20
FIRST_PAUSE, LONGEST_PAUSE = 15, 3600  # seconds; doubling
GIVE_UP = 3 * 86_400  # seconds after which a mail that nobody takes is given up
NEVER = 253_402_300_799  # the end of the year 9999: given up, but still there for the operator to see
TIMEOUT = 20.0  # seconds for one conversation with the mail server


@dataclass(frozen=True)
class MailServer:
    """What `smtp_url` says. `smtps` is TLS from the first byte; `smtp` uses STARTTLS where the server offers it, and
    insists on it before a password goes to another machine."""

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None = field(repr=False)

    @classmethod
    def of(cls, url: str) -> "MailServer":
        """Raises `ValueError` for what is no such URL; the URL itself, which may hold a password, is not in it."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("AUTHSERVER_SMTP_URL must be smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://…")
        tls = parts.scheme == "smtps"
        user = unquote(parts.username) if parts.username else None
        return cls(
            parts.hostname,
            parts.port or (465 if tls else 587 if user else 25),
            tls,
            user,
            unquote(parts.password) if parts.password else None,
        )

    def connect(self) -> aiosmtplib.SMTP:
        must = self.user is not None and not is_loopback(f"smtp://{self.host}")
        return aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            use_tls=self.tls,
            start_tls=False if self.tls else (True if must else None),
            timeout=TIMEOUT,
        )


def message_of(settings: Settings, mail: Mail) -> EmailMessage:
    """`Message-ID` is the mail's own, so that a second delivery is known as such; automatic answers are not wanted."""
    message = EmailMessage()
    message["From"] = (
        settings.mail_from if "<" in settings.mail_from else formataddr((settings.name, settings.mail_from))
    )
    message["To"] = mail.recipient
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(mail.created_at, UTC))
    message["Message-ID"] = f"<{mail.mail_id}@{urlsplit(settings.issuer).hostname}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


async def run_outbox(around: Surroundings) -> None:
    """Ends when cancelled. Without a mail server there is nothing to do: mails stay in the outbox."""
    if around.settings.smtp_url is None:
        if not around.settings.development:
            log.warning("AUTHSERVER_SMTP_URL is not set: mails stay in the outbox and nobody can sign up")
        return
    server = MailServer.of(around.settings.smtp_url.get_secret_value())
    while True:
        try:
            sent = await send_due(around, server)
        except StorageError as error:
            log.warning("outbox: %s", error)
            sent = 0
        if not sent:
            await asyncio.sleep(POLL)


async def send_due(around: Surroundings, server: MailServer) -> int:
    """One batch over one connection; how many mails were sent."""
    mails = await _claim(around)
    if not mails:
        return 0
    try:
        async with server.connect() as connection:
            return sum([await _send(around, connection, mail) for mail in mails])
    except (aiosmtplib.SMTPException, OSError) as error:
        log.warning("mail server %s:%d: %s", server.host, server.port, _particulars(error))
        for mail in mails:
            if mail.sent_at is None and mail.due_at != NEVER:
                await _again(around, mail, error)
        return 0


async def _claim(around: Surroundings) -> list[Mail]:
    """Pushing `due_at` ahead is the claim: the database decides which worker was first."""
    now = around.clock()
    async with around.database.unit() as session:
        due = (
            await session.exec(
                select(Mail)
                .where(col(Mail.sent_at).is_(None), Mail.due_at <= now)
                .order_by(col(Mail.due_at))
                .limit(BATCH)
            )
        ).all()
        claimed = []
        for mail in due:
            won = await session.exec(
                update(Mail)
                .where(col(Mail.mail_id) == mail.mail_id, col(Mail.sent_at).is_(None), col(Mail.due_at) == mail.due_at)
                .values(due_at=now + CLAIM, attempts=col(Mail.attempts) + 1)
                .returning(col(Mail.attempts))
                .execution_options(synchronize_session=False)
            )
            row = won.first()
            if row is not None:
                claimed.append(Mail(**{**mail.model_dump(), "attempts": row[0], "due_at": now + CLAIM}))
    return claimed


async def _send(around: Surroundings, connection: aiosmtplib.SMTP, mail: Mail) -> bool:
    """Raises what ends the conversation as a whole."""
    try:
        await connection.send_message(message_of(around.settings, mail))
    except aiosmtplib.SMTPServerDisconnected:
        raise
    except (
        aiosmtplib.SMTPResponseException,
        aiosmtplib.SMTPRecipientsRefused,
        aiosmtplib.SMTPNotSupported,
        ValueError,  # a header that no message may have
    ) as error:
        await _again(around, mail, error)
        return False
    mail.sent_at = around.clock()
    await _note(around, mail, sent_at=mail.sent_at, error="", text="", html="")  # a code is kept no longer than it must
    log.info("mail %s sent", mail.mail_id)
    return True


async def _again(around: Surroundings, mail: Mail, error: Exception) -> None:
    """Tried again after a pause, or given up: refused for good (RFC 5321 §4.2.1: 5yz), or older than `GIVE_UP`."""
    now = around.clock()
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(mail.attempts - 1, 16))
    given_up = _for_good(error) or now + pause > mail.created_at + GIVE_UP
    mail.due_at = NEVER if given_up else now + pause
    await _note(around, mail, due_at=mail.due_at, error=_particulars(error)[:500])
    if given_up:
        log.error("mail %s given up after %d attempts: %s", mail.mail_id, mail.attempts, _particulars(error))


async def _note(around: Surroundings, mail: Mail, **values: int | str) -> None:
    async with around.database.unit() as session:
        await session.exec(update(Mail).where(col(Mail.mail_id) == mail.mail_id).values(**values))


def _for_good(error: Exception) -> bool:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(one.code >= 500 for one in error.recipients)
    return (
        isinstance(error, aiosmtplib.SMTPDataError | aiosmtplib.SMTPSenderRefused) and error.code >= 500
    ) or isinstance(error, aiosmtplib.SMTPNotSupported | ValueError)


def _particulars(error: Exception) -> str:
    """Class and code; what a mail server says may repeat what it was sent."""
    code = getattr(error, "code", None)
    return type(error).__name__ + (f" {code}" if code else "")
