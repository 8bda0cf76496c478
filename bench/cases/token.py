"""The token endpoint: a refresh without and with rotation, the exchange of a code, and machines."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from authserver.oauth import keys
from authserver.secret_values import SecretKey
from authserver.storage.database import Database, DatabaseUrl
from bench import load
from bench.measuring import Candidate, Measured, Row, under_load
from bench.peers import oidc_provider
from bench.plan import Plan
from bench.seed.authserver import KEPT, OWN, OWN_ES256, ROTATING, seed
from bench.servers import Contestant, Servers

BOUND = "bound: RS256 signatures alone"
BOUND_ES256 = "bound: ES256 signatures alone"
FLOOR = "floor: bare server that signs one token"
SQLITE = "authserver, SQLite"
POSTGRES = "authserver, PostgreSQL"
POSTGRES_2 = "authserver, PostgreSQL, 2 workers"
PEER = "node-oidc-provider, in memory"

KEPT_TITLE = "Refresh without rotation"
ROTATING_TITLE = "Refresh with rotation"
CODE_TITLE = "Authorization code"
MACHINE_TITLE = "Client credentials"
ES256_TITLE = "Client credentials, ES256"


@dataclass
class Contender:
    """A token endpoint with its material: for each round (and one before, to warm up) a file of each kind."""

    server: Contestant
    path: str
    basic: str  # of the rotating client
    kept: list[Path]
    rotating: list[Path]
    codes: list[Path]
    machine: Path  # one request, which may be sent any number of times
    machine_es256: Path | None = None  # the same of a client whose tokens are signed so; None: not compared
    cold: bool = False  # needs a run before the first, for its compiler

    def refreshes(self, seconds: int) -> Candidate:
        return self._candidate("", "replay.lua", lambda which: [self.kept[which], "again"], seconds)

    def rotations(self, seconds: int) -> Candidate:
        return self._candidate(self.path, "rotate.lua", lambda which: [self.rotating[which], self.basic], seconds)

    def exchanges(self, seconds: int) -> Candidate:
        return self._candidate("", "replay.lua", lambda which: [self.codes[which], "once"], seconds)

    def machines(self, seconds: int) -> Candidate:
        return self._candidate("", "replay.lua", lambda _: [self.machine, "again"], seconds)

    def machines_es256(self, seconds: int) -> Candidate:
        assert self.machine_es256 is not None
        file = self.machine_es256
        return self._candidate("", "replay.lua", lambda _: [file, "again"], seconds)

    def _candidate(
        self, path: str, script: str, arguments: Callable[[int], list[Path | str]], seconds: int
    ) -> Candidate:
        if self.cold:
            under_load(self.server, path, script, arguments(-1), 2)
        return Candidate(
            self.server.name, lambda number: under_load(self.server, path, script, arguments(number), seconds)
        )


def bound(tokens: int, seconds: int, name: str = BOUND) -> Candidate:
    def run(_number: int) -> Measured:
        command = [sys.executable, "-m", "bench.bare.bound", str(tokens), str(seconds)]
        command += ["ES256"] if name == BOUND_ES256 else []
        seen = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        return Measured(rate=seen["answers"] / seen["seconds"], cpu=seen["cpu"] / seen["answers"] * 1e6)

    return Candidate(name, run)


def floor(servers: Servers, seconds: int) -> Candidate:
    server = servers.bare(FLOOR, "bench.bare.signing")
    body = "grant_type=refresh_token&refresh_token=" + "x" * 90
    file = load.write_requests(servers.requests / "floor", [KEPT.token_request("/token", body)])
    return Candidate(FLOOR, lambda _: under_load(server, "", "replay.lua", [file, "again"], seconds))


def written(
    servers: Servers, name: str, path: str, plan: Plan, kept: list[str], rotating: list[str], codes: list[str]
) -> tuple[list[Path], list[Path], list[Path], Path]:
    """Each round's share of tokens and codes as files; the last share is for warming up."""

    def share(values: list[str], number: int) -> list[str]:
        return values[number :: plan.rounds + 1]

    def file(kind: str, number: int) -> Path:
        return servers.requests / f"{name.replace(' ', '-')}.{kind}.{number}"

    numbers = range(plan.rounds + 1)
    return (
        [
            load.write_requests(file("kept", n), (KEPT.refresh_request(path, token) for token in share(kept, n)))
            for n in numbers
        ],
        [load.write_lines(file("rotating", n), share(rotating, n)) for n in numbers],
        [
            load.write_requests(file("codes", n), (KEPT.code_request(path, code) for code in share(codes, n)))
            for n in numbers
        ],
        load.write_requests(servers.requests / f"{name.replace(' ', '-')}.machine", [OWN.machine_request(path)]),
    )


async def authserver(servers: Servers, name: str, url: str, secret_key: str, plan: Plan, workers: int = 1) -> Contender:
    """Seeded and running."""
    service = servers.authserver(url, secret_key)
    shares = plan.rounds + 1
    seeded = await seed(
        url, secret_key, int(time.time()), plan.kept * shares, plan.rotating * shares, plan.codes * shares
    )
    database = Database(DatabaseUrl.parse(url))
    async with database.unit() as session:  # RS256 alone is made at the start
        await keys.ensure(session, SecretKey.of(secret_key), "ES256", int(time.time()))
    await database.close()
    files = written(servers, name, "/oauth2/token", plan, seeded.kept, seeded.rotating, seeded.codes)
    file = servers.requests / f"{name.replace(' ', '-')}.es256"
    es256 = load.write_requests(file, [OWN_ES256.machine_request("/oauth2/token")])
    return Contender(servers.start(name, service, workers), "/oauth2/token", ROTATING.basic, *files, es256)


def peer(servers: Servers, plan: Plan) -> Contender:
    """Raises `oidc_provider.AbsentError`."""
    shares = plan.rounds + 1
    server, folder = oidc_provider.start(servers, plan.rotating * shares, plan.codes * shares)

    def lines(name: str) -> list[str]:
        return (folder / name).read_text().split()

    files = written(servers, PEER, "/token", plan, lines("kept.txt"), lines("rotating.txt"), lines("codes.txt"))
    return Contender(server, "/token", ROTATING.basic, *files, cold=True)


def rows(contenders: list[Contender], floor_of_one: Candidate, plan: Plan) -> list[Row]:
    seconds = plan.seconds
    return [
        Row(
            KEPT_TITLE,
            "The Alexa preset: one access token, the same refresh token. Every grant is refreshed once in a run, and "
            "every sixth refresh also notes its use, as with Alexa, which asks hourly.",
            [bound(1, seconds), floor_of_one, *(contender.refreshes(seconds) for contender in contenders)],
        ),
        Row(
            ROTATING_TITLE,
            "One access token and a new refresh token, committed before the answer leaves.",
            [bound(1, seconds), *(contender.rotations(seconds) for contender in contenders)],
        ),
        Row(
            CODE_TITLE,
            "The Alexa preset: the code is consumed, the grant made; an access token and an ID token.",
            [bound(2, seconds), *(contender.exchanges(seconds) for contender in contenders)],
        ),
        Row(
            MACHINE_TITLE,
            "A program in its own name: one access token, nothing is read or written.",
            [bound(1, seconds), *(contender.machines(seconds) for contender in contenders)],
        ),
        Row(
            ES256_TITLE,
            "The same where the client's tokens are signed with ES256.",
            [
                bound(1, seconds, BOUND_ES256),
                *(each.machines_es256(seconds) for each in contenders if each.machine_es256 is not None),
            ],
        ),
    ]
