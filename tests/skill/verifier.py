"""One process of the skill, as far as tokens go: the real verifier, keys and database, with a clock that tests move."""

import time
from typing import Any

from skill.access_token import AccessTokens, Moment
from skill.errors import AlexaError
from skill.jwks import IssuerFetcher, IssuerKeys
from skill.settings import Settings
from skill.storage.store import Store
from tests.skill.issuer import CLIENT_ID, Issuer

INVALID, EXPIRED, OURS = "INVALID_AUTHORIZATION_CREDENTIAL", "EXPIRED_AUTHORIZATION_CREDENTIAL", "INTERNAL_ERROR"
PERMISSIONS = "INSUFFICIENT_PERMISSIONS"
LEEWAY = 90  # seconds, the default


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class Verifier:
    """One process of the skill, as far as tokens go; `again` is the next one on the same database."""

    def __init__(self, issuer: Issuer, store: Store, clock: Clock, **settings: Any) -> None:
        self.settings = Settings(
            database_url="sqlite:///unused.db",
            development=True,
            **({"issuer": issuer.url, "client_ids": CLIENT_ID, "jwks_cooldown": 30} | settings),
        )
        self.issuer, self.store, self.clock, self.changes = issuer, store, clock, settings
        self.fetcher = IssuerFetcher(self.settings)
        self.keys = IssuerKeys(self.settings, store, self.fetcher, clock)
        self.tokens = AccessTokens(self.settings, self.keys)

    async def again(self, **settings: Any) -> "Verifier":
        other = Verifier(self.issuer, self.store, self.clock, **(self.changes | settings))
        await other.keys.load()
        return other

    async def __call__(self, token: str | None, bridge: float | None = None) -> str:
        """The user's `sub`, or the type of the error."""
        now = self.clock()
        bridge = now if bridge is None else bridge
        try:
            return (await self.tokens.verify(token, Moment(min(now, bridge), max(now, bridge)))).sub
        except AlexaError as error:
            return error.type
