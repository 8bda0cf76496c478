"""What may be used once, twenty times at once over twenty connections: two workers on PostgreSQL, one on SQLite.

A new case is one line of `CASES`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
import pytest_asyncio

from authserver.models import User
from authserver.oauth.client_assertion import METHOD
from authserver.settings import Settings
from tests.authserver.protocol import devices
from tests.authserver.protocol.harness import FORM, Asker, Server, settings_for
from tests.authserver.protocol.signing import Holder
from tests.conftest import MigratedDatabase
from tests.running.home import authserver_settings
from tests.running.ports import free_port
from tests.running.proving import ProvingKey
from tests.running.service import Service

pytestmark = pytest.mark.usefixtures("in_production")

AT_ONCE = 20
ROUNDS = 5


@dataclass
class Workers:
    """The running service. `beside` is one more replica on its database, in this process: it writes what a race needs
    and answers nothing. Sends a request over each of twenty connections, none of which is new."""

    service: Service
    beside: Server
    connections: list[httpx2.AsyncClient] = field(default_factory=list)
    path: str = ""

    async def open(self) -> None:
        for _ in range(AT_ONCE):
            client = httpx2.AsyncClient(base_url=self.service.url, trust_env=False, verify=False, timeout=30)
            assert (await client.get("/healthz")).status_code == 200
            self.connections.append(client)

    async def close(self) -> None:
        for client in self.connections:
            await client.aclose()

    async def post(self, path: str, form: dict[str, str], headers: dict[str, str] | None = None) -> httpx2.Response:
        return await self.connections[0].post(path, data=form, headers=headers)

    async def race(self, asked: "Asked") -> list[httpx2.Response]:
        content, headers = urlencode(asked.form).encode(), {"content-type": FORM} | asked.headers
        return await asyncio.gather(
            *(client.post(asked.path, content=content, headers=headers) for client in self.connections)
        )

    def holders(self) -> set[int]:
        """The processes that hold our connections, as the kernel tells it."""
        assert self.service.process is not None
        parent = self.service.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ours = {
            f"socket:[{line[9]}]" for line in lines if line[1].endswith(f":{self.service.port:04X}") and line[3] == "01"
        }

        def holds(pid: int) -> bool:
            return any(str(entry.readlink()) in ours for entry in Path(f"/proc/{pid}/fd").iterdir())

        return {pid for pid in (parent, *map(int, children)) if holds(pid)}

    @property
    def clock(self) -> Callable[[], int]:
        return self.beside.clock

    @property
    def settings(self) -> Settings:
        return self.beside.settings

    def asker(self, client: Asker) -> Asker:
        """The same client, talking to the workers."""
        return replace(client, server=self)  # type: ignore[arg-type]

    async def add(self, kind: str, policy: dict[str, Any]) -> Asker:
        """A client of a preset, or one that authenticates with its key."""
        if kind == METHOD:
            return await Holder.add(self.beside, **policy)
        return await self.beside.add_client(kind, **policy)


@dataclass(frozen=True)
class Asked:
    """One request; all of the twenty are the same."""

    form: dict[str, str]
    headers: dict[str, str]
    path: str = "/oauth2/token"


Use = Callable[[Workers, Asker, User], Awaitable[Asked]]


async def code(workers: Workers, client: Asker, person: User) -> Asked:
    value, verifier = await workers.beside.add_code(client, person)
    form = {"grant_type": "authorization_code", "code": value, "redirect_uri": client.redirect_uri}
    return Asked(*client._credentials(form | ({"code_verifier": verifier} if verifier else {})))


async def refresh_token(workers: Workers, client: Asker, person: User) -> Asked:
    value, verifier = await workers.beside.add_code(client, person)
    tokens = (await workers.asker(client).exchange(value, code_verifier=verifier or "")).json()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return Asked(*client._credentials(form))


async def device_code(workers: Workers, client: Asker, person: User) -> Asked:
    code = (await devices.waiting(client))["device_code"]
    await devices.decide(workers.beside, code, person)
    return Asked(*client._credentials({"grant_type": devices.GRANT_TYPE, "device_code": code}))


async def pushed_request(workers: Workers, client: Asker, person: User) -> Asked:
    """Begun twenty times in one browser in which somebody is signed in, by a client that needs no consent."""
    data, headers = client._credentials({**client.authorization(), "client_id": client.client_id})
    request_uri = (await workers.post("/oauth2/par", data, headers)).json()["request_uri"]
    query = {"client_id": client.client_id, "request_uri": request_uri}
    return Asked(query, await workers.beside.signed_in(person), "/oauth2/authorize")


async def dpop_proof(workers: Workers, client: Asker, person: User) -> Asked:
    """Of an unbound refresh token, which all may use: it is the proof that is used once."""
    asked = await refresh_token(workers, client, person)
    proof = ProvingKey().proof("POST", f"{workers.service.settings['AUTHSERVER_ISSUER']}/oauth2/token", time.time())
    return Asked(asked.form, asked.headers | {"dpop": proof})


@dataclass(frozen=True)
class Case:
    """`winners` of the twenty get what they ask for, with the same value of `same`; the others `loser`. Afterwards what
    the winner got is dead, where `ends` (the rules take the second use for an attack), or lives; None: it is no
    token, or one that is bound to a key."""

    client: str
    use: Use
    loser: tuple[int, str] = (400, "invalid_grant")
    winners: int = 1
    same: str = ""
    ends: bool | None = False
    policy: dict[str, Any] = field(default_factory=dict)


CASES = {
    "a code": Case("confidential", code, ends=True),
    "a code of a public client": Case("public", code, ends=True),
    "a code of Alexa": Case("alexa", code),
    "a rotating refresh token": Case("public", refresh_token, winners=AT_ONCE, same="refresh_token"),
    "a rotating refresh token of Alexa": Case(
        "alexa", refresh_token, winners=AT_ONCE, same="refresh_token", policy={"refresh_rotation": True}
    ),
    "a refresh token of Alexa": Case("alexa", refresh_token, winners=AT_ONCE, same="refresh_token"),
    "a device code": Case("confidential", device_code, policy=devices.GRANTS),
    "a pushed request": Case(
        "confidential", pushed_request, (400, "request_uri"), ends=None, policy={"first_party": True}
    ),
    "a client assertion": Case(METHOD, refresh_token, (401, "invalid_client")),
    "a DPoP proof": Case("public", dpop_proof, (400, "invalid_dpop_proof"), ends=None),
}


def outcome(answer: httpx2.Response) -> tuple[int, str]:
    """Status, and the error in its place: JSON, or a page for people."""
    if answer.status_code in (200, 303):
        return 200, "" if answer.status_code == 200 or "code=" in answer.headers["location"] else "no code"
    if answer.headers["content-type"] == "application/json":
        return answer.status_code, answer.json()["error"]
    return answer.status_code, "request_uri" if "request_uri_" in answer.text else answer.text


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def workers(
    database_kind: str, migrated_database: MigratedDatabase, module_folder: Path
) -> AsyncIterator[Workers]:
    port, url = free_port(), migrated_database("authserver", database_kind)
    settings = authserver_settings(url, port, AUTHSERVER_ADDRESS_VISITS="1000000")
    service = Service("authserver", settings, module_folder, port)
    same = {name: settings[f"AUTHSERVER_{name.upper()}"] for name in ("issuer", "secret_key")}
    beside = Server(settings_for(url, development=True, **same), clock=lambda: int(time.time()))  # type: ignore[arg-type]
    await asyncio.to_thread(service.start, "--workers", "2" if database_kind == "postgresql" else "1")
    try:
        async with beside:
            running = Workers(service, beside)
            await running.open()
            yield running
            await running.close()
    finally:
        status = await asyncio.to_thread(service.stop)
    assert status == 0, service.log()[-3000:]
    service.check_log()


@pytest.mark.spec("performance 4")
async def test_the_connections_are_spread_over_both_workers(workers: Workers, database_kind: str) -> None:
    """Otherwise the races below would be those of one process."""
    assert len(workers.holders()) == (2 if database_kind == "postgresql" else 1)


@pytest.mark.spec("security 6.26", "security 6.27", "security 6.22", "A18", "A20", "A21", "RFC 9449 §11.1")
@pytest.mark.spec(
    "security 6.40",
    "security 3.par-once",
    "security 4.races-code",
    "security 4.races-refresh",
    "security 4.jwt-replay",
    "security 4.device",
    "RFC 8628 §3.5",
    "RFC 9126 §4",
    "RFC 7523 §3",
)
@pytest.mark.parametrize("name", CASES)
async def test_what_may_be_used_once_is_used_once(workers: Workers, name: str) -> None:
    case = CASES[name]
    person, client = await workers.beside.add_person(), await workers.add(case.client, case.policy)
    asker = workers.asker(client)
    for _ in range(ROUNDS):
        answers = await workers.race(await case.use(workers, client, person))
        losers = AT_ONCE - case.winners
        assert Counter(map(outcome, answers)) == {(200, ""): case.winners} | ({case.loser: losers} if losers else {})
        if case.ends is None:
            continue
        won = [answer.json() for answer in answers if answer.status_code == 200]
        assert len({tokens[case.same] for tokens in won}) == 1 if case.same else len(won) == 1
        userinfo = await workers.connections[1].get(
            "/oauth2/userInfo", headers={"authorization": f"Bearer {won[0]['access_token']}"}
        )
        again = await asker.refresh(won[0]["refresh_token"])
        assert (userinfo.status_code, again.status_code) == ((401, 400) if case.ends else (200, 200))
