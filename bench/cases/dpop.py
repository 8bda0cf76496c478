"""A refresh with a DPoP proof (RFC 9449), each proof new, beside the same refresh without one."""

import base64
import secrets
import time
from collections.abc import Iterator

import orjson
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from authserver.models import Grant, User
from authserver.oauth.presets import CONFIDENTIAL
from authserver.secret_values import SecretKey
from bench import load
from bench.cases.token import bound
from bench.measuring import Candidate, Measured, Row, under_load
from bench.plan import Plan
from bench.seed import bulk
from bench.seed.authserver import BenchClient, Grants, People, check_order, clients
from bench.servers import Contestant, Servers

TITLE = "Refresh with a DPoP proof"
PATH = "/oauth2/token"
PROVING = BenchClient("proving", CONFIDENTIAL | {"refresh_id_token": False})
KEYS = 50  # of so many devices
DATABASES = ("SQLite", "PostgreSQL")


def name(database: str, proven: bool) -> str:
    return f"authserver, {database}{'' if proven else ', without a proof'}"


def _text(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


class Device:
    """Makes proofs as a client does, with ES256."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256", auto_kid=False)
        self._sign = JWSRegistry.algorithms["ES256"].sign
        public = self._key.as_dict(private=False)
        self._header = _text(orjson.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": public})) + b"."

    def proof(self, uri: str, now: int) -> str:
        claims = {"jti": secrets.token_urlsafe(12), "htm": "POST", "htu": uri, "iat": now}
        signed = self._header + _text(orjson.dumps(claims))
        return (signed + b"." + _text(self._sign(signed, self._key))).decode()


async def _seed(url: str, secret_key: str, count: int) -> list[str]:
    check_order()
    now = int(time.time())
    people = People(now, count)
    grants = Grants(people, PROVING, count)
    await bulk.write(url, [*clients(now, (PROVING,)), (User, people.rows()), (Grant, grants.rows())])
    return grants.tokens(SecretKey.of(secret_key))


class Contender:
    """One running server and its refresh tokens."""

    def __init__(self, servers: Servers, server: Contestant, database: str, tokens: list[str], seconds: int) -> None:
        self.servers, self.server, self.database = servers, server, database
        self.tokens, self.seconds = tokens, seconds
        self.devices = [Device() for _ in range(KEYS)]

    def _requests(self) -> Iterator[bytes]:
        uri, now = self.server.url + PATH, int(time.time())
        for number, token in enumerate(self.tokens):
            form = f"grant_type=refresh_token&refresh_token={token}"
            headers = [
                ("Authorization", PROVING.basic),
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("DPoP", self.devices[number % KEYS].proof(uri, now)),
            ]
            yield load.post(PATH, headers, form.encode())

    def with_proofs(self) -> Candidate:
        def run(number: int) -> Measured:
            """Proofs are a minute young at most: they are made now."""
            file = load.write_requests(self.servers.requests / f"dpop.{self.server.port}.{number}", self._requests())
            measured = under_load(self.server, "", "replay.lua", [file, "once"], self.seconds)
            file.unlink()
            return measured

        return Candidate(name(self.database, True), run)

    def without(self) -> Candidate:
        file = load.write_requests(
            self.servers.requests / f"bearer.{self.server.port}",
            (PROVING.refresh_request(PATH, token) for token in self.tokens),
        )
        return Candidate(
            name(self.database, False),
            lambda _: under_load(self.server, "", "replay.lua", [file, "again"], self.seconds),
        )


async def rows(servers: Servers, secret_key: str, plan: Plan) -> list[Row]:
    contenders = []
    for database in DATABASES:
        url = servers.new_sqlite("dpop") if database == "SQLite" else servers.postgres.new_database()
        service = servers.authserver(url, secret_key)
        tokens = await _seed(url, secret_key, plan.proofs)
        server = servers.start(f"authserver, {database}", service)
        contenders.append(Contender(servers, server, database, tokens, plan.seconds))
    return [
        Row(
            TITLE,
            f"A client with a secret, no rotation. Each proof (ES256, of {KEYS} keys) is verified and used up by one "
            "INSERT that is committed before the answer leaves; the same refresh without a proof writes nothing but, "
            "now and then, its use.",
            [
                bound(1, plan.seconds),
                *(candidate for each in contenders for candidate in (each.without(), each.with_proofs())),
            ],
        )
    ]
