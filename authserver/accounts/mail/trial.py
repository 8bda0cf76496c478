"""One mail at once, past the outbox, and what the mail server says at every step: for the operator's eyes alone."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiosmtplib

from authserver.accounts.mail import letters
from authserver.accounts.mail.server import MailServer, message_of, sender_of
from authserver.accounts.mail.worker import REACHING
from authserver.settings import Settings


@dataclass(frozen=True)
class Step:
    """One step of the conversation, in words. Not `ok`: it went no further."""

    ok: bool
    words: str


async def trial(settings: Settings, server: MailServer, recipient: str, now: int) -> AsyncIterator[Step]:
    """Ends with the step that failed, or with the mail server's word that it has the mail."""
    connection = server.connect(urlsplit(settings.issuer).hostname)
    connection.timeout = REACHING  # somebody waits for every answer
    try:
        async with asyncio.timeout(REACHING):
            await connection.connect(start_tls=False, username=None, password=None)
        yield Step(True, f"connected to {server.name}")
        await connection.ehlo()
        if server.tls:
            yield Step(True, f"encrypted from the first byte ({_cipher(connection)})")
        elif connection.supports_extension("starttls"):
            await connection.starttls()
            yield Step(True, f"encrypted by STARTTLS ({_cipher(connection)})")
        elif server.must_encrypt:
            yield Step(False, "the server offers no STARTTLS: the password is not sent unprotected. Try smtps://")
            return
        else:
            yield Step(True, "not encrypted: the server offers no STARTTLS")
        if server.user is not None:
            await connection.login(server.user, server.password or "")
            yield Step(True, f"signed in as {server.user}")
        mail = letters.trial_mail(settings, recipient, now)
        sender = sender_of(settings).addr_spec
        message = message_of(settings, mail, letters.written(settings, mail))
        _, answer = await connection.send_message(message, sender=sender, recipients=[recipient])
        yield Step(True, f"the mail from {sender} to {recipient} was taken: {answer}")
        await connection.quit()
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        yield Step(False, words_for(error, server, settings))
    finally:
        connection.close()


def _cipher(connection: aiosmtplib.SMTP) -> str:
    found = connection.get_transport_info("cipher")
    return str(found[1]) if found else "TLS"


def words_for(error: Exception, server: MailServer, settings: Settings) -> str:
    """What went wrong, and which setting may be."""
    cause = error if isinstance(error, ssl.SSLError) else error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate of {server.host} is not trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"no TLS with {server.name}: {cause.reason}. Is it smtp:// instead of smtps://?"
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return f"the server refuses the user name or the password: {error.code} {error.message}"
        case aiosmtplib.SMTPSenderRefused():
            return f"the server refuses the sender {error.sender} (AUTHSERVER_MAIL_FROM): {error.code} {error.message}"
        case aiosmtplib.SMTPRecipientsRefused():
            refused = error.recipients[0]
            return f"the server refuses the recipient {refused.recipient}: {refused.code} {refused.message}"
        case aiosmtplib.SMTPDataError():
            return f"the server refuses the mail itself: {error.code} {error.message}"
        case aiosmtplib.SMTPConnectTimeoutError() | TimeoutError():
            return f"no answer from {server.name}: is the port right, and does a firewall let it through?"
        case aiosmtplib.SMTPConnectError() | ConnectionError() if not isinstance(
            error, aiosmtplib.SMTPServerDisconnected
        ):
            return f"cannot connect to {server.name}: {error}"
        case aiosmtplib.SMTPResponseException():
            return f"the server says {error.code} {error.message}"
        case _:
            return f"{error or type(error).__name__}"
