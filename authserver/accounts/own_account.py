"""What a person does to their own account: a new password, another user name, or its end.

Who has the browser's session may be a thief of it: all ask for the password itself, and each attempt counts as one to
sign in (contracts/security.md 6.47, 6.58), so that a session is no oracle. Who has no password has signed in afresh
instead, which is for the page to see to (`pages.visit.fresh_owner`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import activity, administration, assurance, attempts, lockout, sessions, usernames
from authserver.accounts.activity import Kind
from authserver.accounts.browser import Browser
from authserver.accounts.lockout import NO_PASSES, Admitted, Passes
from authserver.accounts.mail import letters, outbox
from authserver.accounts.names import Username
from authserver.accounts.password_policy import Policy, Weak, weakness
from authserver.accounts.passwords import Place
from authserver.accounts.sign_in import Reason, Refusal
from authserver.accounts.surroundings import Surroundings
from authserver.models import Session, User
from authserver.storage.people_statements import FIND_USER
from authserver.storage.statements import model_of


@dataclass(frozen=True)
class Proof:
    """The proof: whoever is signed in typed the password that this account has, or has none and signed in afresh.
    `admitted`: what counted the attempt."""

    user: User
    admitted: Admitted


@dataclass(frozen=True)
class NewPassword:
    """The proof, and a password that the policy takes. `change_password` alone makes use of it."""

    proof: Proof
    password_hash: str = field(repr=False)


class OutdatedError(Exception):
    """Between the comparison and the unit of work the account has changed: what was proven proves nothing any more."""


async def prove(
    around: Surroundings, user: User, typed: str, address: str, passes: Passes = NO_PASSES
) -> Proof | Refusal:
    """`typed`: the password; `address`: the network's; `passes` as for signing in. Raises `Busy` before the attempt is
    counted."""
    if refused := await _count_network(around, address):
        return refused
    with around.passwords.place() as place:
        return await _compare(around, place, user, typed, address, passes)


async def check_change(
    around: Surroundings, user: User, typed: str, new: str, address: str, passes: Passes = NO_PASSES
) -> NewPassword | Weak | Refusal:
    """As `prove`; a new password that the policy does not take costs no attempt."""
    weak = _weakness(around, user, new)
    if weak is not None:
        return weak
    if refused := await _count_network(around, address):
        return refused
    with around.passwords.place() as place:
        proof = await _compare(around, place, user, typed, address, passes)
        return proof if isinstance(proof, Refusal) else NewPassword(proof, await place.hash(new))


def _weakness(around: Surroundings, user: User, new: str) -> Weak | None:
    own = (user.email, user.email_canonical, user.username_canonical or "", around.settings.name)
    return weakness(new, own, Policy.of(around.settings))


def prove_without(around: Surroundings, user: User) -> Proof:
    """For who has no password and has just signed in without one. Raises `OutdatedError` for any other."""
    if user.password_hash is not None:
        raise OutdatedError
    return Proof(user, Admitted(attempts.sign_in_counters(around.secret_keys, attempts.row_of(user))))


async def check_first(around: Surroundings, user: User, new: str) -> NewPassword | Weak:
    """As `check_change`, for who has no password yet: see `prove_without`. Raises `Busy` and `OutdatedError`."""
    weak = _weakness(around, user, new)
    if weak is not None:
        return weak
    proof = prove_without(around, user)
    return NewPassword(proof, await around.passwords.hash(new))


async def _count_network(around: Surroundings, address: str) -> Refusal | None:
    now = around.clock()
    wait = await attempts.count_address(around.hot, around.settings, around.secret_keys, address, now)
    return Refusal(Reason.TOO_MANY, wait) if wait else None


async def _compare(
    around: Surroundings, place: Place, user: User, typed: str, address: str, passes: Passes
) -> Proof | Refusal:
    """Counted, and committed, before it is compared, with what signing in counts."""
    now, name = around.clock(), lockout.deciding_name(around.settings, user)
    found = await around.hot.read_key(FIND_USER, user.email_canonical)
    admitted = await lockout.count(around, name, found, passes, now)
    if isinstance(admitted, int):
        return Refusal(Reason.LOCKED, admitted)
    if admitted.rests:  # for failures under the other name, which is no secret here
        return Refusal(Reason.LOCKED, admitted.rests)
    verified = await place.verify(typed, found["password_hash"] if found else None)
    if verified.ok and found is not None and found["active"] and found["sub"] == user.sub:
        return Proof(model_of(User, found), admitted)
    lockout.note_failure(around, name, admitted, address, now)
    return Refusal(Reason.WRONG)


async def _still(session: AsyncSession, proof: Proof) -> bool:
    """Whether the account is as it was compared. Locks it until the unit of work ends."""
    user = proof.user
    found = await session.exec(
        update(User)
        .where(
            col(User.sub) == user.sub,
            col(User.email_canonical) == user.email_canonical,
            col(User.password_hash) == user.password_hash,
            col(User.active).is_(True),
            col(User.epoch) == user.epoch,
        )
        .values(password_hash=user.password_hash)
        .returning(col(User.sub))
    )
    return found.first() is not None


async def change_password(
    around: Surroundings,
    session: AsyncSession,
    new: NewPassword,
    *,
    cookies: Mapping[str, str],
    user_agent: str,
    address: str,
) -> tuple[Session, str]:
    """The new password holds; this browser's session and the value of its cookie are new, all others have ended, and so
    has what applications hold, Alexa's links apart (`administration.set_password`). In the caller's unit of work, which
    has not looked for the session before: whoever ends sessions holds the account first.

    A password typed is a sign-in where no more is asked for. Where a second factor was proved it is not: what was fresh
    stays as fresh as it was, or an old session and the password would remove the other factor.

    Raises `OutdatedError` when the password, or this browser's session, is no longer the one that was there.
    """
    now = around.clock()
    if not await _still(session, new.proof):
        raise OutdatedError
    browser, user = await sessions.find(around.settings, session, now, cookies)
    if browser is None or user is None or user.sub != new.proof.user.sub:
        raise OutdatedError
    await administration.set_password(session, user, new.password_hash, now)
    await lockout.forget(session, new.proof.admitted)
    letter = letters.password_changed_mail(around.settings, user.email, now, locale=user.locale)
    await outbox.post(session, letter, user.sub, now)
    await activity.note(session, user.sub, Kind.PASSWORD_CHANGED, now, Browser(cookies, user_agent, address))
    made, cookie = await sessions.create(
        around.settings, session, now, user, amr=browser.amr, cookies=cookies, user_agent=user_agent, address=address
    )
    if assurance.is_strong(browser.amr):
        made.signed_in_at, made.expires_at = browser.signed_in_at, browser.expires_at
        await session.flush()
    return made, cookie


async def change_username(
    around: Surroundings, session: AsyncSession, proof: Proof, username: Username, browser: Browser | None = None
) -> bool:
    """They sign in with this name from now on, and a mail says so, each time that it becomes another; False when it is
    another's. In the caller's unit of work. Raises `OutdatedError` when the account is no longer as it was compared."""
    if not await _still(session, proof):
        raise OutdatedError
    now = around.clock()
    user = await session.get_one(User, proof.user.sub, populate_existing=True)
    await lockout.forget(session, proof.admitted)
    sent_twice = usernames.shown(user) == username.name
    if not await usernames.give(session, user, username, now):
        return False
    if sent_twice:
        return True
    letter = letters.username_changed_mail(around.settings, user.email, username.name, now, locale=user.locale)
    await outbox.post(session, letter, letter.mail_id)  # another change of the same second has its own
    await activity.note(session, user.sub, Kind.USERNAME_CHANGED, now, browser, new=username.name)
    return True


async def delete_account(around: Surroundings, session: AsyncSession, proof: Proof) -> None:
    """The account and all that hangs on it is gone (`administration.remove`), and a mail says so; in the caller's unit
    of work. Raises `OutdatedError` when the account is no longer as it was compared. Recoveries of its address are
    taken before the account, as `recovery.complete` does.

    The lock on the account is one that an exchange in flight, which holds its code and refers to the account, passes:
    `remove` then waits for its code.
    """
    await administration.forget_recoveries(session, proof.user.email_canonical)
    if not await _still(session, proof):
        raise OutdatedError
    await administration.remove(session, proof.user, around.clock())
    await lockout.forget(session, proof.admitted)
    user = proof.user
    letter = letters.account_deleted_mail(around.settings, user.email, around.clock(), locale=user.locale)
    await outbox.post(session, letter, user.sub)


async def speak(session: AsyncSession, user: User, tag: str, now: int) -> None:
    """From now on this person is written to in that language (BCP 47), and applications that may read it are told. The
    account is held first; nothing happens to one that is gone."""
    if user.locale == tag:
        return
    held = update(User).where(col(User.sub) == user.sub).values(updated_at=now)
    await session.exec(held.execution_options(synchronize_session=False))
    found = await session.get(User, user.sub, populate_existing=True)
    if found is not None:
        found.attributes = {**found.attributes, "locale": tag}
        session.add(found)
