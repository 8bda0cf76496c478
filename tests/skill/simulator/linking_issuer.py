"""The tests' own issuer with a token endpoint that can be made to fail as ours never should."""

from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl

import orjson

from tests.skill.issuer import PERSON, Issuer

CLIENT_ID, CLIENT_SECRET = "simulator-client", "a secret/with+signs&which=need%encoding"
REFRESH_TOKEN = "v1.refresh-token-that-nobody-may-see-0123456789"


class LinkingIssuer(Issuer):
    """Keeps the token requests: (headers, form)."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, str], dict[str, str]]] = []
        self.given: list[str] = []  # every access token
        self.answer: tuple[int, dict[str, Any]] | None = None  # instead of tokens
        self.expires_in = 3600
        self.forge = False
        super().__init__()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(super()._handler()):  # type: ignore[misc]
            def do_POST(self) -> None:
                form = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
                issuer.asked.append(({name.lower(): value for name, value in self.headers.items()}, form))
                status, answer = issuer.answer or (200, issuer.tokens())
                body = orjson.dumps(answer)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler

    def tokens(self) -> dict[str, Any]:
        access_token = self.token(client_id=CLIENT_ID)
        if self.forge:
            access_token = access_token[:-10] + ("A" * 10)
        self.given.append(access_token)
        return {
            "access_token": access_token,
            "refresh_token": REFRESH_TOKEN,
            "id_token": self.token(header={"typ": "JWT"}, aud=CLIENT_ID, email="someone@example.org"),
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }

    def reset(self) -> None:
        self.asked.clear()
        self.answer, self.expires_in, self.forge = None, 3600, False


__all__ = ["CLIENT_ID", "CLIENT_SECRET", "PERSON", "REFRESH_TOKEN", "LinkingIssuer"]
