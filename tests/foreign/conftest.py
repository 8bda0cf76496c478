"""The running server with people and clients, for programs that others wrote."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from authlib.common.security import generate_token
from joserfc.jwk import ECKey

from authserver.accounts import administration
from authserver.accounts.names import read_email
from authserver.accounts.passwords import crypt_context
from authserver.oauth import keys, registration, resource_registration, token_rules
from authserver.oauth.dynamic import initial_access
from authserver.oauth.presets import CONFIDENTIAL, PUBLIC
from authserver.secret_values import SecretKey
from authserver.storage.database import Database, DatabaseUrl
from tests.running import node
from tests.running.linking import PASSWORD, Person, walk
from tests.running.node import Foreign
from tests.running.reading import Browser
from tests.running.service import Service

CALLBACK = "https://client.example.org/callback"
SCOPE = "openid email"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
SEEN = 1.0  # seconds until every worker knows what a command has changed


@pytest.fixture(scope="module")
def database_kind() -> str:
    """That of production: a client does not see the database, and the protocol's own tests are on both."""
    return "postgresql"


@dataclass(frozen=True)
class Known:
    """A client as its owner configures it."""

    client_id: str
    client_secret: str
    issuer: str

    def as_told(self, method: str) -> dict[str, str]:
        """What the programs of `node/` are told of it."""
        return asdict(self) | {"method": method}


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
        now, key = int(time.time()), SecretKey.of(self.service.settings["AUTHSERVER_SECRET_KEY"])
        async with self.database.unit() as session:
            client, secret = await registration.register(session, "A foreign app", wanted, now)
            for alg in token_rules.algorithms(client):
                await keys.ensure(session, key, alg, now)
        self.service.must_not_log(secret or "")
        if policy:
            await asyncio.sleep(SEEN)
        return Known(client.client_id, secret or "", self.issuer)

    async def add_resource_server(self, *scopes: str) -> str:
        """Its identifier, an address that nothing answers at."""
        identifier = f"https://{generate_token(8).lower()}.example.org"
        async with self.database.unit() as session:
            described = dict.fromkeys(scopes, "Do something there")
            await resource_registration.add(session, identifier, "An API", described, int(time.time()))
        await asyncio.sleep(SEEN)
        return identifier

    async def let_register(self) -> str:
        """An initial access token for one client."""
        async with self.database.unit() as session:
            value, _ = await initial_access.issue(session, initial_access.Limits(), 1, 600, "", int(time.time()))
        self.service.must_not_log(value)
        await asyncio.sleep(SEEN)
        return value

    async def sign_in(self, url: str, browser: Browser | None = None) -> str:
        """Where the browser ends when a person signs in and allows: the client's callback, with the code."""
        if browser is None:
            async with Browser() as new:
                return await self.sign_in(url, new)
        page = await walk(browser, await browser.open(url), self.human)
        assert page.left_to is not None
        return page.left_to

    async def let_in(self, browser: Browser, url: str) -> None:
        """A person opens what their device shows, signs in and allows."""
        page = await browser.open(url)
        if page.has_button("continue"):
            page = await browser.press(page, "continue")
        page = await browser.press(page, "sign_in", username=self.human.email, password=self.human.password)
        page = await browser.press(page, "allow")
        assert "linked" in page.text, page

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
    async with httpx2.AsyncClient(trust_env=False, verify=False) as http:
        found = await http.get(f"{authserver.settings['AUTHSERVER_ISSUER']}/.well-known/openid-configuration")
    yield Provider(authserver, database, found.json(), Person(email.address, PASSWORD, user.sub))
    await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def confidential(provider: Provider) -> Known:
    return await provider.add_client(CONFIDENTIAL)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def public(provider: Provider) -> Known:
    return await provider.add_client(PUBLIC)


def key_of_a_client() -> tuple[dict[str, Any], dict[str, Any]]:
    """The private half for the client, and the set that its owner registers."""
    key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"}, private=True)
    return dict(key.as_dict(private=True)), {"keys": [dict(key.as_dict(private=False))]}


@pytest_asyncio.fixture(loop_scope="session", params=["openid_client", "oauth4webapi"])
async def library(request: pytest.FixtureRequest) -> AsyncIterator[Foreign]:
    async with node.running(request.param) as client:
        yield client


async def discover(library: Foreign, known: Known, method: str, **others: object) -> dict[str, object]:
    found: dict[str, object] = await library.ask(
        "discover",
        **known.as_told(method),
        **others,
    )
    return found
