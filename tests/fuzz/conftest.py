"""One running server for each database, with clients, a person who is signed in, and what they hold."""

import time
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import pytest_asyncio
from authlib.common.security import generate_token

from authserver.accounts import administration
from authserver.accounts.names import read_email
from authserver.accounts.passwords import crypt_context
from authserver.oauth import registration, resource_registration
from authserver.oauth.dynamic import initial_access
from authserver.oauth.presets import ALEXA, CONFIDENTIAL, PUBLIC, alexa_redirect_uris
from authserver.oauth.server import GRANT_TYPES
from authserver.storage.database import Database, DatabaseUrl
from tests.conftest import MigratedDatabase
from tests.fuzz import answers, budget
from tests.fuzz.drawing import HUSH, Fields, encoded
from tests.running.home import authserver_settings
from tests.running.linking import PASSWORD, Alexa, Person
from tests.running.ports import free_port
from tests.running.reading import Browser
from tests.running.service import Service

CALLBACK = "https://client.example.org/callback"
API = "https://api.example.org"
FORM = "application/x-www-form-urlencoded"
#: what the server hands out, and no line of its log holds
HANDED_OUT = ("access_token", "refresh_token", "id_token", "device_code", "user_code", "request_uri")
MANY = "1000000"  # so that no limit for one network ends the draw: those are tested elsewhere


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure says how to see it again."""
    report = yield
    if report.failed:
        report.sections.append(("The same again", budget.again()))
    return report


@dataclass
class Target:
    """The server, and a browser in it. `presets`: a client of each kind."""

    service: Service
    presets: dict[str, Alexa]
    person: Person
    browser: httpx2.Client
    stranger: httpx2.Client
    tokens: dict[str, Any] = field(default_factory=dict)
    initial: str = ""  # an initial access token

    @property
    def issuer(self) -> str:
        return self.service.settings["AUTHSERVER_ISSUER"]

    @property
    def registered(self) -> list[str]:
        return [client.redirect_uri for client in self.presets.values()]

    def keep_secret(self, told: Any, location: str = "") -> None:
        """What an answer hands out, in its JSON and in where it leads."""
        if isinstance(told, dict):
            self.service.must_not_log(*(told[name] for name in HANDED_OUT if isinstance(told.get(name), str)))
        if location.startswith(CALLBACK):
            self.service.must_not_log(httpx2.QueryParams(urlsplit(location).query).get("code", ""))

    def checked(self, answer: httpx2.Response, sent: Fields) -> httpx2.Response:
        answers.check(answer, sent, self.issuer, self.registered)
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        self.keep_secret(answer.json() if is_json else None, answer.headers.get("location", ""))
        return answer

    def get(self, path: str, sent: Fields, browser: httpx2.Client | None = None) -> httpx2.Response:
        """One question in the query, whose answer is checked."""
        return self.checked((browser or self.stranger).get(f"{self.issuer}{path}?{encoded(sent)}"), sent)

    def post(
        self, path: str, sent: Fields, browser: httpx2.Client | None = None, query: str = "", **headers: str
    ) -> httpx2.Response:
        """One form, whose answer is checked."""
        put = [(name.encode(), value.encode("latin-1")) for name, value in ({"content-type": FORM} | headers).items()]
        asking = browser or self.stranger
        return self.checked(asking.post(f"{self.issuer}{path}{query}", content=encoded(sent), headers=put), sent)


def new_browser() -> httpx2.Client:
    return httpx2.Client(
        trust_env=False, verify=False, timeout=30, headers={"accept": "text/html", "accept-language": "en"}
    )


async def fill(target: Target, database: Database, now: int) -> None:
    """Clients of each kind, registered as commands do it."""
    async with database.unit() as session:
        await resource_registration.add(session, API, "An API", {"read": "Read"}, now)
        limits = initial_access.Limits(
            scopes=("openid", "email", f"{API}/read"), grant_types=initial_access.GRANT_TYPES
        )
        target.initial, _ = await initial_access.issue(session, limits, initial_access.MOST_USES, 86_400, "", now)
    target.service.must_not_log(target.initial)
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
        service.must_not_log(linked.code)
        target.keep_secret(linked.tokens)
        service.must_not_log(*(cookie.value or "" for cookie in browser.cookies.jar))
        yield target
        service.must_not_log(*(cookie.value or "" for cookie in browser.cookies.jar))
    await database.close()
