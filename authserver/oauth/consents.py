"""What a person has agreed to, remembered for each application, so that they are asked once and not each time.

A remembered consent is looked up when the next step is decided, and held when the code is issued: one that was taken
back in between gives no code (docs/adr/0026). Clients of the Alexa preset have none (contracts/security.md 6.61).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts.attempts import insert_for
from authserver.models import AuthorizationCode, Client, Consent, Interaction, User
from authserver.oauth import device_codes
from authserver.oauth.requested_claims import PLACES
from authserver.oauth.userinfo import scope_of

LONGEST = 2000  # characters, as in the table
ALWAYS = "always"
CONSENTS = cast(Table, Consent.__table__)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Remembered:
    """A stored consent as it was read; `covers` says what it is good for."""

    sub: str
    client_id: str
    scope: str
    epoch: int

    def covers(self, user: User, client: Client, scope: str) -> bool:
        """Whether this person agreed to all of it, for this client, and nothing was called back since."""
        return (
            self.sub == user.sub
            and self.client_id == client.client_id
            and self.epoch == user.epoch
            and set(scope.split()) <= set(self.scope.split())
        )


def asks_always(client: Client) -> bool:
    return client.consent == ALWAYS or client.preset == "alexa"


def prompts(request: dict[str, Any]) -> list[str]:
    """The values of `prompt` (OpenID Connect Core §3.1.2.1)."""
    return str(request.get("prompt", "")).split()


def asked(request: dict[str, Any]) -> str:
    """The scopes that have to be agreed to: those of the request, and those that open the claims which it names one by
    one (OpenID Connect Core §5.5). Who is told "see your name and profile" agreed to no less than is given."""
    return with_claims(str(request.get("scope", "")), request.get("claims", {}))


def with_claims(scope: str, claims: Mapping[str, Any]) -> str:
    """`claims`: as a request, a code or a grant keeps them."""
    opened = [scope_of(name) or "" for place in PLACES for name in claims.get(place, ())]
    return " ".join(dict.fromkeys([*scope.split(), *filter(None, opened)]))


def given(interaction: Interaction, client: Client, user: User, remembered: Remembered | None) -> bool:
    """Whether nothing has to be asked: it was agreed to here, it was agreed to before, or the client is the operator's
    own. `prompt=consent` wants to see it done here, of whichever client."""
    if interaction.consented and interaction.sub == user.sub:
        return True
    if "consent" in prompts(interaction.request):
        return False
    if client.first_party:
        return True
    scope = asked(interaction.request)
    return not asks_always(client) and remembered is not None and remembered.covers(user, client, scope)


async def find(session: AsyncSession, user: User | None, client: Client | None) -> Remembered | None:
    """What this person is known to have agreed to, since nothing was called back."""
    if user is None or client is None or client.first_party or asks_always(client):
        return None
    row = (
        await session.exec(
            select(Consent.scope, Consent.epoch).where(
                Consent.sub == user.sub, Consent.client_id == client.client_id, Consent.epoch == user.epoch
            )
        )
    ).first()
    return Remembered(user.sub, client.client_id, *row) if row is not None else None


async def settle(
    session: AsyncSession,
    interaction: Interaction,
    client: Client,
    user: User,
    remembered: Remembered | None,
    now: int,
) -> bool:
    """The last word before a code, where `given` said yes: what was agreed to here is remembered (not for a device:
    somebody else may hold it), what is relied on is held until the unit of work ends. False when it was taken back
    meanwhile."""
    if interaction.consented:
        if not client.first_party and not asks_always(client) and device_codes.DEVICE not in interaction.request:
            await _remember(session, user, client, asked(interaction.request), now)
        return True
    return client.first_party or (remembered is not None and await _hold(session, remembered))


async def _hold(session: AsyncSession, remembered: Remembered) -> bool:
    """Whoever takes it back now waits, and then finds the code that was issued on its strength (`forget`)."""
    held = await session.exec(
        update(Consent)
        .where(
            col(Consent.sub) == remembered.sub,
            col(Consent.client_id) == remembered.client_id,
            col(Consent.epoch) == remembered.epoch,
            col(Consent.scope) == remembered.scope,
        )
        .values(scope=remembered.scope)
        .returning(col(Consent.sub))
    )
    return held.first() is not None


async def _remember(session: AsyncSession, user: User, client: Client, scope: str, now: int) -> None:
    """Adds these scopes to those agreed to before. A row that is made anew holds these alone: what was taken back a
    moment ago does not come back with them."""
    known = (
        await session.exec(
            select(Consent.scope)
            .where(Consent.sub == user.sub, Consent.client_id == client.client_id, Consent.epoch == user.epoch)
            .with_for_update()
        )
    ).first()
    agreed = " ".join(dict.fromkeys([*(known or "").split(), *scope.split()]))
    if len(agreed) > LONGEST:
        agreed = scope
    values = {"scope": agreed, "epoch": user.epoch, "at": now}
    connection = await session.connection()
    await connection.execute(
        insert_for(connection.dialect)(CONSENTS)
        .values(sub=user.sub, client_id=client.client_id, **values)
        .on_conflict_do_update(index_elements=["sub", "client_id"], set_=values)
    )


@dataclass(frozen=True)
class Agreed:
    """A consent as its owner sees it. `at`: Unix seconds."""

    client_id: str
    scope: str
    at: int


async def of_person(session: AsyncSession, user: User) -> list[Agreed]:
    """Oldest first; those that count."""
    found = await session.exec(
        select(Consent.client_id, Consent.scope, Consent.at)
        .where(Consent.sub == user.sub, Consent.epoch == user.epoch)
        .order_by(col(Consent.at), col(Consent.client_id))
    )
    return [Agreed(*row) for row in found.all()]


async def forget(session: AsyncSession, now: int, *, sub: str | None = None, client_id: str | None = None) -> int:
    """Takes back all that fits what is given (at least one must be), and with each the codes that wait to be exchanged:
    they may have been issued on its strength. How many there were.

    Before codes and grants, in this order everywhere. Links of Alexa have no consent that is remembered, and none of
    its codes ends here.
    """
    named = {Consent.sub: sub, Consent.client_id: client_id}
    conditions = [col(column) == value for column, value in named.items() if value is not None]
    if not conditions:
        raise ValueError("which consents?")
    gone = (
        await session.exec(delete(Consent).where(*conditions).returning(col(Consent.sub), col(Consent.client_id)))
    ).all()
    for person, client in gone:
        await session.exec(
            update(AuthorizationCode)
            .where(
                col(AuthorizationCode.sub) == person,
                col(AuthorizationCode.client_id) == client,
                col(AuthorizationCode.used_at).is_(None),
            )
            .values(used_at=now)
        )
        await device_codes.end(session, now, sub=person, client_id=client)
    return len(gone)
