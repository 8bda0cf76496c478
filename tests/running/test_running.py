"""The ground that other tests stand on: a broken fixture must not look like a passing test."""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

import aiomqtt
import aiosmtplib
import asyncpg
import pytest

from tests.running import process
from tests.running.amazon import Amazon
from tests.running.broker import Broker
from tests.running.chromium import Pages
from tests.running.mail import Mailbox, text_of
from tests.running.postgres import Postgres, new_folder
from tests.running.service import Service


async def test_every_test_gets_an_empty_postgresql_18(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        assert (await connection.fetchval("SHOW server_version")).startswith("18")
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    finally:
        await connection.close()


async def test_an_outage_of_postgresql_keeps_its_data(own_postgres: Postgres) -> None:
    url = own_postgres.new_database()
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    await connection.close()
    own_postgres.interrupt()
    with pytest.raises((OSError, asyncpg.PostgresError)):
        await asyncpg.connect(url, timeout=2)
    own_postgres.start(os.getpid(), keep_folder=True)
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT n FROM kept") == 1
    await connection.close()


def test_postgresql_ends_and_leaves_nothing_when_the_run_is_killed() -> None:
    folder = new_folder()
    run = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    server = Postgres(folder)
    server.start(run.pid)
    postmaster = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    run.kill()
    run.wait()
    assert server.keeper.wait(15) == 0
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(postmaster, 0)


async def test_mail_arrives_and_an_outage_is_an_outage(smtp_server: Mailbox) -> None:
    message = EmailMessage()
    message["from"], message["to"], message["subject"] = "a@example.org", "b@example.org", "code"
    message.set_content("123456")
    await aiosmtplib.send(message, hostname=smtp_server.host, port=smtp_server.port)
    arrived = await asyncio.to_thread(smtp_server.wait_for, "b@example.org")
    assert text_of(arrived).strip() == "123456"
    smtp_server.stop()
    with pytest.raises((OSError, aiosmtplib.SMTPException)):
        await aiosmtplib.send(message, hostname=smtp_server.host, port=smtp_server.port, timeout=2)
    smtp_server.start()
    await aiosmtplib.send(message, hostname=smtp_server.host, port=smtp_server.port)
    assert len(smtp_server.to("b@example.org")) == 2


async def test_the_broker_delivers(mosquitto: Broker) -> None:
    async with aiomqtt.Client(mosquitto.host, mosquitto.port) as client:
        await client.subscribe("lamp")
        await client.publish("lamp", "ON")
        async for message in client.messages:
            assert message.payload == b"ON"
            break


@pytest.mark.parametrize("javascript", [True, False])
async def test_the_browser_reaches_amazons_end_and_nothing_else(
    new_page: Pages, amazon: Amazon, javascript: bool
) -> None:
    page = await new_page("phone", javascript=javascript)
    await page.goto("https://layla.amazon.com/api/skill/link/M1?code=c&state=s")
    assert page.url == "https://skills-store.amazon.com/linked"
    assert amazon.returns() == ["https://layla.amazon.com/api/skill/link/M1?code=c&state=s"]
    with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
        await page.goto("https://example.org/")


def test_a_process_that_ignores_the_signal_is_killed_and_reported(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    started = process.start([sys.executable, "-c", stubborn], tmp_path / "log")
    while "up" not in (tmp_path / "log").read_text():
        time.sleep(0.02)
    with pytest.raises(TimeoutError):
        process.stop(started, signal.SIGTERM, within=0.3)
    assert started.returncode == -signal.SIGKILL


def test_a_secret_in_a_log_is_found(tmp_path: Path) -> None:
    service = Service("authserver", {}, tmp_path, 18000)
    service.must_not_log("very-secret-value")
    service.log_file.write_text("INFO all is well\n")
    service.check_log()
    service.log_file.write_text("DEBUG token=very-secret-value\n")
    with pytest.raises(AssertionError, match="holds a secret") as caught:
        service.check_log()
    assert "very-secret-value" not in str(caught.value)


async def test_who_wants_to_be_alone_waits_for_all_and_is_overtaken_by_nobody(tmp_path: Path) -> None:
    """Each in a process of its own, as workers are."""
    script = (
        "import sys; from pathlib import Path; from tests.running.alone import Room\n"
        "with getattr(Room(Path(sys.argv[1])), sys.argv[2])(): print('in', flush=True); sys.stdin.read()"
    )

    async def enter(how: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, str(tmp_path), how, stdin=pipe, stdout=pipe
        )

    async def is_in(one: asyncio.subprocess.Process) -> None:
        assert one.stdout is not None
        assert await one.stdout.readline() == b"in\n"

    async def leave(one: asyncio.subprocess.Process) -> None:
        await one.communicate(b"")

    first, second = await enter("shared"), await enter("shared")
    await is_in(first)
    await is_in(second)
    alone = asyncio.create_task(is_in(wanting := await enter("alone")))
    with (tmp_path / "door").open() as door, contextlib.suppress(BlockingIOError):
        while not alone.done():
            fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(door, fcntl.LOCK_UN)
            await asyncio.sleep(0.02)
    later = asyncio.create_task(is_in(late := await enter("shared")))
    await leave(first)
    await asyncio.sleep(0.5)
    assert not alone.done(), "the second is still there"
    await leave(second)
    await alone
    await asyncio.sleep(0.2)
    assert not later.done()
    await leave(wanting)
    await later
    await leave(late)
