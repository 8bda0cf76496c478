"""What a DPoP header holds (RFC 9449 §4): a JWT that names its key, the request that it was made for, and when."""

import base64
import hashlib
import re
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from authserver.oauth.compact import Key, encoded
from authserver.oauth.dpop.nonces import Nonces
from authserver.oauth.dpop.target import normalised
from authserver.oauth.errors import InvalidDpopProofError, UseDpopNonceError
from authserver.secret_values import SecretKeys, digest, same

WINDOW = 60  # seconds that `iat` may be away from our clock, to either side
MARGIN = 60  # seconds that a used proof is remembered beyond that: the clocks of replicas differ
LONGEST = 8192  # characters of a proof
LONGEST_JTI = 256
RSA_BITS = range(2048, 4097)
LONGEST_EXPONENT = 6  # base64url characters, 32 bits: a huge one makes each verification slow

#: what a proof may be signed with, all of it asymmetric: the class of its key, `kty`, `crv` and the members beside them
#: (RFC 7638 §3.2 and RFC 8037 §2 make the thumbprint of just these)
KINDS: dict[str, tuple[type[Any], str, str | None, tuple[str, ...]]] = {
    "ES256": (ECKey, "EC", "P-256", ("x", "y")),
    "ES384": (ECKey, "EC", "P-384", ("x", "y")),
    "EdDSA": (OKPKey, "OKP", "Ed25519", ("x",)),
    "Ed25519": (OKPKey, "OKP", "Ed25519", ("x",)),  # the same under the name of RFC 9864
    "PS256": (RSAKey, "RSA", None, ("e", "n")),
    "RS256": (RSAKey, "RSA", None, ("e", "n")),
}
ALGORITHMS = tuple(KINDS)
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # RFC 7518 §6.2.2, §6.3.2, §6.4; RFC 8037 §2
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")  # no padding: RFC 7515 §2
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Proof:
    """The proof that the sender of this request holds the key with this thumbprint (`jkt`).

    Whether it was used before is not known yet: the database says so, by `digest`, to be kept until `expires_at`.
    """

    jkt: str
    digest: bytes
    expires_at: int
    nonce: str | None


def _refused(description: str) -> InvalidDpopProofError:
    return InvalidDpopProofError(description)


class Proofs:
    """Reads proofs for requests to one issuer, which is configured and never taken from `Host`."""

    def __init__(self, issuer: str, secret_keys: SecretKeys, *, nonce_required: bool) -> None:
        self._issuer = issuer
        self._nonces = Nonces(secret_keys)
        self._nonce_required = nonce_required

    def verify(
        self, headers: Sequence[str], method: str, path: str, now: int, *, access_token: str | None = None
    ) -> Proof:
        """The checks of RFC 9449 §4.3 on the DPoP headers of a request; `path` is below the issuer. With
        `access_token` the proof must be for that token (`ath`); that its key is the token's is the caller's to check.

        Raises `InvalidDpopProofError`, `UseDpopNonceError`.
        """
        if len(headers) != 1:
            raise _refused("There must be one DPoP header")
        header, claims, signed, signature = _parts(headers[0])
        alg = header.get("alg")
        if header.get("typ") != "dpop+jwt":
            raise _refused("typ must be dpop+jwt")
        if not isinstance(alg, str) or alg not in KINDS:
            raise _refused(f"alg must be one of {', '.join(ALGORITHMS)}")
        if "crit" in header:
            raise _refused("crit is not understood")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
            raise _refused(f"jti must be a text of 1 to {LONGEST_JTI} characters")
        if claims.get("htm") != method:
            raise _refused("htm is another method")
        target = normalised(self._issuer + path)
        if _target_of(claims) != target:
            raise _refused("htu is another address")
        self._check_times(claims, now)
        if access_token is not None and not _is_hash_of(claims.get("ath"), access_token):
            raise _refused("ath is not the hash of the access token")
        key, jkt = _key(alg, header.get("jwk"))
        if not JWSRegistry.algorithms[alg].verify(signed, signature, key):
            raise _refused("The signature is not that of the key")
        nonce = self._nonce(claims.get("nonce"), now)
        used = digest("\n".join(("dpop", jkt, target, jti)))  # the client's own text is last
        return Proof(jkt, used, int(claims["iat"]) + WINDOW + MARGIN, nonce)

    def _nonce(self, nonce: object, now: int) -> str | None:
        """One that is sent must be ours, demanded or not: a client goes on with the last that it was given."""
        if nonce is None and not self._nonce_required:
            return None
        if not isinstance(nonce, str) or not self._nonces.accepts(nonce, now):
            raise UseDpopNonceError(
                "The proof must carry the nonce of the header DPoP-Nonce", self._nonces.current(now)
            )
        return nonce

    def next_nonce(self, proof: Proof, now: int) -> str | None:
        """What goes with the answer in `DPoP-Nonce` (RFC 9449 §8.2); None where the client has the newest, or needs
        none."""
        current = self._nonces.current(now) if proof.nonce is not None or self._nonce_required else proof.nonce
        return None if current == proof.nonce else current

    @staticmethod
    def _check_times(claims: dict[str, Any], now: int) -> None:
        times = {name: claims[name] for name in ("iat", "nbf", "exp") if name in claims}
        if "iat" not in times or any(not _is_time(value) for value in times.values()):
            raise _refused("iat, and exp and nbf where they are there, must be numbers of seconds")
        if abs(now - times["iat"]) > WINDOW:
            raise _refused(f"iat is more than {WINDOW} seconds away from the clock of the server")
        if times.get("nbf", now) > now + WINDOW or times.get("exp", now) < now - WINDOW:
            raise _refused("The proof is not valid now")


