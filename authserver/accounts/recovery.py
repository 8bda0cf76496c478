"""A forgotten password: a code goes to the stored address, and whoever types it chooses a new password, in one step.

There is no state between the code and the password that could be entered without the code (contracts/security.md 7:
servers broke here). Known and unknown addresses go the same way to the eye and to the clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from authserver.accounts import activity, administration, attempts, known_devices, mailed_links, verification
from authserver.accounts.activity import Kind
from authserver.accounts.browser import Browser
from authserver.accounts.entry import Proof
from authserver.accounts.mail import letters, outbox
from authserver.accounts.names import NotAnAddressError, NotAUsernameError, is_address, read_email, read_username
from authserver.accounts.password_policy import Policy, Weak, weakness
from authserver.accounts.sign_in import PASSWORD
from authserver.accounts.sign_up import NotAnAddress, Wait
from authserver.accounts.surroundings import Surroundings
from authserver.accounts.verification import CodeRefusal, Proven, Purpose
from authserver.models import Grant, Interaction, Recovery, User
from authserver.secret_values import random_token

ACCOUNT = "recovery of"  # counts guesses by account, where that may have two names
GUESSES_A_DAY = 10  # wrong codes for one address, over all its recoveries (contracts/security.md 6.62)


@dataclass(frozen=True)
class NewPassword:
    """The proof: the right code was typed with a password that the policy takes. `complete` alone makes use of it."""

    proven: Proven
    password_hash: str = field(repr=False)


async def begin(
    around: Surroundings,
    email: str,
    address: str,
    *,
    interaction_id: str | None = None,
    cookies: Mapping[str, str] = MappingProxyType({}),
) -> Recovery | NotAnAddress | Wait:
    """The recovery that waits for its code, and for which the interaction then waits, in whose browser alone the mail's
    link works; the mail, if there is an account that may sign in, is in the outbox. `email` as typed, or a user
    name where people sign in with one; `address` the network address; `cookies` may show that the browser is known to
    the account.

    The same form sent twice is one recovery with one code and one mail.
    """
    try:
        if around.settings.username_signs_in and not is_address(email):
            username = read_username(email)
            shown, typed, asked = username.name, username.canonical, User.username_canonical == username.canonical
        else:
            name = read_email(email)
            shown, typed, asked = name.address, name.canonical, User.email_canonical == name.canonical
    except (NotAnAddressError, NotAUsernameError):
        return NotAnAddress.EMAIL
    now = around.clock()
    if wait := await attempts.count_address(around.hot, around.settings, around.secret_keys, address, now):
        return Wait(wait)
    recovery = Recovery(
        recovery_id=random_token(16),
        email=shown,
        email_canonical=typed,
        username_canonical=None if is_address(typed) else typed,
        created_at=now,
        expires_at=now + around.settings.recovery_code_lifetime,
    )
    device = await known_devices.find(around.settings, around.hot, cookies, typed, now)
    async with around.database.unit() as session:
        again = await _just_begun(session, interaction_id, typed, now)
        if again is not None:
            return again
        wait = await attempts.count_mail(session, around.secret_keys, typed, now, network=address, device=device)
        if wait:
            return Wait(wait)
        user = (await session.exec(select(User).where(asked))).first()
        if user is not None:
            recovery.sub, recovery.email_canonical = user.sub, user.email_canonical
        session.add(recovery)
        await session.exec(
            update(Interaction)
            .where(col(Interaction.interaction_id) == interaction_id)
            .values(recovery_id=recovery.recovery_id)
        )
        await _send(around, session, recovery, interaction_id, now, device is not None)
    return recovery


async def _just_begun(session: AsyncSession, interaction_id: str | None, typed: str, now: int) -> Recovery | None:
    """The recovery by this name that was begun in this interaction a moment ago. The interaction is held, so that of
    two forms at once the second finds what the first began."""
    held = await session.exec(
        update(Interaction)
        .where(col(Interaction.interaction_id) == interaction_id)
        .values(recovery_id=col(Interaction.recovery_id))
        .returning(col(Interaction.recovery_id))
    )
    found = await pending(session, held.scalar_one_or_none(), now)
    if found is None or _typed(found) != typed or found.created_at <= now - attempts.MAILS_APART:
        return None
    return found


async def resend(
    around: Surroundings,
    recovery: Recovery,
    address: str,
    *,
    interaction_id: str | None = None,
    cookies: Mapping[str, str] = MappingProxyType({}),
) -> Wait | None:
    """A new code and link; the old ones end. None when they are in the outbox."""
    now = around.clock()
    if wait := await attempts.count_address(around.hot, around.settings, around.secret_keys, address, now):
        return Wait(wait)
    device = await known_devices.find(around.settings, around.hot, cookies, _typed(recovery), now)
    async with around.database.unit() as session:
        wait = await attempts.count_mail(
            session, around.secret_keys, _typed(recovery), now, network=address, device=device
        )
        if wait:
            return Wait(wait)
        await session.exec(
            update(Recovery)
            .where(col(Recovery.recovery_id) == recovery.recovery_id)
            .values(expires_at=now + around.settings.recovery_code_lifetime)
        )
        await _send(around, session, recovery, interaction_id, now, device is not None)
    return None


async def _send(
    around: Surroundings,
    session: AsyncSession,
    recovery: Recovery,
    interaction_id: str | None,
    now: int,
    at_device: bool,
) -> None:
    """To the stored address, never the typed one (contracts/security.md 6.64). For an address without an account the
    row is written and at once put away as if it had been sent: a stranger gets no mail, and no clock tells.
    `at_device`: the account knows the browser."""
    user = (await session.exec(_account_of(recovery))).first()
    known = user is not None and user.active
    if around.settings.username_signs_in and not at_device:
        whom = recovery.sub or _typed(recovery)
        if await attempts.count_mail_to_account(session, around.secret_keys, whom, now):
            known = False  # enough was asked for by this account's other name
    issued = await verification.issue_with_link(
        around,
        session,
        now,
        Purpose.RECOVERY,
        recovery.recovery_id,
        recovery.email_canonical,
        real=known,
        interaction_id=interaction_id,
        lifetime=around.settings.recovery_code_lifetime,
    )
    to, locale = (user.email, user.locale) if user else (recovery.email, "")
    letter = letters.recovery_mail(around.settings, to, issued.code, now, issued.link, locale=locale)
    if not known:
        outbox.put_away(letter)
    await outbox.post(session, letter, code_id=issued.code_id)


def _typed(recovery: Recovery) -> str:
    """What was typed, as compared: by it everything is counted that a stranger sees."""
    return recovery.username_canonical or recovery.email_canonical


def _account_of(recovery: Recovery) -> SelectOfScalar[User]:
    """The account that it was begun for, as long as it has the address to which the codes go: a name may be another's
    by now (contracts/security.md 7, Pocket ID)."""
    return select(User).where(User.sub == (recovery.sub or ""), User.email_canonical == recovery.email_canonical)


async def pending(session: AsyncSession, recovery_id: str | None, now: int) -> Recovery | None:
    """The recovery, if it still waits for its code."""
    found = await session.get(Recovery, recovery_id) if recovery_id else None
    return found if found is not None and found.completed_at is None and found.expires_at > now else None


async def check(
    around: Surroundings, recovery: Recovery, typed: str, password: str, address: str
) -> NewPassword | CodeRefusal | Weak:
    """A password that the policy does not take costs no try. Raises `Busy` before the guess is counted."""
    weak = _weakness(around, recovery, password)
    if weak is not None:
        return weak
    with around.passwords.place() as place:
        blind = await _guessed_too_often(around, recovery)
        proven = await verification.check(
            around,
            Purpose.RECOVERY,
            recovery.recovery_id,
            recovery.email_canonical,
            typed,
            address,
            guesses_a_day=GUESSES_A_DAY,
            typed_name=_typed(recovery),
            blind=blind,
        )
        if isinstance(proven, CodeRefusal):
            return proven
        return NewPassword(proven, await place.hash(password))


async def confirmed(session: AsyncSession, recovery: Recovery, interaction_id: str, now: int) -> Proven | None:
    """That the mail's link was pressed in the browser of this very recovery: no code is needed there any more."""
    return await mailed_links.confirmed(session, Purpose.RECOVERY, recovery.recovery_id, interaction_id, now)


