"""Trouble of ours is 503 with `Retry-After` and never `invalid_grant`, which would unlink an Alexa user for good."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from authserver.models import User
from tests.authserver.protocol.harness import Asker, Server, settings_for
from tests.authserver.protocol.registering import Itself, leave, register
from tests.running.postgres import Postgres

ALEXA_WAITS = 4.5  # seconds (contracts/alexa.md 1.4)


def assert_try_later(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, f"{answer.status_code} {answer.text[:300]}"
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert answer.headers["cache-control"] == "no-store"
    for word in ("invalid_grant", "Traceback", "sqlite", "asyncpg", "SELECT", "locked"):
        assert word not in answer.text


@pytest_asyncio.fixture(loop_scope="session")
async def on_sqlite(sqlite_url: str) -> AsyncIterator[Server]:
    async with Server(settings_for(sqlite_url)) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def on_postgres(own_postgres: Postgres) -> AsyncIterator[Server]:
    async with Server(settings_for(own_postgres.new_database())) as server:
        yield server


async def everything_that_asks(
    client: Asker, person: User, code: str, tokens: dict[str, str]
) -> dict[str, httpx2.Response]:
    server = client.server
    return {
        "exchange": await client.exchange(code),
        "refresh": await client.refresh(tokens["refresh_token"]),
        "revoke": await client.revoke(tokens["refresh_token"]),
        "userinfo": await server.userinfo(tokens["access_token"]),
        "introspect": await client.introspect(tokens["access_token"]),
        "introspect-refresh": await client.introspect(tokens["refresh_token"]),
        "authorize": await server.authorize(client.authorization()),
        "unknown-client": await server.authorize(client.authorization(client_id="nobody")),
        "wrong-client": await Asker(server, "nobody", "x", client.redirect_uri).refresh("x"),
    }


@pytest.mark.spec("A23", "decision 7", "alexa 1.5", "performance 4")
async def test_a_locked_sqlite_is_503_in_time_and_spends_nothing(on_sqlite: Server) -> None:
    client, person = await on_sqlite.add_client("alexa"), await on_sqlite.add_person()
    tokens = await client.linked(person)
    code, _ = await on_sqlite.add_code(client, person)
    path = on_sqlite.settings.database_url.get_secret_value().removeprefix("sqlite:///")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        begun = time.monotonic()
        page_asked = asyncio.create_task(on_sqlite.authorize(client.authorization()))
        exchange, revocation, refresh = await asyncio.gather(
            client.exchange(code), client.revoke(tokens["refresh_token"]), client.refresh(tokens["refresh_token"])
        )
        assert time.monotonic() - begun < ALEXA_WAITS
        page = await page_asked
        assert time.monotonic() - begun < 2 * ALEXA_WAITS
        for answer in (exchange, revocation, page):
            assert_try_later(answer)
        assert exchange.json()["error"] == "temporarily_unavailable"
        assert page.headers["content-type"].startswith("text/html")
        assert refresh.status_code == 200  # it reads, and readers wait for nobody
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert (await client.exchange(code)).status_code == 200
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.spec("A23", "decision 7")
async def test_a_database_file_that_is_no_database_any_more_is_503(on_sqlite: Server) -> None:
    client, person = await on_sqlite.add_client("alexa"), await on_sqlite.add_person()
    tokens = await client.linked(person)
    code, _ = await on_sqlite.add_code(client, person)
    other = sqlite3.connect(on_sqlite.settings.database_url.get_secret_value().removeprefix("sqlite:///"))
    other.execute("ALTER TABLE grants RENAME TO grants_away")
    other.commit()
    for answer in (
        await client.exchange(code),
        await client.refresh(tokens["refresh_token"]),
        await on_sqlite.userinfo(tokens["access_token"]),
    ):
        assert_try_later(answer)
    other.execute("ALTER TABLE grants_away RENAME TO grants")
    other.commit()
    other.close()
    assert (await client.exchange(code)).status_code == 200
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.spec("security 6.53", "decision 7", "RFC 7009 §2.2.1")
async def test_what_could_not_be_revoked_is_never_said_to_be(on_sqlite: Server) -> None:
    """fosite CVE-2020-15223: an error of the storage became a 200, and the token lived on."""
    client, person = await on_sqlite.add_client(), await on_sqlite.add_person()
    tokens = await client.linked(person)
    other = sqlite3.connect(on_sqlite.settings.database_url.get_secret_value().removeprefix("sqlite:///"))
    other.execute("ALTER TABLE revoked_access_tokens RENAME TO away")
    other.commit()
    assert_try_later(await client.revoke(tokens["access_token"]))
    assert_try_later(await client.introspect(tokens["access_token"]))  # neither active nor not
    assert_try_later(await on_sqlite.userinfo(tokens["access_token"]))
    other.execute("ALTER TABLE away RENAME TO revoked_access_tokens")
    other.execute("ALTER TABLE grants RENAME TO grants_away")
    other.commit()
    assert_try_later(await client.revoke(tokens["refresh_token"]))
    other.execute("ALTER TABLE grants_away RENAME TO grants")
    other.commit()
    other.close()
    assert (await on_sqlite.userinfo(tokens["access_token"])).status_code == 200
    assert (await client.revoke(tokens["access_token"])).status_code == 200
    assert (await on_sqlite.userinfo(tokens["access_token"])).status_code == 401


@pytest.mark.spec("decision 7", "RFC 7591 §3", "RFC 7592 §2")
async def test_a_client_that_cannot_be_registered_now_is_told_to_come_again(on_sqlite: Server) -> None:
    """And has not used up its leave; and metadata, which asks no database, answers."""
    initial = await leave(on_sqlite, uses=2)
    itself = await Itself.of(on_sqlite, initial)
    other = sqlite3.connect(on_sqlite.settings.database_url.get_secret_value().removeprefix("sqlite:///"))
    other.execute("ALTER TABLE client_registrations RENAME TO away")
    other.commit()
    for answer in (await register(on_sqlite, initial), await itself.read(), await itself.put(), await itself.delete()):
        assert_try_later(answer)
    read = (await on_sqlite.http.get("/.well-known/openid-configuration")).json()
    assert "registration_endpoint" in read
    other.execute("ALTER TABLE away RENAME TO client_registrations")
    other.commit()
    other.close()
    assert (await itself.read()).status_code == 200
    assert (await register(on_sqlite, initial)).status_code == 201


@pytest.mark.spec("A23", "decision 7", "decision 13", "alexa 1.5")
async def test_an_outage_of_postgresql_is_503_and_passes(on_postgres: Server, own_postgres: Postgres) -> None:
    server = on_postgres
    client, person = await server.add_client("alexa"), await server.add_person()
    tokens = await client.linked(person)
    code, _ = await server.add_code(client, person)
    await asyncio.to_thread(own_postgres.interrupt)
    for name, answer in (await everything_that_asks(client, person, code, tokens)).items():
        assert answer.status_code == 503, name
        assert_try_later(answer)
    assert (await server.http.get("/healthz")).status_code == 200
    assert (await server.http.get("/readyz")).status_code == 200  # one outage must not remove every replica
    assert (await server.http.get("/.well-known/jwks.json")).status_code == 200
    await asyncio.to_thread(own_postgres.start, os.getpid(), True)
    deadline = time.monotonic() + 20
    while (answer := await client.refresh(tokens["refresh_token"])).status_code != 200:
        assert_try_later(answer)
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    assert (await client.exchange(code)).status_code == 200
    assert (await server.authorize(client.authorization())).status_code == 303
    assert (await server.userinfo(tokens["access_token"])).status_code == 200
    await server.add_client("alexa")  # changes are heard again: the notification's connection came back
    listening = time.monotonic() + 30
    while server.services.clients.cached(client.client_id) is not None and time.monotonic() < listening:
        await asyncio.sleep(0.1)
    assert server.services.clients.cached(client.client_id) is None


@pytest.mark.spec("A17", "A23", "decision 7")
async def test_a_table_that_somebody_locks_costs_less_than_alexa_waits(on_postgres: Server) -> None:
    server = on_postgres
    alexa, person = await server.add_client("alexa"), await server.add_person()
    url = server.settings.database_url.get_secret_value()
    tokens = await alexa.linked(person)
    code, _ = await server.add_code(alexa, person)
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE grants IN ACCESS EXCLUSIVE MODE")
            begun = time.monotonic()
            answers = await asyncio.gather(
                *(alexa.refresh(tokens["refresh_token"]) for _ in range(5)),
                alexa.exchange(code),
                server.userinfo(tokens["access_token"]),
            )
            assert time.monotonic() - begun < ALEXA_WAITS
        for answer in answers:
            assert_try_later(answer)
    finally:
        await connection.close()
    assert (await alexa.refresh(tokens["refresh_token"])).status_code == 200
    assert (await alexa.exchange(code)).status_code == 200


@pytest.mark.spec("A23", "decision 4")
async def test_a_batch_that_fails_loses_nobody_elses_write(server: Server, person: User) -> None:
    """Writes of one moment are committed together; one that breaks a rule of the table must not take the others."""
    client = await server.add_client("confidential")
    codes = [(await server.add_code(client, person))[0] for _ in range(10)]

    def broken(transaction: object) -> None:
        raise RuntimeError("this job alone")

    async def fails() -> None:
        with pytest.raises(RuntimeError, match="this job alone"):
            await server.services.hot.write(broken)

    *answers, _ = await asyncio.gather(*(client.exchange(code) for code in codes), fails())
    assert [answer.status_code for answer in answers] == [200] * 10
    assert len(await server.grants_of(person)) == 10


@pytest.mark.spec("A23", "A32")
async def test_an_error_nobody_thought_of_is_503_and_its_trace_stays_in_the_log(
    server: Server, alexa: Asker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(server.services.oauth, "authenticate_client", broken)
    answer = await alexa.refresh("v1.k.g.1.m")
    assert_try_later(answer)
    assert "mistake" not in answer.text
    assert "a mistake of ours" in caplog.text
    assert alexa.secret not in caplog.text
