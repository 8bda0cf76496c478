"""The app that shows six digits (RFC 6238): SHA-1, 30 seconds, a secret of 160 bits, sealed with the server's key."""

import base64
import logging
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyotp
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts.attempts import insert_for
from authserver.accounts.second_factor.factor import Factor
from authserver.accounts.surroundings import Surroundings
from authserver.accounts.verification import CodeRefusal, six_digits_of
from authserver.models import Totp, User
from authserver.secret_values import SealError, SecretKeys, same
from authserver.settings import Settings
from authserver.storage.database import StorageError

log = logging.getLogger(__name__)

NAME = "totp"
SEAL = "totp secret"
STEP = 30  # seconds
DRIFT = 1  # steps that a clock may be off, each way


@dataclass(frozen=True)
class RightCode:
    """The code of a time step, of the secret as it was stored then. `confirms`: how it is stored from now on, where it
    was not confirmed yet."""

    sub: str
    step: int
    sealed: bytes
    confirms: bytes | None = None

    method = NAME
    amr = ("otp", "mfa")

    async def consume(self, session: AsyncSession, now: int) -> bool:
        """No code is taken twice: the database decides which of two was first (RFC 6238 §5.2). Of a secret that was not
        confirmed yet the code confirms it."""
        confirmed: dict[str, Any] = (
            {} if self.confirms is None else {"confirmed_at": now, "secret_sealed": self.confirms}
        )
        taken = await session.exec(
            update(Totp)
            .where(
                col(Totp.sub) == self.sub,
                col(Totp.secret_sealed) == self.sealed,
                col(Totp.last_step) < self.step,
                col(Totp.confirmed_at).is_(None) if confirmed else col(Totp.confirmed_at).is_not(None),
            )
            .values({"last_step": self.step} | confirmed)
            .returning(col(Totp.sub))
        )
        return taken.first() is not None


def _open(keys: SecretKeys, row: Totp) -> bytes:
    """Raises `StorageError`: a key that is not loaded is our own trouble."""
    for key in keys.all():
        try:
            return key.unseal(SEAL, row.secret_sealed, row.sub)
        except SealError:
            continue
    raise StorageError(f"the authenticator app of {row.sub} does not open with AUTHSERVER_SECRET_KEY")


def _seen_by(sub: str, owner: str) -> str:
    """What a secret that waits for its first code is sealed for: it was shown in one browser, and opens in no other.
    Whoever knows the password, or has another session, must not slip theirs in (contracts/security.md 7)."""
    return f"{sub} {owner}"


def _open_begun(keys: SecretKeys, row: Totp | None, owner: str) -> bytes | None:
    """None where nothing waits, or what another browser has begun."""
    if row is None or row.confirmed_at is not None:
        return None
    for key in keys.all():
        with suppress(SealError):
            return key.unseal(SEAL, row.secret_sealed, _seen_by(row.sub, owner))
    return None


def text_of(secret: bytes) -> str:
    """As apps take it: base32, 32 characters."""
    return base64.b32encode(secret).decode()


def _matching(secret: bytes, code: str, steps: Iterable[int]) -> int | None:
    """The step with this code; every step is looked at, whichever is right."""
    app = pyotp.TOTP(text_of(secret), interval=STEP)
    found = [step for step in steps if same(app.generate_otp(step).encode(), code.encode())]
    return found[0] if found else None


async def _row(session: AsyncSession, user: User) -> Totp | None:
    return (
        await session.exec(select(Totp).where(Totp.sub == user.sub).execution_options(populate_existing=True))
    ).first()


