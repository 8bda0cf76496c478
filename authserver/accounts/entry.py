"""From the proof of who somebody is to a session: the one way in, whatever was proved and wherever.

There is no session before everything that is demanded has been proved: what was proved so far waits in the interaction,
bound to its browser by the interaction's cookie, and opens nothing (contracts/security.md 7: steps of sign-in that can
be skipped are the most harmful class of all).
"""

import hashlib
from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import activity, remembered, second_factor, sessions
from authserver.accounts.browser import Browser as Browser
from authserver.accounts.surroundings import Surroundings
from authserver.models import Interaction, Session, User

LIFETIME = 600  # seconds that what was proved waits for the rest


class Missing(StrEnum):
    """What somebody still has to do before there is a session; the value is the page's path."""

    SECOND_FACTOR = "second-factor"
    NEW_PASSWORD = "new-password"  # noqa: S105 - the password is the operator's: it must be replaced


@dataclass(frozen=True)
class Proof:
    """Who somebody has proved to be, with what (`amr`, RFC 8176) and when (Unix seconds). `signed_in_at`: where a
    session asked for more, when that person had signed in; None for a sign-in from its first factor on."""

    user: User
    amr: list[str]
    at: int
    signed_in_at: int | None = None


@dataclass(frozen=True)
class FirstFactor:
    """What waits in an interaction for the rest. `password`: the hash that held then, as a digest; another password
    since then makes this worth nothing, and so does another epoch."""

    sub: str
    epoch: int
    amr: list[str]
    at: int
    password: str
    missing: str
    #: where it is a session that asks for more (step-up): its digest; another one, or none, makes this worth nothing
    session: str = ""
    signed_in_at: int | None = None  # of that session

    def stands(self, user: User | None, now: int) -> bool:
        """Whether it is still about this account as it is now."""
        return (
            user is not None
            and user.sub == self.sub
            and user.active
            and user.epoch == self.epoch
            and _password_state(user) == self.password
            and self.at <= now < self.at + LIFETIME
        )


def _password_state(user: User) -> str:
    return hashlib.sha256((user.password_hash or "").encode()).hexdigest()[:32]


def waiting(interaction: Interaction, now: int) -> FirstFactor | None:
    """What was proved in this interaction and waits for the rest; None when that is too long ago. The account is not
    looked at: `FirstFactor.stands`."""
    kept = interaction.first_factor
    if kept is None:
        return None
    found = FirstFactor(**kept)
    return found if found.at <= now < found.at + LIFETIME else None


async def missing(
    around: Surroundings, session: AsyncSession, interaction: Interaction, proof: Proof, browser: Browser
) -> Missing | None:
    """The only place that says what is demanded besides what was proved."""
    settings, user = around.settings, proof.user
    if not user.email_verified:
        # Who signs in with what only that mailbox got confirms the address by replacing it. Any other session does
        # nothing but confirm the address, which ends all that was made before, the password included.
        return Missing.NEW_PASSWORD if user.password_mailed_at is not None else None
    held = await second_factor.held(settings, session, user)
    known = await remembered.skips(settings, session, around.clock(), user, browser.cookies)
    wanted = str(interaction.request.get("acr_values", ""))
    if second_factor.demanded(settings, held, proof.amr, wanted, remembered=known):
        return Missing.SECOND_FACTOR
    if user.password_expires_at is not None:
        return Missing.NEW_PASSWORD
    return None


async def enter(
    around: Surroundings, session: AsyncSession, interaction: Interaction, proof: Proof, browser: Browser
) -> tuple[Session, str] | None:
    """The session and the value of its cookie; None when something is still missing, for which the interaction then
    waits. In the caller's unit of work, which holds the account: what was proved cannot be called back meanwhile."""
    lacking = await missing(around, session, interaction, proof, browser)
    if lacking is not None:
        wait_for(session, interaction, proof, lacking)
        return None
    interaction.first_factor = None
    session.add(interaction)
    await activity.note(session, proof.user.sub, activity.Kind.SIGNED_IN, proof.at, browser, amr=proof.amr)
    opened = await sessions.create(
        around.settings,
        session,
        proof.at,
        proof.user,
        amr=proof.amr,
        cookies=browser.cookies,
        user_agent=browser.user_agent,
        address=browser.address,
        signed_in_at=proof.signed_in_at,
    )
    await _replace(around, session, interaction, opened[0])
    return opened


async def _replace(around: Surroundings, session: AsyncSession, interaction: Interaction, opened: Session) -> None:
    """An interaction has one session: that of a form sent twice, or of somebody else before, ends. The session is
    written before the interaction, as wherever an application is led back to."""
    which = select(Interaction.session_digest).where(Interaction.interaction_id == interaction.interaction_id)
    while True:
        before = (await session.exec(which)).one()
        if before is not None:
            await sessions.succeed(around.settings, session, around.clock(), opened, before)
        bound = await session.exec(
            update(Interaction)
            .where(
                col(Interaction.interaction_id) == interaction.interaction_id,
                col(Interaction.session_digest).is_not_distinct_from(before),
            )
            .values(session_digest=opened.digest)
            .returning(col(Interaction.interaction_id))
        )
        if bound.first() is not None:
            return


def wait_for(
    session: AsyncSession, interaction: Interaction, proof: Proof, lacking: Missing, signed_in: Session | None = None
) -> FirstFactor:
    """The interaction waits for the rest. `signed_in`: the session that has proved this much, in a step-up."""
    user, of = proof.user, signed_in.digest.hex() if signed_in is not None else ""
    kept = FirstFactor(
        user.sub, user.epoch, proof.amr, proof.at, _password_state(user), lacking.value, of, proof.signed_in_at
    )
    interaction.first_factor = asdict(kept)
    session.add(interaction)
    return kept


def start_over(session: AsyncSession, interaction: Interaction) -> None:
    """What was proved in this interaction counts no more."""
    interaction.first_factor = None
    session.add(interaction)
