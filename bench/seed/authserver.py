"""Clients, people, grants and codes in authserver's database, and the values that prove them to the token endpoint."""

import base64
import hashlib
import random
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from authserver.models import (
    AuthorizationCode,
    Client,
    ClientSecret,
    Grant,
    ResourceScope,
    ResourceServer,
    User,
)
from authserver.oauth import refresh_token
from authserver.oauth.presets import ALEXA, CONFIDENTIAL, MACHINE
from authserver.secret_values import SecretKey
from bench import load
from bench.seed import bulk

REDIRECT = "https://layla.amazon.com/api/skill/link/M1"
HOUR = 3600
YEAR = 365 * 24 * HOUR
EMPTY_LIST: list[str] = []


@dataclass(frozen=True)
class BenchClient:
    client_id: str
    policy: dict[str, Any]

    @property
    def secret(self) -> str:
        return f"{self.client_id}-secret-of-the-bench-0123456789abcdef"

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()

    def token_request(self, path: str, form: str) -> bytes:
        headers = [("Authorization", self.basic), ("Content-Type", "application/x-www-form-urlencoded")]
        return load.post(path, headers, form.encode())

    def refresh_request(self, path: str, token: str) -> bytes:
        return self.token_request(path, f"grant_type=refresh_token&refresh_token={token}")

    def machine_request(self, path: str) -> bytes:
        return self.token_request(path, "grant_type=client_credentials")

    def introspection_request(self, path: str, token: str) -> bytes:
        return self.token_request(path, f"token={token}")

    def code_request(self, path: str, code: str) -> bytes:
        redirect = quote(REDIRECT, safe="")
        return self.token_request(path, f"grant_type=authorization_code&code={code}&redirect_uri={redirect}")


#: the Alexa preset: no rotation; an answer to a refresh holds one token, to a code two (and an ID token)
KEPT = BenchClient("kept", ALEXA)
ROTATING = BenchClient("rotating", CONFIDENTIAL | {"refresh_rotation": True, "refresh_id_token": False})
#: in its own name, for the one scope of a resource server
OWN = BenchClient("own", MACHINE | {"scopes": ["https://api.example/read"]})
OWN_ES256 = BenchClient("own-es256", OWN.policy | {"signing_alg": "ES256"})


class Random:
    """Identifiers as the server makes them, fast enough for a million rows."""

    def __init__(self) -> None:
        self.bytes = random.Random(secrets.randbits(64)).randbytes

    def uuid(self) -> str:
        text = self.bytes(16).hex()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def grant_id(self) -> str:
        return base64.urlsafe_b64encode(self.bytes(16)).decode()[:22]


@dataclass
class People:
    """Confirmed accounts without a password; `subs` is filled while the rows are written."""

    now: int
    count: int
    source: Random = field(default_factory=Random)
    subs: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[list[Any]]:
        for _ in range(self.count):
            sub = self.source.uuid()
            self.subs.append(sub)
            email = f"{sub}@example.org"
            yield [
                *(sub, sub, None, email, email, True, None, None, None, None, None, True, 0, "{}"),
                *(self.now - YEAR, self.now - YEAR),
            ]


