"""Being asked for the second factor: every answer is counted before it is compared, and opens one session at most.

Only somebody whose first factor stands gets here, so that a stranger cannot use the counter to keep the owner out
(contracts/security.md 6.59).
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import assurance, attempts, entry, second_factor
from authserver.accounts.activity import Kind, note
from authserver.accounts.browser import Browser
from authserver.accounts.entry import FirstFactor, Proof
from authserver.accounts.mail import letters, outbox
from authserver.accounts.second_factor import email_code, recovery_codes, totp
from authserver.accounts.second_factor.factor import Right
from authserver.accounts.surroundings import Surroundings
from authserver.accounts.verification import CodeRefusal, Purpose, six_digits_of
from authserver.models import Interaction, User


class Reason(StrEnum):
    MALFORMED = "malformed"  # not what a code looks like; costs no try
    WRONG = "wrong"
    SPENT = "spent"  # right once, or expired: another one is needed
    LOCKED = "locked"  # too many failures for this account, or in this sign-in
    TOO_MANY = "too_many"  # too many attempts from this network, or at this address's codes


@dataclass(frozen=True)
class Refusal:
    reason: Reason
    wait: int = 0  # seconds


def _counters(around: Surroundings, user: User, interaction_id: str) -> tuple[str, str]:
    """The account's and the sign-in's own. The account's is not the one of its password: who guesses at one has not got
    past the other."""
    return (
        attempts.counter(around.secret_keys, "second-factor", user.sub),
        attempts.counter(around.secret_keys, "second-factor step", interaction_id),
    )


@dataclass(frozen=True)
class Counted:
    """The answer may be compared. `failures`: of the account, with this one, which is one until it is accepted."""

    failures: int


async def count(around: Surroundings, user: User, interaction_id: str, address: str) -> Counted | Refusal:
    """Committed when it returns; failures rest as those of passwords do. The account's first: who waits out a rest that
    somebody else has caused is not counted for it."""
    now = around.clock()
    if wait := await attempts.count_address(around.hot, around.settings, around.secret_keys, address, now):
        return Refusal(Reason.TOO_MANY, wait)
    of_account, of_step = _counters(around, user, interaction_id)
    tried = await attempts.try_sign_in(around.hot, around.settings, of_account, now)
    here = tried if tried.wait else await attempts.try_sign_in(around.hot, around.settings, of_step, now)
    return Refusal(Reason.LOCKED, here.wait) if here.wait else Counted(tried.failures)


async def _tell_of_lock(around: Surroundings, user: User, counted: Counted, address: str) -> None:
    """From this failure on the second step rests: its owner sees so, and gets a mail, once, however long it goes on.
    Whoever guesses here knows the password, or has a session."""
    if counted.failures != around.settings.sign_in_attempts:
        return
    now = around.clock()
    async with around.database.unit() as session:
        if await session.get(User, user.sub) is None:
            return
        await note(session, user.sub, Kind.SECOND_FACTOR_LOCKED, now, Browser({}, "", address))
        letter = letters.wrong_codes_mail(around.settings, user.email, now, locale=user.locale)
        await outbox.post(session, letter, user.sub, now)


async def begin(
    around: Surroundings, session: AsyncSession, interaction: Interaction, first: FirstFactor, user: User, network: str
) -> None:
    """The second step begins: where a code by mail is what is asked for first, it goes out, once for this sign-in. In
    the unit of work that holds the account. `network`: whence it is asked."""
    held = await second_factor.held(around.settings, session, user)
    methods = second_factor.ways(held, first.amr, str(interaction.request.get("acr_values", "")))
    if methods[:1] == (email_code.NAME,) and not await email_code.was_sent(session, interaction.interaction_id):
        await email_code.send(around, session, user, interaction.interaction_id, network, hurry=True)


async def check(
    around: Surroundings, user: User, interaction_id: str, method: str, typed: str, address: str
) -> Right | Refusal:
    """Whether `typed` is right for this method of this person. What is no code at all costs no try."""
    code = recovery_codes.read(typed) if method == recovery_codes.NAME else six_digits_of(typed)
    if code is None:
        return Refusal(Reason.MALFORMED)
    counted = await count(around, user, interaction_id, address)
    if isinstance(counted, Refusal):
        return counted
    found: Right | CodeRefusal | None
    if method == recovery_codes.NAME:
        async with around.database.unit() as session:
            found = await recovery_codes.find(session, user, code)
    elif method == totp.NAME:
        found = await totp.check(around, user, typed)
    elif method == email_code.NAME:
        found = await email_code.check(around, user, interaction_id, typed, address)
    else:
        found = None
    if found is not None and not isinstance(found, CodeRefusal):
        return found
    await _tell_of_lock(around, user, counted, address)
    return Refusal(Reason.WRONG if found is None else Reason(found.value))


async def accept(
    around: Surroundings,
    session: AsyncSession,
    interaction: Interaction,
    first: FirstFactor,
    user: User,
    right: Right,
    browser: Browser,
) -> Proof | None:
    """Both factors are proved, by somebody whose account is as it was when the first one was; in the caller's unit of
    work, which has the account from now on. `user`: as it was looked at when `first` was seen to stand. None when the
    account has changed, or the answer, or the first factor, was used."""
    now = around.clock()
    held = await hold(session, user)
    if held is None:
        return None
    await session.refresh(interaction)
    if entry.waiting(interaction, now) != first or not first.stands(held, now):
        return None
    if not await right.consume(session, now):
        return None
    for counter in _counters(around, user, interaction.interaction_id):
        await attempts.forget(session, counter)
    await attempts.forget_guesses(session, around.secret_keys, Purpose.SECOND_FACTOR, held.email_canonical)
    if right.method != email_code.NAME:
        await session.exec(update(User).where(col(User.sub) == user.sub).values(password_by_mail_at=None))
    if right.method == recovery_codes.NAME:
        left = await recovery_codes.left(session, user)
        await note(session, user.sub, Kind.RECOVERY_CODE_USED, now, browser)
        letter = letters.recovery_code_used_mail(around.settings, user.email, left, now, locale=user.locale)
        await outbox.post(session, letter, user.sub, left, now)
    await session.refresh(held)
    return Proof(held, assurance.joined(first.amr, right.amr), now, first.signed_in_at)


async def hold(session: AsyncSession, user: User) -> User | None:
    """The account, if it is as it was looked at; nobody changes it before the unit of work ends. Whoever sets a
    password or disables it came before, and there is none, or finds what is made of it."""
    same_password = (
        col(User.password_hash).is_(None)
        if user.password_hash is None
        else col(User.password_hash) == user.password_hash
    )
    held = await session.exec(
        update(User)
        .where(col(User.sub) == user.sub, same_password, col(User.active).is_(True), col(User.epoch) == user.epoch)
        .values(password_hash=user.password_hash)
        .returning(col(User.sub))
        .execution_options(synchronize_session=False)
    )
    if held.first() is None:
        return None
    found = await session.exec(select(User).where(User.sub == user.sub).execution_options(populate_existing=True))
    return found.first()
