"""HTTP to Amazon: Login with Amazon, and the event gateway of each region (contract 1.8). One attempt each; what an
answer means is said here, what follows from it elsewhere. No token and no code ever stands in an error."""

import re
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any, Literal, NamedTuple

import httpx2
import orjson

from skill.patience import Patience
from skill.responses import Message
from skill.settings import Settings

Region = Literal["NA", "EU", "FE"]
GATEWAYS: Mapping[str, str] = {
    "NA": "https://api.amazonalexa.com/v3/events",
    "EU": "https://api.eu.amazonalexa.com/v3/events",
    "FE": "https://api.fe.amazonalexa.com/v3/events",
}
LOGIN = "https://api.amazon.com/auth/o2/token"

EXCHANGE_PATIENCE = 3.5  # seconds; the directive that waits for it has five
RENEWAL_PATIENCE = 6.0  # seconds
SENDING_PATIENCE = 6.0  # seconds
LARGEST_ANSWER = 64 * 1024  # bytes
LONGEST_PAUSE = 3600.0  # seconds, of those that a gateway may ask for
_DISABLED = "SKILL_DISABLED_EXCEPTION"
"""The one 403 that ends a grant. `SKILL_NEVER_ENABLED_EXCEPTION` comes of another region's gateway, and while an
enablement is young and not yet known everywhere; `INSUFFICIENT_PERMISSION_EXCEPTION` of our own console."""
_CODE = re.compile(r"[A-Za-z_]{1,64}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


class Tokens(NamedTuple):
    """`expires_in` in seconds."""

    access: str
    refresh: str
    expires_in: int


class LoginRefused(Exception):
    """Login with Amazon says no; the text is its error code. `is_final`: the grant is dead, and no repetition helps;
    else our own client is set up wrongly."""

    @property
    def is_final(self) -> bool:
        return str(self) == "invalid_grant"


class AmazonAway(Exception):
    """No answer, or none that means anything. The text holds no secret."""


class Verdict(Enum):
    accepted = auto()
    bad_token = auto()
    disabled = auto()
    """The user has switched the skill off: nothing will ever be taken again under this grant."""
    refused = auto()
    """The message itself is wrong: it would never be taken."""
    later = auto()


class Reply(NamedTuple):
    """`pause`: the seconds that the gateway wants to be left alone, where it says so."""

    verdict: Verdict
    reason: str
    pause: float | None = None


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    document: Any


class Amazon:
    def __init__(self, settings: Settings) -> None:
        assert settings.alexa_client_id is not None
        assert settings.alexa_client_secret is not None
        own = settings.amazon_url
        self._client_id = settings.alexa_client_id
        self._client_secret = settings.alexa_client_secret.get_secret_value()
        self._login = LOGIN if own is None else f"{own.rstrip('/')}/auth/o2/token"
        self._gateways = GATEWAYS if own is None else {each: f"{own.rstrip('/')}/{each}/v3/events" for each in GATEWAYS}
        self._client = httpx2.AsyncClient(
            verify=ssl.create_default_context() if own is None else False, trust_env=own is None, timeout=None
        )

    async def exchange(self, code: str) -> Tokens:
        """A code for tokens. Raises LoginRefused, AmazonAway."""
        return await self._tokens({"grant_type": "authorization_code", "code": code}, None, EXCHANGE_PATIENCE)

    async def renew(self, refresh_token: str) -> Tokens:
        """Raises LoginRefused, AmazonAway."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self._tokens(form, refresh_token, RENEWAL_PATIENCE)

    async def _tokens(self, form: Mapping[str, str], refresh_token: str | None, patience: float) -> Tokens:
        """RFC 6749 §6: where the answer brings no new refresh token, the old one stays."""
        whole = {**form, "client_id": self._client_id, "client_secret": self._client_secret}
        answer = await self._post(self._login, patience, data=whole)
        document = answer.document if isinstance(answer.document, dict) else {}
        if answer.status in (400, 401) and (error := _code(document.get("error"))):
            raise LoginRefused(error)
        if answer.status != 200:
            raise AmazonAway(f"Login with Amazon answered with status {answer.status}")
        access = _token(document.get("access_token"))
        refresh = _token(document.get("refresh_token", refresh_token))
        expires_in = document.get("expires_in", 3600)
        if access is None or refresh is None or type(expires_in) is not int or expires_in <= 0:
            raise AmazonAway("Login with Amazon answered without tokens")
        return Tokens(access, refresh, expires_in)

    async def send(self, region: str, token: str, message: Message) -> Reply:
        """Never raises."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            answer = await self._post(
                self._gateways[region], SENDING_PATIENCE, content=orjson.dumps(message), headers=headers
            )
        except AmazonAway as failure:
            return Reply(Verdict.later, str(failure))
        return _reply(answer)

    async def _post(self, url: str, patience: float, **request: Any) -> _Answer:
        try:
            with Patience(patience):
                async with self._client.stream("POST", url, **request) as answer:
                    body = bytearray()
                    async for part in answer.aiter_bytes():
                        body += part
                        if len(body) > LARGEST_ANSWER:
                            raise AmazonAway("the answer is too large")
                    headers = {name.lower(): value for name, value in answer.headers.items()}
                    return _Answer(answer.status_code, headers, _json(bytes(body)))
        except (httpx2.HTTPError, TimeoutError, OSError) as failure:
            raise AmazonAway(f"no answer: {type(failure).__name__}") from None

    async def close(self) -> None:
        await self._client.aclose()


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _code(value: object) -> str | None:
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None


def _token(value: object) -> str | None:
    return value if isinstance(value, str) and _TOKEN.fullmatch(value) else None


def _reply(answer: _Answer) -> Reply:
    document = answer.document if isinstance(answer.document, dict) else {}
    payload = document.get("payload", {})
    code = _code(payload.get("code")) if isinstance(payload, dict) else None
    reason = f"status {answer.status}" + (f" {code}" if code else "")
    if answer.status == 202:
        return Reply(Verdict.accepted, reason)
    if answer.status == 401 or code == "INVALID_ACCESS_TOKEN_EXCEPTION":
        return Reply(Verdict.bad_token, reason)
    if answer.status == 403 and code == _DISABLED:  # something in between has no word on the skill, JSON or not
        return Reply(Verdict.disabled, reason)
    if answer.status in (400, 413, 422):
        return Reply(Verdict.refused, reason)
    return Reply(Verdict.later, reason, _pause(answer.headers))


def _pause(headers: Mapping[str, str]) -> float | None:
    """RFC 9110 §10.2.3: seconds, or a date, which is counted from the answer's own."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return min(float(value), LONGEST_PAUSE)
    try:
        wait = (parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))).total_seconds()
    except (ValueError, TypeError):
        return None
    return max(0.0, min(wait, LONGEST_PAUSE))
