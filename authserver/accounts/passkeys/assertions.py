"""Who somebody is, proved with a passkey: in the password's place, or after it.

A passkey knows no lock-out: it cannot be guessed, and an attacker who keeps failing with passwords must not lock its
owner out (contracts/security.md 6.63). Attempts are counted for each network apart from those with passwords.
"""

import logging
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import activity, attempts
from authserver.accounts.activity import Kind
from authserver.accounts.entry import Browser, Proof
from authserver.accounts.passkeys import PasskeyRefusal, Reason, challenges, own
from authserver.accounts.passkeys.challenges import Ceremony
from authserver.accounts.passkeys.loading import rules_loaded
from authserver.accounts.second_factor import passkey
from authserver.accounts.surroundings import Surroundings
from authserver.models import Passkey, User

log = logging.getLogger(__name__)

#: `amr`, RFC 8176: the key may leave its device by the cloud of its maker, or never does
SYNCED, BOUND = "swk", "hwk"
#: the authenticator also asked its holder for a PIN, a finger or a face: two factors at once
VERIFIED = "mfa"


@dataclass(frozen=True)
class Use:
    """Whoever holds this passkey signed what this browser was asked, and account and passkey were as they are here."""

    user: User
    credential_id: bytes
    seen: int  # the counter that was stored
    sign_count: int
    backed_up: bool
    key: str  # `SYNCED` or `BOUND`
    at: int


class SignIn(Use):
    """The proof of who somebody is, from a holder who proved to be the owner. `accept` alone makes use of it."""


class RightPasskey(Use):
    """The proof of a second factor, of the account whose first one was proved; as `second_factor.factor.Right`."""

    method = passkey.NAME

    @property
    def amr(self) -> tuple[str, ...]:
        return (self.key, VERIFIED)

    async def consume(self, session: AsyncSession, now: int) -> bool:
        """In the unit of work that holds the account; False for whoever comes second, or once it was removed."""
        return await _used(session, self, now)


async def sign_in_options(around: Surroundings, session: AsyncSession, owner: str) -> dict[str, Any]:
    """For whoever comes: the passkey says who they are."""
    await rules_loaded()
    from authserver.accounts.passkeys import ceremonies  # only here: it loads py_webauthn

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
    await rules_loaded()
    from authserver.accounts.passkeys import ceremonies  # only here: it loads py_webauthn

    challenge = await challenges.issue(session, Ceremony.SECOND_FACTOR, owner, around.clock())
    return ceremonies.request_options(around.settings, challenge, verified=False, allowed=present)


async def check(around: Surroundings, owner: str, posted: str, browser: Browser) -> SignIn | PasskeyRefusal:
    """`owner`: the interaction's id; `posted`: the browser's answer as the form holds it."""
    found = await _check(around, Ceremony.SIGN_IN, owner, posted, browser, None)
    return found if isinstance(found, PasskeyRefusal) else SignIn(**vars(found))


async def check_second(
    around: Surroundings, owner: str, posted: str, browser: Browser, user: User
) -> RightPasskey | PasskeyRefusal:
    """As `check`, where this person's first factor has been proved: no other account's passkey counts."""
    found = await _check(around, Ceremony.SECOND_FACTOR, owner, posted, browser, user.sub)
    return found if isinstance(found, PasskeyRefusal) else RightPasskey(**vars(found))


async def _check(
    around: Surroundings, ceremony: Ceremony, owner: str, posted: str, browser: Browser, of: str | None
) -> Use | PasskeyRefusal:
    """The attempt is counted and the challenge consumed, both committed, before anything is verified: neither an error
    nor a parallel use is a second try. `of`: the `sub` of the only account that counts."""
    await rules_loaded()
    from authserver.accounts.passkeys import ceremonies  # only here: it loads py_webauthn

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
        found[0].public_key if found else ceremonies.NOBODYS_KEY,
        verified=ceremony is Ceremony.SIGN_IN,
    )
    if found is None or verified is None:
        return PasskeyRefusal(Reason.WRONG)
    held, user = found
    handle = presented.credential.response.user_handle
    named = handle == own.user_handle(user) if handle or of is None else True  # WebAuthn §7.2 step 6
    eligible = ceremonies.leaves_its_device(verified)
    if not named or not user.active or of not in (None, user.sub) or eligible != held.backup_eligible:
        return PasskeyRefusal(Reason.WRONG)
    if (verified.new_sign_count or held.sign_count) and verified.new_sign_count <= held.sign_count:
        await _note_copy(around, held, browser, now)
        return PasskeyRefusal(Reason.WRONG)
    return Use(
        user,
        held.credential_id,
        held.sign_count,
        verified.new_sign_count,
        verified.credential_backed_up,
        SYNCED if eligible else BOUND,
        now,
    )


async def _note_copy(around: Surroundings, held: Passkey, browser: Browser, now: int) -> None:
    """The counter of a passkey went back: there may be two of it (WebAuthn §6.1.1)."""
    log.warning("the counter of a passkey of %s went back: it may have been copied, and was refused", held.sub)
    async with around.database.unit() as session:
        await activity.note(session, held.sub, Kind.PASSKEY_REFUSED, now, browser, name=held.name)


async def accept(session: AsyncSession, signed: SignIn) -> Proof | PasskeyRefusal:
    """A passkey in the password's place. What was compared still holds, in the caller's unit of work, which has the
    account from now on, as after `sign_in.accept`: whoever disables it or removes the passkey either came before, or
    finds the session that is made of the proof.

    The count of wrong passwords stays as it is: whoever guesses gets no new guesses by the owner's sign-ins.
    """
    held = await session.exec(
        update(User)
        .where(col(User.sub) == signed.user.sub, col(User.active).is_(True), col(User.epoch) == signed.user.epoch)
        .values(updated_at=col(User.updated_at))
        .returning(col(User.sub))
    )
    if held.first() is None or not await _used(session, signed, signed.at):
        return PasskeyRefusal(Reason.WRONG)
    user = await session.get_one(User, signed.user.sub, populate_existing=True)
    return Proof(user, [signed.key, VERIFIED], signed.at)


async def _used(session: AsyncSession, use: Use, now: int) -> bool:
    """Notes it; False when the passkey is gone, or was used meanwhile with a counter. The account is held."""
    used = await session.exec(
        update(Passkey)
        .where(
            col(Passkey.credential_id) == use.credential_id,
            col(Passkey.sub) == use.user.sub,
            col(Passkey.sign_count) == use.seen,
        )
        .values(sign_count=use.sign_count, backed_up=use.backed_up, last_used_at=now)
        .returning(col(Passkey.credential_id))
    )
    return used.first() is not None
