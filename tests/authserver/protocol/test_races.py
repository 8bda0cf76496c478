"""Many requests at once: the database decides who was first, on both databases and across two replicas."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import pytest
import pytest_asyncio
from sqlmodel import select

from authserver.accounts import administration
from authserver.models import Client, Grant, User
from authserver.oauth import granted, registration, unlink
from tests.authserver.protocol.harness import Asker, Clock, Server, claims_of
from tests.conftest import NewDatabase

AT_ONCE = 20


@pytest_asyncio.fixture(loop_scope="session")
async def replicas(server: Server, new_database: NewDatabase) -> AsyncIterator[list[Server]]:
    """Two on PostgreSQL; on SQLite one process serves."""
    if server.settings.database_url.get_secret_value().startswith("sqlite"):
        yield [server, server]
        return
    async with Server(server.settings, server.clock) as second:
        yield [server, second]


def at(server: Server, client: Asker) -> Asker:
    """The same client, talking to this replica."""
    return Asker(server, client.client_id, client.secret, client.redirect_uri, client.method)


def statuses(answers: list[httpx2.Response]) -> Counter[tuple[int, str]]:
    return Counter((answer.status_code, answer.json().get("error", "")) for answer in answers)


async def live_grants(server: Server, person: User) -> list[Grant]:
    """As the refresh statement sees them: revocation and the user's own state."""
    async with server.services.database.unit() as session:
        user = await session.get(User, person.sub)
        found = (await session.exec(select(Grant).where(Grant.sub == person.sub))).all()
    return [g for g in found if g.revoked_at is None and user is not None and user.active and user.epoch == g.epoch]


@pytest.mark.spec("security 6.26", "A18", "RFC 9700 §2.1.1", "security 4.races-code", "security 4.races-revoked")
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
async def test_of_twenty_uses_of_one_code_at_once_exactly_one_succeeds(
    replicas: list[Server], person: User, preset: str
) -> None:
    server = replicas[0]
    client = await server.add_client(preset)
    for _ in range(5):
        code, verifier = await server.add_code(client, person)
        proof = {"code_verifier": verifier} if verifier else {}
        answers = await asyncio.gather(
            *(at(replicas[number % 2], client).exchange(code, **proof) for number in range(AT_ONCE))
        )
        assert statuses(answers) == {(200, ""): 1, (400, "invalid_grant"): AT_ONCE - 1}
        [winner] = [answer.json() for answer in answers if answer.status_code == 200]
        # Alexa's retry must not cost the user the link; for all others a second use is an attack (row 22)
        lives = preset == "alexa"
        assert (await client.refresh(winner["refresh_token"])).status_code == (200 if lives else 400)
        assert (await server.userinfo(winner["access_token"])).status_code == (200 if lives else 401)


@pytest.mark.spec("security 6.53", "RFC 7009 §2.1")
async def test_twenty_revocations_of_one_access_token_at_once_all_end_it(
    replicas: list[Server], confidential: Asker, person: User
) -> None:
    token = (await confidential.linked(person))["access_token"]
    answers = await asyncio.gather(
        *(at(replicas[number % 2], confidential).revoke(token) for number in range(AT_ONCE)),
        *(at(replicas[number % 2], confidential).introspect(token) for number in range(AT_ONCE)),
    )
    assert {answer.status_code for answer in answers} == {200}
    for replica in replicas:
        assert (await replica.userinfo(token)).status_code == 401
        assert (await at(replica, confidential).introspect(token)).json() == {"active": False}


@pytest.mark.spec("A20", "alexa 1.5", "security 6.29")
async def test_twenty_refreshes_at_once_with_one_token_all_succeed_for_alexa(
    replicas: list[Server], alexa: Asker, person: User
) -> None:
    token = (await alexa.linked(person))["refresh_token"]
    for _ in range(5):
        answers = await asyncio.gather(*(at(replicas[number % 2], alexa).refresh(token) for number in range(AT_ONCE)))
        assert statuses(answers) == {(200, ""): AT_ONCE}
        assert {answer.json()["refresh_token"] for answer in answers} == {token}
        assert len({answer.json()["access_token"] for answer in answers}) == AT_ONCE


@pytest.mark.spec("security 6.27", "A21", "RFC 9700 §4.14.2", "security 4.races-refresh")
@pytest.mark.parametrize("preset", ["alexa", "public"])
async def test_twenty_rotations_at_once_make_one_chain(
    replicas: list[Server], clock: Clock, person: User, preset: str
) -> None:
    server = replicas[0]
    client = await server.add_client(preset, refresh_rotation=True)
    token = (await client.linked(person))["refresh_token"]
    for generation in range(2, 7):
        answers = await asyncio.gather(*(at(replicas[number % 2], client).refresh(token) for number in range(AT_ONCE)))
        assert statuses(answers) == {(200, ""): AT_ONCE}
        [token] = {answer.json()["refresh_token"] for answer in answers}
        [grant] = await server.grants_of(person)
        assert (grant.generation, grant.revoked_at) == (generation, None)
        clock.advance(300)


@pytest.mark.spec("security 6.27", "security 6.28")
async def test_a_thief_and_the_owner_at_once_after_the_grace_leave_nobody_with_tokens(
    replicas: list[Server], clock: Clock, public: Asker, person: User
) -> None:
    first = (await public.linked(person))["refresh_token"]
    second = (await public.refresh(first)).json()["refresh_token"]
    clock.advance(600)
    answers = await asyncio.gather(
        *(at(replicas[number % 2], public).refresh([first, second][number % 2]) for number in range(AT_ONCE))
    )
    assert set(statuses(answers)) <= {(200, ""), (400, "invalid_grant")}
    assert await live_grants(replicas[0], person) == []
    for token in (first, second, *(a.json()["refresh_token"] for a in answers if a.status_code == 200)):
        assert (await public.refresh(token)).status_code == 400


