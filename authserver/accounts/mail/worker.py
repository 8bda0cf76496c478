"""Sends the outbox: at least once, each mail claimed by one replica, tried again with growing pauses.

A mail server that is away costs no mail a try: nothing is claimed before there is a connection. Between the server's
"accepted" and our note of it a crash makes the mail go out twice, with one and the same `Message-ID`; no protocol can
exclude that (RFC 5321 §6.1 chooses the same). An orderly end does not: the mail that is on its way is ended first.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

import aiosmtplib
import orjson
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts.mail import letters, outbox
from authserver.accounts.mail.server import MailServer, message_of, particulars, sender_of
from authserver.accounts.surroundings import Surroundings
from authserver.background import is_ending
from authserver.models import Mail, VerificationCode
from authserver.storage.database import StorageError
from authserver.storage.statements import OLDEST_DUE_MAIL, POSTPONE_MAIL, SETTLE_MAIL

log = logging.getLogger(__name__)

POLL = 1.0  # seconds between two looks at the outbox
BATCH = 20
RESERVED = 4  # of a batch for mails that nobody waits for, so that no number of codes holds them up for good
REACHING = 20.0  # seconds to reach the mail server, sign in included
SENDING = 120.0  # seconds that one mail may take: who gives up too early sends it twice (RFC 5321 §4.5.3.2)
CLAIM = 240  # seconds that a batch is left to its worker; it begins no mail that might not end within them
FIRST_PAUSE, LONGEST_PAUSE = 15, 3600  # seconds between the tries of one mail; doubling
ENDING = 3.0  # seconds that the end of the service leaves to what is on its way (`app.end` waits five for all)
TRIES = 80  # about three days; then it is given up
LONGEST_OUTAGE = 60.0  # seconds between two tries to reach the mail server; they begin at one and double
WATCH = 60.0  # seconds between two looks for mails that are late
RANKS = (0, 1)

Result = TypeVar("Result")


class Away(Exception):
    """The mail server cannot be reached, or takes no mail of ours from anybody."""


async def run_outbox(around: Surroundings) -> None:
    """Ends when cancelled, the mail that is on its way first. Without a mail server there is nothing to do: mails stay
    in the outbox. `aiosmtplib` may swallow a cancellation: who ends the service asks again."""
    if around.settings.smtp_url is None:
        if not around.settings.development:
            log.warning("AUTHSERVER_SMTP_URL is not set: mails stay in the outbox and nobody can sign up")
        return
    await send_for_ever(around, MailServer.of(around.settings.smtp_url.get_secret_value()))


async def send_for_ever(around: Surroundings, server: MailServer) -> None:
    pause = POLL
    while not is_ending():
        try:
            if not await send_due(around, server):
                await asyncio.sleep(POLL)
            pause = POLL
        except Away as error:
            log.warning("mail server %s: %s; the next try in %d s", server.name, error, pause)
            await asyncio.sleep(pause)
            pause = min(LONGEST_OUTAGE, 2 * pause)
        except StorageError as error:
            log.warning("outbox: %s", error)
            await asyncio.sleep(POLL)


async def watch_outbox(around: Surroundings) -> None:
    """Tells the operator of mails that are late, whatever keeps them: also where the sender itself hangs. Ends when
    cancelled; without a mail server nothing is late."""
    while around.settings.smtp_url is not None:
        await asyncio.sleep(WATCH)
        try:
            late = await lateness(around)
            if late >= around.settings.mail_overdue:
                async with around.database.unit() as session:
                    waiting = await outbox.count_waiting(session)
                log.error("outbox: %d mails wait, the oldest is %d s late; see: authserver mail list", waiting, late)
        except StorageError as error:
            log.warning("outbox: %s", error)


async def lateness(around: Surroundings) -> int:
    """Seconds that the oldest mail is due already; 0 when none is."""
    now = around.clock()
    found = [await around.hot.read(OLDEST_DUE_MAIL, rank=rank, at=now) for rank in RANKS]
    return max(now - row["due_at"] if row and row["due_at"] is not None else 0 for row in found)


async def send_due(around: Surroundings, server: MailServer) -> int:
    """One batch; how many mails were sent. Raises `Away` when the mail server is; nothing is changed then."""
    now = around.clock()
    due = [await around.hot.read(OLDEST_DUE_MAIL, rank=rank, at=now) for rank in RANKS]
    if all(row is None or row["due_at"] is None for row in due):
        return 0
    line = Line(around, server)
    try:
        await line.reach()
        batch = await claim(around)
        return await _send_all(around, line, batch)
    finally:
        await line.end()


@dataclass
class Line:
    """A connection to the mail server, made anew when a mail broke it."""

    around: Surroundings
    server: MailServer
    _open: aiosmtplib.SMTP | None = field(default=None, init=False)

    async def reach(self) -> aiosmtplib.SMTP:
        """Raises `Away`."""
        if self._open is None or not self._open.is_connected:
            connection = self.server.connect(urlsplit(self.around.settings.issuer).hostname)
            try:
                async with asyncio.timeout(REACHING):
                    await connection.connect()
            except (aiosmtplib.SMTPException, OSError, ValueError) as error:
                connection.close()
                raise Away(particulars(error)) from error
            self._open = connection
        return self._open

    def broken(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = None

    async def end(self) -> None:
        if self._open is not None:
            try:
                async with asyncio.timeout(2):
                    await self._open.quit()
            except (aiosmtplib.SMTPException, OSError):
                self._open.close()


@dataclass(frozen=True)
class Batch:
    """Mails that are this worker's until `claimed`, Unix seconds."""

    mails: list[Mail]
    claimed: int


