"""The key ring: next, current and retired keys, in every replica alike (design, decision 9)."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import nullcontext

import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlmodel import select

from authserver import app, housekeeping
from authserver.models import ServerState, SigningKey
from authserver.oauth import keys
from authserver.settings import Settings, SettingsError
from authserver.storage.database import Database, DatabaseUrl
from tests.authserver.protocol.harness import DAY, Asker, Server, claims_of, header_of, settings_for
from tests.conftest import NewDatabase
from tests.running.fair import Watch

LEAD = 7800


@pytest_asyncio.fixture(loop_scope="session")
async def own(database_url: str) -> AsyncIterator[Server]:
    """A server whose keys no other test sees."""
    async with Server(settings_for(database_url)) as server:
        yield server


async def published(server: Server) -> list[str]:
    answer = await server.http.get("/.well-known/jwks.json")
    return [key["kid"] for key in answer.json()["keys"]]


async def rotate(server: Server) -> str:
    """As `authserver key rotate`: from a connection of its own, announced to the workers."""
    database = Database(DatabaseUrl.parse(server.settings.database_url.get_secret_value()))
    try:
        async with database.unit() as session:
            key = await keys.rotate(
                session, server.settings, server.services.secret_keys.current, "RS256", server.clock()
            )
            return key.kid
    finally:
        await database.close()


async def revoke(server: Server, kid: str) -> None:
    database = Database(DatabaseUrl.parse(server.settings.database_url.get_secret_value()))
    try:
        async with database.unit() as session:
            assert await keys.revoke(session, server.services.secret_keys.current, kid, server.clock())
    finally:
        await database.close()


async def seen_within_a_second(server: Server, *kids: str, gone: str = "") -> float:
    async with Watch() as watch:
        while watch.seconds < 5:
            now = await published(server)
            if set(kids) <= set(now) and gone not in now:
                return watch.seconds
            await asyncio.sleep(0.02)
    raise AssertionError(f"{kids} not in {now}, or {gone} still there")


async def reload(server: Server) -> None:
    async with server.services.database.unit() as session:
        server.services.oauth.keys = await keys.load(session, server.services.secret_keys, server.clock())


@pytest.mark.spec("A28", "cognito 9.34", "decision 9", "oidcc server-key-rotation")
async def test_a_new_key_is_published_before_it_signs_and_the_old_one_stays_until_its_last_token_ends(
    own: Server,
) -> None:
    client, person = await own.add_client("alexa"), await own.add_person()
    tokens = await client.linked(person)
    first = header_of(tokens["access_token"])["kid"]
    second = await rotate(own)
    assert await seen_within_a_second(own, first, second) < 1.0

    async def signer() -> str:
        answer = await client.refresh(tokens["refresh_token"])
        kid: str = header_of(answer.json()["access_token"])["kid"]
        assert kid in await published(own)
        return kid

    assert await signer() == first
    own.clock.advance(LEAD - 1)
    assert await signer() == first
    last = (await client.refresh(tokens["refresh_token"])).json()["access_token"]
    own.clock.advance(1)
    assert await signer() == second
    own.clock.advance(3598)
    assert (await own.userinfo(last)).status_code == 200
    own.clock.advance(DAY - 3599 + keys.LINGERING)
    await reload(own)
    assert set(await published(own)) == {first, second}
    own.clock.advance(1)
    await reload(own)
    assert await published(own) == [second]


@pytest.mark.spec("OpenID Connect Core §3.1.2.1", "oidcc id-token-hint", "decision 9")
async def test_a_hint_is_one_for_longer_than_its_key_is_published_unless_that_was_stolen(own: Server) -> None:
    """A client that was away over the weekend sends the ID token that it has; nothing is opened by that."""
    client, person = await own.add_client(first_party=True), await own.add_person()
    tokens = await client.linked(person)
    hint, kid = tokens["id_token"], header_of(tokens["id_token"])["kid"]
    await rotate(own)
    own.clock.advance(LEAD + DAY + keys.LINGERING)
    await reload(own)
    assert kid not in await published(own)
    asked, cookie = client.authorization(prompt="none", id_token_hint=hint), await own.signed_in(person)
    assert "code=" in (await own.authorize(asked, **cookie)).headers["location"]
    assert (await own.userinfo(tokens["access_token"])).status_code == 401
    await revoke(own, kid)
    await reload(own)
    assert "error=invalid_request" in (await own.authorize(asked, **cookie)).headers["location"]


@pytest.mark.spec("A28", "decision 9", "cognito 9.34")
async def test_a_verifier_with_keys_of_two_hours_ago_never_meets_an_unknown_one(own: Server) -> None:
    """API Gateway caches a JWKS for two hours."""
    client, person = await own.add_client("alexa"), await own.add_person()
    token = (await client.linked(person))["refresh_token"]
    await rotate(own)
    for _ in range(3):
        await reload(own)
        cached = KeySet.import_key_set((await own.http.get("/.well-known/jwks.json")).json())
        for _ in range(4):
            signed = (await client.refresh(token)).json()["access_token"]
            jwt.decode(signed, cached, algorithms=["RS256"])
            own.clock.advance(1799)
    assert len(await published(own)) == 2


@pytest.mark.spec("decision 9", "security 6.69")
async def test_a_revoked_key_is_gone_within_a_second_and_signs_and_opens_nothing(own: Server) -> None:
    client, person = await own.add_client("alexa"), await own.add_person()
    tokens = await client.linked(person)
    stolen = header_of(tokens["access_token"])["kid"]
    await revoke(own, stolen)
    assert await seen_within_a_second(own, gone=stolen) < 1.0
    assert (await own.userinfo(tokens["access_token"])).status_code == 401
    answer = await client.refresh(tokens["refresh_token"])
    assert answer.status_code == 200
    assert header_of(answer.json()["access_token"])["kid"] in await published(own)
    assert (await own.userinfo(answer.json()["access_token"])).status_code == 200


@pytest.mark.spec("decision 9")
async def test_revoking_the_current_key_while_the_next_waits_signs_with_a_key_that_begins_now(own: Server) -> None:
    client, person = await own.add_client("alexa"), await own.add_person()
    token = (await client.linked(person))["refresh_token"]
    [first] = await published(own)
    second = await rotate(own)
    await seen_within_a_second(own, first, second)
    await revoke(own, first)
    await seen_within_a_second(own, gone=first)
    answer = await client.refresh(token)
    assert answer.status_code == 200
    assert header_of(answer.json()["access_token"])["kid"] in await published(own)


@pytest.mark.spec("decision 9")
async def test_two_replicas_that_start_at_once_on_an_empty_database_make_one_key(
    database_kind: str, new_database: NewDatabase
) -> None:
    settings = settings_for(new_database(database_kind))
    one, two = Server(settings), Server(settings)
    if database_kind == "sqlite":
        # one process serves; two starts in a row are what an operator does
        async with one:
            before = await published(one)
        async with two:
            assert await published(two) == before
        return
    await asyncio.gather(one.__aenter__(), two.__aenter__())
    try:
        assert await published(one) == await published(two)
        assert len(await published(one)) == 1
        async with one.services.database.unit() as session:
            assert len((await session.exec(select(SigningKey))).all()) == 1
        client, person = await one.add_client(), await one.add_person()
        tokens = await client.linked(person)
        there = Asker(two, client.client_id, client.secret, client.redirect_uri)
        assert (await there.refresh(tokens["refresh_token"])).status_code == 200
        assert (await two.userinfo(tokens["access_token"])).status_code == 200
    finally:
        await one.__aexit__()
        await two.__aexit__()


@pytest.mark.spec("decision 9", "A28")
async def test_rotation_comes_by_itself_and_once_across_replicas(own: Server) -> None:
    [first] = await published(own)
    own.clock.advance(own.settings.signing_key_period - LEAD - 1)
    await housekeeping.round_once(own.services)
    assert await published(own) == [first]
    own.clock.advance(own.settings.housekeeping_interval + 1)
    replicated = own.settings.database_url.get_secret_value().startswith("postgresql")
    async with Server(own.settings, own.clock) if replicated else nullcontext(own) as other:
        await asyncio.gather(*(housekeeping.round_once(server.services) for server in (own, other, own, other)))
        async with own.services.database.unit() as session:
            rows = (await session.exec(select(SigningKey))).all()
        assert len(rows) == 2
        [successor] = [row.kid for row in rows if row.kid != first]
        for server in (own, other):
            await seen_within_a_second(server, first, successor)


def with_secret(settings: Settings, secret: str, previous: str | None = None) -> Settings:
    given = {name: getattr(settings, name) for name in type(settings).model_fields}
    return Settings(**(given | {"secret_key": secret, "secret_key_previous": previous}))


@pytest.mark.spec("security 6.75", "decision 9")
async def test_with_a_wrong_secret_key_the_start_is_refused_and_nothing_is_made(database_url: str) -> None:
    settings = settings_for(database_url)
    async with Server(settings) as server:
        before = await published(server)
        person, client = await server.add_person(), await server.add_client("alexa")
        token = (await client.linked(person))["refresh_token"]
        for wrong in (secrets.token_urlsafe(48), settings.secret_key.get_secret_value() + " "):
            with pytest.raises(SettingsError, match="SECRET_KEY"):
                await app.prepare(with_secret(settings, wrong), server.clock)
        async with server.services.database.unit() as session:
            assert [key.kid for key in (await session.exec(select(SigningKey))).all()] == before
        assert (await client.refresh(token)).status_code == 200


@pytest.mark.spec("security 6.75", "decision 9")
async def test_a_key_that_does_not_open_refuses_the_start_even_when_the_check_fits(own: Server) -> None:
    async with own.services.database.unit() as session:
        [row] = (await session.exec(select(SigningKey))).all()
    await own.change(row, private_sealed=row.private_sealed[:-1] + bytes([row.private_sealed[-1] ^ 1]))
    with pytest.raises(SettingsError, match=row.kid):
        await app.prepare(own.settings, own.clock)
    async with own.services.database.unit() as session:
        assert len((await session.exec(select(SigningKey))).all()) == 1


@pytest.mark.spec("security 6.75", "decision 9")
async def test_a_key_moved_to_another_row_does_not_open(own: Server) -> None:
    """What is sealed is bound to its `kid`."""
    first = (await published(own))[0]
    second = await rotate(own)
    await seen_within_a_second(own, second)
    async with own.services.database.unit() as session:
        rows = {key.kid: key for key in (await session.exec(select(SigningKey))).all()}
    await own.change(rows[second], private_sealed=rows[first].private_sealed)
    with pytest.raises(SettingsError, match=second):
        await app.prepare(own.settings, own.clock)


@pytest.mark.spec("decision 9", "security 6.75")
async def test_the_secret_key_is_changed_in_two_steps_without_losing_a_link(database_url: str) -> None:
    old, new = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
    settings = settings_for(database_url, secret_key=old)
    async with Server(settings) as server:
        person, client = await server.add_person(), await server.add_client("alexa")
        public = await server.add_client("public")
        tokens, rotating = await client.linked(person), await public.linked(person)
        kids = await published(server)
    both = with_secret(settings, new, old)
    async with Server(both, server.clock) as server:
        assert await published(server) == kids
        there = Asker(server, client.client_id, client.secret, client.redirect_uri)
        again = (await there.refresh(tokens["refresh_token"])).json()
        assert claims_of(again["access_token"])["sub"] == person.sub
        assert again["refresh_token"] != tokens["refresh_token"]  # of the new key, so that the old one can go
        assert (await there.refresh(again["refresh_token"])).status_code == 200
        assert (await there.refresh(tokens["refresh_token"])).status_code == 200
        public_there = Asker(server, public.client_id, "", public.redirect_uri, "none")
        assert (await public_there.refresh(rotating["refresh_token"])).status_code == 200
        async with server.services.database.unit() as session:
            assert await keys.rewrap(session, server.services.secret_keys) == len(kids)
    with pytest.raises(SettingsError):
        await app.prepare(settings, server.clock)
    async with Server(with_secret(settings, new), server.clock) as server:
        assert await published(server) == kids
        there = Asker(server, client.client_id, client.secret, client.redirect_uri)
        assert (await there.refresh(again["refresh_token"])).status_code == 200
        assert (await there.refresh(tokens["refresh_token"])).status_code == 503  # never `invalid_grant`


@pytest.mark.spec("decision 9")
async def test_a_running_worker_keeps_its_keys_while_they_are_rewrapped(own: Server) -> None:
    person, client = await own.add_person(), await own.add_client("alexa")
    token = (await client.linked(person))["refresh_token"]
    kids = await published(own)
    new = with_secret(own.settings, secrets.token_urlsafe(48), own.settings.secret_key.get_secret_value())
    async with own.services.database.unit() as session:
        await keys.rewrap(session, app.secret_keys_of(new))
    await asyncio.sleep(0.8)
    assert await published(own) == kids
    assert (await client.refresh(token)).status_code == 200


@pytest.mark.spec("decision 9", "decision 5")
async def test_private_keys_and_the_secret_key_are_not_in_the_database(own: Server) -> None:
    async with own.services.database.unit() as session:
        rows = (await session.exec(select(SigningKey))).all()
        state = (await session.exec(select(ServerState))).all()
    secret = own.settings.secret_key.get_secret_value()
    private = own.services.keys.keys[0].key.as_dict(private=True)
    for text in [str(row.model_dump()) for row in [*rows, *state]]:
        assert secret not in text
        assert private["d"] not in text
    assert b"PRIVATE" not in rows[0].private_sealed
