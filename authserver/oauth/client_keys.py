"""Public keys of clients, for their assertions and request objects: registered with the client, or fetched.

A set that is fetched holds for `FRESH`; an older one is asked for again at its next use, and so is one that lacks the
key that is named, at most once in `RETRY` for each client and process. While its address is away the set that is known
holds on, for `KEPT` at most: who removes a stolen key must be believed some day (docs/adr/0031).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from authserver.egress import Egress, EgressError
from authserver.oauth.compact import Key

log = logging.getLogger(__name__)

#: what clients may sign with: never `none`, never a secret that we share. `Ed25519` is RFC 9864's name for `EdDSA`.
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
MOST_KEYS = 20
RSA_BITS = range(2048, 8193)
FRESH = 600  # seconds
RETRY = 60  # seconds between two fetches of one set
RETRY_WITHOUT = 10  # the same while no key is known at all
KEPT = 86_400  # seconds
MOST_SETS = 1000
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # RFC 7518 §6.2.2, §6.3.2, §6.4.1

KINDS: dict[str, tuple[Any, str | None, tuple[str, ...], frozenset[str]]] = {
    "RSA": (RSAKey, None, ("n", "e"), frozenset({"RS256", "PS256"})),
    "EC": (ECKey, "P-256", ("crv", "x", "y"), frozenset({"ES256"})),
    "OKP": (OKPKey, "Ed25519", ("crv", "x"), frozenset({"EdDSA", "Ed25519"})),
}


class KeysAwayError(Exception):
    """No key of this client is known, and where they are did not answer: nobody can be told apart. Answered with 503:
    the client may be in the right."""


@dataclass(frozen=True)
class PublicKey:
    """`algorithms`: the only ones that it verifies, whatever a header says."""

    kid: str | None
    algorithms: frozenset[str]
    key: Key = field(repr=False)


class KeySetError(Exception):
    """What was given is no key set (RFC 7517 §5) of public keys; the text is for the operator."""


def _public_key(entry: Any) -> PublicKey | None:
    """None for a key that is not ours to use: RFC 7517 §5 has readers ignore those."""
    kind = KINDS.get(str(entry.get("kty"))) if isinstance(entry, dict) else None
    if kind is None:
        return None
    key_class, curve, members, algorithms = kind
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    if curve is not None and entry.get("crv") != curve:
        return None
    if (alg := entry.get("alg")) is not None:
        algorithms = algorithms & {alg} if isinstance(alg, str) else frozenset()
    try:
        key = key_class.import_key({"kty": entry["kty"]} | {name: entry[name] for name in members})
        size = key.get_op_key("verify").key_size if key_class is RSAKey else None
        key.get_op_key("verify")
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if not algorithms or (size is not None and size not in RSA_BITS):
        return None
    kid = entry.get("kid")
    return PublicKey(kid if isinstance(kid, str) else None, algorithms, key)


def parse(document: Any) -> tuple[PublicKey, ...]:
    """The keys that can be used. Raises `KeySetError` where there is none, or something that is nobody's business."""
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise KeySetError('is no JSON Web Key Set: {"keys": [...]}')
    if len(entries) > MOST_KEYS:
        raise KeySetError(f"holds more than {MOST_KEYS} keys")
    if any(isinstance(entry, dict) and PRIVATE & set(entry) for entry in entries):
        raise KeySetError("holds a private or a symmetric key: only public ones are to be shown to anybody")
    keys = tuple(key for key in map(_public_key, entries) if key is not None)
    if not keys:
        raise KeySetError("holds no key to verify with: RSA of 2048 bits or more, EC P-256, or Ed25519")
    return keys


def suitable(keys: Sequence[PublicKey], kid: str | None, alg: str) -> list[PublicKey]:
    """Those that a JWT with this header may have been signed with. Without `kid` there must be no choice (OpenID
    Connect Core §10.1)."""
    found = [key for key in keys if alg in key.algorithms and (kid is None or key.kid == kid)]
    return found if kid is not None or len(found) == 1 else []


@dataclass
class _Remote:
    """A set that is fetched. Times are Unix seconds."""

    keys: tuple[PublicKey, ...] = ()
    fetched_at: int | None = None
    asked_at: int | None = None
    asking: asyncio.Task[None] | None = None

    def holds(self, now: int, longest: int) -> bool:
        return self.fetched_at is not None and now - self.fetched_at < longest

    def may_ask(self, now: int) -> bool:
        return self.asked_at is None or now - self.asked_at >= (RETRY if self.holds(now, KEPT) else RETRY_WITHOUT)


class ClientKeys:
    """The key sets of one process."""

    def __init__(self, egress: Egress, clock: Callable[[], int]) -> None:
        self._egress = egress
        self._clock = clock
        self._remotes: dict[tuple[str, str], _Remote] = {}

    async def find(
        self, client_id: str, own: Sequence[PublicKey], uri: str | None, kid: str | None, alg: str, token_id: str = ""
    ) -> list[PublicKey]:
        """Keys of this client for a JWT with this header; `own` are those that are registered, else `uri` is where
        they are, and `token_id` with whose leave it says so. Raises `KeysAwayError`."""
        if own or uri is None:
            return suitable(own, kid, alg)
        remote = self._remote(client_id, uri)
        if remote.holds(self._clock(), FRESH) and (found := suitable(remote.keys, kid, alg)):
            return found
        if remote.asking is None and remote.may_ask(self._clock()):
            remote.asked_at = self._clock()
            remote.asking = asyncio.ensure_future(self._ask(remote, client_id, uri, token_id))
        if remote.asking is not None:
            await asyncio.shield(remote.asking)  # whoever leaves meanwhile does not end it for the others
        if not remote.holds(self._clock(), KEPT):
            raise KeysAwayError(client_id)
        return suitable(remote.keys, kid, alg)

    def _remote(self, client_id: str, uri: str) -> _Remote:
        remote = self._remotes.get((client_id, uri))
        if remote is None:
            while len(self._remotes) >= MOST_SETS:
                del self._remotes[next(iter(self._remotes))]
            remote = self._remotes[client_id, uri] = _Remote()
        return remote

    async def _ask(self, remote: _Remote, client_id: str, uri: str, token_id: str) -> None:
        try:
            remote.keys = parse(await self._egress.get_json(uri, token_id))
            remote.fetched_at = self._clock()
        except (EgressError, KeySetError) as error:
            log.warning("the key set of client %s at %s: %s", client_id, uri, error)
        finally:
            remote.asking = None
