"""An authorization request on its way through the pages: bound to one browser, and the order of its steps.

The interaction's id stands in the URL, a random secret in a cookie of its own, its digest in the row. A step without
that cookie, or under another session than the one that signed in, starts over (contracts/security.md 6.48).
"""

import base64
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.responses import Response

from authserver.accounts import assurance, attempts, entry
from authserver.languages import N_
from authserver.models import Client, Interaction, Session, User
from authserver.oauth import consents
from authserver.oauth.consents import Remembered
from authserver.oauth.device_codes import DEVICE, Waiting
from authserver.oauth.errors import PageError
from authserver.secret_values import SecretKey, SecretKeys, digest, new_secret, random_token, same
from authserver.settings import Settings
from authserver.storage.hot import HotStore
from authserver.storage.people_statements import FIND_INTERACTION
from authserver.storage.statements import model_of

#: `auth_not_before` that only a sign-in made within the interaction satisfies: those are bound, and no other is young
#: enough. A comparison of seconds would let one of the same second through (`prompt=login`).
OWN_SIGN_IN = 2**62
MOST = 10  # interactions of one browser
HINTED_SUB = "hinted_sub"  # in a request: whom `id_token_hint` names
NOT_HINTED = "not_hinted"  # beside it: "Not you?", said whoever is here
START_OVER = N_("This sign-in page is no longer valid. Go back to the app you came from and start again.")
TOO_MANY = N_("Too many people have come from your network in a short time. Wait a few minutes and try again.")


class Step(StrEnum):
    """What is still missing; the value is the page's path."""

    USER_CODE = "device"
    SIGN_IN = "login"
    SECOND_FACTOR = "second-factor"
    NEW_PASSWORD = "new-password"  # noqa: S105
    CHOOSE_ACCOUNT = "choose-account"
    VERIFY = "confirm"
    CONSENT = "consent"
    FINISH = "finish"


def next_step(
    interaction: Interaction,
    session: Session | None,
    user: User | None,
    client: Client | None,
    now: int,
    remembered: Remembered | None = None,
) -> Step:
    """The only place where the order of the steps is written. `session` and `user` are those of this browser, now;
    `remembered` is what this person agreed to before (`consents.find`).

    A device's code comes before all: without it nobody knows which application asks. Without a session that counts,
    what was proved in this interaction may already ask for the rest (`accounts.entry`)."""
    if interaction.request.get(DEVICE) == "":
        return Step.USER_CODE
    if session is None or user is None or not counts(interaction, session, user):
        proved = entry.waiting(interaction, now)
        return Step(proved.missing) if proved is not None else Step.SIGN_IN
    agreed = client is None or consents.given(interaction, client, user, remembered)
    chosen = interaction.session_digest is not None or "select_account" not in consents.prompts(interaction.request)
    if not chosen and (agreed or not user.email_verified):  # else the consent page names the account and offers others
        return Step.CHOOSE_ACCOUNT
    if not user.email_verified:
        return Step.VERIFY
    if not assurance.reaches(session.amr, str(interaction.request.get("acr_values", ""))):
        return Step.SECOND_FACTOR  # which tells the client where this person can do no more (docs/adr/0017)
    return Step.FINISH if agreed else Step.CONSENT


def counts(interaction: Interaction, session: Session, user: User) -> bool:
    """Whether this sign-in is one that the request takes: the bound one, or one that is recent enough to be bound; and
    of the person whom the client means (`id_token_hint`)."""
    if interaction.request.get(HINTED_SUB) not in (None, user.sub):
        return False
    if interaction.session_digest is not None:
        return interaction.session_digest == session.digest
    return session.auth_time >= interaction.auth_not_before


def is_another(interaction: Interaction, session: Session, user: User) -> bool:
    """Whoever is here said "Not you?" to the person whom the client means, and then signed in as somebody else: there
    is nobody left to ask for."""
    request = interaction.request
    return (
        request.get(NOT_HINTED) is True
        and interaction.session_digest == session.digest
        and request[HINTED_SUB] != user.sub
    )