@dataclass
class Grants:
    """Grants of one client. Every `keep`-th is remembered: its refresh token can be made.

    `last_used`: Unix seconds. None: as Alexa leaves them, which refreshes hourly and whose use is noted every six hours
    (`note_after`), so that a refresh now is noted for every sixth grant.
    """

    people: People
    client: BenchClient
    count: int
    last_used: int | None = None
    keep: int = 1
    kept: list[tuple[str, bytes]] = field(default_factory=list)
    origins: list[tuple[str, str]] = field(default_factory=list)  # of the kept: `sub` and `origin_jti`

    def rows(self) -> Iterator[list[Any]]:
        people, source, now = self.people, self.people.source, self.people.now
        for number in range(self.count):
            grant_id, seed = source.grant_id(), source.bytes(32)
            noted = now - HOUR * (1 + number // self.keep % 6) if self.last_used is None else self.last_used
            sub, origin_jti = people.subs[number % people.count], source.uuid()
            if number % self.keep == 0:
                self.kept.append((grant_id, seed))
                self.origins.append((sub, origin_jti))
            yield [
                *(grant_id, origin_jti, sub, self.client.client_id, "openid", seed),
                *(1, 0, now - YEAR, '["pwd"]', None, "{}", None, None),
                *(now - YEAR, None, noted, now + 9 * YEAR, None),
            ]

    def tokens(self, key: SecretKey) -> list[str]:
        return [refresh_token.make(key, grant_id, 1, self.client.client_id, seed) for grant_id, seed in self.kept]


@dataclass
class Codes:
    """Codes of the client without rotation, not yet used, good for an hour."""

    people: People
    count: int
    codes: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[list[Any]]:
        now = self.people.now
        for number in range(self.count):
            code = base64.urlsafe_b64encode(self.people.source.bytes(32)).decode().rstrip("=")
            self.codes.append(code)
            yield bulk.row(
                AuthorizationCode,
                digest=hashlib.sha256(code.encode()).digest(),
                client_id=KEPT.client_id,
                sub=self.people.subs[number % len(self.people.subs)],
                epoch=0,
                redirect_uri=REDIRECT,
                redirect_uri_sent=True,
                scope="openid",
                nonce=None,
                code_challenge=None,
                resource=None,
                auth_time=now,
                amr=["pwd"],
                acr=None,
                claims={},
                dpop_jkt=None,
                sid=None,
                created_at=now,
                expires_at=now + HOUR,
                failures=0,
                used_at=None,
                grant_id=None,
            )


def clients(now: int, kinds: Sequence[BenchClient] = (KEPT, ROTATING, OWN, OWN_ES256)) -> bulk.Written:
    rows, digests = [], []
    for client in kinds:
        model = Client(
            client_id=client.client_id,
            client_name="A client of the bench",
            redirect_uris=[REDIRECT],
            created_at=now,
            updated_at=now,
            **client.policy,
        )
        rows.append(bulk.row(Client, **model.model_dump()))
        values = {"secret_id": secrets.token_hex(8), "client_id": client.client_id, "created_at": now}
        digests.append(bulk.row(ClientSecret, digest=hashlib.sha256(client.secret.encode()).digest(), **values))
    [scope] = OWN.policy["scopes"]
    identifier, _, name = scope.rpartition("/")
    servers = [bulk.row(ResourceServer, identifier=identifier, name="A service of the bench", created_at=now)]
    scopes = [bulk.row(ResourceScope, identifier=identifier, name=name, description="")]
    return [(Client, rows), (ClientSecret, digests), (ResourceServer, servers), (ResourceScope, scopes)]


def check_order() -> None:
    """The rows above are lists for speed: their order must be that of the tables."""
    users = (
        "sub username username_canonical email email_canonical email_verified password_hash password_expires_at "
        "password_mailed_at email_code_factor_since password_by_mail_at active epoch attributes created_at updated_at"
    )
    grants = (
        "grant_id origin_jti sub client_id scope seed generation epoch auth_time amr acr claims dpop_jkt sid "
        "created_at rotated_at last_used_at expires_at revoked_at"
    )
    if bulk.names(User) != users.split() or bulk.names(Grant) != grants.split():
        raise load.CannotMeasureError(
            "the tables of people or grants have changed: bring bench/seed/authserver.py after"
        )


@dataclass
class Seeded:
    """What can be proven to a seeded server: refresh tokens of both clients, codes of the first; and whom it knows."""

    kept: list[str]
    origins: list[tuple[str, str]]  # of the grants of `kept`
    rotating: list[str]
    codes: list[str]
    emails: list[str]


async def seed(
    url: str,
    secret_key: str,
    now: int,
    kept: int,
    rotating: int,
    codes: int,
    *,
    grants_each: int = 1,
    keep: int = 1,
    last_used: int | None = None,
) -> Seeded:
    """`kept` and `rotating` grants of people with so many of each, and codes. Every `keep`-th grant gives a token.
    `last_used` as in `Grants`."""
    check_order()
    people = People(now, max(kept, rotating) // grants_each)
    first, second = Grants(people, KEPT, kept, last_used, keep), Grants(people, ROTATING, rotating, last_used, keep)
    made = Codes(people, codes)
    written: bulk.Written = [(User, people.rows()), (Grant, first.rows()), (Grant, second.rows())]
    await bulk.write(url, [*clients(now), *written, (AuthorizationCode, made.rows())])
    key = SecretKey.of(secret_key)
    return Seeded(
        first.tokens(key), first.origins, second.tokens(key), made.codes, [f"{sub}@example.org" for sub in people.subs]
    )
