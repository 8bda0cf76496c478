"""Three rotations under load: every token that was minted is taken by every verifier until it ends.

The issuer is the whole of authserver in this process (two replicas on PostgreSQL), the verifiers are the skill's own
and such as API Gateway's, which keep a key set for two hours and never ask again before. All share a clock that only
the test moves.
"""

import asyncio
import heapq
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import KeySet

from authserver import housekeeping
from authserver.models import User
from authserver.oauth import keys
from authserver.storage.database import Database, DatabaseUrl
from skill.access_token import AccessTokens, Moment
from skill.jwks import IssuerKeys
from skill.settings import Settings as SkillSettings
from skill.storage.migrations import migrate
from skill.storage.store import open_store
from tests.authserver.protocol.harness import DAY, FORM, HOUR, Asker, Clock, Server, claims_of, header_of, settings_for
from tests.conftest import NewDatabase

TOKENS = {"sqlite": 3_000, "postgresql": 10_000}  # two replicas are the harder case
AT_ONCE = 20
ROTATIONS = 3
ALGORITHMS = ("RS256", "ES256", "EdDSA")
GATEWAY_KEEPS = 7200  # seconds; contracts/cognito.md 8
WIDTH = 11 * HOUR // 4  # of the clock that one rotation's load lasts: longer than the lead


async def call(server: Server, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Any:
    """Status, headers and body, without a client library: it would be most of the load."""
    body = urlencode(form).encode() if form else b""
    sent: list[Any] = []
    given = {"content-type": FORM} | headers if form else headers
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "https",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 443), "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await server.app(scope, receive, send)
    answered = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, b"".join(part.get("body", b"") for part in sent[1:])


@dataclass
class OnTheWay:
    """A cache between verifiers and any of the replicas, which keeps the key set as long as the issuer allows."""

    replicas: list[Server]
    clock: Clock
    document: bytes = b""
    good_until: int = 0

    async def get(self) -> bytes:
        if self.clock() >= self.good_until:
            replica = random.choice(self.replicas)
            status, headers, self.document = await call(replica, "GET", "/.well-known/jwks.json")
            assert status == 200
            self.good_until = self.clock() + int(headers["cache-control"].rpartition("max-age=")[2])
        return self.document


@dataclass
class Gateway:
    """A verifier that keeps what it fetched for two hours, whatever it meets; `fetched_at` is its phase."""

    way: OnTheWay
    clock: Clock
    fetched_at: int
    keys: KeySet = field(default_factory=lambda: KeySet([]))

    async def verify(self, token: str) -> None:
        """Raises what joserfc raises for an unknown key and for a wrong signature."""
        if not self.keys.keys or self.clock() - self.fetched_at >= GATEWAY_KEEPS:
            phase = self.fetched_at if not self.keys.keys else self.clock()
            self.keys, self.fetched_at = KeySet.import_key_set(orjson.loads(await self.way.get())), phase
        jwt.decode(token, self.keys, algorithms=list(ALGORITHMS))


class Skill:
    """The skill's own verifier, which fetches every five minutes and once more for a key that it does not know."""

    def __init__(self, settings: SkillSettings, store: Any, way: OnTheWay, clock: Clock) -> None:
        self.keys = IssuerKeys(settings, store, way.get, clock)
        self.tokens = AccessTokens(settings, self.keys)
        self.clock, self.fetched_at = clock, 0

    async def verify(self, token: str) -> None:
        """Raises `AlexaError`."""
        now = self.clock()
        if now - self.fetched_at >= 300:
            assert await self.keys.fetch()
            self.fetched_at = now
        await self.tokens.verify(token, Moment(now, now))


@dataclass
class Load:
    """Clients that refresh, and everybody who looks at what they get."""

    replicas: list[Server]
    clock: Clock
    clients: list[tuple[Asker, str]]  # with its refresh token
    gateways: list[Gateway]
    skill: Skill
    way: OnTheWay
    in_flight: list[tuple[int, str]] = field(default_factory=list)
    minted: int = 0
    signers: Counter[str] = field(default_factory=Counter)

    async def once(self, number: int) -> None:
        client, refresh_token = self.clients[number % len(self.clients)]
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        form, headers = client._credentials(form)
        replica = self.replicas[number % len(self.replicas)]
        status, _, body = await call(replica, "POST", "/oauth2/token", form, **headers)
        assert status == 200, body
        token = orjson.loads(body)["access_token"]
        self.minted += 1
        self.signers[header_of(token)["kid"]] += 1
        await self.gateways[number % len(self.gateways)].verify(token)
        await self.skill.verify(token)
        if number % 50 == 0:
            heapq.heappush(self.in_flight, (claims_of(token)["exp"], token))
            await self.at_userinfo(token)

    async def at_userinfo(self, token: str) -> None:
        replica = random.choice(self.replicas)
        status, _, body = await call(replica, "GET", "/oauth2/userInfo", authorization=f"Bearer {token}")
        assert status == 200, body

    async def batch(self) -> None:
        await asyncio.gather(*(self.once(self.minted + number) for number in range(AT_ONCE)))

    async def last_moments(self) -> None:
        """Tokens in the second before they end: verifiers that fetch now, and those that fetched two hours ago."""
        while self.in_flight and self.in_flight[0][0] - 1 <= self.clock():
            ends_at, token = heapq.heappop(self.in_flight)
            if ends_at > self.clock():
                await self.everybody(token)

    async def everybody(self, token: str) -> None:
        fresh = Gateway(OnTheWay(self.replicas, self.clock), self.clock, self.clock())
        for verifier in (fresh, *self.gateways):
            await verifier.verify(token)
        await self.skill.verify(token)
        await self.at_userinfo(token)