Ending = Callable[[Server, Asker, User], Awaitable[None]]


async def disable(server: Server, client: Asker, person: User) -> None:
    async with server.services.database.unit() as session:
        row = await session.get(User, person.sub)
        assert row is not None
        await administration.disable(session, row, server.clock())


async def delete(server: Server, client: Asker, person: User) -> None:
    async with server.services.database.unit() as session:
        row = await session.get(User, person.sub)
        assert row is not None
        await administration.remove(session, row, server.clock())


async def revoke_all(server: Server, client: Asker, person: User) -> None:
    async with server.services.database.unit() as session:
        await granted.revoke(session, server.clock(), sub=person.sub)


async def revoke_client(server: Server, client: Asker, person: User) -> None:
    async with server.services.database.unit() as session:
        await granted.revoke(session, server.clock(), client_id=client.client_id)


async def remove_client(server: Server, client: Asker, person: User) -> None:
    async with server.services.database.unit() as session:
        row = await session.get(Client, client.client_id)
        assert row is not None
        await registration.remove(session, row)


@pytest.mark.spec("security 6.74", "security 6.32", "decision 6", "security 4.races-revoked")
@pytest.mark.parametrize("preset", ["alexa", "public"])
@pytest.mark.parametrize(
    "ending", [disable, delete, revoke_all, revoke_client, remove_client], ids=lambda e: e.__name__
)
@pytest.mark.parametrize("head_start", [0, 8], ids=lambda turns: f"after-{turns}-turns")
async def test_what_is_ended_in_the_middle_of_twenty_exchanges_and_refreshes_stays_ended(
    replicas: list[Server], person: User, preset: str, ending: Ending, head_start: int
) -> None:
    server = replicas[0]
    client = await server.add_client(preset)
    old = [(await client.linked(person))["refresh_token"] for _ in range(AT_ONCE // 2)]
    codes = [await server.add_code(client, person) for _ in range(AT_ONCE // 2)]

    async def end() -> None:
        for _ in range(head_start):
            await asyncio.sleep(0)
        await ending(server, client, person)

    exchanges = [
        at(replicas[number % 2], client).exchange(code, **({"code_verifier": verifier} if verifier else {}))
        for number, (code, verifier) in enumerate(codes)
    ]
    refreshes = [at(replicas[number % 2], client).refresh(token) for number, token in enumerate(old)]
    mixed = [request for pair in zip(exchanges, refreshes, strict=True) for request in pair]
    *answers, ended = await asyncio.gather(*mixed, end(), return_exceptions=True)
    assert ended is None
    assert set(statuses(answers)) <= {(200, ""), (400, "invalid_grant"), (401, "invalid_client")}
    assert await live_grants(server, person) == []
    made = [answer.json() for answer in answers if answer.status_code == 200]
    for token in old + [tokens["refresh_token"] for tokens in made]:
        assert (await client.refresh(token)).status_code in (400, 401)
    for tokens in made:
        assert (await server.userinfo(tokens["access_token"])).status_code == 401
    for code, verifier in codes:
        proof = {"code_verifier": verifier} if verifier else {}
        assert (await client.exchange(code, **proof)).status_code in (400, 401)


@pytest.mark.spec("security 6.74", "A26")
async def test_unlinking_in_the_middle_of_refreshes_ends_that_grant_and_no_other(
    replicas: list[Server], alexa: Asker, person: User
) -> None:
    server = replicas[0]
    unlinked, kept = await alexa.linked(person), await alexa.linked(person)

    async def end() -> None:
        async with server.services.database.unit() as session:
            origin_jti = claims_of(unlinked["access_token"])["origin_jti"]
            link = unlink.unlink_token(server.services.secret_keys, origin_jti)
            grant = await unlink.grant_of_link(session, server.services.secret_keys, link)
            assert grant is not None
            await unlink.unlink(session, grant, server.clock())

    answers = await asyncio.gather(
        *(at(replicas[number % 2], alexa).refresh(unlinked["refresh_token"]) for number in range(AT_ONCE)),
        end(),
    )
    assert set(statuses(answers[:-1])) <= {(200, ""), (400, "invalid_grant")}
    assert (await alexa.refresh(unlinked["refresh_token"])).status_code == 400
    assert (await alexa.refresh(kept["refresh_token"])).status_code == 200


@pytest.mark.spec("security 6.53", "RFC 7009 §2.2")
async def test_twenty_revocations_at_once_are_all_well(replicas: list[Server], public: Asker, person: User) -> None:
    token = (await public.linked(person))["refresh_token"]
    answers = await asyncio.gather(
        *(at(replicas[number % 2], public).revoke(token) for number in range(AT_ONCE)), public.refresh(token)
    )
    assert {answer.status_code for answer in answers[:-1]} == {200}
    assert await live_grants(replicas[0], person) == []


@pytest.mark.spec("security 6.19", "security 6.26")
async def test_guesses_at_once_do_not_get_more_tries_than_five(
    replicas: list[Server], alexa: Asker, person: User
) -> None:
    """Guesses that are counted only afterwards would all be free; the right verifier must not open a burnt code."""
    code, verifier = await replicas[0].add_code(alexa, person, "r" * 43)
    guesses = [f"{number:043d}" for number in range(AT_ONCE)]
    await asyncio.gather(*(at(replicas[0], alexa).exchange(code, code_verifier=guess) for guess in guesses))
    assert (await alexa.exchange(code, code_verifier=verifier or "")).status_code == 400
