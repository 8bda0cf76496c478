"""Past an account's lock by mail: who reads the mail of the account's address may try the password at once.

A mail with a code and a link; either, in the browser that asked, makes its interaction one in which the lock of that
account does not hold (`lockout`), for a few tries. The password is asked for all the same. A name without an account
goes the same way to the eye and to the clock (contracts/security.md 6.58, 6.63).
"""

from collections.abc import Mapping

from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import attempts, known_devices, lockout, verification
from authserver.accounts.mail import letters, outbox
from authserver.accounts.sign_in import canonical_name
from authserver.accounts.sign_up import Wait
from authserver.accounts.surroundings import Surroundings
from authserver.accounts.verification import CodeRefusal, Proven, Purpose
from authserver.models import Interaction, User, VerificationCode

GUESSES_A_DAY = 10  # wrong codes for one name, over all its mails


async def send(
    around: Surroundings, interaction_id: str, name: str, address: str, cookies: Mapping[str, str]
) -> Wait | None:
    """None when the mail, if there is an account that may sign in, is in the outbox. `name` as typed, `address` the
    network address; `cookies` may show that the browser is known to the account. It goes to the stored address, never
    the typed one."""
    canonical, now = canonical_name(name), around.clock()
    if wait := await attempts.count_address(around.hot, around.settings, around.secret_keys, address, now):
        return Wait(wait)
    device = await known_devices.find(around.settings, around.hot, cookies, canonical, now)
    async with around.database.unit() as session:
        wait = await attempts.count_mail(session, around.secret_keys, canonical, now, network=address, device=device)
        if wait:
            return Wait(wait)
        named = or_(col(User.email_canonical) == canonical, col(User.username_canonical) == canonical)
        user = (await session.exec(select(User).where(named))).first()
        known = user is not None and user.active
        issued = await verification.issue_with_link(
            around,
            session,
            now,
            Purpose.UNLOCK,
            interaction_id,
            canonical,
            real=known,
            interaction_id=interaction_id,
            lifetime=around.settings.recovery_code_lifetime,
        )
        to, locale = (user.email, user.locale) if user else (canonical, "")
        letter = letters.unlock_mail(around.settings, to, issued.code, now, issued.link, locale=locale)
        if not known:
            outbox.put_away(letter)
        await outbox.post(session, letter, code_id=issued.code_id)
    return None


async def pending(session: AsyncSession, interaction_id: str, now: int) -> str | None:
    """The canonical name for which a mail was asked in this interaction and whose code may still be used."""
    found = await session.exec(
        select(VerificationCode.email).where(
            VerificationCode.purpose == Purpose.UNLOCK,
            VerificationCode.subject == interaction_id,
            col(VerificationCode.used_at).is_(None),
            VerificationCode.expires_at > now,
        )
    )
    return found.first()


async def check(around: Surroundings, interaction_id: str, name: str, typed: str, address: str) -> Proven | CodeRefusal:
    """`name`: what `pending` found; `typed`: the code."""
    return await verification.check(
        around, Purpose.UNLOCK, interaction_id, name, typed, address, guesses_a_day=GUESSES_A_DAY
    )


async def complete(
    around: Surroundings, session: AsyncSession, interaction: Interaction, proven: Proven, now: int
) -> bool:
    """The lock does not hold in this interaction from now on, for so many tries; in the caller's unit of work. False
    when the code was used, or asked for elsewhere."""
    if proven.subject != interaction.interaction_id or not await verification.consume(session, proven, now):
        return False
    interaction.unlocked = proven.email
    session.add(interaction)
    await attempts.forget(session, lockout.unlocked_counter(around, interaction.interaction_id, proven.email))
    await attempts.forget_guesses(session, around.secret_keys, Purpose.UNLOCK, proven.email)
    return True
