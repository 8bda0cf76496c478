"""The issuer's public keys: fetched in the background, kept in the skill's own database, used while it is away.

What it owns: which key a `kid` names, and whether a `kid` that names none is *provably* dead (contract 2.7). It does
not look at tokens.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from skill.errors import InternalError, InvalidCredential
from skill.settings import Settings, is_loopback
from skill.storage.store import Clock, Store

log = logging.getLogger(__name__)

Fetch = Callable[[], Awaitable[bytes]]

LARGEST_DOCUMENT = 256 * 1024  # bytes
SMALLEST_RSA = 2048  # bits
FETCH_PATIENCE = 3.0  # seconds; a directive that waits for it has five
RETRY_FIRST, RETRY_LONGEST = 1.0, 30.0  # seconds between background attempts while the issuer is away
STRANGER_PATIENCE = 60.0  # seconds from the first question for a `kid` to the fetch that may condemn it
MOST_STRANGERS = 256  # kids never published whose first question is remembered
MOST_FORMER = 64  # kids remembered after their key went
FORMER = "skill_former_kids"
"""Our member of the saved document, beside `keys`: RFC 7517 §5 has readers ignore members that they do not know."""

_KINDS: Mapping[str, tuple[Any, str | None, str]] = {
    "RSA": (RSAKey, None, "RS256"),
    "EC": (ECKey, "P-256", "ES256"),
    "OKP": (OKPKey, "Ed25519", "EdDSA"),
}


class KeySetUnusable(Exception):
    """What the issuer (or something in front of it) answered is no key set of our issuer."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`algorithm` is the only one that this key verifies, whatever a token's header says."""

    algorithm: str
    key: Any


def parse(document: bytes) -> dict[str, PublicKey | None]:
    """RFC 7517 §5: a key that we cannot use is kept by its name alone, since a token signed with it is not dead, only
    beyond us. A set without a single usable key is no key set: taking it for one would declare every token dead."""
    try:
        entries = orjson.loads(document)["keys"]
        keys = {entry["kid"]: _public_key(entry) for entry in entries if isinstance(entry.get("kid"), str)}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise KeySetUnusable("the answer is no JSON Web Key Set") from error
    if not any(keys.values()):
        raise KeySetUnusable("the key set holds no key that can be used")
    return keys


