"""An access token, presented to us as RFC 6750 and RFC 9449 §7 have it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error
from starlette.responses import Response

from authserver.oauth.dpop.proof import ALGORITHMS, Proofs
from authserver.oauth.errors import DPOP_NONCE, InvalidDpopProofError, InvalidTokenError, UseDpopNonceError
from authserver.oauth.responses import error_response
from authserver.oauth.spent import spend
from authserver.storage.hot import HotStore

BEARER, DPOP = "Bearer", "DPoP"
SCHEMES = {scheme.lower(): scheme for scheme in (BEARER, DPOP)}
OFFER = f'{DPOP} algs="{" ".join(ALGORITHMS)}"'


@dataclass(frozen=True)
class Presented:
    """A token and the scheme that it came with."""

    token: str
    scheme: str = BEARER


def in_header(authorization: str) -> Presented:
    """Of an `Authorization` header, '' for none. The scheme's name is case-insensitive (RFC 9110 §11.1)."""
    name, _, token = authorization.partition(" ")
    scheme = SCHEMES.get(name.lower())
    return Presented(token.strip(), scheme) if scheme else Presented("")


def confirmation(claims: dict[str, Any]) -> dict[str, Any] | None:
    """`cnf` (RFC 7800) as introspection tells it; None for a token that whoever bears it may use."""
    found: dict[str, Any] | None = claims.get("cnf")
    return found


def token_type(claims: dict[str, Any]) -> str:
    """As the token endpoint said it."""
    return BEARER if confirmation(claims) is None else DPOP


async def prove(
    proofs: Proofs,
    hot: HotStore,
    presented: Presented,
    claims: dict[str, Any],
    headers: Sequence[str],
    method: str,
    path: str,
    now: int,
) -> str | None:
    """A bound token only with a proof by its key, which is used up; any other only as Bearer (RFC 9449 §7.2).

    Returns the nonce for `DPoP-Nonce`. Raises `InvalidTokenError`, `InvalidDpopProofError`, `UseDpopNonceError`.
    """
    bound = confirmation(claims)
    if bound is None:
        if presented.scheme == DPOP:
            raise InvalidTokenError("The access token is not bound to a key")
        return None
    if presented.scheme != DPOP:
        raise InvalidTokenError("The access token is bound to a key and needs a DPoP proof")
    try:
        proof = proofs.verify(headers, method, path, now, access_token=presented.token)
        if bound.get("jkt") != proof.jkt:
            raise InvalidTokenError("The access token is bound to another key")
        if not await spend(hot, proof.digest, proof.expires_at):
            raise InvalidDpopProofError("The DPoP proof was used before")
    except (InvalidDpopProofError, UseDpopNonceError) as error:
        error.status_code = 401  # at the token endpoint it is 400
        raise
    return proofs.next_nonce(proof, now)


def challenge(scheme: str, error: str = "", description: str = "") -> str:
    """`WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1): why this one was refused, and which schemes there are."""
    said = f'error="{error}", error_description="{description}"' if error else ""
    if scheme == DPOP:
        return f"{DPOP} {said}, " + OFFER.removeprefix(f"{DPOP} ")
    return f"{BEARER} {said}, {OFFER}" if said else f"{BEARER}, {OFFER}"


def refused(scheme: str, error: OAuth2Error) -> Response:
    """What is answered to a token that came by this scheme."""
    description = error.description or "The request is not valid"
    headers = {"WWW-Authenticate": challenge(scheme, str(error.error), description)}
    if isinstance(error, UseDpopNonceError):
        headers[DPOP_NONCE] = error.nonce
    return error_response(str(error.error), description, error.status_code or 400, headers)
