"""Registered clients as the protocol asks for them, cached in each process (design, decision 12)."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import cast

from authlib.oauth2.rfc6749 import ClientMixin
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import Client, ClientLogo, ClientRegistration, ClientSecret
from authserver.oauth import client_keys
from authserver.secret_values import digest, same
from authserver.settings import Settings
from authserver.storage.database import Database

NEGATIVE = 5.0  # seconds that an unknown id is remembered
BOUND = 10_000  # unknown ids remembered; a flood of invented ones pushes out no client
NO_SECRET = digest("no client has this secret")
#: an address that leads nowhere but to this machine, with the port that an app was given when it began to listen
LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\])):([1-9][0-9]{0,4})((?:[/?].*)?)")
MOST_PORTS = 65_535


@dataclass(frozen=True)
class RegisteredClient(ClientMixin):  # type: ignore[misc]
    """Authlib's questions about a client, answered from its row and the server's settings. Lifetimes are seconds."""

    row: Client
    secret_digests: tuple[bytes, ...] = field(repr=False)
    access_token_lifetime: int
    id_token_lifetime: int
    authorization_code_lifetime: int
    refresh_idle_lifetime: int
    refresh_absolute_lifetime: int
    refresh_rotation_grace: int
    logo: str = ""  # the version of its picture; '' for none
    registered_with: str = ""  # the id of the initial access token with which it registered itself, else ''
    unused: bool = False  # it registered itself, and no token of it is known of

    @cached_property
    def client_id(self) -> str:
        return self.row.client_id

    @property
    def is_public(self) -> bool:
        return self.row.token_endpoint_auth_methods == ["none"]

    @property
    def needs_pkce(self) -> bool:
        """RFC 9700 §2.1.1: public clients always."""
        return self.row.require_pkce or self.is_public

    @cached_property
    def own_keys(self) -> tuple[client_keys.PublicKey, ...]:
        """Parsed at the first use; () where they are fetched, or there are none."""
        try:
            return client_keys.parse(self.row.jwks) if self.row.jwks else ()
        except client_keys.KeySetError:  # registered by a version with other rules
            return ()

    def get_client_id(self) -> str:
        return self.row.client_id

    def get_default_redirect_uri(self) -> str | None:
        """Only where there is no choice (RFC 6749 §3.1.2.3)."""
        return self.row.redirect_uris[0] if len(self.row.redirect_uris) == 1 else None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """All scopes of the client where none is asked for, as Cognito; None when one is not the client's."""
        wanted = list(dict.fromkeys((scope or "").split()))
        if not wanted:
            return " ".join(self.row.scopes)
        return " ".join(wanted) if set(wanted) <= set(self.row.scopes) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Exact string comparison (RFC 9700 §4.1.3).

        The port alone is free, of a loopback address that a public client has registered without one: a native app
        cannot know beforehand where it will listen (RFC 8252 §7.3). `localhost` is a name, and has no such freedom.
        """
        if redirect_uri in self.row.redirect_uris:
            return True
        found = LOOPBACK.fullmatch(redirect_uri) if self.is_public else None
        return found is not None and int(found[2]) <= MOST_PORTS and found[1] + found[3] in self.row.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        presented = digest(client_secret)
        matches = [same(presented, stored) for stored in self.secret_digests]  # every one, for constant time
        return any(matches)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in self.row.token_endpoint_auth_methods

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and "authorization_code" in self.row.grant_types

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.row.grant_types


def registered(
    row: Client,
    secrets: tuple[bytes, ...],
    settings: Settings,
    logo: str = "",
    *,
    registered_with: str = "",
    unused: bool = False,
) -> RegisteredClient:
    """The client with the server's settings where it has none of its own."""

    def own(value: int | None, default: int) -> int:
        return default if value is None else value

    # A plain copy: SQLAlchemy looks at each attribute of a row, and a refresh reads fifteen.
    plain = cast(Client, SimpleNamespace(**{name: getattr(row, name) for name in Client.model_fields}))
    return RegisteredClient(
        row=plain,
        secret_digests=secrets,
        access_token_lifetime=own(row.access_token_lifetime, settings.access_token_lifetime),
        id_token_lifetime=own(row.id_token_lifetime, settings.id_token_lifetime),
        authorization_code_lifetime=own(row.authorization_code_lifetime, settings.authorization_code_lifetime),
        refresh_idle_lifetime=own(row.refresh_idle_lifetime, settings.refresh_idle_lifetime),
        refresh_absolute_lifetime=own(row.refresh_absolute_lifetime, settings.refresh_absolute_lifetime),
        refresh_rotation_grace=own(row.refresh_rotation_grace, settings.refresh_rotation_grace),
        logo=logo,
        registered_with=registered_with,
        unused=unused,
    )


class Clients:
    """The clients of one process. `forget` drops all; storage.changes calls it when one has changed anywhere."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._known: dict[str, RegisteredClient] = {}
        self._unknown: dict[str, float] = {}
        self._era = 0  # raised by `forget`: a read that began before it must not fill the cache after it
        self._reading: dict[tuple[int, str], asyncio.Task[RegisteredClient | None]] = {}

    def forget(self) -> None:
        self._era += 1
        self._known.clear()
        self._unknown.clear()

    def forget_one(self, client_id: str) -> None:
        self._era += 1
        self._known.pop(client_id, None)

    def cached(self, client_id: str) -> RegisteredClient | None:
        return self._known.get(client_id)

    async def get(self, client_id: str, session: AsyncSession | None = None) -> RegisteredClient | None:
        """None: unknown, or made inactive. Raises `StorageError`.

        `session`: the caller's unit of work, where it has one open; a second connection for one request is how a pool
        locks up.
        """
        client = self._known.get(client_id)
        if client is not None:
            return client
        if len(client_id) > 128 or self._unknown.get(client_id, 0.0) > time.monotonic():
            return None
        if session is not None:
            return self._remembered(client_id, self._era, await self._read(session, client_id))
        which = (self._era, client_id)
        reading = self._reading.get(which)
        if reading is None:
            reading = self._reading[which] = asyncio.create_task(self._read_alone(client_id))
            reading.add_done_callback(lambda _: self._reading.pop(which))
        return await asyncio.shield(reading)

    async def _read_alone(self, client_id: str) -> RegisteredClient | None:
        """Once for all who ask meanwhile: after a change that may be every request there is, and the pool has few
        connections."""
        era = self._era
        async with self._database.unit() as session:
            found = await self._read(session, client_id)
        return self._remembered(client_id, era, found)

    def _remembered(self, client_id: str, era: int, client: RegisteredClient | None) -> RegisteredClient | None:
        if client is None:
            if len(self._unknown) >= BOUND:
                self._unknown.clear()
            if era == self._era:
                self._unknown[client_id] = time.monotonic() + NEGATIVE
            return None
        if era == self._era:
            self._known[client_id] = client
        return client

    async def _read(self, session: AsyncSession, client_id: str) -> RegisteredClient | None:
        row = await session.get(Client, client_id)
        if row is None or not row.active:
            return None
        secrets = (await session.exec(select(ClientSecret.digest).where(ClientSecret.client_id == client_id))).all()
        logo = (await session.exec(select(ClientLogo.version).where(ClientLogo.client_id == client_id))).first()
        of_itself = select(ClientRegistration.token_id, ClientRegistration.used_at)
        itself = (await session.exec(of_itself.where(ClientRegistration.client_id == client_id))).first()
        token_id, used_at = itself or ("", None)
        return registered(
            row,
            tuple(secrets),
            self._settings,
            logo or "",
            registered_with=token_id,
            unused=itself is not None and used_at is None,
        )
