"""`cognito:groups`: in the tokens of people who have some, as they are at that moment."""

from collections.abc import Sequence

import pytest

from authserver.accounts import groups
from authserver.accounts.administration import AccountError
from authserver.models import User
from authserver.oauth.userinfo import groups_of
from tests.authserver.protocol.harness import Asker, Server, claims_of

GROUPS = "cognito:groups"


async def add_groups(server: Server, person: User, *wanted: tuple[str, int | None]) -> None:
    async with server.services.database.unit() as session:
        for name, precedence in wanted:
            group = await groups.find(session, name) or await groups.add(session, name, "", precedence, server.clock())
            await groups.join(session, group, person, server.clock())


async def leave(server: Server, person: User, name: str) -> None:
    async with server.services.database.unit() as session:
        group = await groups.find(session, name)
        assert group is not None
        await groups.leave(session, group, person)


def named(tokens: dict[str, str]) -> list[Sequence[str] | None]:
    return [claims_of(tokens[kind]).get(GROUPS) for kind in ("access_token", "id_token") if kind in tokens]


@pytest.mark.spec("cognito 9.30", "cognito 9.28", "cognito 9.29")
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
async def test_who_has_no_groups_has_no_such_claim(server: Server, person: User, preset: str) -> None:
    client = await server.add_client(preset)
    tokens = await client.linked(person)
    assert named(tokens) == [None, None]
    assert all(GROUPS not in claims_of(tokens[kind]) for kind in ("access_token", "id_token"))
    assert set(named((await client.refresh(tokens["refresh_token"])).json())) == {None}


@pytest.mark.spec("cognito 9.30")
async def test_groups_stand_in_both_tokens_the_lowest_precedence_first(
    server: Server, confidential: Asker, person: User
) -> None:
    await add_groups(server, person, ("zz-none", None), ("b-ten", 10), ("a-ten", 10), ("nine", 9), ("zero", 0))
    await add_groups(server, await server.add_person(), ("of-another", 1))
    tokens = await confidential.linked(person)
    assert named(tokens) == [["zero", "nine", "a-ten", "b-ten", "zz-none"]] * 2
    assert (await confidential.introspect(tokens["access_token"])).json()[GROUPS] == claims_of(tokens["id_token"])[
        GROUPS
    ]
    assert GROUPS not in (await server.userinfo(tokens["access_token"])).json()  # as in Cognito


@pytest.mark.spec("security 6.32", "cognito 9.30")
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
async def test_a_refresh_tells_the_groups_of_now(server: Server, person: User, preset: str) -> None:
    """Pocket ID CVE-2026-43983: groups of long ago lived on by refreshing."""
    client = await server.add_client(preset)
    await add_groups(server, person, ("kept", 1), ("lost", 2), ("removed", 3))
    tokens = await client.linked(person)
    assert named(tokens)[0] == ["kept", "lost", "removed"]
    await leave(server, person, "lost")
    async with server.services.database.unit() as session:
        group = await groups.find(session, "removed")
        assert group is not None
        await groups.remove(session, group)
    refreshed = (await client.refresh(tokens["refresh_token"])).json()
    assert all(found == ["kept"] for found in named(refreshed))
    await leave(server, person, "kept")
    again = (await client.refresh(refreshed["refresh_token"])).json()
    assert set(named(again)) == {None}


async def test_names_that_look_like_the_form_in_which_they_are_read_stay_themselves(
    server: Server, confidential: Asker, person: User
) -> None:
    names = ("1:2", ":", "::9", "a:b:c", "'--", "Ünïcode-☃", '"q"', "{}")
    await add_groups(server, person, *((name, number) for number, name in enumerate(names)))
    assert named(await confidential.linked(person)) == [list(names)] * 2


@pytest.mark.parametrize(
    "name", ["", " ", "two words", "tab\tbed", "line\nfeed", "nul\0", "x" * 129, "\u2028", "\u202e"]
)
async def test_a_name_that_is_none_is_refused(server: Server, name: str) -> None:
    async with server.services.database.unit() as session:
        with pytest.raises(AccountError):
            await groups.add(session, name, "", None, server.clock())


async def test_the_names_of_ones_groups_stay_short_enough_for_a_token(server: Server, person: User) -> None:
    await add_groups(server, person, *((f"{number}-{'x' * 120}", None) for number in range(11)))
    with pytest.raises(AccountError, match="1500 bytes"):
        await add_groups(server, person, ("y" * 128, None))


def test_order() -> None:
    assert groups_of(None) == groups_of("") == ()
    assert groups_of(":b 2:c 10:a :a 2:b") == ("b", "c", "a", "a", "b")
