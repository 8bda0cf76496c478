"""Answers of the protocol's endpoints."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

from authserver.oauth.redirects import FormPost, Reply

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
STRICT = {"Strict-Transport-Security": "max-age=31536000"}  # seconds; on https
#: what a program in a browser may read of an answer beside its body; answers with one of them name it
EXPOSED = {"Access-Control-Expose-Headers": "DPoP-Nonce, WWW-Authenticate"}
CORS = {"Access-Control-Allow-Origin": "*"}  # as Cognito; never with credentials


@dataclass(frozen=True)
class Answer:
    """What Authlib decided, before it is put on the wire."""

    status: int
    body: Any
    headers: dict[str, str]

    @classmethod
    def of(cls, reply: Reply) -> "Answer":
        """What goes to a client through the browser."""
        return cls(200, reply, {}) if isinstance(reply, FormPost) else cls(303, "", {"Location": reply})

    @property
    def reply(self) -> Reply | None:
        """None for what goes to nobody else."""
        return self.body if isinstance(self.body, FormPost) else self.headers.get("Location")


class _Json(Response):
    """An answer whose headers are always the same: encoded once."""

    FIXED = [  # noqa: RUF012
        (b"content-type", b"application/json"),
        *((name.lower().encode(), value.encode()) for name, value in (NO_STORE | CORS).items()),
    ]

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        self.raw_headers = [*self.FIXED, (b"content-length", b"%d" % len(self.body))]


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON that no cache keeps (RFC 6749 §5.1), readable from any origin."""
    encoded = orjson.dumps(body)
    if not headers:
        return _Json(encoded, status)
    return Response(encoded, status, {**NO_STORE, **CORS, **EXPOSED, **headers}, media_type="application/json")


def jwt_response(token: str, media_type: str, headers: dict[str, str] | None = None) -> Response:
    """A signed answer."""
    return Response(token, 200, {**NO_STORE, **CORS, **(EXPOSED | headers if headers else {})}, media_type)


def error_response(error: str, description: str, status: int = 400, headers: dict[str, str] | None = None) -> Response:
    """RFC 6749 §5.2."""
    return json_response({"error": error, "error_description": description}, status, headers)


def unavailable(retry_after: int = 2) -> Response:
    """Our own trouble (contracts/alexa.md A23): 503, so that nobody is unlinked for it."""
    return error_response(
        "temporarily_unavailable",
        "The server cannot answer now; try again",
        503,
        {"Retry-After": str(retry_after)},
    )
