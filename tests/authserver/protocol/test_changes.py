"""What another process changes holds in a running worker within one second, on both databases (decision 12)."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from sqlalchemy import event

from authserver import app
from authserver.accounts import administration
from authserver.models import Client, User
from authserver.oauth import registration
from authserver.storage.changes import announce
from authserver.storage.database import Database, DatabaseUrl, StorageError
from tests.authserver.protocol.harness import CALLBACK, PRESETS, Asker, Server
from tests.running.fair import Watch

WITHIN = 1.0  # seconds


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere(server: Server) -> AsyncIterator[Database]:
    """Another process's connection to the same database."""
    database = Database(DatabaseUrl.parse(server.settings.database_url.get_secret_value()))
    yield database
    await database.close()


async def holds_within_a_second(ask: Callable[[], Awaitable[bool]]) -> None:
    async with Watch() as watch:
        while not await ask():
            assert watch.seconds < WITHIN, "not seen within a second"
            await asyncio.sleep(0.01)


async def row_of(elsewhere: Database, client: Asker) -> Client:
    async with elsewhere.unit() as session:
        row = await session.get(Client, client.client_id)
        assert row is not None
        return row


@pytest.mark.spec("decision 12")
async def test_a_client_that_was_unknown_a_moment_ago_is_known(server: Server, elsewhere: Database) -> None:
    """The cache remembers unknown ids as well; that must not hide a new client."""
    client_id = f"soon-{server.clock()}-{id(elsewhere)}"
    asked = {"response_type": "code", "client_id": client_id, "redirect_uri": CALLBACK, "scope": "openid"}
    assert (await server.authorize(asked)).status_code == 400
    async with elsewhere.unit() as session:
        policy = PRESETS["confidential"] | {"created_at": server.clock(), "updated_at": server.clock()}
        session.add(Client(client_id=client_id, client_name="Soon", **policy))
        await announce(session)
    await holds_within_a_second(lambda: _let_in(server, asked))


async def _let_in(server: Server, asked: dict[str, str]) -> bool:
    return (await server.authorize(asked)).status_code == 303


@pytest.mark.spec("decision 12", "security 6.1")
async def test_a_redirect_uri_comes_and_goes(server: Server, confidential: Asker, elsewhere: Database) -> None:
    new = "https://client.example.org/new"
    asked, before = confidential.authorization(redirect_uri=new), confidential.authorization()
    assert await _let_in(server, before)
    assert not await _let_in(server, asked)
    async with elsewhere.unit() as session:
        row = await session.get(Client, confidential.client_id)
        assert row is not None
        await registration.change(session, row, {"redirect_uris": [new]}, server.clock())
    await holds_within_a_second(lambda: _let_in(server, asked))
    assert not await _let_in(server, before)


@pytest.mark.spec("decision 12", "security 6.36")
async def test_a_secret_comes_and_goes(server: Server, confidential: Asker, elsewhere: Database) -> None:
    async def proven(secret: str) -> bool:
        asker = Asker(server, confidential.client_id, secret, confidential.redirect_uri)
        return (await asker.refresh("x")).status_code == 400

    old = confidential.secret
    assert await proven(old)
    row = await row_of(elsewhere, confidential)
    async with elsewhere.unit() as session:
        [stored] = await registration.secrets_of(session, confidential.client_id)
        new, _ = await registration.add_secret(session, row, server.clock())
    await holds_within_a_second(lambda: proven(new))
    assert await proven(old)
    async with elsewhere.unit() as session:
        await registration.remove_secret(session, row, stored.secret_id, server.clock())

    async def old_is_dead() -> bool:
        return not await proven(old)

    await holds_within_a_second(old_is_dead)
    assert await proven(new)