async def published(server: Server) -> set[str]:
    return {key["kid"] for key in orjson.loads((await call(server, "GET", "/.well-known/jwks.json"))[2])["keys"]}


async def by_command(load: Load) -> None:
    """As `authserver key rotate` for each algorithm: from another process."""
    server = load.replicas[0]
    database = Database(DatabaseUrl.parse(server.settings.database_url.get_secret_value()))
    for alg in ALGORITHMS:
        async with database.unit() as session:
            await keys.rotate(session, server.settings, server.services.secret_keys.current, alg, load.clock())
    await database.close()


async def by_itself(load: Load) -> None:
    """In the running replicas, all of which try at once."""
    server = load.replicas[0]
    newest = max(key.signs_from for key in server.services.keys.keys)
    due = newest + server.settings.signing_key_period - server.settings.signing_key_lead
    while load.clock() < due:
        load.clock.advance(min(HOUR, due - load.clock()))
        await load.batch()
        await load.last_moments()
    await asyncio.gather(*(housekeeping.round_once(replica.services) for replica in load.replicas * 2))


HOWS: list[Callable[[Load], Awaitable[None]]] = [by_command, by_itself, by_command]


async def rotation(load: Load, how: Callable[[Load], Awaitable[None]], until: int) -> None:
    """Rotate while tokens are asked for. The clock stands until every replica has heard of it, which takes it a part of
    a second; verifiers whose two hours end in this moment fetch from one that has not, and the last one gets, 290 s
    later, what a cache on the way took in this moment."""
    before = await published(load.replicas[0])
    load.gateways[0].fetched_at = load.clock() - GATEWAY_KEEPS
    load.gateways[1].fetched_at = load.clock() - GATEWAY_KEEPS + 290
    load.way.good_until = 0
    await load.way.get()
    await asyncio.gather(how(load), load.batch())
    load.gateways[2].fetched_at = load.clock() - GATEWAY_KEEPS
    for _ in range(500):
        await load.batch()
        heard = [len(await published(replica) - before) for replica in load.replicas]
        if set(heard) == {len(ALGORITHMS)}:
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("a replica does not hear of the new keys")
    begun, left = load.clock(), max(1, -(-(until - load.minted) // AT_ONCE))
    for number in range(left):
        load.clock.now = max(load.clock(), begun + WIDTH * (number + 1) // left)
        await load.batch()
        await load.last_moments()


@pytest_asyncio.fixture(loop_scope="session")
async def load(database_kind: str, new_database: NewDatabase) -> AsyncIterator[Load]:
    settings = settings_for(new_database(database_kind), signing_key_period=DAY)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(Server(settings))
        replicas = [server]
        if database_kind == "postgresql":
            replicas.append(await stack.enter_async_context(Server(settings, server.clock)))
        clock, secret_key = server.clock, server.services.secret_keys.current
        async with server.services.database.unit() as session:
            for alg in ALGORITHMS:
                await keys.ensure(session, secret_key, alg, clock())
        person: User = await server.add_person()
        clients = [
            await server.add_client("alexa"),
            await server.add_client("confidential", signing_alg="ES256", refresh_id_token=False),
            await server.add_client("alexa", access_token_lifetime=DAY),
            await server.add_client("confidential", signing_alg="EdDSA", refresh_id_token=False),
        ]
        for replica in replicas:
            while len(await published(replica)) < len(ALGORITHMS):
                await asyncio.sleep(0.02)
        with_tokens = [(client, (await client.linked(person))["refresh_token"]) for client in clients]

        url = new_database("sqlite")
        await migrate(url)
        store = await open_store(url)
        stack.push_async_callback(store.close)
        skill_settings = SkillSettings(
            database_url=url,
            issuer=settings.issuer,
            client_ids=",".join(client.client_id for client in clients),
            algorithms=",".join(ALGORITHMS),
            bridge_secret="s" * 40,
        )
        way = OnTheWay(replicas, clock)
        phases = [(phase, clock() - GATEWAY_KEEPS * phase // 12) for phase in range(12)]
        gateways = [Gateway(way if number < 6 else OnTheWay(replicas, clock), clock, at) for number, at in phases]
        yield Load(replicas, clock, with_tokens, gateways, Skill(skill_settings, store, way, clock), way)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.spec("decision 9", "A28", "cognito 9.34", "oidcc server-key-rotation")
async def test_across_three_rotations_under_load_no_token_is_refused(load: Load, database_kind: str) -> None:
    tokens = TOKENS[database_kind]
    for number, how in enumerate(HOWS):
        await rotation(load, how, tokens * (number + 1) // ROTATIONS)
    assert load.minted >= tokens
    assert len(load.signers) == len(ALGORITHMS) * (ROTATIONS + 1)  # each key had its turn
    while load.in_flight:  # those that live for a day too, each to its last second
        load.clock.now = max(load.clock(), load.in_flight[0][0] - 1)
        for replica in load.replicas:
            async with replica.services.database.unit() as session:
                ring = await keys.load(session, replica.services.secret_keys, load.clock())
            replica.services.oauth.keys = ring  # as after a restart: what has ended is not published any more
        await load.last_moments()
    load.clock.advance(DAY)
    for replica in load.replicas:
        async with replica.services.database.unit() as session:
            assert len((await keys.load(session, replica.services.secret_keys, load.clock())).keys) == len(ALGORITHMS)
