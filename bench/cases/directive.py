"""Directives for simulated lamps, signed as the bridge signs them, each one new."""

import hashlib
import hmac
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from bench import load
from bench.measuring import Candidate, Row, under_load
from bench.plan import Plan
from bench.seed.authserver import KEPT
from bench.seed.mint import Mint
from bench.seed.skill import Owner, owners, seed
from bench.servers import BRIDGE_SECRET, Contestant, Servers
from tests.running.bridge import directive
from tests.running.service import Service

FLOOR = "floor: bare server that verifies one token"
SQLITE = "skill, SQLite"
POSTGRES = "skill, PostgreSQL"
POSTGRES_2 = "skill, PostgreSQL, 2 workers"

SWITCH_TITLE = "Directive TurnOn, TurnOff"
REPORT_TITLE = "Directive ReportState"
NEW_TITLE = "Directive TurnOn, TurnOff, every token new"
PEOPLE = 1000

Kind = tuple[str, str]
SWITCH: list[Kind] = [("Alexa.PowerController", "TurnOn"), ("Alexa.PowerController", "TurnOff")]
REPORT: list[Kind] = [("Alexa", "ReportState")]


def signing() -> Callable[[bytes | dict[str, Any]], bytes]:
    """Makes a directive, or its body, a whole request that is signed now."""
    now, key = str(int(time.time())), BRIDGE_SECRET.encode()
    prefix = now.encode() + b"."

    def sign(message: bytes | dict[str, Any]) -> bytes:
        body = message if isinstance(message, bytes) else orjson.dumps(message)
        signature = hmac.digest(key, prefix + body, hashlib.sha256).hex()
        headers = [("Content-Type", "application/json"), ("X-Bridge-Timestamp", now), ("X-Bridge-Signature", signature)]
        return load.post("/alexa/directive", headers, body)

    return sign


def signed_calls(people: list[Owner], tokens: list[str], kinds: list[Kind], count: int) -> Iterator[bytes]:
    """`count` calls: person by person, and for each person the kinds in turn, so that every TurnOn changes the lamp.

    The signature holds for five minutes and for one call: each call has its own message id.
    """
    sign = signing()
    bodies = []
    for kind in kinds:
        for number, token in enumerate(tokens):
            message = directive(*kind, token, people[number % len(people)].endpoint_id)
            before, after = orjson.dumps(message).split(message["directive"]["header"]["messageId"].encode())
            bodies.append((before, after))
    for number in range(count):
        before, after = bodies[number % len(bodies)]
        yield sign(before + str(uuid.uuid4()).encode() + after)


class Calls:
    """The calls of a round, written when its first candidate runs: their signatures are young."""

    def __init__(self, file: Path, make: Callable[[], Iterator[bytes]]) -> None:
        self._file, self._make, self._round = file, make, -2

    def of(self, number: int) -> list[str | Path]:
        if number != self._round:
            load.write_requests(self._file, self._make())
            self._round = number
        return [self._file, "once"]


def row(title: str, about: str, contestants: list[Contestant], calls: Calls, seconds: int) -> Row:
    def candidate(server: Contestant) -> Candidate:
        return Candidate(server.name, lambda number: under_load(server, "", "replay.lua", calls.of(number), seconds))

    return Row(title, about, [candidate(server) for server in contestants])


async def rows(servers: Servers, authserver: Service, plan: Plan) -> tuple[list[Row], list[Contestant]]:
    """With authserver running: its key signs the tokens, its JWKS verifies them. Also gives the skills."""
    people = owners(PEOPLE)
    mint = Mint(authserver.settings)
    await mint.open()
    known = [mint.token(owner.sub) for owner in people]

    jwks = servers.folder / "jwks.json"
    issuer = authserver.settings["AUTHSERVER_ISSUER"]
    with urllib.request.urlopen(f"{issuer}/.well-known/jwks.json") as answer:
        jwks.write_bytes(answer.read())
    contestants = [servers.bare(FLOOR, "bench.bare.verifying", str(jwks))]
    for name, url, workers in (
        (SQLITE, servers.new_sqlite("skill"), 1),
        (POSTGRES, servers.postgres.new_database(), 1),
        (POSTGRES_2, servers.postgres.new_database(), 2),
    ):
        service = servers.skill(url, issuer, KEPT.client_id)
        await seed(url, people)
        contestants.append(servers.start(name, service, workers))

    def new_tokens() -> Iterator[bytes]:
        new = [mint.token(people[number % PEOPLE].sub) for number in range(plan.new_tokens)]
        return signed_calls(people, new, SWITCH[:1], len(new))

    def switch() -> Iterator[bytes]:
        return signed_calls(people, known, SWITCH, plan.directives)

    def report() -> Iterator[bytes]:
        return signed_calls(people, known, REPORT, plan.directives)

    seconds, file = plan.seconds, servers.requests
    rows = [
        row(
            SWITCH_TITLE,
            "A simulated lamp is switched: the call's signature is claimed and the lamp's state committed before the "
            f"answer leaves. {PEOPLE:,} people, each with a token that comes again and again.",
            contestants,
            Calls(file / "switch", switch),
            seconds,
        ),
        row(
            REPORT_TITLE, "The same, but the lamp is only asked.", contestants, Calls(file / "report", report), seconds
        ),
        row(
            NEW_TITLE,
            "A lamp is switched with a token that was never seen before: the worst case, nothing is in a cache.",
            contestants,
            Calls(file / "new", new_tokens),
            seconds,
        ),
    ]
    return rows, contestants[1:]
