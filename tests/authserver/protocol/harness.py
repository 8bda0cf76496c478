"""authserver in this process, on a real database, with a clock that tests set and rows that tests write.

`build` makes the ASGI application that `authserver serve` runs; requests pass its whole stack, without a socket. A code
is inserted as the last page does it, so that the token endpoint can be asked thousands of times in a second.
"""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx2
from fastapi import FastAPI
from joserfc import jws
from sqlmodel import col, select

from authserver.accounts import sessions
from authserver.app import build
from authserver.models import (
    AuthorizationCode,
    Client,
    ClientSecret,
    Grant,
    ResourceScope,
    ResourceServer,
    User,
)
from authserver.oauth import keys
from authserver.oauth.presets import ALEXA, CONFIDENTIAL, MACHINE, PUBLIC, alexa_redirect_uris
from authserver.secret_values import digest, random_token
from authserver.services import Services
from authserver.settings import Settings
from authserver.storage import migrations
from authserver.storage.changes import announce
from authserver.storage.database import DatabaseUrl
from tests.vectors.alexa import VENDOR_ID

ISSUER = "https://auth.example.test"
CALLBACK = "https://client.example.org/callback"
FORM = "application/x-www-form-urlencoded"
HOUR = 3600
DAY = 24 * HOUR
PRESETS: dict[str, dict[str, Any]] = {
    "alexa": ALEXA | {"redirect_uris": alexa_redirect_uris(VENDOR_ID)},
    "confidential": CONFIDENTIAL | {"redirect_uris": [CALLBACK]},
    "public": PUBLIC | {"redirect_uris": [CALLBACK]},
}


class Clock:
    """Unix seconds; stands still until it is moved."""

    def __init__(self) -> None:
        self.now = int(time.time())

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: int) -> None:
        self.now += seconds


def settings_for(database_url: str, **others: Any) -> Settings:
    """As in production; housekeeping runs when a test says so."""
    given: dict[str, Any] = {
        "issuer": ISSUER,
        "database_url": database_url,
        "secret_key": secrets.token_urlsafe(48),
        "housekeeping_interval": 86_400,
        "address_visits": 1_000_000,  # the clock stands still, and all come from one address
    }
    return Settings(**(given | others))


def challenge_of(verifier: str) -> str:
    """RFC 7636 §4.2, S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def basic(client_id: str, secret: str) -> str:
    """RFC 6749 §2.3.1."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, believed."""
    part = token.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read


def header_of(token: str) -> dict[str, Any]:
    header: dict[str, Any] = jws.extract_compact(token.encode()).headers()
    return header


