"""How often a password may be tried: the account's count, and the two ways past it that strangers cannot use up.

After `sign_in_attempts` failures an account rests, whoever failed (`attempts.count_sign_in`). A device that the account
knows has a finite count of its own; so has an interaction whose browser pressed the link of a mail to the account's
address, or typed its code (`unlocking`). Neither signs in: the password is compared all the same. Whatever proves who
somebody is without a password, such as a passkey, does not come here and is held by no lock (`entry`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import attempts, known_devices
from authserver.accounts.activity import Kind
from authserver.accounts.surroundings import Surroundings
from authserver.models import User
from authserver.secret_values import random_token
from authserver.settings import Settings
from authserver.storage.people_statements import NOTE_ACTIVITY

UNLOCKED_TRIES = 5


@dataclass(frozen=True)
class Passes:
    """What a browser has that may lead past an account's lock. `unlocked`: the canonical name for which the interaction
    is (`Interaction.unlocked`)."""

    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    interaction_id: str = ""
    unlocked: str | None = None


NO_PASSES = Passes()


@dataclass(frozen=True)
class Admitted:
    """The attempt is counted and may be made. What a success forgets (`forget`): `counters`, or the failures of
    `device` (its digest) where it was counted there. `failures`: of the account, with this one; 0 where it counts
    elsewhere.

    `rests`: the account does, for failures under its other name. Then nothing is compared, and it looks as if the
    password was wrong: that this name rests, too, would tell whose the other one is."""

    counters: tuple[str, ...] = ()
    failures: int = 0
    rests: int = 0  # seconds
    device: bytes | None = None


async def count(
    around: Surroundings, name: str, account: Mapping[str, Any] | None, passes: Passes, now: int
) -> Admitted | int:
    """An attempt at the account of this canonical name (`account`: its row, None where there is none); else the seconds
    to wait. Committed when it returns, and a failure until a success says otherwise.

    The count that shows is that of the name that was typed. Where accounts may have two names, there is one of the
    account beside it, for unknown names likewise.

    A success by one of the two ways leaves the account's count as it is: it would give whoever guesses from elsewhere
    five more guesses each time that the owner signs in.
    """
    device = await known_devices.find(around.settings, around.hot, passes.cookies, name, now)
    if device is not None and await known_devices.count(around.hot, device, now):
        return Admitted(device=device)
    if passes.unlocked == name:
        unlocked = unlocked_counter(around, passes.interaction_id, name)
        if await attempts.count_up_to(around.hot, unlocked, UNLOCKED_TRIES, around.settings.interaction_lifetime, now):
            return Admitted((unlocked,))
    settings, keys = around.settings, around.secret_keys
    tried = await attempts.try_sign_in(around.hot, settings, attempts.name_counter(keys, name), now)
    if tried.wait:
        return tried.wait
    counters = attempts.sign_in_counters(keys, account) if account is not None else (attempts.name_counter(keys, name),)
    if not (settings.email_signs_in and settings.username_signs_in):
        return Admitted(counters, tried.failures)
    whom = account["sub"] if account is not None else name
    over_both = await attempts.try_sign_in(around.hot, settings, attempts.account_counter(keys, whom), now)
    return Admitted(counters, over_both.failures, over_both.wait)


async def forget(session: AsyncSession, admitted: Admitted) -> None:
    """The attempt was right, and the account is held: what counted it begins anew."""
    await attempts.forget(session, *admitted.counters)
    if admitted.device is not None:
        await known_devices.forget_failures(session, admitted.device)


def deciding_name(settings: Settings, user: User) -> str:
    """The name under which attempts at this account are counted where its owner did not have to type one."""
    by_username = settings.username_signs_in and not settings.email_signs_in
    return user.username_canonical if by_username and user.username_canonical else user.email_canonical


def unlocked_counter(around: Surroundings, interaction_id: str, name: str) -> str:
    return attempts.counter(around.secret_keys, "unlocked", interaction_id, name)


def note_failure(around: Surroundings, name: str, admitted: Admitted, address: str, now: int) -> None:
    """The account rests from this failure on: its owner sees so once, however long it goes on. Written some time later
    and by one statement, whether there is such an account or not: no clock tells."""
    if admitted.failures == around.settings.sign_in_attempts:
        around.hot.note(
            NOTE_ACTIVITY, activity_id=random_token(16), kind=Kind.LOCKED.value, name=name, address=address[:64], at=now
        )