def _parts(value: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Header, claims, what is signed, signature."""
    if len(value) > LONGEST or _COMPACT.fullmatch(value) is None:
        raise _refused("The DPoP header does not hold one signed JWT")
    signed, _, signature = value.rpartition(".")
    first, _, second = signed.partition(".")
    try:
        header, claims = (
            orjson.loads(urlsafe_b64decode(first.encode())),
            orjson.loads(urlsafe_b64decode(second.encode())),
        )
        decoded = urlsafe_b64decode(signature.encode())
    except (Base64Error, ValueError) as error:
        raise _refused("The DPoP header does not hold one signed JWT") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise _refused("The DPoP header does not hold one signed JWT")
    return header, claims, signed.encode(), decoded


def _target_of(claims: dict[str, Any]) -> str | None:
    htu = claims.get("htu")
    try:
        return normalised(htu) if isinstance(htu, str) else None
    except ValueError:
        return None


def _is_time(value: object) -> bool:
    """RFC 7519 §2, NumericDate; a boolean is no number, and no infinity is read from JSON."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1 << 40


def _is_hash_of(ath: object, access_token: str) -> bool:
    """RFC 9449 §4.2: SHA-256 of the token's ASCII."""
    return isinstance(ath, str) and same(ath.encode(), encoded(hashlib.sha256(access_token.encode()).digest()))


def _key(alg: str, jwk: object) -> tuple[Key, str]:
    """The public key that the proof brings, and its thumbprint (RFC 7638)."""
    kind, kty, crv, names = KINDS[alg]
    if not isinstance(jwk, dict):
        raise _refused("jwk is missing")
    if PRIVATE & jwk.keys():
        raise _refused("jwk must be a public key")
    if jwk.get("kty") != kty or (crv is not None and jwk.get("crv") != crv):
        raise _refused("jwk is no key for alg")
    members = {"kty": kty} | ({"crv": crv} if crv else {}) | {name: jwk.get(name) for name in names}
    if any(not isinstance(value, str) or not value for value in members.values()) or any(
        _BASE64URL.fullmatch(str(jwk[name])) is None for name in names
    ):
        raise _refused("jwk cannot be read")
    try:
        if kty == "RSA":
            _check_rsa(str(jwk["n"]), str(jwk["e"]))
        key: Key = kind.import_key(members)
    except (JoseError, UnsupportedAlgorithm, Base64Error, ValueError, TypeError) as error:
        raise _refused("jwk is no key that can be used") from error
    hashed = hashlib.sha256(orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).digest()
    return key, base64.urlsafe_b64encode(hashed).decode().rstrip("=")


def _check_rsa(modulus: str, exponent: str) -> None:
    """Neither weak nor so large that each verification is slow. Raises `ValueError`."""
    bits = int.from_bytes(urlsafe_b64decode(modulus.encode())).bit_length()
    if bits not in RSA_BITS or len(exponent) > LONGEST_EXPONENT:
        raise ValueError("size")