async def claim(around: Surroundings) -> Batch:
    """Pushing `due_at` ahead is the claim: the database decides which worker was first. Mails whose code is good for
    nothing any more are put away here."""
    now = around.clock()
    until = now + CLAIM
    async with around.database.unit() as session:
        awaited = await _due(session, now, rank=0, most=BATCH - RESERVED)
        found = awaited + await _due(session, now, rank=1, most=BATCH - len(awaited))
        won = await session.exec(
            update(Mail)
            .where(col(Mail.mail_id).in_(found), col(Mail.due_at) <= now)
            .values(due_at=until, attempts=col(Mail.attempts) + 1)
            .returning(Mail)
            .execution_options(synchronize_session=False)
        )
        mails = sorted(won.scalars().all(), key=lambda mail: (mail.rank, mail.created_at))
        codes = [mail.code_id for mail in mails if mail.code_id is not None]
        live = set(
            (
                await session.exec(
                    select(VerificationCode.code_id).where(
                        col(VerificationCode.code_id).in_(codes),
                        col(VerificationCode.used_at).is_(None),
                        VerificationCode.expires_at > now,
                    )
                )
            ).all()
        )
    alive = [mail for mail in mails if mail.code_id is None or mail.code_id in live]
    for mail in mails:
        if mail not in alive:
            await _settle(around, mail, error="its code is good for nothing any more")
    return Batch(alive, until)


