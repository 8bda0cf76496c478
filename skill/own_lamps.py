"""`GET /api/lamps`: whoever presents an access token over HTTP sees the lamps of its person.

For applications of the owner; Alexa has its directives. A token that is bound to a key (`cnf`) is taken with the scheme
DPoP and a proof by that key, any other as Bearer (RFC 6750, RFC 9449 §7).
"""

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from skill.access_token import Caller
from skill.errors import AlexaError, ExpiredCredential, InsufficientPermissions, InvalidCredential
from skill.patience import Patience
from skill.possession import ALGORITHMS, NotProven
from skill.service import BEARER, DPOP, Presented, Service

log = logging.getLogger(__name__)

PATH = "/api/lamps"
PATIENCE = 5.0  # seconds
SCHEMES = {scheme.lower(): scheme for scheme in (BEARER, DPOP)}
ALGS = f'algs="{" ".join(ALGORITHMS)}"'


class _Refusal(NamedTuple):
    status: int
    error: str
    said: str


def own_lamps(service: Service) -> Callable[[Request], object]:
    """The endpoint."""

    async def lamps(request: Request) -> Response:
        """The lamps of the token's person, as JSON."""
        name, _, token = request.headers.get("authorization", "").partition(" ")
        scheme = SCHEMES.get(name.lower())
        if scheme is None or not token.strip():
            return _answer({"error": "invalid_token"}, 401, {"WWW-Authenticate": f"{BEARER}, {DPOP} {ALGS}"})
        presented = Presented(scheme, token.strip(), request.headers.getlist("dpop"), request.method, PATH)
        try:
            with Patience(PATIENCE):
                caller: Caller = await service.caller(presented)
                views = await service.owner_lamps(caller.sub)
        except Exception as failure:
            return _refused(scheme, failure)
        return _answer({"lamps": [asdict(view) for view in views]}, 200, {})

    return lamps


def _refused(scheme: str, failure: Exception) -> Response:
    """What is our own trouble is 503, and never the client's fault."""
    refusal = _refusal(failure)
    if refusal is None:
        if not isinstance(failure, AlexaError):
            log.error("%s failed", PATH, exc_info=failure)
        return _answer({"error": "temporarily_unavailable"}, 503, {"Retry-After": "2"})
    status, error, said = refusal
    reason = f'error="{error}", error_description="{said}"'
    challenge = f"{DPOP} {reason}, {ALGS}" if scheme == DPOP else f"{BEARER} {reason}, {DPOP} {ALGS}"
    return _answer({"error": error, "error_description": said}, status, {"WWW-Authenticate": challenge})


def _refusal(failure: Exception) -> _Refusal | None:
    match failure:
        case NotProven():
            return _Refusal(401, "invalid_dpop_proof", str(failure))
        case InvalidCredential() | ExpiredCredential():
            return _Refusal(401, "invalid_token", str(failure).replace('"', ""))
        case InsufficientPermissions():
            return _Refusal(403, "insufficient_scope", str(failure))
    return None


def _answer(body: object, status: int, headers: dict[str, str]) -> Response:
    return JSONResponse(body, status, {"Cache-Control": "no-store", **headers})
