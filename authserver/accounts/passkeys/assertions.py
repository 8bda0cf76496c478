"""Who somebody is, proved with a passkey: in the password's place, or after it.

A passkey knows no lock-out: it cannot be guessed, and an attacker who keeps failing with passwords must not lock its
owner out (contracts/security.md 6.63). Attempts are counted for each network apart from those with passwords.
"""

import logging
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession
from webauthn.helpers import encode_cbor
from webauthn.helpers.structs import CredentialDeviceType

from authserver.accounts import activity, attempts
from authserver.accounts.activity import Kind
from authserver.accounts.entry import Browser, Proof
from authserver.accounts.passkeys import PasskeyRefusal, Reason, ceremonies, challenges
from authserver.accounts.passkeys.challenges import Ceremony
from authserver.accounts.surroundings import Surroundings
from authserver.models import Passkey, User

log = logging.getLogger(__name__)

#: `amr`, RFC 8176: the key may leave its device by the cloud of its maker, or never does
SYNCED, BOUND = "swk", "hwk"
#: the authenticator also asked its holder for a PIN, a finger or a face: two factors at once
VERIFIED = "mfa"


def _nobodys_key() -> bytes:
    """COSE of a key whose private half nobody has."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    return encode_cbor({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})


#: compared where there is no such passkey, so that the clock does not tell
NOBODYS_KEY = _nobodys_key()


@dataclass(frozen=True)
class Asserted:
    """The proof that whoever holds this passkey signed what this browser was asked. `accept` and `accept_second` take
    it while account and passkey are as they were compared, and nothing else does."""

    ceremony: Ceremony
    user: User
    credential_id: bytes
    seen: int  # the counter that was stored
    sign_count: int
    backed_up: bool
    method: str  # `amr`
    at: int


async def sign_in_options(around: Surroundings, session: AsyncSession, owner: str) -> dict[str, Any]:
    """For whoever comes: the passkey says who they are."""
    challenge = await challenges.issue(session, Ceremony.SIGN_IN, owner, around.clock())
    return ceremonies.request_options(around.settings, challenge, verified=True)


async def second_factor_options(
    around: Surroundings, session: AsyncSession, owner: str, user: User
) -> dict[str, Any] | None:
    """For whoever has proved a first factor as this person; None when they have no passkey. Their password is known to
    whoever asks: to hold the passkey is enough."""
    present = (await session.exec(select(Passkey).where(Passkey.sub == user.sub))).all()
    if not present or not around.settings.relying_party_id:
        return None
    challenge = await challenges.issue(session, Ceremony.SECOND_FACTOR, owner, around.clock())
    return ceremonies.request_options(around.settings, challenge, verified=False, allowed=present)


async def check(
    around: Surroundings, ceremony: Ceremony, owner: str, posted: str, browser: Browser, *, of: str | None = None
) -> Asserted | PasskeyRefusal:
    """`posted`: the browser's answer as the form holds it. `of`: the `sub` of the only account that counts, where a
    first factor has been proved.

    The attempt is counted and the challenge consumed, both committed, before anything is verified: neither an error nor
    a parallel use is a second try.
    """
    presented = ceremonies.read_presented(posted)
    if presented is None:
        return PasskeyRefusal(Reason.NOTHING)
    now = around.clock()
    if wait := await attempts.count_address(
        around.hot, around.settings, around.secret_keys, browser.address, now, what="passkey"
    ):
        return PasskeyRefusal(Reason.TOO_MANY, wait)
    async with around.database.unit() as session:
        open_here = await challenges.consume(session, ceremony, owner, presented.challenge, now)
        found = (
            await session.exec(
                select(Passkey, User)
                .join(User, col(User.sub) == col(Passkey.sub))
                .where(Passkey.credential_id == presented.credential.raw_id)
            )
        ).first()
    if not open_here:
        return PasskeyRefusal(Reason.OUTDATED)
    verified = ceremonies.verify_presented(
        around.settings,
        presented,
        found[0].public_key if found else NOBODYS_KEY,
        verified=ceremony is Ceremony.SIGN_IN,
    )
    if found is None or verified is None:
        return PasskeyRefusal(Reason.WRONG)
    passkey, user = found
    handle = presented.credential.response.user_handle
    named = handle == ceremonies.user_handle(user) if handle or of is None else True  # WebAuthn §7.2 step 6
    eligible = verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE
    if not named or not user.active or of not in (None, user.sub) or eligible != passkey.backup_eligible:
        return PasskeyRefusal(Reason.WRONG)
    if (verified.new_sign_count or passkey.sign_count) and verified.new_sign_count <= passkey.sign_count:
        await _note_copy(around, passkey, browser, now)
        return PasskeyRefusal(Reason.WRONG)
    return Asserted(
        ceremony,
        user,
        passkey.credential_id,
        passkey.sign_count,
        verified.new_sign_count,
        verified.credential_backed_up,
        SYNCED if eligible else BOUND,
        now,
    )


async def _note_copy(around: Surroundings, passkey: Passkey, browser: Browser, now: int) -> None:
    """The counter of a passkey went back: there may be two of it (WebAuthn §6.1.1)."""
    log.warning("the counter of a passkey of %s went back: it may have been copied, and was refused", passkey.sub)
    async with around.database.unit() as session:
        await activity.note(session, passkey.sub, Kind.PASSKEY_REFUSED, now, browser, name=passkey.name)


async def accept(session: AsyncSession, asserted: Asserted) -> Proof | PasskeyRefusal:
    """A passkey in the password's place. What was compared still holds, in the caller's unit of work, which has the
    account from now on, as after `sign_in.accept`: whoever disables it or removes the passkey either came before, or
    finds the session that is made of the proof.

    The count of wrong passwords stays as it is: whoever guesses gets no new guesses by the owner's sign-ins.
    """
    if asserted.ceremony is not Ceremony.SIGN_IN or not await _used(session, asserted):
        return PasskeyRefusal(Reason.WRONG)
    user = await session.get_one(User, asserted.user.sub, populate_existing=True)
    return Proof(user, [asserted.method, VERIFIED], asserted.at)


async def accept_second(session: AsyncSession, asserted: Asserted, user: User) -> str | None:
    """A passkey after the password of this person: the `amr` that it adds, or None; the unit of work as in `accept`."""
    if asserted.ceremony is not Ceremony.SECOND_FACTOR or asserted.user.sub != user.sub:
        return None
    return asserted.method if await _used(session, asserted) else None


async def _used(session: AsyncSession, asserted: Asserted) -> bool:
    """Notes the use; False when account or passkey are no longer those that were compared. The account first, as
    wherever sessions begin or end."""
    held = await session.exec(
        update(User)
        .where(
            col(User.sub) == asserted.user.sub,
            col(User.active).is_(True),
            col(User.epoch) == asserted.user.epoch,
        )
        .values(updated_at=col(User.updated_at))
        .returning(col(User.sub))
    )
    if held.first() is None:
        return False
    used = await session.exec(
        update(Passkey)
        .where(
            col(Passkey.credential_id) == asserted.credential_id,
            col(Passkey.sub) == asserted.user.sub,
            col(Passkey.sign_count) == asserted.seen,
        )
        .values(sign_count=asserted.sign_count, backed_up=asserted.backed_up, last_used_at=asserted.at)
        .returning(col(Passkey.credential_id))
    )
    return used.first() is not None
