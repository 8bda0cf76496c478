"""Signing up: an address and a password wait for the code; there is no account before it is confirmed.

A known address goes the same way to the eye and to the clock: the same page asks for a code, but the mail tells the
owner that there is an account already, and no code completes it (contracts/security.md 6.58, 6.67).
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import uuid4

from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import activity, attempts, usernames, verification
from authserver.accounts.activity import Kind
from authserver.accounts.browser import Browser
from authserver.accounts.mail import letters, outbox
from authserver.accounts.names import NotAnAddressError, NotAUsernameError, Username, read_email, read_username
from authserver.accounts.password_policy import Policy, Weak, weakness
from authserver.accounts.surroundings import Surroundings
from authserver.accounts.verification import Proven, Purpose
from authserver.languages import spoken
from authserver.models import Interaction, SignUp, User
from authserver.secret_values import random_token


class NotAnAddress(StrEnum):
    """The e-mail field holds no address that can be used."""

    EMAIL = "email"


class UnusableName(StrEnum):
    """Why a user name cannot be had."""

    MISSING = "missing"
    MALFORMED = "malformed"
    TAKEN = "taken"


@dataclass(frozen=True)
class Wait:
    """Too much was asked; try again after so many seconds."""

    seconds: int


async def begin(
    around: Surroundings,
    email: str,
    password: str,
    address: str,
    *,
    username: str = "",
    interaction_id: str | None = None,
) -> SignUp | NotAnAddress | UnusableName | Weak | Wait:
    """The sign-up that waits for its code, and for which the interaction then waits, in whose browser alone the mail's
    link works; the mail is in the outbox. Raises `Busy`, but not for a network over its limit: that is refused before
    it takes a place. `username`: where people sign in with one, and must where they sign in with nothing else.

    The same form sent twice is one sign-up with one code and one mail, and the password is the one typed last.

    That a user name is taken is told, as everywhere where people choose one, and to a network a hundred times in ten
    minutes; whether the address has an account makes no difference.
    """
    try:
        name = read_email(email, public=True)
    except NotAnAddressError:
        return NotAnAddress.EMAIL
    chosen = _chosen(around, username)
    if isinstance(chosen, UnusableName):
        return chosen
    own = (name.address, name.canonical, username, around.settings.name)
    weak = weakness(password, own, Policy.of(around.settings))
    if weak is not None:
        return weak
    now = around.clock()
    if wait := await attempts.count_address(around.hot, around.settings, around.secret_keys, address, now):
        return Wait(wait)
    if chosen is not None:
        async with around.database.unit() as session:
            if await usernames.is_taken(session, chosen):
                return UnusableName.TAKEN
    password_hash = await around.passwords.hash(password)
    sign_up = SignUp(
        sign_up_id=random_token(16),
        email=name.address,
        email_canonical=name.canonical,
        username=chosen.name if chosen else None,
        username_canonical=chosen.canonical if chosen else None,
        password_hash=password_hash,
        locale=language.tag if (language := spoken()) else "",
        created_at=now,
        expires_at=now + around.settings.email_code_lifetime,
    )
    async with around.database.unit() as session:
        again = await _just_begun(session, interaction_id, name.canonical, now)
        if again is not None:
            again.password_hash = password_hash
            again.username, again.username_canonical = sign_up.username, sign_up.username_canonical
            session.add(again)
            return again
        wait = await attempts.count_mail(session, around.secret_keys, name.canonical, now, network=address, hurry=True)
        if wait:
            return Wait(wait)
        session.add(sign_up)
        await session.exec(
            update(Interaction)
            .where(col(Interaction.interaction_id) == interaction_id)
            .values(sign_up_id=sign_up.sign_up_id)
        )
        await _send(around, session, sign_up, interaction_id, now)
    return sign_up


def _chosen(around: Surroundings, username: str) -> Username | UnusableName | None:
    """None where nobody signs in with a user name, or where it may be left out, and was."""
    if not around.settings.username_signs_in:
        return None
    if not username.strip():
        return None if around.settings.email_signs_in else UnusableName.MISSING
    try:
        return read_username(username)
    except NotAUsernameError:
        return UnusableName.MALFORMED


async def _just_begun(
    session: AsyncSession, interaction_id: str | None, email_canonical: str, now: int
) -> SignUp | None:
    """The sign-up with this address that was begun in this interaction a moment ago. The interaction is held, so that
    of two forms at once the second finds what the first began."""
    held = await session.exec(
        update(Interaction)
        .where(col(Interaction.interaction_id) == interaction_id)
        .values(sign_up_id=col(Interaction.sign_up_id))
        .returning(col(Interaction.sign_up_id))
    )
    found = await pending(session, held.scalar_one_or_none(), now)
    if found is None or found.email_canonical != email_canonical or found.created_at <= now - attempts.MAILS_APART:
        return None
    return found


async def _send(
    around: Surroundings, session: AsyncSession, sign_up: SignUp, interaction_id: str | None, now: int
) -> None:
    owner = (await session.exec(select(User).where(User.email_canonical == sign_up.email_canonical))).first()
    issued = await verification.issue_with_link(
        around,
        session,
        now,
        Purpose.SIGN_UP,
        sign_up.sign_up_id,
        sign_up.email_canonical,
        real=owner is None,
        interaction_id=interaction_id,
    )
    if owner is not None:
        letter = letters.account_exists_mail(around.settings, sign_up.email, now, locale=owner.locale)
    else:
        letter = letters.code_mail(around.settings, sign_up.email, issued.code, now, issued.link, locale=sign_up.locale)
    await outbox.post(session, letter, code_id=issued.code_id)


async def resend(
    around: Surroundings, sign_up: SignUp, address: str, *, interaction_id: str | None = None
) -> Wait | None:
    """A new code and link; the old ones end. None when they are in the outbox."""
    now = around.clock()
    if wait := await attempts.count_address(around.hot, around.settings, around.secret_keys, address, now):
        return Wait(wait)
    async with around.database.unit() as session:
        if wait := await attempts.count_mail(
            session, around.secret_keys, sign_up.email_canonical, now, network=address
        ):
            return Wait(wait)
        await session.exec(
            update(SignUp)
            .where(col(SignUp.sign_up_id) == sign_up.sign_up_id)
            .values(expires_at=now + around.settings.email_code_lifetime)
        )
        await _send(around, session, sign_up, interaction_id, now)
    return None


async def pending(session: AsyncSession, sign_up_id: str | None, now: int) -> SignUp | None:
    """The sign-up, if it still waits for its code."""
    sign_up = await session.get(SignUp, sign_up_id) if sign_up_id else None
    return sign_up if sign_up is not None and sign_up.completed_at is None and sign_up.expires_at > now else None


async def complete(
    session: AsyncSession, sign_up: SignUp, proven: Proven, now: int, browser: Browser | None = None
) -> User | None:
    """The account, with the password of this sign-up and no other: whoever else registered the address made nothing
    that lives on. None when the code was used or somebody made the account in between. A user name that somebody else
    got in between is not given; another one can be chosen on the account's page. `browser`: where the code was typed,
    for the owner to see."""
    if proven.subject != sign_up.sign_up_id or not await verification.consume(session, proven, now):
        return None
    username = None
    if sign_up.username and sign_up.username_canonical:
        username = Username(sign_up.username, sign_up.username_canonical)
    if username is not None and await usernames.is_taken(session, username):
        username = None
    sub = await _make(session, sign_up, username, now)
    if sub is None and username is not None:  # the name or the address is somebody's since a moment ago
        sub = await _make(session, sign_up, None, now)
    if sub is None:
        return None
    await session.exec(
        update(SignUp).where(col(SignUp.sign_up_id) == sign_up.sign_up_id).values(completed_at=now, password_hash="")
    )
    await session.exec(
        delete(SignUp).where(
            col(SignUp.email_canonical) == sign_up.email_canonical, col(SignUp.sign_up_id) != sign_up.sign_up_id
        )
    )
    await activity.note(session, sub, Kind.SIGNED_UP, now, browser)
    return await session.get_one(User, sub)


async def _make(session: AsyncSession, sign_up: SignUp, username: Username | None, now: int) -> str | None:
    """The `sub` of the new account; None when its address or name is somebody's."""
    sub = str(uuid4())
    attributes = {"locale": sign_up.locale} if sign_up.locale else {}
    if username is not None:
        attributes["preferred_username"] = username.name
    made = (
        attempts.insert_for(session.get_bind().dialect)(User)
        .values(
            sub=sub,
            username=username.canonical if username else sub,
            username_canonical=username.canonical if username else None,
            email=sign_up.email,
            email_canonical=sign_up.email_canonical,
            email_verified=True,
            password_hash=sign_up.password_hash,
            active=True,
            epoch=0,
            attributes=attributes,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing()
        .returning(col(User.sub))
    )
    return sub if (await (await session.connection()).execute(made)).first() is not None else None
