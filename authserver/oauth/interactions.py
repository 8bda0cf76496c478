"""An authorization request on its way through the pages: bound to one browser, and the order of its steps.

The interaction's id stands in the URL, a random secret in a cookie of its own, its digest in the row. A step without
that cookie, or under another session than the one that signed in, starts over (contracts/security.md 6.48).
"""

import base64
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import entry
from authserver.languages import N_
from authserver.models import Client, Interaction, Session, User
from authserver.oauth.errors import PageError
from authserver.secret_values import SecretKey, digest, new_secret, random_token, same
from authserver.settings import Settings
from authserver.storage.hot import HotStore
from authserver.storage.statements import FIND_INTERACTION, model_of

START_OVER = N_("This sign-in page is no longer valid. Go back to the app you came from and start again.")


class Step(StrEnum):
    """What is still missing; the value is the page's path."""

    SIGN_IN = "login"
    SECOND_FACTOR = "second-factor"
    NEW_PASSWORD = "new-password"  # noqa: S105
    VERIFY = "confirm"
    CONSENT = "consent"
    FINISH = "finish"


def next_step(
    interaction: Interaction, session: Session | None, user: User | None, client: Client | None, now: int
) -> Step:
    """The only place where the order of the steps is written. `session` and `user` are those of this browser, now.

    Without a session that counts, what was proved in this interaction may already ask for the rest
    (`accounts.entry`)."""
    counts = (
        session is not None
        and user is not None
        and session.auth_time >= interaction.auth_not_before
        and interaction.session_digest in (None, session.digest)
    )
    if not counts or user is None:
        proved = entry.waiting(interaction, now)
        return Step(proved.missing) if proved is not None else Step.SIGN_IN
    if not user.email_verified:
        return Step.VERIFY
    if client is not None and not client.first_party and not (interaction.consented and interaction.sub == user.sub):
        return Step.CONSENT
    return Step.FINISH


def cookie_name(settings: Settings, interaction_id: str) -> str:
    """One cookie for each interaction, so that two tabs do not disturb each other."""
    return f"{'__Host-' if settings.secure else ''}authserver_interaction_{interaction_id}"


def csrf_token(secret_key: SecretKey, interaction_id: str, cookie_value: str) -> str:
    """Only who holds the interaction's cookie can be given it by us; nothing is stored."""
    return base64.urlsafe_b64encode(secret_key.mac("csrf", interaction_id, cookie_value)).decode().rstrip("=")


async def create(
    settings: Settings,
    session: AsyncSession,
    now: int,
    *,
    client_id: str | None,
    request: dict[str, Any],
    auth_not_before: int = 0,
) -> tuple[Interaction, str]:
    """A new interaction and the value of its cookie."""
    cookie, stored = new_secret()
    interaction = Interaction(
        interaction_id=random_token(16),
        secret_digest=stored,
        client_id=client_id,
        request=request,
        auth_not_before=auth_not_before,
        created_at=now,
        expires_at=now + settings.interaction_lifetime,
    )
    session.add(interaction)
    await session.flush()
    return interaction, cookie


async def load(
    settings: Settings, session: AsyncSession, now: int, interaction_id: str, cookies: Mapping[str, str]
) -> Interaction:
    """Raises `PageError` when it is unknown, expired, done, or another browser's: the same page for all four."""
    possible = len(interaction_id) <= 32 and interaction_id.isprintable()  # no database takes a NUL
    interaction = await session.get(Interaction, interaction_id) if possible else None
    return _checked(interaction, now, cookies.get(cookie_name(settings, interaction_id), ""))


async def look(
    settings: Settings, hot: HotStore, now: int, interaction_id: str, cookies: Mapping[str, str]
) -> Interaction:
    """As `load`, for a page that changes nothing of it: the row stands in no session."""
    possible = len(interaction_id) <= 32 and interaction_id.isprintable()
    row = await hot.read_key(FIND_INTERACTION, interaction_id) if possible else None
    interaction = model_of(Interaction, row) if row else None
    return _checked(interaction, now, cookies.get(cookie_name(settings, interaction_id), ""))


def _checked(interaction: Interaction | None, now: int, cookie: str) -> Interaction:
    if (
        interaction is None
        or not same(interaction.secret_digest, digest(cookie))
        or interaction.expires_at <= now
        or interaction.completed_at is not None
    ):
        raise PageError("interaction_not_found", START_OVER)
    return interaction


async def complete(session: AsyncSession, interaction: Interaction, now: int) -> None:
    """Ends it, once: raises `PageError` for whoever comes second."""
    done = await session.exec(
        update(Interaction)
        .where(col(Interaction.interaction_id) == interaction.interaction_id, col(Interaction.completed_at).is_(None))
        .values(completed_at=now)
        .returning(col(Interaction.interaction_id))
    )
    if done.first() is None:
        raise PageError("interaction_not_found", START_OVER)


def bind(session: AsyncSession, interaction: Interaction, browser: Session) -> None:
    """From now on this interaction is for that session and no other; consent is asked anew."""
    interaction.session_digest = browser.digest
    interaction.sub = browser.sub
    interaction.consented = False
    session.add(interaction)


def agree(session: AsyncSession, interaction: Interaction) -> None:
    """The person at the bound session agreed to what the consent page named."""
    interaction.consented = True
    session.add(interaction)


def sign_in_again(session: AsyncSession, interaction: Interaction, now: int) -> None:
    """ "Not you?": whoever is signed in does not count for this interaction any more. The caller ends that session, so
    that signing in again within the same second counts."""
    interaction.session_digest = None
    interaction.sub = None
    interaction.consented = False
    interaction.first_factor = None
    interaction.auth_not_before = now
    session.add(interaction)