async def begin(around: Surroundings, session: AsyncSession, user: User, owner: str) -> bytes | None:
    """The secret that counts for nothing until one of its codes was typed: the one that waits in this browser already,
    since phones load a page again after a look at the app, else a new one in the place of any other browser's. None
    when this person has an app already, or is gone. `owner`: what is this browser's alone, an interaction or a session.
    """
    held = await session.exec(
        update(User)
        .where(col(User.sub) == user.sub)
        .values(updated_at=col(User.updated_at))
        .returning(col(User.sub))
        .execution_options(synchronize_session=False)
    )
    if held.first() is None:
        return None
    if (begun := _open_begun(around.secret_keys, await _row(session, user), owner)) is not None:
        return begun
    secret, now = secrets.token_bytes(20), around.clock()
    insert = insert_for((await session.connection()).dialect)
    sealed = around.secret_keys.current.seal(SEAL, secret, _seen_by(user.sub, owner))
    written = await session.exec(
        insert(Totp)
        .values(sub=user.sub, secret_sealed=sealed, created_at=now, confirmed_at=None, last_step=0)
        .on_conflict_do_update(
            index_elements=["sub"],
            set_={"secret_sealed": sealed, "created_at": now, "last_step": 0},
            where=col(Totp.confirmed_at).is_(None),
        )
        .returning(col(Totp.sub))
    )
    return secret if written.first() is not None else None


async def waits(session: AsyncSession, user: User) -> bool:
    """Whether a secret waits for its first code, in whichever browser."""
    row = await _row(session, user)
    return row is not None and row.confirmed_at is None


def address_for_apps(settings: Settings, user: User, secret: bytes) -> str:
    """The `otpauth:` URI in QR codes; SHA-1, six digits and 30 seconds are what apps assume."""
    return pyotp.TOTP(text_of(secret), interval=STEP).provisioning_uri(name=user.email, issuer_name=settings.name)


async def check(around: Surroundings, user: User, typed: str) -> RightCode | CodeRefusal:
    """Of the app that this person uses. Compares only: who asks has counted before."""
    code = six_digits_of(typed)
    if code is None:
        return CodeRefusal.MALFORMED
    async with around.database.unit() as session:
        row = await _row(session, user)
    if row is None or row.confirmed_at is None:
        return CodeRefusal.WRONG
    step = _step_of(around, row, _open(around.secret_keys, row), code)
    return step if isinstance(step, CodeRefusal) else RightCode(user.sub, step, row.secret_sealed)


async def check_begun(around: Surroundings, user: User, typed: str, owner: str) -> RightCode | CodeRefusal:
    """As `check`, of the app whose secret waits in this browser for its first code."""
    code = six_digits_of(typed)
    if code is None:
        return CodeRefusal.MALFORMED
    async with around.database.unit() as session:
        row = await _row(session, user)
    secret = _open_begun(around.secret_keys, row, owner)
    if row is None or secret is None:
        return CodeRefusal.WRONG
    step = _step_of(around, row, secret, code)
    if isinstance(step, CodeRefusal):
        return step
    return RightCode(user.sub, step, row.secret_sealed, around.secret_keys.current.seal(SEAL, secret, user.sub))


def _step_of(around: Surroundings, row: Totp, secret: bytes, code: str) -> int | CodeRefusal:
    """The time step of which it is the code, none of those that were taken."""
    now = around.clock() // STEP
    step = _matching(secret, code, range(now - DRIFT, now + DRIFT + 1))
    if step is None:
        return CodeRefusal.WRONG
    return CodeRefusal.SPENT if step <= row.last_step else step


async def _since(session: AsyncSession, user: User) -> int | None:
    return (await session.exec(select(Totp.confirmed_at).where(Totp.sub == user.sub))).first()


async def _end(session: AsyncSession, user: User) -> bool:
    ended = await session.exec(delete(Totp).where(col(Totp.sub) == user.sub).returning(col(Totp.confirmed_at)))
    return ended.first() not in (None, (None,))


async def rewrap(session: AsyncSession, keys: SecretKeys) -> int:
    """Seal every secret with the present secret key; how many. One that does not open is named in the log and left: it
    opened before no more than it will. One that is replaced meanwhile was sealed by whoever replaced it; one that
    waits for its first code begins anew."""
    count = 0
    used = select(Totp).where(col(Totp.confirmed_at).is_not(None)).order_by(col(Totp.sub))
    for row in (await session.exec(used)).all():
        try:
            sealed = keys.current.seal(SEAL, _open(keys, row), row.sub)
        except StorageError as error:
            log.error("%s", error)
            continue
        await session.exec(
            update(Totp)
            .where(col(Totp.sub) == row.sub, col(Totp.secret_sealed) == row.secret_sealed)
            .values(secret_sealed=sealed)
            .execution_options(synchronize_session=False)
        )
        count += 1
    return count


FACTOR = Factor(NAME, RightCode.amr, _since, _end)
