"""Six-digit codes sent by mail. Low entropy: stored as a MAC under the server's key, five tries, counted first.

The link that the same mail may carry is no guess: `mailed_links`.
"""

import secrets
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import attempts
from authserver.accounts.mail import letters, outbox
from authserver.accounts.surroundings import Surroundings
from authserver.models import User, VerificationCode
from authserver.secret_values import SecretKey, new_secret, random_token, same, six_digits

TRIES = 5
GUESSES_A_DAY = 20  # codes typed for one address, over all its codes
LINK_PATH = "/confirmUser"  # Cognito's


class Purpose(StrEnum):
    SIGN_UP = "sign_up"  # the subject is a sign-up's id
    VERIFY_EMAIL = "verify_email"  # the subject is a user's `sub`
    RECOVERY = "recovery"  # the subject is a recovery's id
    EMAIL_CHANGE = "email_change"  # the subject is a change's id
    UNLOCK = "unlock"  # the subject is an interaction's id: the account's lock shall not hold there
    SECOND_FACTOR = "second_factor"  # the subject is an interaction's id
    EMAIL_FACTOR = "email_factor"  # the subject is the `sub` of who sets it up


class CodeRefusal(StrEnum):
    """Why a code does not confirm anything."""

    MALFORMED = "malformed"  # not six digits; costs no try
    WRONG = "wrong"
    SPENT = "spent"  # expired, used, guessed at too often, or there was none: only a new one helps
    TOO_MANY = "too_many"  # for this address, or from this network


@dataclass(frozen=True)
class Proven:
    """The right code was typed, or the mail's link pressed where it was asked for: its holder reads the mail of `email`
    (canonical). Good for one `consume`."""

    code_id: str
    subject: str
    email: str


@dataclass(frozen=True)
class Issued:
    """A code for the mail alone, and the URL of its link; '' where the flow belongs to no browser."""

    code_id: str
    code: str = field(repr=False)
    link: str = field(default="", repr=False)


def _mac(key: SecretKey, purpose: Purpose, subject: str, email: str, code: str) -> bytes:
    """The address is in it: a code sent to an old address confirms no new one."""
    return key.mac("verification code", purpose, subject, email, code)


def six_digits_of(typed: str) -> str | None:
    """The six digits of what was typed or pasted, or None."""
    text = "".join(unicodedata.normalize("NFKC", typed).replace("-", "").split())
    return text if len(text) == 6 and text.isascii() and text.isdecimal() else None


async def issue(
    around: Surroundings,
    session: AsyncSession,
    now: int,
    purpose: Purpose,
    subject: str,
    email: str,
    *,
    real: bool,
    lifetime: int | None = None,
) -> Issued:
    """A code without a link; otherwise as `issue_with_link`."""
    return await issue_with_link(
        around, session, now, purpose, subject, email, real=real, interaction_id=None, lifetime=lifetime
    )


async def issue_with_link(
    around: Surroundings,
    session: AsyncSession,
    now: int,
    purpose: Purpose,
    subject: str,
    email: str,
    *,
    real: bool,
    interaction_id: str | None,
    lifetime: int | None = None,
    confirmed: bool = False,
) -> Issued:
    """The one live code of this purpose and subject, with its link; earlier ones end. Without `real` nobody will ever
    know them: the flow of an address that must not get any further looks the same to the last page. `interaction_id`:
    of the one in whose browser the link may be pressed. `lifetime`: seconds, that of the setting for sign-ups unless
    given. `confirmed`: as if the link had been pressed."""
    link, link_digest = new_secret()
    url = f"{around.settings.issuer}{LINK_PATH}?link={link}" if interaction_id else ""
    issued = Issued(random_token(16), six_digits(), url)
    await session.exec(
        update(VerificationCode)
        .where(
            col(VerificationCode.purpose) == purpose,
            col(VerificationCode.subject) == subject,
            col(VerificationCode.used_at).is_(None),
        )
        .values(used_at=now)
    )
    mac = _mac(around.secret_keys.current, purpose, subject, email, issued.code)
    session.add(
        VerificationCode(
            code_id=issued.code_id,
            purpose=purpose,
            subject=subject,
            digest=mac if real else secrets.token_bytes(32),
            link_digest=(link_digest if real else secrets.token_bytes(32)) if interaction_id else None,
            interaction_id=interaction_id,
            email=email[:320],
            confirmed_at=now if confirmed else None,
            created_at=now,
            expires_at=now + (lifetime or around.settings.email_code_lifetime),
        )
    )
    return issued


