"""Who is asking: an access token verified here, without a call to the issuer (contract 2.7, docs/token-profile.md).

The mapping of failures is the most dangerous thing of the product: InvalidCredential and ExpiredCredential unlink the
user for good, so they are raised for a token that is provably dead. What our own configuration, clock or network can
cause is InternalError and a line in the log.
"""

import hashlib
import logging
import re
import sys
import warnings
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.util import urlsafe_b64decode

from skill.errors import ExpiredCredential, InsufficientPermissions, InternalError, InvalidCredential
from skill.jwks import IssuerKeys
from skill.settings import Settings

log = logging.getLogger(__name__)

# EdDSA is the name that RFC 8037 and our token profile use; RFC 9864 prefers Ed25519.
warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)

LONGEST_TOKEN = 32_768  # characters; one of ours may tell many groups, and must unlink nobody
LARGEST_CACHE = 20_000  # verdicts
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")  # no padding: RFC 7515 §2
_FORBIDDEN = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"})
"""Header members that would let a token choose its own key or its own rules (RFC 8725 §3.1, §3.10)."""


class Caller(NamedTuple):
    """The proof: a live token of this user, for one of our clients, with the required scope."""

    sub: str
    client_id: str


class Moment(NamedTuple):
    """Now, as our own clock and the bridge's signed timestamp have it (Unix seconds). A token is expired only when both
    say so; it is not yet valid only when both say so."""

    earliest: float
    latest: float


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What does not change while the key lives. Times, client and scope are judged at every use."""

    sub: str
    client_id: str
    scopes: frozenset[str]
    expires_at: float
    valid_from: float
    key: str | None  # thumbprint of the key that it is bound to (RFC 9449 §6.1)


class AccessTokens:
    def __init__(self, settings: Settings, keys: IssuerKeys) -> None:
        self._keys = keys
        self._issuer, self._audience = settings.issuer, settings.own_audience
        self._clients, self._algorithms = frozenset(settings.client_ids), frozenset(settings.algorithms)
        self._scopes = frozenset(settings.required_scope.split())
        self._leeway = settings.clock_leeway.total_seconds()
        self._verdicts: dict[bytes, _Verdict] = {}
        self._generation = keys.generation

    async def verify(self, token: str | None, moment: Moment, proven: str | None = None) -> Caller:
        """Raises the AlexaError that contract 2.7 names for the first check that fails.

        `proven`: the thumbprint of the key that the sender has proved to hold; None where the token is all there is.
        """
        if token is None:
            raise InvalidCredential("The directive carries no token.")
        if len(token) > LONGEST_TOKEN:
            raise InvalidCredential("The token is too long.")
        if self._generation != self._keys.generation:
            self._verdicts.clear()
            self._generation = self._keys.generation
        digest = hashlib.sha256(token.encode()).digest()
        verdict = self._verdicts.get(digest)
        if verdict is None:
            verdict = await self._judge(token)
            if len(self._verdicts) >= LARGEST_CACHE:
                del self._verdicts[next(iter(self._verdicts))]
            if self._generation == self._keys.generation:
                self._verdicts[digest] = verdict
        if verdict.key != proven:  # RFC 9449 §7.2: without its proof it opens nothing, and no other with one
            raise InvalidCredential(
                "The token is bound to another key, or to none."
                if proven
                else "The token is bound to a key and is no bearer token."
            )
        self._check_use(verdict, moment)
        return Caller(verdict.sub, verdict.client_id)

    async def _judge(self, token: str) -> _Verdict:
        header = _header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or not isinstance(kid, str) or _FORBIDDEN & header.keys():
            raise InvalidCredential("The token's header is not one of ours.")
        if not algorithm.startswith(("RS", "ES", "Ed")):  # none, HS…: never, whoever is misconfigured
            raise InvalidCredential("The token's algorithm is not one of ours.")
        key = await self._keys.key(kid)
        if algorithm != key.algorithm:
            raise InvalidCredential("The token's algorithm is not that of its key.")
        if algorithm not in self._algorithms:
            log.error("the issuer signs with %s, which SKILL_ALGORITHMS does not allow", algorithm)
            raise InternalError("The service is set up for other algorithms.")
        try:
            payload = jws.deserialize_compact(token, key.key, algorithms=[algorithm]).payload
            claims = orjson.loads(payload)
        except (JoseError, ValueError) as error:
            raise InvalidCredential("The token's signature is wrong.") from error
        return self._read(header, claims)

    def _read(self, header: Mapping[str, Any], claims: Any) -> _Verdict:
        """From here on the issuer's key has spoken: what remains is another kind of token, or our own configuration."""
        if not isinstance(claims, dict):
            raise InvalidCredential("The token holds no claims.")
        if claims.get("iss") != self._issuer:  # not `in`: a list is no issuer
            log.error("token of another issuer refused: SKILL_ISSUER is %r", self._issuer)
            raise InternalError("The token is of another issuer than the service is set up for.")
        sub, client_id, scope = claims.get("sub"), claims.get("client_id"), claims.get("scope", "")
        expires_at = _number(claims.get("exp"))
        issued_at, not_before = _number(claims.get("iat")), _number(claims.get("nbf", 0))
        if (
            str(header.get("typ")).lower().removeprefix("application/") != "at+jwt"  # RFC 9068 §4, RFC 8725 §3.11
            or claims.get("token_use") != "access"
            or not _text(sub)
            or not _text(client_id)
            or not _text(claims.get("username"))  # a machine's token has neither user name
            or _number(claims.get("auth_time")) is None  # nor a sign-in
            or not isinstance(scope, str)
            or expires_at is None
            or issued_at is None
            or not_before is None
        ):
            raise InvalidCredential("The token is no access token of a person.")
        confirmation = claims.get("cnf")
        key = confirmation.get("jkt") if isinstance(confirmation, dict) else None
        if confirmation is not None and not _text(key):  # RFC 7800 §3.1: a way that we do not know
            raise InvalidCredential("The token is bound in a way that the service does not know.")
        audience = claims.get("aud")
        if audience is not None and (
            self._audience is None or self._audience not in (audience if isinstance(audience, list) else [audience])
        ):
            log.error("token for another audience refused: ours is %r (SKILL_AUDIENCE)", self._audience)
            raise InternalError("The token is for another audience than the service is set up for.")
        # Thousands are kept, and most hold the same words: once in memory is enough.
        who, client = sys.intern(str(sub)), sys.intern(str(client_id))
        return _Verdict(who, client, _words(scope), expires_at, max(issued_at, not_before), key)

    def _check_use(self, verdict: _Verdict, moment: Moment) -> None:
        if verdict.client_id not in self._clients:
            log.error("token of client %.80r refused: it is not in SKILL_CLIENT_IDS", verdict.client_id)
            raise InternalError("The token is of a client that the service is not set up for.")
        if moment.earliest > verdict.expires_at + self._leeway:
            raise ExpiredCredential("The token has expired.")
        if moment.latest < verdict.valid_from - self._leeway:
            log.error("token from the future: the clock here or at the issuer is wrong")
            raise InternalError("The token is not valid yet.")
        if not self._scopes <= verdict.scopes:
            raise InsufficientPermissions("The token lacks a scope.")


@lru_cache(maxsize=256)
def _words(scope: str) -> frozenset[str]:
    return frozenset(scope.split())


def _header(token: str) -> dict[str, Any]:
    if _COMPACT.fullmatch(token) is None:
        raise InvalidCredential("The token is no signed JWT.")
    try:
        header = orjson.loads(urlsafe_b64decode(token.partition(".")[0].encode()))
    except (Base64Error, ValueError) as error:
        raise InvalidCredential("The token's header cannot be read.") from error
    if not isinstance(header, dict):
        raise InvalidCredential("The token's header cannot be read.")
    return header


def _text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _number(value: object) -> float | None:
    """RFC 7519 §2 NumericDate; a boolean is no number."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
