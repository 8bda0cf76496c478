"""Account linking as Alexa and a person do it: the authorization URL in a browser, then the token endpoint."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx2

from tests.running.reading import Browser, Page
from tests.vectors.alexa import STATE_737

PASSWORD = "correct horse battery staple 7"


@dataclass(frozen=True)
class Person:
    """Who sits at the Alexa app."""

    email: str
    password: str = PASSWORD
    sub: str = ""


@dataclass
class Linked:
    """What came back to the redirect URI, and what the token endpoint made of it."""

    code: str
    state: str
    iss: str
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def access_token(self) -> str:
        return str(self.tokens["access_token"])

    @property
    def refresh_token(self) -> str:
        return str(self.tokens["refresh_token"])


@dataclass
class Alexa:
    """Alexa as a client: `credentials` is "basic" or "body" (HTTP_BASIC, REQUEST_BODY_CREDENTIALS in the console).

    It serves as any other client of the code grant too; with "none" as a public one.
    """

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    scope: str = "openid"
    credentials: str = "basic"
    pkce: bool = False
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def authorization_url(self, state: str = STATE_737, **others: str) -> str:
        asked = {"response_type": "code", "client_id": self.client_id, "state": state, "scope": self.scope}
        asked["redirect_uri"] = self.redirect_uri
        if self.pkce:
            digest = hashlib.sha256(self.verifier.encode()).digest()
            asked["code_challenge"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            asked["code_challenge_method"] = "S256"
        return f"{self.issuer}/oauth2/authorize?{urlencode(asked | others, quote_via=quote)}"

    async def token_request(self, *, headers: dict[str, str] | None = None, **asked: str) -> httpx2.Response:
        """One POST to the token endpoint with this client's credentials."""
        headers = {"user-agent": "Apache-HttpClient/4.5.13 (Java/11.0.22)"} | (headers or {})
        if self.credentials == "basic":
            pair = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        elif self.credentials == "body":
            asked |= {"client_id": self.client_id, "client_secret": self.client_secret}
        else:
            asked["client_id"] = self.client_id
        async with httpx2.AsyncClient(trust_env=False, timeout=30, verify=False) as client:
            return await client.post(f"{self.issuer}/oauth2/token", data=asked, headers=headers)

    async def exchange(self, code: str, *, headers: dict[str, str] | None = None, **others: str) -> httpx2.Response:
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        if self.pkce:
            asked["code_verifier"] = self.verifier
        return await self.token_request(headers=headers, **(asked | others))

    async def refresh(self, refresh_token: str, **others: str) -> httpx2.Response:
        asked = {"grant_type": "refresh_token", "refresh_token": refresh_token} | others
        return await self.token_request(headers=None, **asked)

    async def authorize(self, person: Person, state: str = STATE_737, browser: Browser | None = None) -> Linked:
        """Sign in and allow; the code has not been exchanged yet."""
        if browser is None:
            async with Browser() as new:
                return await self.authorize(person, state, new)
        page = await walk(browser, await browser.open(self.authorization_url(state)), person)
        return returned(page, self.redirect_uri)

    async def link(self, person: Person, state: str = STATE_737, browser: Browser | None = None) -> Linked:
        """The whole linking, from the button in the Alexa app to the tokens."""
        linked = await self.authorize(person, state, browser)
        answer = await self.exchange(linked.code)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        linked.tokens = answer.json()
        return linked


async def walk(browser: Browser, page: Page, person: Person, answer: str = "allow") -> Page:
    """Do what each page asks, until the browser leaves the server; `answer` is the button on the consent page."""
    for _ in range(6):
        if page.left_to is not None:
            return page
        if page.has_button(answer):
            page = await browser.press(page, answer)
        elif page.asks_for("username", "password"):
            page = await browser.press(page, "sign_in", username=person.email, password=person.password)
        else:
            break
    raise AssertionError(f"the linking ended on {page!r}")


def returned(page: Page, redirect_uri: str) -> Linked:
    """The code that the browser carries to exactly this redirect URI."""
    assert page.left_to is not None, f"still on {page!r}"
    assert page.left_to.startswith(redirect_uri + ("&" if "?" in redirect_uri else "?")), page.left_to
    given = parse_qs(urlsplit(page.left_to).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in given.values()), given
    assert "error" not in given, given
    return Linked(given["code"][0], given.get("state", [""])[0], given.get("iss", [""])[0])
