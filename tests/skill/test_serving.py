"""Start, readiness, workers, outages and end of the real process."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import orjson
import pytest

from tests.conftest import NewDatabase
from tests.running.bridge import Bridge, directive, signed
from tests.running.home import add_lamp, skill_settings
from tests.running.ports import free_port
from tests.running.postgres import Postgres
from tests.running.service import Service
from tests.skill.issuer import CLIENT_ID, PERSON, Issuer
from tests.skill.talking import Alexa, error_type, values

pytestmark = pytest.mark.usefixtures("in_production")


@pytest.fixture
def down_issuer() -> Iterator[Issuer]:
    """An issuer that answers with 503 until a test lets it."""
    issuer = Issuer()
    issuer.status = 503
    yield issuer
    issuer.stop()


def service(url: str, issuer: Issuer, folder: Path, **settings: str) -> Service:
    port = free_port()
    return Service("skill", skill_settings(url, port, issuer.url, CLIENT_ID, **settings), folder, port)


def alexa_of(skill: Service, issuer: Issuer) -> Alexa:
    return Alexa(Bridge(skill.url, skill.settings["SKILL_BRIDGE_SECRET"]), issuer)


async def get(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        return await client.get(url)


async def until_answering(skill: Service) -> None:
    for _ in range(400):
        try:
            await get(f"{skill.url}/healthz")
            return
        except httpx2.TransportError:
            await asyncio.sleep(0.05)
    raise TimeoutError(skill.log())


async def test_healthz_and_readyz_are_200_when_it_serves(skill: Service) -> None:
    assert (await get(f"{skill.url}/healthz")).json() == {"status": "alive"}
    assert (await get(f"{skill.url}/readyz")).json() == {"status": "ready"}


@pytest.mark.spec("alexa 2.7", "S18")
async def test_S18_without_keys_it_is_not_ready_says_why_and_never_unlinks(
    sqlite_url: str, down_issuer: Issuer, tmp_path: Path
) -> None:
    skill = service(sqlite_url, down_issuer, tmp_path)
    skill.migrate()
    lamp = add_lamp(skill, PERSON)
    skill.start(wait_until_ready=False)
    await until_answering(skill)
    alexa = alexa_of(skill, down_issuer)
    assert await alexa.refused("Alexa.PowerController", "TurnOn", lamp) == "INTERNAL_ERROR"
    dead = down_issuer.token(exp=1)
    assert await alexa.refused("Alexa.PowerController", "TurnOn", lamp, token=dead) == "INTERNAL_ERROR"
    answer = await get(f"{skill.url}/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    assert "keys" in answer.json()["reason"]
    down_issuer.status = 200
    skill.wait_until_ready()
    assert values(await alexa.send("Alexa.PowerController", "TurnOn", lamp))["powerState"] == "ON"
    # ready stays ready, and a restart while the issuer is away answers from the database
    down_issuer.status = 503
    skill.stop()
    skill.start()
    assert values(await alexa.send("Alexa.PowerController", "TurnOff", lamp))["powerState"] == "OFF"
    skill.stop()


async def test_it_waits_for_its_schema_and_says_so(sqlite_url: str, issuer: Issuer, tmp_path: Path) -> None:
    skill = service(sqlite_url, issuer, tmp_path)
    skill.start(wait_until_ready=False)
    await until_answering(skill)
    await asyncio.sleep(0.5)
    answer = await get(f"{skill.url}/readyz")
    assert answer.status_code == 503
    assert "skill migrate" in skill.log() or "database" in answer.json()["reason"]
    assert await alexa_of(skill, issuer).refused("Alexa", "ReportState", "lamp-1") == "INTERNAL_ERROR"
    skill.migrate()
    skill.wait_until_ready()
    skill.stop()


async def test_it_gives_up_on_its_database_in_the_end(issuer: Issuer, tmp_path: Path) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere"
    skill = service(url, issuer, tmp_path, SKILL_DATABASE_WAIT="1")
    skill.start(wait_until_ready=False)
    assert skill.process is not None
    assert await asyncio.to_thread(skill.process.wait, 30) == 1
    assert "waiting: the database cannot be reached" in skill.log()
    assert "giving up" in skill.log()


async def test_a_database_that_goes_away_and_comes_back_unlinks_nobody(
    own_postgres: Postgres, issuer: Issuer, tmp_path: Path
) -> None:
    skill = service(own_postgres.new_database(), issuer, tmp_path)
    skill.migrate()
    lamp = add_lamp(skill, PERSON)
    with skill:
        alexa = alexa_of(skill, issuer)
        assert values(await alexa.send("Alexa.PowerController", "TurnOn", lamp))["powerState"] == "ON"
        own_postgres.interrupt()
        assert await alexa.refused("Alexa.PowerController", "TurnOff", lamp) == "INTERNAL_ERROR"
        assert (await get(f"{skill.url}/readyz")).status_code == 200
        own_postgres.start(os.getpid(), keep_folder=True)
        for _ in range(50):
            answer = await alexa.send("Alexa.PowerController", "TurnOff", lamp)
            if "context" in answer:
                break
            assert error_type(answer) == "INTERNAL_ERROR"
            await asyncio.sleep(0.1)
        assert values(answer)["powerState"] == "OFF"


def test_two_workers_on_sqlite_are_refused_and_told_why(sqlite_url: str, issuer: Issuer, tmp_path: Path) -> None:
    skill = service(sqlite_url, issuer, tmp_path)
    done = skill.cli("serve", "--workers", "2", "--port", str(skill.port))
    assert done.returncode == 2
    assert "one serving process" in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_busy_port_is_named(postgres_url: str, issuer: Issuer, tmp_path: Path, workers: str) -> None:
    skill = service(postgres_url, issuer, tmp_path)
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        busy.bind(("127.0.0.1", skill.port))
        busy.listen()
        done = skill.cli("serve", "--workers", workers, "--port", str(skill.port))
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {skill.port}" in done.stderr


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_two_workers_share_the_port_and_a_dead_one_is_replaced(
    new_database: NewDatabase, issuer: Issuer, tmp_path: Path
) -> None:
    skill = service(new_database("postgresql"), issuer, tmp_path)
    skill.migrate()
    lamp = add_lamp(skill, PERSON)
    skill.start("--workers", "2")
    assert skill.process is not None
    before = children(skill.process.pid)
    assert len(before) == 2
    alexa = alexa_of(skill, issuer)
    steps = [alexa.send("Alexa.BrightnessController", "AdjustBrightness", lamp, brightnessDelta=2) for _ in range(20)]
    assert sorted(values(each)["brightness"] for each in await asyncio.gather(*steps)) == list(range(2, 42, 2))
    os.kill(before[0], signal.SIGKILL)
    deadline = time.monotonic() + 20
    while len(set(children(skill.process.pid)) - set(before)) != 1 and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert before[0] not in children(skill.process.pid)
    assert len(children(skill.process.pid)) == 2
    assert skill.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_is_in_flight_is_answered_before_the_end(
    sqlite_url: str, issuer: Issuer, tmp_path: Path, number: signal.Signals
) -> None:
    skill = service(sqlite_url, issuer, tmp_path, SKILL_JWKS_COOLDOWN="0")
    skill.migrate()
    lamp = add_lamp(skill, PERSON)
    skill.start()
    # half a request: the rest comes after the signal
    body = orjson.dumps(directive("Alexa.PowerController", "TurnOn", issuer.token(), lamp))
    headers = signed(body, skill.settings["SKILL_BRIDGE_SECRET"]) | {
        "content-length": str(len(body)),
        "host": "localhost",
    }
    reader, writer = await asyncio.open_connection("127.0.0.1", skill.port)
    head = "POST /alexa/directive HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(head.encode() + b"\r\n" + body[:100])
    await writer.drain()
    await asyncio.sleep(1)  # in which it takes the connection
    assert skill.process is not None
    skill.process.send_signal(number)
    await asyncio.sleep(0.3)
    writer.write(body[100:])
    await writer.drain()
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"powerState"' in answer
    assert await asyncio.to_thread(skill.process.wait, 10) == 0
    skill.process = None


async def test_an_idle_connection_does_not_delay_the_end(sqlite_url: str, issuer: Issuer, tmp_path: Path) -> None:
    skill = service(sqlite_url, issuer, tmp_path)
    skill.migrate()
    skill.start()
    _, writer = await asyncio.open_connection("127.0.0.1", skill.port)
    started = time.monotonic()
    assert await asyncio.to_thread(skill.stop) == 0
    assert time.monotonic() - started < 5
    writer.close()
