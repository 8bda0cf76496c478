"""Clients that manage what they registered (RFC 7592), and what becomes of them otherwise."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlmodel import select

from authserver import housekeeping
from authserver.models import Client, ClientRegistration, ClientSecret, InitialAccessToken, User
from authserver.oauth import registration
from authserver.oauth.dynamic import initial_access, registrations
from tests.authserver.protocol.harness import Asker, Server, settings_for
from tests.authserver.protocol.registering import (
    CALLBACK,
    DAY,
    Itself,
    assert_refused,
    assert_unproven,
    leave,
    register,
    send,
)
from tests.authserver.protocol.signing import signing

LINKS = ["authorization_code", "refresh_token"]


async def linked(itself: Itself, person: User) -> dict[str, Any]:
    code, _ = await itself.server.add_code(itself.asker, person, "v" * 43)
    answer = await itself.asker.exchange(code, code_verifier="v" * 43)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


@pytest_asyncio.fixture(loop_scope="session")
async def own(database_url: str) -> AsyncIterator[Server]:
    """Whose clock moves by weeks."""
    async with Server(settings_for(database_url, housekeeping_interval=60)) as server:
        yield server


async def row_of(itself: Itself) -> ClientRegistration | None:
    async with itself.server.services.database.unit() as session:
        return await session.get(ClientRegistration, itself.client_id)


@pytest.mark.spec("RFC 7592 §2.1", "RFC 7592 §3", "OpenID Connect Dynamic Registration §4.2")
async def test_it_reads_what_is_registered_without_the_secret(server: Server) -> None:
    itself = await Itself.of(server, contacts=["me@example.org"])
    answer = await itself.read()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {name: value for name, value in itself.told.items() if name != "client_secret"}
    # reading changes no secret: it is known, and its grant types do not hold this one
    assert (await itself.asker.refresh("x")).json()["error"] == "unauthorized_client"


@pytest.mark.spec("RFC 7592 §2.2")
async def test_a_change_replaces_all_of_it_at_once_and_keeps_secret_and_links(server: Server, person: User) -> None:
    new = "https://itself.example.org/new"
    itself = await Itself.of(
        server, grant_types=LINKS, contacts=["me@example.org"], post_logout_redirect_uris=[new], default_max_age=5
    )
    tokens = await linked(itself, person)
    answer = await itself.put(redirect_uris=[new], client_name="Anew", grant_types=LINKS, scope="openid")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["redirect_uris"], told["client_name"], told["scope"]) == ([new], "Anew", "openid")
    assert told["post_logout_redirect_uris"] == []
    assert not {"contacts", "default_max_age", "client_secret"} & set(told)
    assert told["registration_access_token"] == itself.token
    assert (await itself.read()).json() == told
    assert (await server.authorize(itself.asker.authorization())).status_code == 400  # its old address
    assert (await itself.asker.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.spec("RFC 7592 §2.2", "security 6.65", "ASVS 10.4.7")
async def test_a_change_that_is_not_as_it_must_be_changes_nothing(server: Server) -> None:
    itself, other = await Itself.of(server), await Itself.of(server)
    ours = ("registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at")
    faults: list[dict[str, Any]] = [{name: itself.told.get(name, 1)} for name in ours]
    faults += [{"client_id": one} for one in (None, other.client_id, "", 7, [itself.client_id])]
    faults += [{"client_secret": one} for one in ("", other.told["client_secret"], 7)]
    for members in faults:
        assert_refused(await itself.put(**members), "invalid_request")
    assert_refused(await itself.put(redirect_uris=["javascript:x"]), "invalid_redirect_uri")
    assert_refused(await itself.put(scope="openid admin"), "invalid_client_metadata")
    assert_refused(await itself.put(token_endpoint_auth_method="none"), "invalid_client_metadata")
    # its own token, at the other's place
    body = {"client_id": other.client_id, "redirect_uris": [CALLBACK]}
    for method in ("GET", "PUT", "DELETE"):
        for client_id in (other.client_id, "nobody", "", "x" * 300, "a\u00fc"):
            sent = body if method == "PUT" else None
            assert_unproven(await send(server, method, itself.token, sent, client_id))
    for one in (itself, other):
        assert (await one.read()).json() == {n: v for n, v in one.told.items() if n != "client_secret"}
    assert (await itself.put(client_secret=itself.told["client_secret"])).status_code == 200


@pytest.mark.spec("RFC 7592 §2.2", "RFC 7591 §2", "security 6.37")
async def test_from_secret_to_key_and_back(server: Server) -> None:
    itself = await Itself.of(server)
    answer = await itself.put(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [signing().public]})
    assert "client_secret" not in answer.json()
    assert (await itself.asker.refresh("x")).json()["error"] == "invalid_client"
    async with server.services.database.unit() as session:
        mine = select(ClientSecret).where(ClientSecret.client_id == itself.client_id)
        assert (await session.exec(mine)).all() == []
    told = (await itself.put()).json()
    assert told["client_secret"] != itself.told["client_secret"]
    asker = Asker(server, itself.client_id, told["client_secret"], CALLBACK)
    assert (await asker.refresh("x")).json()["error"] == "unauthorized_client"


@pytest.mark.spec("RFC 7592 §2.3", "security 6.32", "security 6.74")
async def test_it_removes_itself_with_all_that_was_granted_to_it(server: Server, person: User) -> None:
    itself = await Itself.of(server, grant_types=LINKS)
    tokens = await linked(itself, person)
    answer = await itself.delete()
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert await server.grants_of(person) == []
    assert (await server.userinfo(tokens["access_token"])).status_code == 401
    assert (await itself.asker.refresh(tokens["refresh_token"])).json()["error"] == "invalid_client"
    for answer in (await itself.read(), await itself.put(), await itself.delete()):
        assert_unproven(answer)


@pytest.mark.spec("RFC 7592 §2", "decision 12")
async def test_the_operator_switches_it_off(server: Server) -> None:
    itself = await Itself.of(server)
    async with server.services.database.unit() as session:
        row = await session.get(Client, itself.client_id)
        assert row is not None
        await registration.change(session, row, {"active": False}, server.clock())
    for answer in (await itself.read(), await itself.put(), await itself.delete()):
        assert_unproven(answer)
    async with server.services.database.unit() as session:
        row = await session.get(Client, itself.client_id)
        assert row is not None
        await registration.remove(session, row)
    assert_unproven(await itself.read())
    assert await row_of(itself) is None


@pytest.mark.spec("ASVS 10.4.7")
async def test_what_the_operator_takes_away_it_does_not_take_back(server: Server) -> None:
    itself = await Itself.of(server, scope="openid email")
    async with server.services.database.unit() as session:
        row = await session.get(Client, itself.client_id)
        assert row is not None
        await registration.change(session, row, {"scopes": ["openid"]}, server.clock())
        await registrations.narrow(session, row, {"scopes": ["openid"]})
    assert_refused(await itself.put(scope="openid email"), "invalid_client_metadata")
    assert (await itself.put()).json()["scope"] == "openid"


@pytest.mark.spec("RFC 7592 §2", "RFC 7591 §5")
async def test_its_token_and_its_limits_outlive_the_leave(server: Server) -> None:
    initial = await leave(server, uses=1, scopes=("openid",))
    itself = await Itself.of(server, initial)
    assert (await itself.put(client_name="Later")).status_code == 200
    assert_refused(await itself.put(scope="email"), "invalid_client_metadata")
    assert (await register(server, initial)).status_code in (401, 404)


@pytest.mark.spec("RFC 7592 §2.3", "security 6.74")
async def test_changes_and_a_removal_at_once_end_with_no_client(server: Server) -> None:
    """Each change is whole or refused, and none brings the client back."""
    for _ in range(3):
        itself = await Itself.of(server)
        first = [itself.put(client_name=f"No {number}") for number in range(6)]
        second = [itself.put(client_name=f"No {number}") for number in range(6, 12)]
        removals = [itself.delete(), itself.delete()]
        answers = await asyncio.gather(*first, *removals, *second)
        assert {answer.status_code for answer in answers} <= {200, 204, 401}, [a.text for a in answers]
        assert [answer.status_code for answer in answers].count(204) == 1
        assert_unproven(await itself.read())
        async with server.services.database.unit() as session:
            assert await session.get(Client, itself.client_id) is None


@pytest.mark.spec("ASVS 10.4.7", "performance 4")
async def test_what_registers_itself_and_is_never_used_is_removed(own: Server) -> None:
    server, person = own, await own.add_person()
    token = await leave(server, lifetime=300 * DAY, grant_types=(*LINKS, "client_credentials"))
    unused, used, waiting = [await Itself.of(server, token, client_name=f"The {n}") for n in range(3)]
    operators = await server.add_client()
    await linked(used, person)
    await used.asker.refresh("x")
    row = await row_of(used)
    assert row is not None
    assert row.used_at == server.clock()
    server.clock.advance(server.services.settings.unused_registration_lifetime)
    assert await housekeeping.remove_unused_registrations(server.services, server.clock()) == 0
    await server.add_code(waiting.asker, person, "v" * 43)
    server.clock.advance(1)
    await housekeeping.round_once(server.services)
    assert [await row_of(one) is None for one in (unused, used, waiting)] == [True, False, False]
    async with server.services.database.unit() as session:
        assert await session.get(Client, unused.client_id) is None
        assert await session.get(Client, operators.client_id) is not None


@pytest.mark.spec("ASVS 10.4.7")
async def test_a_machines_tokens_are_a_use_too(server: Server) -> None:
    api = await server.add_resource("read")
    token = await leave(server, scopes=(f"{api}/read",), grant_types=("client_credentials",))
    robot = await Itself.of(server, token, grant_types=["client_credentials"], redirect_uris=None)
    for _ in range(2):
        assert (await robot.asker.token(grant_type="client_credentials")).status_code == 200
    row = await row_of(robot)
    assert row is not None
    assert row.used_at == server.clock()
    known = await server.services.clients.get(robot.client_id)
    assert known is not None
    assert not known.unused


@pytest.mark.spec("performance 4")
async def test_leave_that_is_long_over_is_purged(server: Server) -> None:
    await leave(server, lifetime=60)
    kept = await leave(server, lifetime=200 * DAY)
    now = server.clock() + 31 * DAY
    async with server.services.database.unit() as session:
        for key, condition in housekeeping.expired(now):
            if key.class_ is InitialAccessToken:
                gone = (await session.exec(select(InitialAccessToken).where(condition))).all()
                assert all(row.expires_at < now or row.revoked_at for row in gone)
        found = await initial_access.find(session, kept, now)
    assert found is not None
