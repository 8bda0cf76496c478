"""How long a session of the companion lasts."""

import secrets

import pytest

from skill.companion.sessions import ABSOLUTE, IDLE, MOST, RENEW, Sessions
from skill.storage.cold import Cold


class Time:
    now = 1_900_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def sessions(database_kind: str, migrated_database, clock: Time) -> Sessions:  # type: ignore[no-untyped-def]
    return Sessions(Cold(migrated_database("skill", database_kind)), [secrets.token_bytes(32)], clock)


async def test_it_lasts_from_visit_to_visit_and_not_for_ever(sessions: Sessions, clock: Time) -> None:
    session = await sessions.begin("anna", "anna@example.org", "sid", "id-token", None)
    began = clock.now
    while clock.now + IDLE - 1 < began + ABSOLUTE:
        clock.now += IDLE - 1
        found = await sessions.find(session.value)
        assert found is not None
        assert found.renewed or found.expires_at == began + ABSOLUTE
        assert found.owner == "anna"
    clock.now = began + ABSOLUTE
    assert await sessions.find(session.value) is None


async def test_without_a_visit_it_is_over(sessions: Sessions, clock: Time) -> None:
    session = await sessions.begin("anna", "Anna", None, "id-token", None)
    clock.now += RENEW - 1
    found = await sessions.find(session.value)
    assert found is not None
    assert not found.renewed
    clock.now += IDLE
    assert await sessions.find(session.value) is None
    await sessions.purge()
    assert await sessions.end(session.digest) is None


async def test_its_id_token_is_given_once_at_its_end(sessions: Sessions) -> None:
    session = await sessions.begin("anna", "Anna", None, "id-token", None)
    assert await sessions.end(session.digest) == "id-token"
    assert await sessions.end(session.digest) is None
    assert await sessions.find(session.value) is None


async def test_the_issuer_ends_one_session_or_all_of_a_person(sessions: Sessions) -> None:
    async def made(owner: str, sid: str) -> str:
        return (await sessions.begin(owner, owner, sid, "t", None)).value

    one, two, bens = await made("anna", "s1"), await made("anna", "s2"), await made("ben", "s1")
    assert len(await sessions.end_of("anna", "s1")) == 1
    assert [await sessions.find(value) is not None for value in (one, two, bens)] == [False, True, True]
    await sessions.end_of("anna", None)
    assert [await sessions.find(value) is not None for value in (two, bens)] == [False, True]


async def test_a_person_has_so_many_and_no_more(sessions: Sessions, clock: Time) -> None:
    values = []
    for _ in range(MOST + 2):
        clock.now += 1
        values.append((await sessions.begin("anna", "Anna", None, "t", None)).value)
    alive = [await sessions.find(value) is not None for value in values]
    assert alive == [False, False] + [True] * MOST


async def test_a_sealed_token_of_another_row_or_key_does_not_open(sessions: Sessions) -> None:
    session = await sessions.begin("anna", "Anna", None, "id-token", None)
    other = Sessions(sessions._cold, [secrets.token_bytes(32)], sessions._clock)
    assert (await other.find(session.value)) is not None
    assert await other.end(session.digest) is None
