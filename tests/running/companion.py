"""The companion of a running skill: its client at authserver, and a browser without JavaScript that signs in."""

import re
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import httpx2

from skill.storage.registry import open_registry
from tests.running.home import add_person, skill_settings
from tests.running.linking import Person, walk
from tests.running.reading import Browser, Page
from tests.running.service import Service


def registered(authserver: Service, skill_url: str) -> dict[str, str]:
    """A new client for the companion at this address; gives the settings of the skill."""
    made = authserver.cli_json(
        "client", "add", "Lampgate", "--first-party", "--require-pkce", "--scope", "openid", "--scope", "email",
        "--scope", "profile", "--redirect-uri", f"{skill_url}/signed-in", "--logout-uri", f"{skill_url}/signed-out",
        "--backchannel-logout-uri", f"{skill_url}/backchannel-logout",
    )  # fmt: skip
    authserver.must_not_log(made["client_secret"])
    return {
        "SKILL_COMPANION_CLIENT_ID": made["client_id"],
        "SKILL_COMPANION_CLIENT_SECRET": made["client_secret"],
        "SKILL_SECRET_KEY": secrets.token_urlsafe(48),
    }


def companion_service(authserver: Service, database_url: str, folder: Path, port: int, **others: str) -> Service:
    """A skill with the companion, not started yet; its database is migrated."""
    issuer = authserver.settings["AUTHSERVER_ISSUER"]
    url = f"http://127.0.0.1:{port}"
    settings = skill_settings(database_url, port, issuer, "alexa", **registered(authserver, url)) | others
    skill = Service("skill", settings, folder, port)
    skill.must_not_log(settings["SKILL_COMPANION_CLIENT_SECRET"], settings["SKILL_SECRET_KEY"])
    return skill


@dataclass
class Companion:
    """Both services. `lamp`, `row` and `code` act as the operator does, without a process of their own."""

    authserver: Service
    skill: Service

    @property
    def url(self) -> str:
        return self.skill.url

    def person(self) -> Person:
        return add_person(self.authserver)

    async def lamp(
        self, owner: str, name: str = "Desk lamp", driver: str = "simulated", room: str = "", **options
    ) -> str:  # type: ignore[no-untyped-def]
        async with open_registry(self.skill.settings["SKILL_DATABASE_URL"]) as registry:
            row = await registry.add(owner, name, driver, options)
            row.claimed_at = int(time.time()) - 10
            if room:
                await registry.move(row.endpoint_id, room)
            return row.endpoint_id

    async def free_lamp(self, name: str = "Desk lamp") -> tuple[str, str]:
        """A lamp of nobody, and the code that claims it."""
        async with open_registry(self.skill.settings["SKILL_DATABASE_URL"]) as registry:
            row = await registry.add("", name, "simulated", {})
            code = await registry.code(row.endpoint_id)
            assert code is not None
            return row.endpoint_id, code

    async def unplug(self, endpoint_id: str) -> None:
        async with open_registry(self.skill.settings["SKILL_DATABASE_URL"]) as registry:
            await registry.plug(endpoint_id, False)

    async def row(self, endpoint_id: str):  # type: ignore[no-untyped-def]
        async with open_registry(self.skill.settings["SKILL_DATABASE_URL"]) as registry:
            return await registry.lamp(endpoint_id)


@dataclass
class Visitor:
    """A browser at the companion. `page` is the HTML that was read last."""

    url: str
    browser: Browser = field(default_factory=Browser)
    page: str = ""

    async def __aenter__(self) -> "Visitor":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.browser.client.aclose()

    @property
    def client(self) -> httpx2.AsyncClient:
        return self.browser.client

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        answer = await self.client.get(urljoin(self.url, path), headers=headers)
        if answer.status_code < 300:
            self.page = answer.text
        return answer

    async def sign_in(self, person: Person, path: str = "/") -> httpx2.Response:
        """From the page that was wanted to the one that is shown after signing in."""
        answer = await self.client.get(urljoin(self.url, f"/sign-in?next={quote(path, safe='')}"))
        assert answer.status_code == 302, answer.text
        back = await self.at_issuer(answer.headers["location"], person)
        answer = await self.client.get(back)
        assert answer.status_code == 303, answer.text
        return await self.get(answer.headers["location"])

    async def at_issuer(self, location: str, person: Person) -> str:
        """Signs in there, and gives where the browser is sent back to."""
        page: Page = await self.browser.open(location)
        if page.left_to is None:
            page = await walk(self.browser, page, person)
        assert page.left_to is not None
        return page.left_to

    @property
    def form_token(self) -> str:
        found = re.search(r'name="form_token" value="([^"]+)"', self.page)
        assert found, self.page[:500]
        return found[1]

    async def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> httpx2.Response:
        """As a form of the page that was read last; `headers` go before a browser's."""
        parts = urlsplit(self.url)
        sent = {"origin": f"{parts.scheme}://{parts.netloc}", "sec-fetch-site": "same-origin"} | (headers or {})
        form = {"form_token": self.form_token} | fields
        return await self.client.post(urljoin(self.url, path), data=form, headers=sent)

    async def act(self, path: str, **fields: str) -> str:
        """Post, follow the 303, give the page."""
        answer = await self.post(path, **fields)
        assert answer.status_code == 303, f"{answer.status_code} {answer.text[:400]}"
        shown = await self.get(answer.headers["location"])
        assert shown.status_code == 200, shown.text[:400]
        return self.page
