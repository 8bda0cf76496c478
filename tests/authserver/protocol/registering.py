"""A client that registers itself, and the operator's leave that it does so with."""

from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson

from authserver.oauth.dynamic import initial_access
from authserver.oauth.dynamic.initial_access import Limits
from tests.authserver.protocol.harness import Asker, Server

PATH = "/oauth2/register"
CALLBACK = "https://itself.example.org/callback"
DAY = 86_400


async def leave(server: Server, uses: int = 50, lifetime: int = DAY, **limits: Any) -> str:
    """An initial access token, of which this worker knows already."""
    given = {name: tuple(values) for name, values in limits.items()}
    async with server.services.database.unit() as session:
        value, _ = await initial_access.issue(session, Limits(**given), uses, lifetime, "a test", server.clock())
    await look_again(server)
    return value


async def look_again(server: Server) -> None:
    """As a change's announcement makes it do within a second."""
    async with server.services.database.unit() as session:
        server.services.registration_until = await initial_access.open_until(session, server.clock())


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def send(server: Server, method: str, token: str, body: Any = None, client_id: str = "") -> httpx2.Response:
    """`body`: bytes go as they are."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {"content-type": "application/json"} | (bearer(token) if token else {})
    return await server.http.request(
        method,
        server.path + PATH,
        params={"client_id": client_id} if client_id else {},
        content=content if body is not None else None,
        headers=headers,
    )


async def register(server: Server, token: str, **members: Any) -> httpx2.Response:
    """With one redirect URI, unless told otherwise; None takes a member away."""
    given = {"redirect_uris": [CALLBACK], "client_name": "Itself"} | members
    return await send(server, "POST", token, {name: value for name, value in given.items() if value is not None})


@dataclass
class Itself:
    """A client that has registered itself; `told` is what it was answered."""

    server: Server
    told: dict[str, Any] = field(repr=False)

    @classmethod
    async def of(cls, server: Server, token: str = "", **members: Any) -> "Itself":
        answer = await register(server, token or await leave(server), **members)
        assert answer.status_code == 201, answer.text
        return cls(server, answer.json())

    @property
    def client_id(self) -> str:
        return str(self.told["client_id"])

    @property
    def token(self) -> str:
        return str(self.told["registration_access_token"])

    @property
    def asker(self) -> Asker:
        """As it talks to the other endpoints; it always uses PKCE."""
        method = self.told["token_endpoint_auth_method"]
        uri = self.told["redirect_uris"][0] if self.told["redirect_uris"] else ""
        return Asker(self.server, self.client_id, self.told.get("client_secret", ""), uri, method)

    async def read(self, token: str = "") -> httpx2.Response:
        return await send(self.server, "GET", token or self.token, client_id=self.client_id)

    async def put(self, token: str = "", **members: Any) -> httpx2.Response:
        """Only what is named, and what must be there; None takes that away."""
        given = {"client_id": self.client_id, "redirect_uris": [CALLBACK], "client_name": "Itself"} | members
        body = {name: value for name, value in given.items() if value is not None}
        return await send(self.server, "PUT", token or self.token, body, self.client_id)

    async def delete(self, token: str = "") -> httpx2.Response:
        return await send(self.server, "DELETE", token or self.token, client_id=self.client_id)


def assert_refused(answer: httpx2.Response, error: str, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["error"] == error, answer.text
    assert answer.headers["cache-control"] == "no-store"
    description = answer.json()["error_description"]
    assert all(0x20 <= ord(character) <= 0x7E and character not in '"\\' for character in description), description


def assert_unproven(answer: httpx2.Response) -> None:
    assert_refused(answer, "invalid_token", 401)
    assert answer.headers["www-authenticate"].startswith("Bearer ")
