"""`POST /alexa/directive` as it is attacked: requests that two servers could read in two ways, signed nonsense, replays
between replicas whose clocks differ (contract 7, S20)."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable

import orjson
import pytest

from skill.bridge_call import TOLERANCE, BridgeCall, verify
from skill.service import Service as RunningService
from skill.settings import Settings
from tests.conftest import MigratedDatabase
from tests.running.bridge import directive, signed
from tests.running.home import new_secret
from tests.running.service import Service
from tests.skill.issuer import CLIENT_ID, Issuer
from tests.skill.talking import Alexa, error_type

BRIGHTNESS = "Alexa.BrightnessController"
LINE = "POST /alexa/directive HTTP/1.1"


def adjust(issuer: Issuer, lamp: str) -> bytes:
    return orjson.dumps(directive(BRIGHTNESS, "AdjustBrightness", issuer.token(), lamp, {"brightnessDelta": 10}))


def request(body: bytes, *headers: str, line: str = LINE) -> bytes:
    return "\r\n".join([line, "Host: 127.0.0.1", *headers, "", ""]).encode("latin-1") + body


def proved(body: bytes, secret: str) -> list[str]:
    return [f"{name}: {value}" for name, value in signed(body, secret).items()]


def statuses(skill: Service, sent: bytes) -> list[int]:
    """Of what a connection answers until it ends, or says no more."""
    said = b""
    with socket.create_connection(("127.0.0.1", skill.port), timeout=1) as connection:
        connection.sendall(sent)
        with contextlib.suppress(TimeoutError):
            while more := connection.recv(65536):
                said += more
    return [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]


def chunked(body: bytes) -> bytes:
    return f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"


AMBIGUOUS: dict[str, Callable[[bytes, list[str]], bytes]] = {
    "length-and-chunks": lambda body, proof: request(
        chunked(body), *proof, f"Content-Length: {len(body)}", "Transfer-Encoding: chunked"
    ),
    "two-lengths": lambda body, proof: request(body, *proof, f"Content-Length: {len(body)}", "Content-Length: 3"),
    "a-length-twice": lambda body, proof: request(body, *proof, *[f"Content-Length: {len(body)}"] * 2),
    "a-signed-length": lambda body, proof: request(body, *proof, f"Content-Length: +{len(body)}"),
    "a-negative-length": lambda body, proof: request(body, *proof, "Content-Length: -1"),
    "another-encoding": lambda body, proof: request(
        body, *proof, f"Content-Length: {len(body)}", "Transfer-Encoding: xchunked"
    ),
    "a-space-before-the-colon": lambda body, proof: request(body, *proof, f"Content-Length : {len(body)}"),
    "a-folded-header": lambda body, proof: request(body, *proof, f"Content-Length: {len(body)}", "X-A: a\r\n b"),
    "a-nul": lambda body, proof: request(body, *proof, f"Content-Length: {len(body)}", "X-A: a\0b"),
    "bare-line-feeds": lambda body, proof: (
        request(b"", *proof, f"Content-Length: {len(body)}").replace(b"\r\n", b"\n") + body
    ),
}


@pytest.mark.spec("S20", "security 6.72")
@pytest.mark.parametrize("made", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_S20_a_request_that_could_be_read_in_two_ways_is_400_and_does_nothing(
    alexa: Alexa, skill: Service, lamp: str, made: Callable[[bytes, list[str]], bytes]
) -> None:
    """Even where its signature is genuine."""
    body = adjust(alexa.issuer, lamp)
    proof = proved(body, skill.settings["SKILL_BRIDGE_SECRET"])
    assert await asyncio.to_thread(statuses, skill, made(body, proof)) == [400]
    assert (await alexa.state(lamp))["brightness"] == 0


@pytest.mark.spec("S20", "security 6.72")
async def test_S20_what_follows_a_genuine_call_on_its_connection_is_asked_for_its_own_signature(
    alexa: Alexa, skill: Service, lamp: str
) -> None:
    first, second = adjust(alexa.issuer, lamp), adjust(alexa.issuer, lamp)
    call = request(first, *proved(first, skill.settings["SKILL_BRIDGE_SECRET"]), f"Content-Length: {len(first)}")
    unsigned = request(second, f"Content-Length: {len(second)}")
    assert await asyncio.to_thread(statuses, skill, call + unsigned + call) == [200, 401, 401]
    assert (await alexa.state(lamp))["brightness"] == 10


@pytest.mark.spec("S20", "security 6.72")
@pytest.mark.parametrize("path", ["/alexa/directive/", "//alexa/directive", "/alexa/./directive", "/ALEXA/directive"])
async def test_S20_another_spelling_of_the_path_obeys_nothing(
    alexa: Alexa, skill: Service, lamp: str, path: str
) -> None:
    body = adjust(alexa.issuer, lamp)
    proof = proved(body, skill.settings["SKILL_BRIDGE_SECRET"])
    sent = request(body, *proof, f"Content-Length: {len(body)}", line=f"POST {path} HTTP/1.1")
    assert (await asyncio.to_thread(statuses, skill, sent))[0] == 404, "a redirect would lead to what `Host` says"
    assert (await alexa.state(lamp))["brightness"] == 0


NONSENSE: dict[str, Callable[[str], str | bytes]] = {
    "nothing": lambda good: "",
    "null": lambda good: "null",
    "a-list": lambda good: "[]",
    "a-number": lambda good: "1e5",
    "lists-30000-deep": lambda good: '{"directive":' + "[" * 30_000 + "]" * 30_000 + "}",
    "objects-10000-deep": lambda good: '{"a":' * 10_000 + "1" + "}" * 10_000,
    "not-a-number": lambda good: good.replace('"payload": {', '"payload": {"x": NaN, '),
    "infinity": lambda good: good.replace('"payload": {', '"payload": {"x": 1e999, '),
    "half-a-character": lambda good: good.replace('"payload": {', '"payload": {"x": "\\ud800", '),
    "half-a-character-raw": lambda good: good.encode().replace(b'"payload": {', b'"payload": {"\xed\xa0\x80": 1, '),
    "latin-1": lambda good: good.replace('"payload": {', '"payload": {"ü": 1, ').encode("latin-1"),
    "a-byte-order-mark": lambda good: "\ufeff" + good,
    "utf-16": lambda good: good.encode("utf-16"),
    "more-behind-it": lambda good: good + "x",
    "directive-twice": lambda good: good[:-1] + ', "directive": {}}',
    "header-twice": lambda good: good[:-2] + ', "header": []}}',
    "correlation-token-of-20000": lambda good: good.replace("dFDb", "A" * 20_000),
}


@pytest.mark.spec("S12", "alexa 0")
@pytest.mark.parametrize("made", NONSENSE.values(), ids=NONSENSE)
async def test_S12_signed_nonsense_is_invalid_directive_and_blames_no_token(
    alexa: Alexa, skill: Service, lamp: str, made: Callable[[str], str | bytes]
) -> None:
    good = json.dumps(directive("Alexa", "ReportState", alexa.issuer.token(), lamp, {"y": 1}))
    words = made(good)
    body = words if isinstance(words, bytes) else words.encode()
    proof = proved(body, skill.settings["SKILL_BRIDGE_SECRET"])

    def answer() -> bytes:
        sent = request(body, *proof, f"Content-Length: {len(body)}", "Connection: close")
        with socket.create_connection(("127.0.0.1", skill.port), timeout=10) as connection:
            connection.sendall(sent)
            with connection.makefile("rb") as incoming:
                return incoming.read()

    head, _, content = (await asyncio.to_thread(answer)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert error_type(json.loads(content)) == "INVALID_DIRECTIVE"


# Replicas whose clocks differ


@contextlib.asynccontextmanager
async def replica(database: str, issuer: Issuer, secret: str, ahead: float) -> AsyncIterator[RunningService]:
    settings = Settings(
        database_url=database, development=True, issuer=issuer.url, client_ids=CLIENT_ID, bridge_secret=secret
    )
    service = RunningService(settings, lambda: time.time() + ahead)
    service.start()
    try:
        while service.not_ready() is not None:
            await asyncio.sleep(0.02)
        yield service
    finally:
        await service.close()


async def taken(service: RunningService, body: bytes, headers: dict[str, str]) -> bool:
    """Whether it acts on the call. Raises NotTheBridge where the time of its clock is too far away."""
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    call: BridgeCall = verify(raw, body, service.settings.bridge_keys, service.clock())
    return await service.answer(body, call) is not None


@pytest.mark.spec("S20", "security 6.72")
@pytest.mark.parametrize(("ahead", "age"), [(TOLERANCE - 10, TOLERANCE - 20), (TOLERANCE - 60, TOLERANCE - 60), (0, 0)])
async def test_S20_a_replica_whose_clock_is_ahead_opens_no_second_time_at_another(
    migrated_database: MigratedDatabase, database_kind: str, issuer: Issuer, ahead: float, age: float
) -> None:
    """As far ahead as it may be and still take the bridge's calls. It forgets signatures when it starts."""
    database, secret = migrated_database("skill", database_kind), new_secret()
    body = adjust(issuer, "lamp-of-nobody")
    headers = signed(body, secret, int(time.time() - age))
    async with (
        replica(database, issuer, secret, -(TOLERANCE - 10)) as late,
        replica(database, issuer, secret, 0) as own,
    ):
        assert await taken(own, body, headers)
        async with replica(database, issuer, secret, ahead) as early:
            fresh = adjust(issuer, "lamp-of-nobody")
            assert await taken(early, fresh, signed(fresh, secret))
            await asyncio.sleep(0.3)
            assert not await taken(own, body, headers)
            assert not await taken(late, body, headers)