def cookie_name(settings: Settings, interaction_id: str) -> str:
    """One cookie for each interaction, so that two tabs do not disturb each other."""
    return f"{'__Host-' if settings.secure else ''}authserver_interaction_{interaction_id}"


def keep(settings: Settings, cookies: Mapping[str, str], response: Response, interaction_id: str, cookie: str) -> None:
    """The browser, which came with `cookies`, holds this interaction too, and at most `MOST`: its oldest tabs start
    over. Whoever makes it open our pages again and again must not make it send more than a server takes."""
    options: dict[str, Any] = {"path": "/", "secure": settings.secure, "httponly": True, "samesite": "lax"}
    ours = re.compile(re.escape(cookie_name(settings, "")) + "[A-Za-z0-9_-]+")  # a neighbour may name one anything
    held = [name for name in cookies if ours.fullmatch(name)]
    for name in held[: max(0, len(held) - MOST + 1)]:
        response.delete_cookie(name, **options)
    name = cookie_name(settings, interaction_id)
    response.set_cookie(name, cookie, max_age=settings.interaction_lifetime, **options)


def csrf_token(secret_key: SecretKey, interaction_id: str, cookie_value: str) -> str:
    """Only who holds the interaction's cookie can be given it by us; nothing is stored."""
    return base64.urlsafe_b64encode(secret_key.mac("csrf", interaction_id, cookie_value)).decode().rstrip("=")


async def admit(
    settings: Settings, secret_keys: SecretKeys, session: AsyncSession, now: int, address: str, sub: str = ""
) -> None:
    """Somebody begins an interaction, a stranger (`sub`: '') from this network address. Raises `PageError` when too
    many were begun there, or by this account: anybody can make one, and what is begun is kept for a while."""
    if wait := await attempts.count_visit(session, settings, secret_keys, address, now, sub):
        raise PageError("too_many_visits", TOO_MANY, 429, wait)


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
    interaction, cookie = passing(settings, now, client_id=client_id, request=request, auth_not_before=auth_not_before)
    session.add(interaction)
    await session.flush()
    return interaction, cookie


def passing(
    settings: Settings, now: int, *, client_id: str | None, request: dict[str, Any], auth_not_before: int
) -> tuple[Interaction, str]:
    """The same without a row: for a request that is answered at once, whatever is missing."""
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


async def reopen(session: AsyncSession, interaction: Interaction) -> None:
    """In the unit of work that has completed it: it goes on after all."""
    await session.exec(
        update(Interaction)
        .where(col(Interaction.interaction_id) == interaction.interaction_id)
        .values(completed_at=None)
    )


def bind(session: AsyncSession, interaction: Interaction, browser: Session) -> None:
    """From now on this interaction is for that session and no other; consent is asked anew."""
    interaction.session_digest = browser.digest
    interaction.sub = browser.sub
    interaction.consented = False
    session.add(interaction)


def wait_for_device(session: AsyncSession, interaction: Interaction, found: Waiting) -> None:
    """The code that a device shows was typed: from now on it is about that application, and that device."""
    interaction.client_id = found.client_id
    interaction.request = {**interaction.request, **found.request}
    session.add(interaction)


def agree(session: AsyncSession, interaction: Interaction) -> None:
    """The person at the bound session agreed to what the consent page named."""
    interaction.consented = True
    session.add(interaction)


def sign_in_again(session: AsyncSession, interaction: Interaction) -> None:
    """ "Not you?": whoever is signed in does not count for this interaction any more, nor whoever was expected, but for
    the client, which is told when somebody else signs in (`is_another`). The caller ends that session."""
    kept = {name: value for name, value in interaction.request.items() if name != "login_hint"}
    interaction.request = kept | {NOT_HINTED: True} if HINTED_SUB in kept else kept
    interaction.session_digest = None
    interaction.sub = None
    interaction.consented = False
    interaction.first_factor = None
    interaction.auth_not_before = OWN_SIGN_IN
    session.add(interaction)