async def _due(session: AsyncSession, now: int, *, rank: int, most: int) -> list[str]:
    """On PostgreSQL what another worker is about to claim is passed over."""
    found = await session.exec(
        select(Mail.mail_id)
        .where(Mail.rank == rank, col(Mail.due_at) <= now)
        .order_by(col(Mail.due_at))
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return list(found.all())


async def _send_all(around: Surroundings, line: Line, batch: Batch) -> int:
    """What is left when the server is away, when the claim might run out, or when the service ends, is given back
    untried."""
    loop, apart, sent = asyncio.get_running_loop(), 1 / around.settings.mail_rate, 0
    untried = deque(batch.mails)
    try:
        while untried and around.clock() + SENDING < batch.claimed:
            begun = loop.time()
            try:
                sent += await _to_its_end(_send(around, line, batch, untried[0]))
            except Away:
                raise
            except BaseException:  # what has become of it is not known
                untried.popleft()
                raise
            untried.popleft()
            await asyncio.sleep(max(0.0, begun + apart - loop.time()))
    finally:
        if untried:
            await _to_its_end(_give_back(around, batch, untried))
    return sent


async def _to_its_end(work: Coroutine[None, None, Result]) -> Result:
    """A mail that was taken and not noted would be sent again: whoever cancels us waits for `work`, `ENDING` seconds;
    after that it is cancelled, too. The cancellation is not lost: it comes with the next `await`."""
    task, loop = asyncio.create_task(work), asyncio.get_running_loop()
    latest: float | None = None
    while not task.done():
        try:
            await asyncio.wait({task}, timeout=None if latest is None else max(0.1, latest - loop.time()))
        except asyncio.CancelledError:
            latest = latest or loop.time() + ENDING
        if latest is not None and loop.time() >= latest:
            task.cancel()
    if latest is not None:
        this = asyncio.current_task()
        assert this is not None
        this.cancel()
    return task.result()


async def _send(around: Surroundings, line: Line, batch: Batch, mail: Mail) -> bool:
    """Raises `Away` where this mail was not tried."""
    try:
        message = message_of(around.settings, mail, letters.written(around.settings, mail))
    except ValueError as error:  # a header that no message may have
        await _again(around, batch, mail, error)
        return False
    except Exception as error:  # a template of the operator's that does not work: it may be mended
        log.exception("mail %s: its letter cannot be written", mail.mail_id)
        await _again(around, batch, mail, error)
        return False
    connection = await line.reach()
    try:
        async with asyncio.timeout(SENDING):
            sender = sender_of(around.settings).addr_spec
            await connection.send_message(message, sender=sender, recipients=[mail.recipient])
    except aiosmtplib.SMTPSenderRefused as error:  # the operator's trouble, and every mail's
        raise Away(particulars(error)) from error
    except (aiosmtplib.SMTPServerDisconnected, OSError) as error:  # this mail's: the next one may do
        line.broken()
        await _again(around, batch, mail, error)
        return False
    except (aiosmtplib.SMTPException, ValueError) as error:
        await _again(around, batch, mail, error)
        return False
    await _note_sent(around, mail)
    log.info("mail %s sent", mail.mail_id)
    return True


async def _settle(around: Surroundings, mail: Mail, *, sent: bool = False, error: str = "", keep: bool = False) -> None:
    """It is done with. Unless another try is thought of (`keep`), what it says is forgotten: a code may be in it."""
    now = around.clock()
    await around.hot.execute(
        SETTLE_MAIL,
        which=mail.mail_id,
        sent_at=now if sent else None,
        kept_until=now + (outbox.SENT_KEPT if sent else outbox.GIVEN_UP_KEPT),
        error=error[:500],
        details=orjson.dumps(mail.details).decode() if keep else "{}",
    )


async def _note_sent(around: Surroundings, mail: Mail) -> None:
    """Patiently, while the claim stands: forgotten, the mail would be sent again."""
    for pause in (0.2, 1.0, 5.0, 20.0):
        try:
            return await _settle(around, mail, sent=True)
        except StorageError:
            await asyncio.sleep(pause)
    await _settle(around, mail, sent=True)


async def _give_back(around: Surroundings, batch: Batch, mails: Iterable[Mail]) -> None:
    for mail in mails:
        await _postpone(around, batch, mail, around.clock(), mail.attempts - 1, mail.error)


async def _again(around: Surroundings, batch: Batch, mail: Mail, error: Exception) -> None:
    """Tried again after a pause, or given up: refused for good (RFC 5321 §4.2.1: 5yz), or tried for days."""
    why = particulars(error)
    if _for_good(error) or mail.attempts >= TRIES:
        log.error("mail %s given up after %d attempts: %s", mail.mail_id, mail.attempts, why)
        return await _settle(around, mail, error=why, keep=True)
    log.warning("mail %s is tried again: %s", mail.mail_id, why)
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(mail.attempts - 1, 16))
    await _postpone(around, batch, mail, around.clock() + pause, mail.attempts, why)


async def _postpone(around: Surroundings, batch: Batch, mail: Mail, due_at: int, attempts: int, error: str) -> None:
    values = {"which": mail.mail_id, "claimed": batch.claimed, "due_at": due_at, "attempts": attempts}
    await around.hot.execute(POSTPONE_MAIL, **values, error=error[:500])


def _for_good(error: Exception) -> bool:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(one.code >= 500 for one in error.recipients)
    if isinstance(error, aiosmtplib.SMTPDataError):
        return error.code >= 500
    return isinstance(error, aiosmtplib.SMTPNotSupported | ValueError)
