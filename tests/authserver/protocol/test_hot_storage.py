"""What the hot path promises, on SQLite and on PostgreSQL: who was first, together or alone, after the COMMIT."""

import asyncio
import sqlite3
from typing import Any

import pytest

from authserver.models import User
from authserver.storage.database import StorageError
from authserver.storage.hot import HotStore, Transaction
from authserver.storage.statements import FIND_GRANT, NOTE_USE, REVOKE_GRANT, ROTATE_GRANT
from tests.authserver.protocol.harness import Server

ANY = "no grant has this id"


@pytest.fixture
async def grants(server: Server, person: User) -> list[str]:
    """The ids of twelve live grants of generation 1."""
    asker = await server.add_client("confidential", refresh_rotation=True)
    for _ in range(12):
        await asker.linked(person)
    return [grant.grant_id for grant in await server.grants_of(person)]


@pytest.fixture
def hot(server: Server) -> HotStore:
    return server.services.hot


async def generation(hot: HotStore, grant_id: str) -> int:
    row = await hot.read_key(FIND_GRANT, grant_id)
    assert row is not None
    return int(row["generation"])


def rotate(hot: HotStore, grant_id: str, presented: int, at: int) -> Any:
    return hot.change(ROTATE_GRANT, which=grant_id, presented=presented, successor=presented + 1, at=at)


@pytest.mark.spec("decision 3")
async def test_changes_of_one_moment_each_get_their_own_row(server: Server, hot: HotStore, grants: list[str]) -> None:
    at = server.clock()
    made = await asyncio.gather(*(rotate(hot, which, 1, at) for which in [*grants, ANY]))
    assert [row and (row["grant_id"], row["generation"]) for row in made] == [*((which, 2) for which in grants), None]
    assert [await generation(hot, which) for which in grants] == [2] * 12


@pytest.mark.spec("decision 2", "security 6.27")
async def test_of_many_changes_of_one_row_the_condition_lets_one_pass(
    server: Server, hot: HotStore, grants: list[str]
) -> None:
    """Each sees what the one before has written, though they came in one moment."""
    at = server.clock()
    made = await asyncio.gather(*(rotate(hot, which, 1, at) for _ in range(20) for which in grants[:3]))
    assert sum(row is not None for row in made) == 3
    steps = await asyncio.gather(*(rotate(hot, grants[5], number, at) for number in range(1, 6)))
    assert [row and row["generation"] for row in steps] == [2, 3, 4, 5, 6]


@pytest.mark.spec("decision 3")
async def test_reads_of_one_moment_each_get_their_own_row(hot: HotStore, grants: list[str]) -> None:
    asked = [*grants, ANY, grants[0], "", "%", grants[1].swapcase()]
    found = await asyncio.gather(*(hot.read_key(FIND_GRANT, which) for which in asked))
    ids = [row and row["grant_id"] for row in found]
    assert ids == [*grants, None, grants[0], None, None, None]
    alone = await hot.read_key(FIND_GRANT, grants[3])
    assert alone == found[3]


@pytest.mark.spec("decision 4")
async def test_a_jobs_own_error_undoes_that_job_alone(server: Server, hot: HotStore, grants: list[str]) -> None:
    at = server.clock()

    def fails(transaction: Transaction) -> None:
        transaction.run(REVOKE_GRANT, which=grants[0], at=at)
        raise LookupError("of the job's own")

    revoked = hot.write(lambda transaction: transaction.one(REVOKE_GRANT, which=grants[1], at=at))
    failed, row, rotated = await asyncio.gather(
        hot.write(fails), revoked, rotate(hot, grants[2], 1, at), return_exceptions=True
    )
    assert isinstance(failed, LookupError)
    assert row == {"grant_id": grants[1]}
    assert isinstance(rotated, dict)
    ended = [(await hot.read_key(FIND_GRANT, which) or {})["revoked_at"] for which in grants[:3]]
    assert ended == [None, at, None]


@pytest.mark.spec("decision 6")
async def test_of_several_notes_the_last_is_written_and_never_an_older_one(
    server: Server, hot: HotStore, grants: list[str]
) -> None:
    at = server.clock()
    for later in (10, 30):
        for which in grants:
            hot.note(NOTE_USE, which=which, at=at + later)
    await hot._notes.flush()  # type: ignore[attr-defined]
    hot.note(NOTE_USE, which=grants[0], at=at + 20)  # another replica was later
    hot.note(NOTE_USE, which=ANY, at=at + 20)
    await hot._notes.flush()  # type: ignore[attr-defined]
    used = [(await hot.read_key(FIND_GRANT, which) or {})["last_used_at"] for which in grants]
    assert used == [at + 30] * 12


@pytest.mark.spec("A23", "decision 7")
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # test_outages breaks PostgreSQL
async def test_while_another_program_holds_the_file_every_change_fails_as_trouble_of_ours(
    server: Server, hot: HotStore, grants: list[str]
) -> None:
    at = server.clock()
    other = sqlite3.connect(server.services.database.url.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writes = [hot.write(lambda transaction: transaction.run(REVOKE_GRANT, which=grants[3], at=at))]
    failed = await asyncio.gather(*(rotate(hot, which, 1, at) for which in grants), *writes, return_exceptions=True)
    other.execute("ROLLBACK")
    other.close()
    assert [type(error) for error in failed] == [StorageError] * 13
    assert await generation(hot, grants[0]) == 1
    assert await rotate(hot, grants[0], 1, at) is not None  # and goes on afterwards
