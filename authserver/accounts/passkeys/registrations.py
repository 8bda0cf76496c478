"""A new passkey, for whoever is signed in and has just proved it."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import activity, sessions
from authserver.accounts.activity import Kind
from authserver.accounts.entry import Browser
from authserver.accounts.mail import letters, outbox
from authserver.accounts.passkeys import PasskeyRefusal, Reason, challenges, own
from authserver.accounts.passkeys.challenges import Ceremony
from authserver.accounts.passkeys.loading import rules_loaded
from authserver.accounts.surroundings import Surroundings
from authserver.models import Passkey, Session, User

MOST = 20  # of one person, as in Cognito (contracts/cognito.md 7)


@dataclass(frozen=True)
class NewPasskey:
    """The proof: a browser of this person made it when it was asked to. `add` alone makes use of it."""

    user: User
    passkey: Passkey = field(repr=False)


async def options(around: Surroundings, session: AsyncSession, user: User, browser: Session) -> dict[str, Any]:
    """What the browser is asked; whoever has one of these passkeys already does not get another."""
    await rules_loaded()
    from authserver.accounts.passkeys import ceremonies  # only here: it loads py_webauthn

    present = (await session.exec(select(Passkey).where(Passkey.sub == user.sub))).all()
    challenge = await challenges.issue(session, Ceremony.REGISTRATION, browser.digest.hex(), around.clock())
    return ceremonies.registration_options(around.settings, user, challenge, present)


async def check(
    around: Surroundings, user: User, browser: Session, posted: str, name: str
) -> NewPasskey | PasskeyRefusal:
    """`posted`: the browser's answer as the form holds it; `name`: what the person will know it by."""
    await rules_loaded()
    from authserver.accounts.passkeys import ceremonies  # only here: it loads py_webauthn

    made = ceremonies.read_newly_made(posted)
    if made is None:
        return PasskeyRefusal(Reason.NOTHING)
    now = around.clock()
    async with around.database.unit() as session:
        if not await challenges.consume(session, Ceremony.REGISTRATION, browser.digest.hex(), made.challenge, now):
            return PasskeyRefusal(Reason.OUTDATED)
    verified = ceremonies.verify_newly_made(around.settings, made)
    if verified is None:
        return PasskeyRefusal(Reason.WRONG)
    transports = made.credential.response.transports or []
    return NewPasskey(
        user,
        Passkey(
            credential_id=verified.credential_id,
            sub=user.sub,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            name=name,
            aaguid=verified.aaguid,
            transports=list(dict.fromkeys(transport.value for transport in transports)),
            backup_eligible=ceremonies.leaves_its_device(verified),
            backed_up=verified.credential_backed_up,
            created_at=now,
        ),
    )


async def add(
    around: Surroundings, session: AsyncSession, new: NewPasskey, signed_in: Session, browser: Browser
) -> Passkey | PasskeyRefusal:
    """It opens the account from now on, and a mail says so; in the caller's unit of work. Refused when the session that
    it was made in has ended meanwhile: its end may be the owner's answer to a thief."""
    now = around.clock()
    held = await session.exec(
        update(User)
        .where(col(User.sub) == new.user.sub, col(User.active).is_(True), col(User.epoch) == new.user.epoch)
        .values(updated_at=col(User.updated_at))
        .returning(col(User.sub))
    )
    if held.first() is None or not await sessions.hold(session, signed_in):
        return PasskeyRefusal(Reason.OUTDATED)
    present = (await session.exec(select(Passkey.credential_id).where(Passkey.sub == new.user.sub))).all()
    if len(present) >= MOST:
        return PasskeyRefusal(Reason.FULL)
    try:
        async with session.begin_nested():
            session.add(new.passkey)
    except IntegrityError:  # WebAuthn §7.1 step 26: a passkey belongs to one account
        return PasskeyRefusal(Reason.KNOWN)
    user, key = new.user, own.key_of(new.passkey)
    letter = letters.passkey_added_mail(around.settings, user.email, new.passkey.name, now, locale=user.locale)
    await outbox.post(session, letter, user.sub, key, now)
    await activity.note(session, new.user.sub, Kind.PASSKEY_ADDED, now, browser, name=new.passkey.name)
    return new.passkey
