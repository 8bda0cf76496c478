"""The operator's mail server, and a mail as it is handed over."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib
import idna

from authserver.accounts.mail.letters import Letter
from authserver.models import Mail
from authserver.settings import Settings, is_loopback

TIMEOUT = 60.0  # seconds for one answer of the mail server, which may look for viruses meanwhile


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

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def must_encrypt(self) -> bool:
        return self.user is not None and not is_loopback(f"smtp://{self.host}")

    def connect(self, calling: str | None = None) -> aiosmtplib.SMTP:
        """A connection that encrypts and signs in when it is entered. `calling`: the name that we greet with."""
        return aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            use_tls=self.tls,
            start_tls=False if self.tls else (True if self.must_encrypt else None),
            local_hostname=calling,
            timeout=TIMEOUT,
        )


def message_of(settings: Settings, mail: Mail, letter: Letter) -> EmailMessage:
    """`Message-ID` is the mail's own, so that a second delivery is known as such (RFC 5322 §3.6.4); automatic answers
    are not wanted (RFC 3834 §5). Raises `ValueError` for a recipient that no header may hold."""
    local, _, domain = mail.recipient.rpartition("@")
    if "=?" in mail.recipient:
        raise ValueError("an encoded word is no address")
    if local.isascii() and not domain.isascii():  # every mail server takes this form (RFC 5890), few the other
        domain = idna.encode(domain, uts46=True).decode()
    message = EmailMessage()
    message["From"] = sender_of(settings)
    message["To"] = Address(username=local, domain=domain)
    message["Subject"] = _plain(letter.subject)
    message["Date"] = format_datetime(datetime.fromtimestamp(mail.created_at, UTC))
    message["Message-ID"] = f"<{mail.mail_id}@{urlsplit(settings.issuer).hostname}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


def sender_of(settings: Settings) -> Address:
    """`mail_from` may bring a name of its own; otherwise it is the server's."""
    name, address = parseaddr(settings.mail_from)
    local, _, domain = address.rpartition("@")
    return Address(_plain(name or settings.name), local, domain)


def _plain(text: str) -> str:
    """One line without encoded words (RFC 2047): Python's `email` decodes them in what it is given, and a line break
    that was hidden in one would begin a header."""
    return " ".join(text.split()).replace("=?", "= ?")


def particulars(error: BaseException) -> str:
    """Class and code; what a mail server says may repeat what it was sent."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        code: int | None = error.recipients[0].code if error.recipients else None
    else:
        code = getattr(error, "code", None)
    return type(error).__name__ + (f" {code}" if code else "")
