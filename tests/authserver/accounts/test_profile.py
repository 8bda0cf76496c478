"""What somebody says of themselves, and that it never stands in for what the protocol says."""

import asyncio

import pytest

from authserver.accounts import profile
from authserver.accounts.profile import Unfit
from authserver.models import User
from tests.authserver.accounts.people import People
from tests.authserver.protocol.harness import claims_of

PROTOCOL = ("sub", "client_id", "token_use", "scope", "cnf", "aud", "iss", "exp", "username", "email_verified", "amr")


async def stored(people: People, user: User) -> User:
    async with people.services.database.unit() as session:
        return await session.get_one(User, user.sub)


async def save(people: People, user: User, values: dict[str, str]) -> None:
    async with people.services.database.unit() as session:
        await profile.save(session, user, values, people.clock())


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ({"name": "  Ada   Lovelace "}, {"name": "Ada Lovelace"}),
        ({"name": ""}, {"name": ""}),
        ({"name": "ع\u200cلی"}, {"name": "ع\u200cلی"}),
        ({"name": "e\u0301"}, {"name": "é"}),
        ({"name": "x" * 129}, {"name": Unfit.TOO_LONG}),
        ({"name": "a\x00b"}, {"name": Unfit.NO_TEXT}),
        ({"name": "a\u202eb"}, {"name": Unfit.NO_TEXT}),
        ({"zoneinfo": "Europe/Berlin"}, {"zoneinfo": "Europe/Berlin"}),
        ({"zoneinfo": ""}, {"zoneinfo": ""}),
        ({"zoneinfo": "../../etc/passwd"}, {"zoneinfo": Unfit.NO_ZONE}),
        ({"zoneinfo": "Etc/UTC"}, {"zoneinfo": Unfit.NO_ZONE}),
        ({"name": "A", "zoneinfo": "x"}, {"zoneinfo": Unfit.NO_ZONE}),
    ],
    ids=str,
)
def test_what_is_typed_is_tidied_or_refused(typed: dict[str, str], read: dict[str, str | Unfit]) -> None:
    assert profile.read(typed) == read


@pytest.mark.spec("security 6.66")
def test_no_other_attribute_is_written() -> None:
    assert profile.read(dict.fromkeys(PROTOCOL, "x") | {"locale": "de", "email": "a@example.org"}) == {}


@pytest.mark.spec("cognito 9.57")
async def test_a_change_changes_what_it_names_and_nothing_else(people: People) -> None:
    user = await people.add(attributes={"name": "Ada", "locale": "en", "custom:lamp": "7", "zoneinfo": "Asia/Tokyo"})
    people.clock.advance(1)
    await save(people, user, {"name": "Ada King", "zoneinfo": ""})
    after = await stored(people, user)
    assert after.attributes == {"name": "Ada King", "locale": "en", "custom:lamp": "7"}
    assert after.updated_at == people.clock()
    assert (after.email, after.password_hash, after.epoch) == (user.email, user.password_hash, user.epoch)


async def test_two_changes_at_once_both_hold(people: People) -> None:
    """Each reads the attributes when nobody else writes them."""
    user = await people.add(attributes={"locale": "en"})
    values = [{"name": "Ada"}, {"given_name": "A"}, {"family_name": "L"}, {"zoneinfo": "Asia/Tokyo"}]
    await asyncio.gather(*(save(people, user, one) for one in values))
    merged = {"locale": "en"}
    for one in values:
        merged |= one
    assert (await stored(people, user)).attributes == merged


@pytest.mark.spec("security 6.66")
async def test_attributes_named_like_claims_of_the_protocol_override_none(people: People) -> None:
    """However they came there: by import, or by an operator."""
    user = await people.add(attributes=dict.fromkeys(PROTOCOL, "forged") | {"email": "forged", "name": "Ada"})
    client = await people.server.add_client("confidential")
    tokens = await client.linked(user, scope="openid profile email")
    answers = [
        claims_of(tokens["access_token"]),
        claims_of(tokens["id_token"]),
        (await people.server.userinfo(tokens["access_token"])).json(),
    ]
    for claims in answers:
        assert "forged" not in str(claims)
        assert claims["sub"] == user.sub
    assert answers[2]["name"] == "Ada"
