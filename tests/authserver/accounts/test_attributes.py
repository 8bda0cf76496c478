"""What an operator may say of people: the form of each attribute, standard or of their own."""

import pytest

from authserver.accounts import attributes
from authserver.accounts.administration import AccountError
from authserver.models import User
from tests.authserver.accounts.people import People

STANDARD = {
    "name": ("Anna", "Anna"),
    "birthdate": ("0000-12-24", "0000-12-24"),
    "zoneinfo": ("Europe/Berlin", "Europe/Berlin"),
    "locale": ("pt-BR", "pt-BR"),
    "website": ("https://anna.example/", "https://anna.example/"),
    "phone_number": ("+4930123456", "+4930123456"),
    "phone_number_verified": ("true", True),
    "address": ('{"locality": "Berlin", "country": "DE"}', {"locality": "Berlin", "country": "DE"}),
}
UNFIT = {
    "name": ["", " ", "x" * 2049, "a\0b"],
    "birthdate": ["2000-13-01", "24.12.2000", "20000", "0000-02-30"],
    "zoneinfo": ["Berlin"],
    "locale": ["english please"],
    "website": ["javascript:alert(1)", "anna.example", "https://", "https://a b/"],
    "phone_number": ["0301234", "+0301234", "+49 30 123", "+" + "1" * 16],
    "phone_number_verified": ["yes", "True"],
    "address": ["{", '{"town": "Berlin"}', '{"locality": 1}'],
    "custom:undefined": ["x"],
    "preferred_username": ["somebody"],
    "email": ["somebody@example.org"],
    "sub": ["x"],
    "scope": ["x"],
    "cnf": ["x"],
    "updated_at": ["1"],
}


async def set_all(people: People, user: User, **texts: str) -> None:
    async with people.services.database.unit() as session:
        values = {name: await attributes.read(session, name, text) for name, text in texts.items()}
        await attributes.give(session, user, values, people.server.clock())


async def told(people: People, user: User) -> dict[str, object]:
    async with people.services.database.unit() as session:
        found = await session.get(User, user.sub)
    assert found is not None
    return found.attributes


@pytest.mark.spec("OpenID Connect Core §5.1")
async def test_standard_attributes_are_told_in_their_form(people: People) -> None:
    user = await people.add()
    before = await told(people, user)
    await set_all(people, user, **{name: text for name, (text, _) in STANDARD.items()})
    assert await told(people, user) == before | {name: value for name, (_, value) in STANDARD.items()}
    await set_all(people, user, address="Berlin", phone_number="+4930654321")
    after = await told(people, user)
    assert after["address"] == {"formatted": "Berlin"}
    assert "phone_number_verified" not in after  # it was another number that was
    await set_all(people, user, phone_number_verified="true")
    await set_all(people, user, phone_number="+4930654321")
    assert (await told(people, user))["phone_number_verified"] is True


CASES = [(name, text) for name, texts in UNFIT.items() for text in texts]


@pytest.mark.spec("security 6.66")
@pytest.mark.parametrize(("name", "text"), CASES, ids=[f"{name}-{number}" for number, (name, _) in enumerate(CASES)])
async def test_what_does_not_fit_is_refused(people: People, name: str, text: str) -> None:
    async with people.services.database.unit() as session:
        with pytest.raises(AccountError, match=f"^{name} "):
            await attributes.read(session, name, text)


KINDS = {
    ("String", 2, 3): (["ab", "abc"], ["a", "abcd"]),
    ("Number", -5, 10): (["-5", "10"], ["-6", "11", "1.5", "x", "9" * 16]),
    ("Boolean", None, None): (["true", "false"], ["1", "TRUE"]),
    ("DateTime", None, None): (["2026-01-31T12:00:00Z"], ["yesterday"]),
}


@pytest.mark.spec("cognito 2")
async def test_attributes_of_ones_own_are_texts_within_their_bounds(people: People) -> None:
    for number, ((kind, least, most), (good, bad)) in enumerate(KINDS.items()):
        async with people.services.database.unit() as session:
            made = await attributes.define(session, f"kind-{number}", kind, least, most, 0)
            assert [await attributes.read(session, made.name, text) for text in good] == good
            for text in bad:
                with pytest.raises(AccountError):
                    await attributes.read(session, made.name, text)
            await attributes.remove(session, made)


@pytest.mark.parametrize(
    ("name", "kind", "least", "most"),
    [
        ("a b", "String", None, None),
        ("x" * 21, "String", None, None),
        ("custom:", "String", None, None),
        ('q"', "String", None, None),
        ("ok", "Text", None, None),
        ("ok", "String", 5, 4),
        ("ok", "String", -1, None),
        ("ok", "String", None, 99999),
        ("ok", "Boolean", None, 4),
        ("ok", "Number", None, 2**31),
    ],
)
async def test_an_attribute_that_is_none_is_not_defined(
    people: People, name: str, kind: str, least: int | None, most: int | None
) -> None:
    async with people.services.database.unit() as session:
        with pytest.raises(AccountError):
            await attributes.define(session, name, kind, least, most, 0)
        assert await attributes.find(session, f"custom:{name}") is None