@dataclass
class Asker:
    """A client with its secret, as it talks to the endpoints; `method` is how it authenticates."""

    server: "Server"
    client_id: str
    secret: str
    redirect_uri: str
    method: str = "client_secret_basic"

    def _credentials(self, form: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        if self.method == "client_secret_basic":
            return form, {"authorization": basic(self.client_id, self.secret)}
        if self.method == "client_secret_post":
            return {"client_id": self.client_id, "client_secret": self.secret} | form, {}
        return {"client_id": self.client_id} | form, {}

    async def token(self, **form: str) -> httpx2.Response:
        data, headers = self._credentials(form)
        return await self.server.post("/oauth2/token", data, headers)

    async def exchange(self, code: str, **others: str) -> httpx2.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri} | others
        return await self.token(**{name: value for name, value in form.items() if value is not None})

    async def refresh(self, refresh_token: str, **others: str) -> httpx2.Response:
        return await self.token(grant_type="refresh_token", refresh_token=refresh_token, **others)

    async def revoke(self, token: str, **others: str) -> httpx2.Response:
        data, headers = self._credentials({"token": token} | others)
        return await self.server.post("/oauth2/revoke", data, headers)

    async def introspect(self, token: str, accept: str = "", **others: str) -> httpx2.Response:
        data, headers = self._credentials({"token": token} | others)
        return await self.server.post("/oauth2/introspect", data, headers | ({"accept": accept} if accept else {}))

    async def linked(self, person: User, **code: Any) -> dict[str, Any]:
        """The tokens of a new grant."""
        value, verifier = await self.server.add_code(self, person, **code)
        answer = await self.exchange(value, **({"code_verifier": verifier} if verifier else {}))
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    def authorization(self, **others: str | None) -> dict[str, str]:
        """The parameters of a request that is in order; None takes one away."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "state": "xyz",
        }
        if self.method == "none":
            asked |= {"code_challenge": challenge_of("v" * 43), "code_challenge_method": "S256"}
        return {name: value for name, value in (asked | others).items() if value is not None}


@dataclass
class Server:
    """One running authserver. `async with Server.of(settings) as server: …`"""

    settings: Settings
    clock: Clock = field(default_factory=Clock)
    app: FastAPI = field(init=False)
    http: httpx2.AsyncClient = field(init=False)
    _lifespan: Any = field(init=False, default=None)

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    @property
    def path(self) -> str:
        return self.settings.issuer_path

    async def __aenter__(self) -> "Server":
        await migrations.upgrade(DatabaseUrl.parse(self.settings.database_url.get_secret_value()))
        self.app = build(self.settings, clock=self.clock)
        self._lifespan = self.app.router.lifespan_context(self.app)
        await self._lifespan.__aenter__()
        assert self.app.state.ready_problem is None, self.app.state.ready_problem
        # what the boundary does not turn into an answer must fail the test: raise_app_exceptions stays on
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url=self.settings.origin)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        await self._lifespan.__aexit__(None, None, None)

    async def post(
        self, path: str, form: dict[str, str] | bytes, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """A form POST; bytes are sent as they are."""
        content = form if isinstance(form, bytes) else urlencode(form).encode()
        return await self.http.post(self.path + path, content=content, headers={"content-type": FORM} | (headers or {}))

    async def authorize(self, asked: dict[str, str] | str, **headers: str) -> httpx2.Response:
        """`GET /oauth2/authorize`, redirects not followed; a string is sent as the query as it is."""
        query = asked if isinstance(asked, str) else urlencode(asked, quote_via=quote, safe="")
        return await self.http.get(f"{self.path}/oauth2/authorize?{query}", headers=headers)

    async def raw_get(self, path: str, query: bytes) -> tuple[int, dict[str, str], str]:
        """Status, headers and text for a query that no client library would send."""
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "https",
            "path": self.path + path, "raw_path": (self.path + path).encode(), "query_string": query, "headers": [],
            "server": ("127.0.0.1", 443), "client": ("127.0.0.1", 1), "root_path": "",
        }  # fmt: skip
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, b"".join(m.get("body", b"") for m in sent[1:]).decode()

    async def userinfo(self, token: str, **headers: str) -> httpx2.Response:
        return await self.http.get(
            f"{self.path}/oauth2/userInfo", headers={"authorization": f"Bearer {token}"} | headers
        )

    async def add_client(self, preset: str = "confidential", **fields: Any) -> Asker:
        """Registered under the preset, with `fields` changed."""
        policy = (PRESETS | {"machine": MACHINE})[preset] | fields  # that one has no people to test with
        client_id, secret = fields.get("client_id", f"client-{secrets.token_hex(6)}"), random_token()
        policy.pop("client_id", None)
        now = self.clock()
        public = policy["token_endpoint_auth_methods"] == ["none"]
        async with self.services.database.unit() as session:
            session.add(
                Client(client_id=client_id, client_name=f"A {preset} app", created_at=now, updated_at=now, **policy)
            )
            await session.flush()
            if not public:
                session.add(
                    ClientSecret(
                        secret_id=secrets.token_hex(8), client_id=client_id, digest=digest(secret), created_at=now
                    )
                )
            await announce(session)
        method = "none" if public else policy["token_endpoint_auth_methods"][0]
        redirect_uri = [*policy.get("redirect_uris", []), ""][0]
        return Asker(self, client_id, "" if public else secret, redirect_uri, method)

    async def add_resource(self, *scopes: str, identifier: str = "") -> str:
        """A registered resource server with these scopes; its identifier."""
        identifier = identifier or f"https://{secrets.token_hex(6)}.example.org"
        async with self.services.database.unit() as session:
            session.add(ResourceServer(identifier=identifier, name="A service", created_at=self.clock()))
            await session.flush()
            session.add_all(
                ResourceScope(identifier=identifier, name=name, description=f"Do {name}") for name in scopes
            )
            await announce(session)
        self.services.oauth.resources.forget()  # as the announcement does, within a second
        return identifier

    async def ensure_algorithm(self, alg: str) -> None:
        """A key of this algorithm, as `client add` makes it."""
        services = self.services
        async with services.database.unit() as session:
            await keys.ensure(session, services.secret_keys.current, alg, self.clock())
        async with services.database.unit() as session:
            services.oauth.keys = await keys.load(session, services.secret_keys, self.clock(), services.keys.keys)

    async def add_person(self, **fields: Any) -> User:
        """An account with a confirmed address and no password: these tests do not sign in."""
        sub, email = str(uuid4()), f"{secrets.token_hex(6)}@example.org"
        given = {
            "sub": sub,
            "username": sub,
            "email": email,
            "email_canonical": email,
            "email_verified": True,
            "created_at": self.clock(),
            "updated_at": self.clock(),
        }
        person = User(**(given | fields))
        async with self.services.database.unit() as session:
            session.add(person)
        return person

    async def add_code(
        self, client: Asker, person: User, verifier: str | None = None, **fields: Any
    ) -> tuple[str, str | None]:
        """A code as the last page of a linking writes it, and the verifier that goes with it: public clients always
        have one."""
        registered = await self.services.clients.get(client.client_id)
        assert registered is not None
        if verifier is None and client.method == "none":
            verifier = secrets.token_urlsafe(48)
        code, now = random_token(), self.clock()
        given = {
            "digest": digest(code),
            "client_id": client.client_id,
            "sub": person.sub,
            "epoch": person.epoch,
            "redirect_uri": client.redirect_uri,
            "scope": " ".join(registered.row.scopes),
            "code_challenge": challenge_of(verifier) if verifier else None,
            "auth_time": now,
            "amr": ["pwd"],
            "acr": "loa:1",
            "created_at": now,
            "expires_at": now + registered.authorization_code_lifetime,
        }
        async with self.services.database.unit() as session:
            session.add(AuthorizationCode(**(given | fields)))
        return code, verifier

    async def signed_in(self, person: User, auth_time: int | None = None) -> dict[str, str]:
        """The `Cookie` header of a browser in which this person is signed in."""
        async with self.services.database.unit() as session:
            browser, value = await sessions.create(
                self.settings, session, self.clock(), person, amr=["pwd"], cookies={}
            )
            browser.auth_time = self.clock() if auth_time is None else auth_time
        return {"cookie": f"{sessions.cookie_name(self.settings)}={value}"}

    async def grants_of(self, person: User) -> list[Grant]:
        async with self.services.database.unit() as session:
            found = await session.exec(
                select(Grant).where(Grant.sub == person.sub).order_by(col(Grant.created_at), col(Grant.grant_id))
            )
            return list(found.all())

    async def change(self, row: Any, **fields: Any) -> None:
        """Set columns of a stored row, as an operator's command does, and tell the workers."""
        async with self.services.database.unit() as session:
            plain = isinstance(row, SimpleNamespace)  # the cache's copy of a client
            stored = await session.get_one(Client, row.client_id) if plain else await session.merge(row)
            for name, value in fields.items():
                setattr(stored, name, value)
            session.add(stored)
            await announce(session)
        for name, value in fields.items():
            setattr(row, name, value)
