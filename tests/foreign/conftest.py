"""The running server with people and clients, for programs that others wrote."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest_asyncio
from authlib.common.security import generate_token

from authserver.accounts import administration
from authserver.accounts.names import read_email
from authserver.accounts.passwords import crypt_context
from authserver.oauth import registration
from authserver.oauth.presets import CONFIDENTIAL, PUBLIC
from authserver.storage.database import Database, DatabaseUrl
from tests.running.linking import PASSWORD, Person, walk
from tests.running.reading import Browser
from tests.running.service import Service

CALLBACK = "https://client.example.org/callback"
SCOPE = "openid email"


@dataclass(frozen=True)
class Known:
    """A client as its owner configures it."""

    client_id: str
    client_secret: str
    issuer: str


@dataclass
class Provider:
    """The running server, and another connection to its database: what commands do, without the second that each
    takes to start."""

    service: Service
    database: Database
    metadata: dict[str, Any]
    human: Person

    @property
    def issuer(self) -> str:
        return self.service.settings["AUTHSERVER_ISSUER"]

    async def add_client(self, preset: dict[str, Any], **policy: Any) -> Known:
        wanted = preset | {"redirect_uris": [CALLBACK], "scopes": SCOPE.split()} | policy
        async with self.database.unit() as session:
            client, secret = await registration.register(session, "A foreign app", wanted, int(time.time()))
        self.service.must_not_log(secret or "")
        return Known(client.client_id, secret or "", self.issuer)

    async def sign_in(self, url: str) -> str:
        """Where the browser ends when a person signs in and allows: the client's callback, with the code."""
        async with Browser() as browser:
            page = await walk(browser, await browser.open(url), self.human)
        assert page.left_to is not None
        return page.left_to

    def keep_secret(self, tokens: dict[str, Any]) -> None:
        """What the client was given is in no line of the log."""
        self.service.must_not_log(
            *(str(tokens[name]) for name in ("access_token", "refresh_token", "id_token", "verifier") if name in tokens)
        )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def provider(authserver: Service) -> AsyncIterator[Provider]:
    database = Database(DatabaseUrl.parse(authserver.settings["AUTHSERVER_DATABASE_URL"]))
    email = read_email(f"{generate_token(12)}@example.org")
    async with database.unit() as session:
        user = await administration.add(session, email, crypt_context().hash(PASSWORD), int(time.time()), verified=True)
    async with httpx2.AsyncClient(trust_env=False) as http:
        found = await http.get(f"{authserver.settings['AUTHSERVER_ISSUER']}/.well-known/openid-configuration")
    yield Provider(authserver, database, found.json(), Person(email.address, PASSWORD, user.sub))
    await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def confidential(provider: Provider) -> Known:
    return await provider.add_client(CONFIDENTIAL)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def public(provider: Provider) -> Known:
    return await provider.add_client(PUBLIC)