def _public_key(entry: Mapping[str, Any]) -> PublicKey | None:
    kind = _KINDS.get(entry.get("kty", ""))
    if kind is None or entry.get("use", "sig") != "sig" or "d" in entry:
        return None
    key_class, curve, algorithm = kind
    if entry.get("alg", algorithm) != algorithm or (curve and entry.get("crv") != curve):
        return None
    members = {name: entry[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in entry}
    try:
        key = key_class.import_key(members)
        if key_class is RSAKey and key.public_key.key_size < SMALLEST_RSA:
            return None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return PublicKey(algorithm, key)


def _members(key: PublicKey | None) -> object:
    return key and key.key.as_dict()


def _kids_of(saved: bytes) -> list[str]:
    """Every `kid` that a saved document names, as a key or as a former one; the longest gone come first."""
    try:
        content = orjson.loads(saved)
        kids = [*content.get(FORMER, ()), *(entry.get("kid") for entry in content["keys"])]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return []
    return [kid for kid in kids if isinstance(kid, str)]


def _drop_oldest(memory: dict[str, Any], most: int) -> None:
    while len(memory) > most:
        del memory[next(iter(memory))]


class IssuerFetcher:
    """Reads the key set over HTTP. No redirects: keys come from the place that the operator named."""

    def __init__(self, settings: Settings) -> None:
        self._issuer, self._base = settings.issuer, settings.reachable_issuer
        secure = self._base.startswith("https://")
        self._client = httpx2.AsyncClient(
            timeout=FETCH_PATIENCE,
            verify=ssl.create_default_context() if secure else False,
            trust_env=not is_loopback(httpx2.URL(self._base).host),
            headers={"Accept": "application/json", "Cache-Control": "no-cache"},
        )

    async def _get(self, path: str) -> bytes:
        async with asyncio.timeout(FETCH_PATIENCE), self._client.stream("GET", self._base + path) as answer:
            if answer.status_code != 200:
                raise KeySetUnusable(f"{path} answered with status {answer.status_code}")
            body = bytearray()
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > LARGEST_DOCUMENT:
                    raise KeySetUnusable(f"{path} answered with too much")
            return bytes(body)

    async def __call__(self) -> bytes:
        """The document. Where the server publishes metadata that name another issuer, its keys are not ours: trusting
        them would declare every token of our issuer dead."""
        document = await self._get("/.well-known/jwks.json")
        try:
            metadata = orjson.loads(await self._get("/.well-known/openid-configuration"))
        except (KeySetUnusable, httpx2.HTTPError, TimeoutError, orjson.JSONDecodeError):
            return document
        if isinstance(metadata, dict) and metadata.get("issuer", self._issuer) != self._issuer:
            raise KeySetUnusable("the server at SKILL_ISSUER_URL calls itself another issuer than SKILL_ISSUER")
        return document

    async def close(self) -> None:
        await self._client.aclose()


class IssuerKeys:
    """The keys of one issuer. `generation` grows whenever a key went or changed: verdicts made before are void."""

    def __init__(self, settings: Settings, store: Store, fetch: Fetch, clock: Clock = time.time) -> None:
        self._issuer, self._store, self._fetch, self._clock = settings.issuer, store, fetch, clock
        self._refresh = settings.jwks_refresh.total_seconds()
        self._cooldown = settings.jwks_cooldown.total_seconds()
        self._stale = settings.jwks_stale.total_seconds()
        self._keys: dict[str, PublicKey | None] = {}
        self._former: dict[str, None] = {}  # kids that were in a key set and are no more, the longest gone first
        self._first_asked: dict[str, float] = {}  # kids that never were in one: when a token first named them
        self._document = b""
        self._fetched_at = 0.0
        self._asked_at = float("-inf")
        self._fetching: asyncio.Task[bool] | None = None
        self.generation = 0

    @property
    def loaded(self) -> bool:
        """Whether there ever was a key set; a later outage of the issuer does not change it."""
        return bool(self._keys)

    async def load(self) -> None:
        """What an earlier process fetched, so that a restart while the issuer is away still answers."""
        if (saved := await self._store.key_set(self._issuer)) is not None:
            try:
                self._take(*saved)
            except KeySetUnusable as error:
                log.warning("saved key set ignored: %s", error)
            self._remember(_kids_of(saved[0]))

    async def key(self, kid: str) -> PublicKey:
        """The key of that id.

        InvalidCredential only for an id that no key set of ours ever had, once a key set that was asked for during this
        call, and at least STRANGER_PATIENCE after the id's first token, came without it: one replica of the issuer may
        publish a key a moment after another signs with it. InternalError otherwise: during the cool-down, after a
        failed fetch, where another fetch was already under way, and for good where the key was dropped. Its tokens are
        refused all the same, and Alexa gets others with the refresh token, which is still good.
        """
        now = self._clock()
        if now - self._fetched_at <= self._stale and kid in self._keys:
            return self._named(kid)
        first_asked = self._asked_for(kid, now)
        underway = self._fetching
        if underway is None:
            if now - self._asked_at < self._cooldown:
                raise InternalError("The signing keys were asked for a moment ago.")
            self._asked_at = now
        succeeded = await self.fetch()
        if succeeded and kid in self._keys:
            return self._named(kid)
        if kid in self._former:
            log.warning("token refused: the issuer has dropped its key")
            raise InternalError("The token was signed with a key that the issuer has dropped.")
        if succeeded and underway is None and now - first_asked >= STRANGER_PATIENCE:
            raise InvalidCredential("The token was signed with a key that the issuer does not have.")
        raise InternalError("The signing keys cannot be had now.")

    def _asked_for(self, kid: str, now: float) -> float:
        """When a token first named this id, as far as we remember; forgetting it only puts off its condemnation."""
        if kid in self._keys or kid in self._former:
            return now
        first_asked = self._first_asked.setdefault(kid, now)
        _drop_oldest(self._first_asked, MOST_STRANGERS)
        return first_asked

    def _named(self, kid: str) -> PublicKey:
        if (key := self._keys[kid]) is None:
            log.error("the issuer signs with a key that this service cannot use: RSA of 2048 bits, P-256 or Ed25519")
            raise InternalError("The service cannot use the key of this token.")
        return key

    async def fetch(self) -> bool:
        """One fetch at a time, whoever waits for it; true where it brought a key set."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_now())
            self._fetching.add_done_callback(self._fetch_ended)
        return await asyncio.shield(self._fetching)

    def _fetch_ended(self, _: object) -> None:
        self._fetching = None

    async def _fetch_now(self) -> bool:
        try:
            document = await self._fetch()
            self._take(document, self._clock())
        except (KeySetUnusable, httpx2.HTTPError, TimeoutError, OSError) as error:
            log.warning("key set of the issuer not fetched: %s: %s", type(error).__name__, error)
            return False
        try:
            await self._save(document)
        except Exception as error:  # the keys are good; only the copy for the next start is missing
            log.warning("key set not saved: %s", type(error).__name__)
        return True

    async def _save(self, document: bytes) -> None:
        """Other replicas write the same row: what they knew is not lost, and no stranger to us any more."""
        if (saved := await self._store.key_set(self._issuer)) is not None:
            self._remember(_kids_of(saved[0]))
        kept = orjson.dumps(orjson.loads(document) | {FORMER: list(self._former)})
        await self._store.save_key_set(self._issuer, kept, int(self._clock()))

    def _remember(self, kids: Iterable[str]) -> None:
        """These were published once; those that are no more become former ones."""
        for kid in kids:
            self._first_asked.pop(kid, None)
            if kid not in self._keys:
                self._former.setdefault(kid, None)
        _drop_oldest(self._former, MOST_FORMER)

    def _take(self, document: bytes, fetched_at: float) -> None:
        if document != self._document:
            keys = parse(document)
            before, self._keys, self._document = self._keys, keys, document
            same = {kid for kid in before if kid in keys and _members(before[kid]) == _members(keys[kid])}
            if len(same) < len(before):
                self.generation += 1
            for kid in keys:
                self._former.pop(kid, None)
            self._remember([*before, *keys])
            log.info("key set taken: %d keys, %d of them new", len(keys), len(keys) - len(same))
        self._fetched_at = fetched_at

    async def keep_fresh(self) -> None:
        """Runs until cancelled."""
        pause = RETRY_FIRST
        while True:
            if await self.fetch():
                pause = RETRY_FIRST
                await asyncio.sleep(self._refresh)
            else:
                await asyncio.sleep(min(pause, self._refresh))
                pause = min(pause * 2, RETRY_LONGEST)