@pytest.mark.spec("decision 12", "security 6.32")
async def test_a_removed_client_is_gone_with_all_that_was_granted_to_it(
    server: Server, confidential: Asker, person: User, elsewhere: Database
) -> None:
    tokens = await confidential.linked(person)
    async with elsewhere.unit() as session:
        row = await session.get(Client, confidential.client_id)
        assert row is not None
        await registration.remove(session, row)
    # grants are never cached: these two hold at once
    assert (await confidential.refresh(tokens["refresh_token"])).status_code in (400, 401)
    assert (await server.userinfo(tokens["access_token"])).status_code == 401

    async def unknown() -> bool:
        return (await confidential.refresh(tokens["refresh_token"])).status_code == 401

    await holds_within_a_second(unknown)
    assert await server.grants_of(person) == []


@pytest.mark.spec("decision 12", "security 6.32", "security 6.74")
@pytest.mark.parametrize("ending", [administration.disable, administration.remove], ids=["disabled", "removed"])
async def test_a_person_who_is_disabled_or_removed_is_so_at_once(
    server: Server, confidential: Asker, person: User, elsewhere: Database, ending: Callable[..., Awaitable[None]]
) -> None:
    tokens = await confidential.linked(person)
    async with elsewhere.unit() as session:
        row = await session.get(User, person.sub)
        assert row is not None
        await ending(session, row, server.clock())
    assert (await confidential.refresh(tokens["refresh_token"])).status_code == 400
    assert (await server.userinfo(tokens["access_token"])).status_code == 401


@pytest.mark.spec("decision 12")
async def test_a_lifetime_holds_from_the_next_token_on(
    server: Server, confidential: Asker, person: User, elsewhere: Database
) -> None:
    token = (await confidential.linked(person))["refresh_token"]
    async with elsewhere.unit() as session:
        row = await session.get(Client, confidential.client_id)
        assert row is not None
        await registration.change(session, row, {"access_token_lifetime": 900}, server.clock())

    async def shorter() -> bool:
        return bool((await confidential.refresh(token)).json()["expires_in"] == 900)

    await holds_within_a_second(shorter)


@pytest.mark.spec("decision 12", "decision 9")
async def test_a_change_that_cannot_be_read_at_first_is_read_again(
    server: Server, confidential: Asker, elsewhere: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revoked key must not live on because the database was away for a moment."""
    real, failures = app.keys.load, []

    async def fails_once(*given: object, **named: object) -> object:
        if not failures:
            failures.append(1)
            raise StorageError("away for a moment")
        return await real(*given, **named)  # type: ignore[arg-type]

    ring = server.services.oauth.keys
    monkeypatch.setattr(app.keys, "load", fails_once)
    async with elsewhere.unit() as session:
        row = await session.get(Client, confidential.client_id)
        assert row is not None
        await registration.change(session, row, {"client_name": "Renamed"}, server.clock())
    deadline = time.monotonic() + 20
    while server.services.oauth.keys is ring and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert failures
    assert server.services.oauth.keys is not ring


@pytest.mark.spec("decision 12")
async def test_after_a_change_many_requests_at_once_read_their_client_once(server: Server, alexa: Asker) -> None:
    """There are few connections, and every request in flight misses the client that was dropped."""
    clients = server.services.clients
    clients.forget()
    reads = []

    def counted(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        reads.append(statement)

    engine = server.services.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", counted)
    try:
        found = await asyncio.gather(*(clients.get(alexa.client_id) for _ in range(200)))
    finally:
        event.remove(engine, "before_cursor_execute", counted)
    assert {client is found[0] for client in found} == {True}
    assert found[0] is not None
    assert sum(" client_secret" in statement for statement in reads) == 1


@pytest.mark.spec("decision 12", "decision 7")
async def test_a_read_that_began_before_a_change_does_not_answer_who_asks_after_it(
    server: Server, alexa: Asker
) -> None:
    clients = server.services.clients
    clients.forget()
    before = asyncio.create_task(clients.get(alexa.client_id))
    await asyncio.sleep(0)
    clients.forget()
    after = await clients.get(alexa.client_id)
    assert after is not await before
