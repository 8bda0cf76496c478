"""How often a password may be tried: the account's count, and the two ways past it that strangers cannot use up.

After `sign_in_attempts` failures an account rests, whoever failed (`attempts.count_sign_in`). A device that the account
knows has a finite count of its own; so has an interaction whose browser pressed the link of a mail to the account's
address, or typed its code (`unlocking`). Neither signs in: the password is compared all the same. Whatever proves who
somebody is without a password, such as a passkey, does not come here and is held by no lock (`entry`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from authserver.accounts import attempts, known_devices
from authserver.accounts.activity import Kind
from authserver.accounts.surroundings import Surroundings
from authserver.secret_values import random_token
from authserver.storage.statements import NOTE_ACTIVITY

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
    """The attempt is counted and may be compared. `counter`: what a success forgets; '' where the device's count does,
    which ends with `known_devices.remember`. `failures`: of the account, with this one; 0 where it counts elsewhere."""

    counter: str
    failures: int = 0


async def count(around: Surroundings, name: str, passes: Passes, now: int) -> Admitted | int:
    """An attempt at the account of this canonical name, known or not; else the seconds to wait. Committed when it
    returns, and a failure until a success says otherwise.

    A success by one of the two ways leaves the account's count as it is: it would give whoever guesses from elsewhere
    five more guesses each time that the owner signs in.
    """
    device = await known_devices.find(around.settings, around.hot, passes.cookies, name, now)
    if device is not None and await known_devices.count(around.hot, device, now):
        return Admitted("")
    if passes.unlocked == name:
        unlocked = unlocked_counter(around, passes.interaction_id, name)
        if await attempts.count_up_to(around.hot, unlocked, UNLOCKED_TRIES, around.settings.interaction_lifetime, now):
            return Admitted(unlocked)
    counter = attempts.counter(around.secret_keys, "sign-in", name)
    tried = await attempts.try_sign_in(around.hot, around.settings, counter, now)
    return tried.wait or Admitted(counter, tried.failures)


def unlocked_counter(around: Surroundings, interaction_id: str, name: str) -> str:
    return attempts.counter(around.secret_keys, "unlocked", interaction_id, name)


def note_failure(around: Surroundings, name: str, admitted: Admitted, address: str, now: int) -> None:
    """The account rests from this failure on: its owner sees so once, however long it goes on. Written some time later
    and by one statement, whether there is such an account or not: no clock tells."""
    if admitted.failures == around.settings.sign_in_attempts:
        around.hot.note(
            NOTE_ACTIVITY, activity_id=random_token(16), kind=Kind.LOCKED.value, name=name, address=address[:64], at=now
        )
