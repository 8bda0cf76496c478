"""A code of six digits to the confirmed address: weaker than an app, since the mailbox also gives new passwords."""

from dataclasses import dataclass

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import attempts, verification
from authserver.accounts.mail import letters, outbox
from authserver.accounts.second_factor.factor import Factor
from authserver.accounts.surroundings import Surroundings
from authserver.accounts.verification import CodeRefusal, Proven, Purpose
from authserver.models import User, VerificationCode

NAME = "email"
LIFETIME = 600  # seconds of a code
GUESSES_A_DAY = 100  # more than the delays of `asking.count` let anybody make: the password was right before each


@dataclass(frozen=True)
class RightMailCode:
    """The code of this sign-in, or the one with which somebody shows that our mails reach them."""

    proven: Proven
    sub: str
    setting_up: bool

    method = NAME
    amr = ("email_otp", "mfa")

    async def consume(self, session: AsyncSession, now: int) -> bool:
        if not await verification.consume(session, self.proven, now):
            return False
        if not self.setting_up:
            return True
        begun = await session.exec(
            update(User)
            .where(
                col(User.sub) == self.sub,
                col(User.email_canonical) == self.proven.email,
                col(User.email_verified).is_(True),
                col(User.email_code_factor_since).is_(None),
            )
            .values(email_code_factor_since=now, updated_at=now)
            .returning(col(User.sub))
        )
        return begun.first() is not None


def _purpose(setting_up: bool) -> Purpose:
    return Purpose.EMAIL_FACTOR if setting_up else Purpose.SECOND_FACTOR


async def send(
    around: Surroundings,
    session: AsyncSession,
    user: User,
    subject: str,
    network: str,
    *,
    setting_up: bool = False,
    hurry: bool = False,
) -> int:
    """0 when it is in the outbox, else the seconds to wait. `subject`: the interaction, or the account that sets it up:
    a code is good for nothing else; `network`: whence it is asked. It goes to the stored address."""
    now = around.clock()
    if wait := await attempts.count_factor_mail(session, around.secret_keys, user.sub, network, now, hurry=hurry):
        return wait
    issued = await verification.issue(
        around, session, now, _purpose(setting_up), subject, user.email_canonical, real=True, lifetime=LIFETIME
    )
    letter = letters.second_factor_code_mail(
        around.settings, user.email, issued.code, LIFETIME, now, locale=user.locale
    )
    await outbox.post(session, letter, code_id=issued.code_id)
    return 0


async def was_sent(session: AsyncSession, subject: str, *, setting_up: bool = False) -> bool:
    """Whether a code was ever sent for this: the next one is for whoever asks."""
    found = await session.exec(
        select(VerificationCode.code_id)
        .where(VerificationCode.purpose == _purpose(setting_up), VerificationCode.subject == subject)
        .limit(1)
    )
    return found.first() is not None


async def check(
    around: Surroundings, user: User, subject: str, typed: str, address: str, *, setting_up: bool = False
) -> RightMailCode | CodeRefusal:
    """Counts the guess at this code, and commits, before it compares (`verification.check`)."""
    purpose, email = _purpose(setting_up), user.email_canonical
    proven = await verification.check(around, purpose, subject, email, typed, address, guesses_a_day=GUESSES_A_DAY)
    return proven if isinstance(proven, CodeRefusal) else RightMailCode(proven, user.sub, setting_up)


async def _since(_session: AsyncSession, user: User) -> int | None:
    return user.email_code_factor_since if user.email_verified else None


async def _end(session: AsyncSession, user: User) -> bool:
    ended = await session.exec(
        update(User)
        .where(col(User.sub) == user.sub, col(User.email_code_factor_since).is_not(None))
        .values(email_code_factor_since=None)
        .returning(col(User.sub))
    )
    return ended.first() is not None


FACTOR = Factor(NAME, RightMailCode.amr, _since, _end)
