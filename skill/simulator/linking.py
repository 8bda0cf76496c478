"""Account linking as Alexa does it: the authorization URL, the exchange of the code, the refresh.

As captured from Alexa: an `Apache-HttpClient` with a form body and HTTP Basic, 4.5 s of patience, no redirects.
"""

import base64
import functools
import hashlib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import orjson
from pydantic import SecretStr

from skill.simulator.browsers import Browser, Link, Notice
from skill.simulator.journal import as_lines, pretty

PATIENCE = 4.5
"""Seconds that Alexa waits for the token endpoint."""

USER_AGENT = "Apache-HttpClient/4.5.14 (Java/17.0.12)"
SCOPE = "openid"
DEFAULT_EXPIRES_IN = 3600
"""`defaultTokenExpirationInSeconds`, taken where an answer has no `expires_in`."""

AWAY = Notice(
    "The authorization server doesn't answer",
    "Nothing is lost. Check that authserver is running at the address that SKILL_ISSUER names, then try again.",
    "503",
)
_ADVICE = {
    "access_denied": Notice("You didn't allow the link", "Nothing was shared. You can link whenever you like."),
    "invalid_client": Notice(
        "The simulator isn't registered",
        "The authorization server doesn't know this client id and secret. Start again with make run, which registers"
        " them, or check SKILL_SIMULATOR_CLIENT_ID and SKILL_SIMULATOR_CLIENT_SECRET.",
    ),
    "invalid_grant": Notice(
        "This link has ended", "The authorization server refused the grant. Link the account again."
    ),
    "invalid_scope": Notice("The client lacks the scope", "Register the simulator's client with the scope openid."),
    "invalid_issuer": Notice("The answer came from elsewhere", "Its iss is not the issuer that this link began with."),
    "temporarily_unavailable": AWAY,
}


class LinkingFailed(Exception):
    """`ends` says that the authorization server refused for good, so that Alexa would unlink."""

    def __init__(self, notice: Notice, *, ends: bool = False) -> None:
        super().__init__(notice.title)
        self.notice = notice
        self.ends = ends


