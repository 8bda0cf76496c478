"""What has expired is purged in small batches, by one replica at a time; what may still be asked for stays."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlmodel import SQLModel, func, select

from authserver import housekeeping
from authserver.models import Attempt, AuthorizationCode, Grant, Interaction, Mail, Session, SignUp, VerificationCode
from authserver.storage.database import Database
from tests.authserver.protocol.harness import DAY, Asker, Server, settings_for
from tests.authserver.protocol.test_code_exchange import assert_refused


@pytest_asyncio.fixture(loop_scope="session")
async def own(database_url: str) -> AsyncIterator[Server]:
    async with Server(settings_for(database_url, housekeeping_interval=60)) as server:
        yield server


async def count(server: Server, table: type[SQLModel]) -> int:
    async with server.services.database.unit() as session:
        return (await session.exec(select(func.count()).select_from(table))).one()


def rows_that_end_at(sub: str, at: int) -> list[SQLModel]:
    """One of each kind."""
    seconds: dict[str, Any] = {"created_at": at - 10, "expires_at": at}
    return [
        Interaction(interaction_id=f"i{at}", secret_digest=bytes(32), request={}, **seconds),
        Session(digest=at.to_bytes(32), sub=sub, epoch=0, auth_time=at, signed_in_at=at, last_seen_at=at, **seconds),
        SignUp(sign_up_id=f"s{at}", email="a@b.c", email_canonical="a@b.c", password_hash="x", **seconds),
        VerificationCode(code_id=f"v{at}", purpose="sign_up", subject="s", digest=bytes(32), **seconds),
        Attempt(name=f"sign-in:{at}", since=at, expires_at=at),
    ]


@pytest.mark.spec("decision 4", "performance 4")
async def test_what_has_expired_goes_and_nothing_else(own: Server) -> None:
    person, now = await own.add_person(), own.clock()
    async with own.services.database.unit() as session:
        for at in (now - 40 * DAY, now - DAY - 1, now - 1, now, now + 1, now + DAY):
            session.add_all(rows_that_end_at(person.sub, at))
    await housekeeping.round_once(own.services)
    for table in (Interaction, Session, SignUp, Attempt):
        assert await count(own, table) == 3, table
    assert await count(own, VerificationCode) == 4  # a day longer: a late guess is told that the code has expired
    assert (await own.grants_of(person)) == []


@pytest.mark.spec("security 6.22", "RFC 6749 §4.1.2")
async def test_a_used_code_is_kept_for_a_day_so_that_a_second_use_is_seen(own: Server) -> None:
    client, person = await own.add_client(), await own.add_person()
    code, _ = await own.add_code(client, person)
    tokens = (await client.exchange(code)).json()
    own.clock.advance(DAY)
    await housekeeping.round_once(own.services)
    assert await count(own, AuthorizationCode) == 1
    assert_refused(await client.exchange(code))
    assert_refused(await client.refresh(tokens["refresh_token"]))
    own.clock.advance(120)
    await housekeeping.round_once(own.services)
    assert await count(own, AuthorizationCode) == 0


@pytest.mark.spec("A22", "decision 6")
async def test_a_live_link_is_never_purged_and_an_ended_one_after_a_month(own: Server) -> None:
    client, person = await own.add_client("alexa"), await own.add_person()
    kept, ended = await client.linked(person), await client.linked(person)
    await client.revoke(ended["refresh_token"])
    for days, left in ((29, 2), (2, 1), (300, 1)):
        own.clock.advance(days * DAY)
        await housekeeping.round_once(own.services)
        assert await count(own, Grant) == left
    assert (await client.refresh(kept["refresh_token"])).status_code == 200


@pytest.mark.spec("performance 4", "A17")
async def test_a_purge_goes_in_batches_and_lets_others_write_between(
    own: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = own.clock()
    async with own.services.database.unit() as session:
        session.add_all([Attempt(name=f"n{number}", since=0, expires_at=now - 1) for number in range(1250)])
    units = 0
    real = Database.unit

    def counted(self: Database, **given: Any) -> Any:
        nonlocal units
        units += 1
        return real(self, **given)

    monkeypatch.setattr(Database, "unit", counted)
    client, person = await own.add_client("alexa"), await own.add_person()
    codes = [(await own.add_code(client, person))[0] for _ in range(5)]
    units = 0
    _, *answers = await asyncio.gather(
        housekeeping.purge(own.services, now), *(client.exchange(code) for code in codes)
    )
    assert [answer.status_code for answer in answers] == [200] * 5
    assert await count(own, Attempt) == 0
    assert units >= len(housekeeping.expired(now)) + 2  # 500 + 500 + 250, and one for each other kind


@pytest.mark.spec("decision 2", "design 1")
async def test_of_several_replicas_one_does_the_round_and_after_its_lease_another(own: Server) -> None:
    now = own.clock()

    async def take() -> bool:
        async with own.services.database.unit() as session:
            return await housekeeping.hold_lease(session, now, now + 60)

    assert sum(await asyncio.gather(*(take() for _ in range(5)))) == 1
    now += 59
    assert not await take()
    now += 1
    assert sum(await asyncio.gather(*(take() for _ in range(5)))) == 1


@pytest.mark.spec("design 1")
async def test_a_mail_that_is_done_with_is_kept_for_its_time_and_one_that_waits_for_ever(own: Server) -> None:
    now = own.clock()
    async with own.services.database.unit() as session:
        for name, until in (("old", now - 1), ("new", now), ("waiting", None)):
            session.add(Mail(mail_id=name, kind="code", recipient="a@b.c", created_at=0, kept_until=until))
    await housekeeping.round_once(own.services)
    async with own.services.database.unit() as session:
        assert set((await session.exec(select(Mail.mail_id))).all()) == {"new", "waiting"}


@pytest.mark.spec("A20", "decision 6")
async def test_the_expired_grant_of_another_does_not_take_a_live_one_with_it(own: Server) -> None:
    person = await own.add_person()
    short = await own.add_client("public", refresh_absolute_lifetime=3600)
    alexa: Asker = await own.add_client("alexa")
    await short.linked(person)
    live = (await alexa.linked(person))["refresh_token"]
    own.clock.advance(31 * DAY + 3600)
    await housekeeping.round_once(own.services)
    assert [grant.client_id for grant in await own.grants_of(person)] == [alexa.client_id]
    assert (await alexa.refresh(live)).status_code == 200