async def check(
    around: Surroundings,
    purpose: Purpose,
    subject: str,
    email: str,
    typed: str,
    address: str,
    *,
    guesses_a_day: int = GUESSES_A_DAY,
    typed_name: str | None = None,
    blind: bool = False,
) -> Proven | CodeRefusal:
    """Counts the guess, commits, and only then compares: neither an error nor a parallel guess is a free one.

    `typed_name`: under which guesses are counted, where the person does not know `email`. `blind`: nothing is compared,
    and no code is right; all else is the same.
    """
    code = six_digits_of(typed)
    if code is None:
        return CodeRefusal.MALFORMED
    now = around.clock()
    if await attempts.count_address(around.hot, around.settings, around.secret_keys, address, now):
        return CodeRefusal.TOO_MANY
    async with around.database.unit() as session:
        if await attempts.count_guess(session, around.secret_keys, purpose, typed_name or email, now, guesses_a_day):
            return CodeRefusal.TOO_MANY
        live = (
            await session.exec(
                update(VerificationCode)
                .where(
                    col(VerificationCode.purpose) == purpose,
                    col(VerificationCode.subject) == subject,
                    col(VerificationCode.used_at).is_(None),
                    col(VerificationCode.expires_at) > now,
                    col(VerificationCode.tries) < TRIES,
                )
                .values(tries=col(VerificationCode.tries) + 1)
                .returning(col(VerificationCode.code_id), col(VerificationCode.digest), col(VerificationCode.tries))
            )
        ).all()
    presented = [_mac(key, purpose, subject, email, code) for key in around.secret_keys.all()]
    for code_id, digest, _ in live:
        if not blind and any(same(digest, mac) for mac in presented):
            return Proven(code_id, subject, email)
    return CodeRefusal.WRONG if any(tries < TRIES for _, _, tries in live) else CodeRefusal.SPENT


async def consume(session: AsyncSession, proven: Proven, now: int) -> bool:
    """Once, and in time: False for whoever comes second or too late."""
    used = await session.exec(
        update(VerificationCode)
        .where(
            col(VerificationCode.code_id) == proven.code_id,
            col(VerificationCode.used_at).is_(None),
            col(VerificationCode.expires_at) > now,
        )
        .values(used_at=now)
        .returning(col(VerificationCode.code_id))
    )
    return used.first() is not None


async def send_to_user(
    around: Surroundings,
    session: AsyncSession,
    user: User,
    now: int,
    *,
    hurry: bool,
    interaction_id: str | None = None,
    network: str = "",
) -> int:
    """A code for an account whose address was never confirmed: 0 when it is in the outbox, else the seconds to wait. It
    goes to the stored address, never to a typed one. `interaction_id` as in `issue_with_link`; `network`: whence it is
    asked."""
    wait = await attempts.count_mail(
        session, around.secret_keys, user.email_canonical, now, network=network, hurry=hurry
    )
    if wait:
        return wait
    issued = await issue_with_link(
        around,
        session,
        now,
        Purpose.VERIFY_EMAIL,
        user.sub,
        user.email_canonical,
        real=True,
        interaction_id=interaction_id,
    )
    letter = letters.code_mail(around.settings, user.email, issued.code, now, issued.link, locale=user.locale)
    await outbox.post(session, letter, code_id=issued.code_id)
    return 0
