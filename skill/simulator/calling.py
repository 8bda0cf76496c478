"""A running skill called over HTTP as the bridge calls it: signed afresh for every directive, eight seconds, once."""

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson
from pydantic import SecretStr

from skill.simulator.journal import shortened

PATIENCE = 8.0
"""Seconds that Alexa waits."""


class SkillAway(Exception):
    """No answer that Alexa could read; the text is for a person."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Tokens are shortened in both."""

    sent: Any
    received: Any
    milliseconds: float


@dataclass(slots=True)
class Skill:
    """`secret` is what the bridge signs with, None where the skill is in development mode and needs none."""

    url: str
    secret: SecretStr | None
    exchanges: list[Exchange] = field(default_factory=list)
    _client: httpx2.AsyncClient | None = None

    async def __aenter__(self) -> "Skill":
        self._client = httpx2.AsyncClient(timeout=PATIENCE, trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def answer(self, body: bytes) -> dict[str, Any]:
        """The message to a directive. Raises SkillAway."""
        assert self._client is not None
        began = time.perf_counter()
        try:
            response = await self._client.post(
                f"{self.url}/alexa/directive", content=body, headers=signed(body, self.secret, time.time())
            )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise SkillAway(f"{self.url} does not answer ({type(error).__name__}); is the skill running?") from error
        milliseconds = (time.perf_counter() - began) * 1000
        if response.status_code == 401:
            raise SkillAway(f"{self.url} takes signed calls alone (401): set SKILL_BRIDGE_SECRET to its own.")
        try:
            message = orjson.loads(response.content)
        except ValueError:
            message = None
        if response.status_code != 200 or not isinstance(message, dict):
            raise SkillAway(f"{self.url} answers {response.status_code}; is it a skill?")
        self.exchanges.append(Exchange(shortened("", orjson.loads(body)), shortened("", message), milliseconds))
        return message


def signed(body: bytes, secret: SecretStr | None, now: float) -> dict[str, str]:
    """Contract 2.8: hex HMAC-SHA256 of `timestamp "." body`. No two bodies are alike, since every directive has a
    `messageId` of its own."""
    headers = {"content-type": "application/json"}
    if secret is None:
        return headers
    timestamp = str(int(now))
    mac = hmac.digest(secret.get_secret_value().encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return headers | {"x-bridge-timestamp": timestamp, "x-bridge-signature": mac.hex()}
