"""Second factors: what proves somebody beside the password. One file for each; `FACTORS` holds them all.

The registry and the policy are here: who must use one, and which. `asking` checks one at sign-in, `changes` adds and
removes them. A factor that is added is a file with a `Factor`, a line in `FACTORS`, and a page that asks for it.
"""

from dataclasses import dataclass

from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import assurance
from authserver.accounts.second_factor import email_code, passkey, recovery_codes, totp
from authserver.accounts.second_factor.factor import Factor
from authserver.models import User
from authserver.settings import Settings

#: in the order in which they are offered
FACTORS: dict[str, Factor] = {factor.name: factor for factor in (totp.FACTOR, email_code.FACTOR)}


@dataclass(frozen=True)
class Held:
    """What somebody has. `set_up`: factors that the operator allows; `usable`: what they may be asked for now, passkeys
    and recovery codes among it."""

    set_up: tuple[str, ...] = ()
    usable: tuple[str, ...] = ()


def allowed(settings: Settings) -> tuple[str, ...]:
    """What people may set up and use."""
    if settings.second_factor == "off":
        return ()
    return tuple(name for name in FACTORS if name in settings.second_factors.split(","))


def levels(settings: Settings) -> list[str]:
    """The `acr` values that a sign-in can have here."""
    reached = [assurance.acr_of(["pwd"])]
    if settings.relying_party_id:  # else there are no passkeys
        reached.append(assurance.acr_of(["swk"]))
    reached += [assurance.acr_of(["pwd", *FACTORS[name].amr]) for name in allowed(settings)]
    return sorted({level for level in reached if level})


async def held(settings: Settings, session: AsyncSession, user: User) -> Held:
    """A code by mail is not asked for while the password itself was chosen by mail: one mailbox would be both factors
    (docs/adr/0016)."""
    set_up = [name for name in allowed(settings) if await FACTORS[name].since(session, user) is not None]
    usable = [name for name in set_up if not (name == email_code.NAME and user.password_by_mail_at is not None)]
    if set_up and await passkey.is_usable(settings, session, user):
        usable.append(passkey.NAME)
    if set_up and await recovery_codes.left(session, user):
        usable.append(recovery_codes.NAME)
    return Held(tuple(set_up), tuple(usable))


async def set_up(session: AsyncSession, user: User) -> list[str]:
    """All that this person has set up, also what the operator does not allow any more."""
    return [name for name, factor in FACTORS.items() if await factor.since(session, user) is not None]


def proves(method: str) -> tuple[str, ...]:
    """The `amr` of a factor, a passkey or a recovery code."""
    return {passkey.NAME: passkey.AMR, recovery_codes.NAME: recovery_codes.AMR}.get(method) or FACTORS[method].amr


def leading_to(found: Held, amr: list[str], wanted: str) -> tuple[str, ...]:
    """What of it brings somebody who has proved `amr` to one of the `acr_values` that are asked for."""
    return tuple(method for method in found.usable if assurance.reaches(assurance.joined(amr, proves(method)), wanted))


def ways(found: Held, amr: list[str], wanted: str) -> tuple[str, ...]:
    """What somebody is offered: what leads to what is wanted, if anything does."""
    return leading_to(found, amr, wanted) or found.usable


def demanded(settings: Settings, found: Held, amr: list[str], wanted: str, *, remembered: bool) -> bool:
    """Whether a second factor is still missing at sign-in. `wanted`: the request's `acr_values`; `remembered`: the
    person asked not to be asked here again. What the person cannot reach is no reason: `/second-factor` tells the
    client."""
    if settings.second_factor == "off":
        return False
    if not assurance.reaches(amr, wanted) and leading_to(found, amr, wanted):
        return True
    if assurance.is_strong(amr):
        return False
    if not found.set_up:
        return settings.second_factor == "required"
    return not remembered


async def wipe(session: AsyncSession, user: User) -> list[str]:
    """All factors and recovery codes end, also those that the operator does not allow any more; which there were."""
    ended = [name for name, factor in FACTORS.items() if await factor.end(session, user)]
    await recovery_codes.end(session, user)
    return ended