def explained(error: str) -> Notice:
    """An OAuth error code as a notice; what is not of the specification's alphabet is not repeated."""
    code = error if error.replace("_", "").isalnum() and error.isascii() and len(error) <= 60 else "unknown error"
    known = _ADVICE.get(code, Notice("Linking didn't finish", "The authorization server returned with an error."))
    return Notice(known.title, known.text, code)


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """`issuer` as browsers see it, `reachable` as this process reaches it; `redirect_uri` is the simulator's own."""

    issuer: str
    reachable: str
    redirect_uri: str
    client_id: str
    client_secret: SecretStr | None

    def authorize_url(self, state: str, verifier: str | None = None) -> str:
        """Where Alexa sends the browser; parameters percent-encoded as captured (`%20`, never `+`). With a verifier its
        challenge goes along (RFC 7636 §4.3)."""
        asked = {
            "client_id": self.client_id,
            "response_type": "code",
            "state": state,
            "scope": SCOPE,
            "redirect_uri": self.redirect_uri,
        }
        if verifier is not None:
            digest = hashlib.sha256(verifier.encode()).digest()
            asked["code_challenge"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            asked["code_challenge_method"] = "S256"
        return f"{self.issuer}/oauth2/authorize?{urlencode(asked, quote_via=quote)}"

    async def is_there(self) -> bool:
        """Whether it answers at all. Alexa does not ask; a person would otherwise be sent to a browser's error page."""
        try:
            async with _client() as client:
                await client.get(f"{self.reachable}/.well-known/openid-configuration")
        except (httpx2.HTTPError, httpx2.InvalidURL):
            return False
        return True

    async def exchange(self, browser: Browser, code: str, now: float, verifier: str | None = None) -> Link:
        """RFC 6749 §4.1.3. The caller has bound `state` to the browser and compared `iss`."""
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        if verifier is not None:
            asked["code_verifier"] = verifier
        answer = await self._ask(browser, asked, now)
        claims = _claims(answer["access_token"])
        person = _claims(str(answer.get("id_token", "")))
        subject = str(claims.get("sub", ""))
        account = str(person.get("email") or f"account {subject[:8]}")  # with scope openid Alexa learns no e-mail
        return Link(answer["access_token"], _text(answer, "refresh_token"), _expiry(answer, now), subject, account)

    async def refresh(self, browser: Browser, link: Link, now: float) -> Link:
        """RFC 6749 §6; without a new refresh token the old one stays."""
        if link.refresh_token is None:
            raise LinkingFailed(explained("invalid_grant"), ends=True)
        answer = await self._ask(browser, {"grant_type": "refresh_token", "refresh_token": link.refresh_token}, now)
        refresh_token = _text(answer, "refresh_token") or link.refresh_token
        return Link(answer["access_token"], refresh_token, _expiry(answer, now), link.subject, link.account)

    async def _ask(self, browser: Browser, asked: dict[str, str], now: float) -> dict[str, Any]:
        asked = asked | {"client_id": self.client_id}
        headers = {
            **({"Authorization": self._basic(self.client_secret)} if self.client_secret is not None else {}),
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": USER_AGENT,
        }
        async with _client() as client:
            began = time.perf_counter()
            try:
                url = f"{self.reachable}/oauth2/token"
                response = await client.post(url, content=urlencode(asked), headers=headers)
            except httpx2.HTTPError as error:
                why = f"{type(error).__name__} within {PATIENCE} s"
                _note(browser, asked, headers, now, began, "no answer", why)
                raise LinkingFailed(AWAY) from error
        answer = _object(response)
        shown = as_lines(_chosen(response), ": ") + "\n\n" + pretty(answer)
        _note(browser, asked, headers, now, began, str(response.status_code), shown, response.is_success)
        if response.is_success and isinstance(answer.get("access_token"), str):
            return answer
        if response.status_code >= 500 or response.status_code == 429:
            raise LinkingFailed(AWAY)
        error_code = str(answer.get("error", "unknown error"))
        raise LinkingFailed(explained(error_code), ends=error_code == "invalid_grant")

    def _basic(self, secret: SecretStr) -> str:
        """RFC 6749 §2.3.1: both halves form-encoded first."""
        pair = f"{quote(self.client_id, safe='')}:{quote(secret.get_secret_value(), safe='')}"
        return "Basic " + base64.b64encode(pair.encode()).decode()


@functools.cache
def _trust() -> ssl.SSLContext:
    """Reading the certificate store takes longer than a token request: once."""
    return ssl.create_default_context()


def _client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(trust_env=False, timeout=PATIENCE, verify=_trust())


def _note(
    browser: Browser,
    asked: Mapping[str, str],
    headers: Mapping[str, str],
    now: float,
    began: float,
    outcome: str,
    received: str,
    well: bool = False,
) -> None:
    browser.journal.note(
        "linking",
        "POST /oauth2/token",
        outcome,
        well=well,
        at=now,
        milliseconds=(time.perf_counter() - began) * 1000,
        sent=f"{as_lines(headers, ': ')}\n\n{as_lines(asked)}",
        received=received,
    )


def _claims(token: str) -> dict[str, Any]:
    """A token's claims, unchecked: it came from the token endpoint itself, not through the browser (OpenID Connect
    Core §3.1.3.7 (6)), and it only picks which lamps the page draws. The skill checks it on every directive."""
    try:
        body = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _object(response: httpx2.Response) -> dict[str, Any]:
    try:
        answer = orjson.loads(response.content)
    except ValueError:
        return {"not JSON": response.text[:200]}
    return answer if isinstance(answer, dict) else {"not an object": answer}


def _chosen(response: httpx2.Response) -> dict[str, str]:
    shown = ("content-type", "cache-control", "www-authenticate", "retry-after")
    return {name.title(): response.headers[name] for name in shown if name in response.headers}


def _expiry(answer: Mapping[str, Any], now: float) -> float:
    seconds = answer.get("expires_in")
    return now + (seconds if isinstance(seconds, int) else DEFAULT_EXPIRES_IN)


def _text(answer: Mapping[str, Any], name: str) -> str | None:
    value = answer.get(name)
    return value if isinstance(value, str) else None