async def check_confirmed(
    around: Surroundings, recovery: Recovery, proven: Proven, password: str
) -> NewPassword | Weak:
    """As `check`, where the link stands for the code: nothing is guessed, and so nothing is counted. Raises `Busy`."""
    weak = _weakness(around, recovery, password)
    return weak if weak is not None else NewPassword(proven, await around.passwords.hash(password))


def _weakness(around: Surroundings, recovery: Recovery, password: str) -> Weak | None:
    """Not the stored address: who typed a user name must not learn words of it."""
    return weakness(password, (recovery.email, around.settings.name), Policy.of(around.settings))


async def _guessed_too_often(around: Surroundings, recovery: Recovery) -> bool:
    """Counted, for the account, over recoveries by all of its names; where it has one, by that name alone."""
    if not around.settings.username_signs_in:
        return False
    async with around.database.unit() as session:
        whom, now = recovery.sub or _typed(recovery), around.clock()
        over = await attempts.count_guess(session, around.secret_keys, ACCOUNT, whom, now, GUESSES_A_DAY)
    return over > 0


async def complete(
    around: Surroundings,
    session: AsyncSession,
    recovery: Recovery,
    new: NewPassword,
    browser: Browser | None = None,
) -> Proof | None:
    """The new password holds, and whoever typed it has proved to know it; in the caller's unit of work. None when the
    code was used or is too old, or the account is gone or may not sign in. `browser`: where it was typed, for the owner
    to see.

    All other sessions end, and what applications hold, Alexa's links apart (design, decision 6). Where the address was
    never confirmed somebody else may have made the account: then nothing that was made before lives on, Alexa's links
    included (`administration.wipe`).
    """
    now = around.clock()
    # recoveries before their codes, as `resend` takes them, all in one order: two at once wait for each other
    every = await administration.hold_recoveries(session, recovery.email_canonical)
    held = await session.exec(
        update(Recovery)
        .where(
            col(Recovery.recovery_id) == recovery.recovery_id,
            col(Recovery.completed_at).is_(None),
            col(Recovery.expires_at) > now,
        )
        .values(email=col(Recovery.email))
        .returning(col(Recovery.recovery_id))
    )
    if held.first() is None or new.proven.subject != recovery.recovery_id:
        return None
    if not await verification.consume(session, new.proven, now):
        return None
    user = (
        await session.exec(
            _account_of(recovery)
            .where(User.email_canonical == new.proven.email, col(User.active).is_(True))
            .with_for_update(key_share=True)  # an exchange in flight refers to the account, and is waited for below
            .execution_options(populate_existing=True)
        )
    ).first()
    if user is None:
        return None
    if not user.email_verified:
        await administration.wipe(session, user, now)
    await administration.set_password(session, user, new.password_hash, now)
    user.password_by_mail_at = now
    await session.exec(
        update(Recovery).where(col(Recovery.recovery_id) == recovery.recovery_id).values(completed_at=now)
    )
    await session.exec(
        delete(Recovery).where(col(Recovery.recovery_id).in_(every), col(Recovery.recovery_id) != recovery.recovery_id)
    )
    await attempts.forget(session, *attempts.sign_in_counters(around.secret_keys, attempts.row_of(user)))
    await attempts.forget_guesses(session, around.secret_keys, Purpose.RECOVERY, user.email_canonical)
    await attempts.forget_guesses(session, around.secret_keys, Purpose.RECOVERY, _typed(recovery))
    await attempts.forget_guesses(session, around.secret_keys, ACCOUNT, user.sub)
    letter = letters.password_changed_mail(around.settings, user.email, now, locale=user.locale)
    await outbox.post(session, letter, user.sub, recovery.recovery_id)
    await activity.note(session, user.sub, Kind.PASSWORD_RESET, now, browser)
    return Proof(user, PASSWORD, now)


async def was_completed(session: AsyncSession, recovery_id: str | None) -> bool:
    """Whether this recovery has ended with a new password."""
    found = await session.get(Recovery, recovery_id) if recovery_id else None
    return found is not None and found.completed_at is not None


async def still_linked(session: AsyncSession, user: User, now: int) -> bool:
    """Whether an application still acts for this person after the new password."""
    live = select(Grant.grant_id).where(
        Grant.sub == user.sub, Grant.epoch == user.epoch, col(Grant.revoked_at).is_(None), Grant.expires_at > now
    )
    return (await session.exec(live.limit(1))).first() is not None
