"""One running server for each database, with clients, a person who is signed in, and what they hold."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest_asyncio
from authlib.common.security import generate_token

from authserver.accounts import administration
from authserver.accounts.names import read_email
from authserver.accounts.passwords import crypt_context
from authserver.oauth import registration, resource_registration
from authserver.oauth.presets import ALEXA, CONFIDENTIAL, PUBLIC, alexa_redirect_uris
from authserver.oauth.server import GRANT_TYPES
from authserver.storage.database import Database, DatabaseUrl
from tests.conftest import MigratedDatabase
from tests.fuzz import answers
from tests.fuzz.drawing import HUSH, Fields, encoded
from tests.running.home import authserver_settings
from tests.running.linking import PASSWORD, Alexa, Person
from tests.running.ports import free_port
from tests.running.reading import Browser
from tests.running.service import Service

CALLBACK = "https://client.example.org/callback"
API = "https://api.example.org"
FORM = "application/x-www-form-urlencoded"
MANY = "1000000"  # so that no limit for one network ends the draw: those are tested elsewhere


@dataclass
class Target:
    """The server, and a browser in it. `presets`: a client of each kind."""

    service: Service
    presets: dict[str, Alexa]
    person: Person
    browser: httpx2.Client
    stranger: httpx2.Client
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return self.service.settings["AUTHSERVER_ISSUER"]

    @property
    def registered(self) -> list[str]:
        return [client.redirect_uri for client in self.presets.values()]

    def get(self, path: str, sent: Fields, browser: httpx2.Client | None = None) -> httpx2.Response:
        """One question in the query, whose answer is checked."""
        answer = (browser or self.stranger).get(f"{self.issuer}{path}?{encoded(sent)}")
        answers.check(answer, sent, self.issuer, self.registered)
        return answer

    def post(
        self, path: str, sent: Fields, browser: httpx2.Client | None = None, query: str = "", **headers: str
    ) -> httpx2.Response:
        """One form, whose answer is checked."""
        put = [(name.encode(), value.encode("latin-1")) for name, value in ({"content-type": FORM} | headers).items()]
        answer = (browser or self.stranger).post(f"{self.issuer}{path}{query}", content=encoded(sent), headers=put)
        answers.check(answer, sent, self.issuer, self.registered)
        return answer


def new_browser() -> httpx2.Client:
    return httpx2.Client(
        trust_env=False, verify=False, timeout=30, headers={"accept": "text/html", "accept-language": "en"}
    )


async def fill(target: Target, database: Database, now: int) -> None:
    """Clients of each kind, registered as commands do it."""
    async with database.unit() as session:
        await resource_registration.add(session, API, "An API", {"read": "Read"}, now)
    elsewhere = {"redirect_uris": [CALLBACK], "scopes": ["openid", "email", f"{API}/read"]}
    for name, wanted in (
        ("alexa", ALEXA | {"redirect_uris": alexa_redirect_uris("M2AAAAAAAAAAAA")}),
        ("confidential", CONFIDENTIAL | elsewhere | {"grant_types": list(GRANT_TYPES)}),
        ("public", PUBLIC | elsewhere),
    ):
        async with database.unit() as session:
            client, secret = await registration.register(session, f"The {name} app", wanted, now)
        target.service.must_not_log(secret or "")
        target.presets[name] = Alexa(
            target.issuer,
            client.client_id,
            secret or "",
            client.redirect_uris[0],
            scope=" ".join(client.scopes),
            credentials="basic" if secret else "none",
            pkce=True,
        )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def target(database_kind: str, migrated_database: MigratedDatabase, module_folder: Path) -> AsyncIterator[Target]:
    url, port = migrated_database("authserver", database_kind), free_port()
    others = {
        "AUTHSERVER_ADDRESS_ATTEMPTS": MANY,
        "AUTHSERVER_ADDRESS_VISITS": MANY,
        "AUTHSERVER_SIGN_IN_WITH": "email,username",  # so that every page is there
    }
    settings = authserver_settings(url, port, **others)
    service = Service("authserver", settings, module_folder, port)
    service.must_not_log(settings["AUTHSERVER_SECRET_KEY"], HUSH, PASSWORD)
    database, now = Database(DatabaseUrl.parse(url)), int(time.time())
    email = read_email(f"{generate_token(12)}@example.org")
    with service, new_browser() as browser, new_browser() as stranger:
        async with database.unit() as session:
            user = await administration.add(session, email, crypt_context().hash(PASSWORD), now, verified=True)
        target = Target(service, {}, Person(email.address, PASSWORD, user.sub), browser, stranger)
        await fill(target, database, now)
        async with Browser() as signing_in:
            linked = await target.presets["confidential"].link(target.person, browser=signing_in)
            browser.cookies.update(signing_in.client.cookies)
        target.tokens = linked.tokens
        service.must_not_log(linked.code, *(str(linked.tokens[name]) for name in linked.tokens if "_token" in name))
        service.must_not_log(*(cookie.value or "" for cookie in browser.cookies.jar))
        yield target
        service.must_not_log(*(cookie.value or "" for cookie in browser.cookies.jar))
    await database.close()
