"""Codes that make a lamp somebody's: what they look like, and that each works once, for one person."""

import asyncio
import re
import sqlite3
import time
from xml.etree import ElementTree

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from skill.claiming import ALPHABET, claim_url, digest_of, new_code, qr_svg, qr_text
from skill.models import NOBODY, LampRow
from skill.storage.cold import Cold
from skill.storage.engine import open_engine
from skill.storage.registry import OFFERED, ClaimRefused, Registry, open_registry
from tests.conftest import MigratedDatabase

NOW = 1_800_000_000


@pytest.fixture
def url(database_kind: str, migrated_database: MigratedDatabase) -> str:
    return migrated_database("skill", database_kind)


async def unclaimed(url: str, name: str = "Desk lamp") -> tuple[str, str]:
    """A new lamp of nobody and its code."""
    async with open_registry(url) as registry:
        lamp = await registry.add(NOBODY, name, "simulated", {})
        code = await registry.code(lamp.endpoint_id)
    assert code is not None
    return lamp.endpoint_id, code


async def claim(url: str, code: str, owner: str, now: int = NOW) -> LampRow | None:
    try:
        async with open_registry(url) as registry:
            return await registry.claim(code, owner, now)
    except ClaimRefused:
        return None


async def read(url: str, endpoint_id: str) -> LampRow:
    async with open_registry(url) as registry:
        lamp = await registry.lamp(endpoint_id)
    assert lamp is not None
    return lamp


def test_a_code_is_sixteen_letters_in_groups_and_never_the_same() -> None:
    codes = {new_code()[0] for _ in range(200)}
    assert len(codes) == 200
    assert all(re.fullmatch(f"([{ALPHABET}]{{4}}-){{3}}[{ALPHABET}]{{4}}", code) for code in codes)


def test_a_code_is_read_as_people_type_it() -> None:
    digest = digest_of("0123-1156-789A-BCDE")
    assert digest is not None
    for typed in ("o123-il56-789a-bcde", "  0123 1156 789a bcde\n", "012311 56789ABCDE", "O123–LI56–789A–BCDE"):
        assert digest_of(typed) == digest
    code, made = new_code()
    assert digest_of(code) == made != digest


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0123-1156-789A-BCD",
        "0123-1156-789A-BCDEF",
        "U123-1156-789A-BCDE",
        "0123_1156_789A_BCDE",
        "\u0660" * 16,
        "A" * 100,
        "\x00" * 16,
        "0123115678\ud80089ABC",
    ],
)
def test_what_cannot_be_a_code_has_no_digest(typed: str) -> None:
    assert digest_of(typed) is None


def test_a_code_is_drawn_as_a_link_to_the_companion() -> None:
    url = claim_url("https://lamps.example.com/", "7K3M-9QWX-TRG2-0HBA")
    assert url == "https://lamps.example.com/claim?code=7K3M-9QWX-TRG2-0HBA"
    drawn = ElementTree.fromstring(qr_svg(url))
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert "style" not in drawn.attrib
    lines = qr_text(url).splitlines()
    assert 12 < len(lines) < 30
    assert "\u2588" in "".join(lines) or "\u2580" in "".join(lines)


async def test_a_code_makes_the_lamp_somebodys_once(url: str) -> None:
    endpoint_id, code = await unclaimed(url)
    assert await claim(url, code, "anna") is not None
    lamp = await read(url, endpoint_id)
    assert (lamp.owner, lamp.claimed_at, lamp.claim_digest) == ("anna", NOW, None)
    assert await claim(url, code, "ben") is None
    assert (await read(url, endpoint_id)).owner == "anna"


async def test_who_claims_again_is_led_to_their_lamp_while_it_is_theirs_by_this_code(url: str) -> None:
    """A form that was sent twice, at once or later; it changes nothing."""
    endpoint_id, code = await unclaimed(url)
    both = await asyncio.gather(*(claim(url, code, "anna") for _ in range(4)))
    assert {lamp.endpoint_id for lamp in both if lamp is not None} == {endpoint_id}
    assert None not in both
    async with open_registry(url) as registry:
        await registry.move(endpoint_id, "Hall", "anna")
    again = await claim(url, f" {code.lower()} ", "anna", NOW + 9)
    assert again is not None
    assert (again.endpoint_id, again.room, again.claimed_at) == (endpoint_id, "Hall", NOW)
    async with open_registry(url) as registry:
        assert await registry.claims(code, "anna", NOW)
        assert not await registry.claims(code, "ben", NOW)
        await registry.give(endpoint_id, "ben", NOW)
        assert not await registry.claims(code, "ben", NOW)
    for owner in ("anna", "ben", "eve"):
        assert await claim(url, code, owner) is None


async def test_of_many_who_claim_with_one_code_at_once_one_wins(url: str) -> None:
    endpoint_id, code = await unclaimed(url)
    claims = await asyncio.gather(*(claim(url, code, f"person-{number}") for number in range(8)))
    winners = [lamp.owner for lamp in claims if lamp is not None]
    assert winners == [(await read(url, endpoint_id)).owner]


async def test_of_many_replicas_that_claim_with_one_code_at_once_one_wins(url: str) -> None:
    """The companion's way to the same rule."""
    _, code = await unclaimed(url)

    async def one(number: int) -> bool:
        cold = Cold(url)
        try:
            async with cold.unit() as session:
                await Registry(session).claim(code, f"person-{number}", NOW)
            return True
        except ClaimRefused:
            return False
        finally:
            await cold.close()

    assert sum(await asyncio.gather(*(one(number) for number in range(6)))) == 1


async def test_wrong_used_expired_and_withdrawn_are_one_refusal(url: str) -> None:
    endpoint_id, used = await unclaimed(url)
    assert await claim(url, used, "anna")
    async with open_registry(url) as registry:
        withdrawn = await registry.offer(endpoint_id, "anna", NOW)
        assert await registry.withdraw(endpoint_id, "anna")
        assert not await registry.withdraw(endpoint_id, "anna")
        expired = await registry.offer(endpoint_id, "anna", NOW)
    assert withdrawn
    assert expired
    said = set()
    for code in (new_code()[0], "hello", used, withdrawn, expired):
        with pytest.raises(ClaimRefused) as refusal:
            async with open_registry(url) as registry:
                await registry.claim(code, "ben", NOW + OFFERED)
        said.add((str(refusal.value), refusal.value.args))
    assert len(said) == 1
    assert (await read(url, endpoint_id)).owner == "anna"


async def test_a_lamp_is_given_away_by_a_code_and_stays_until_somebody_claims_it(url: str) -> None:
    endpoint_id, code = await unclaimed(url)
    await claim(url, code, "anna")
    async with open_registry(url) as registry:
        await registry.move(endpoint_id, "Hall", "anna")
        assert await registry.offer(endpoint_id, "ben", NOW) is None
        offered = await registry.offer(endpoint_id, "anna", NOW)
    assert offered is not None
    assert (await read(url, endpoint_id)).owner == "anna"
    assert await claim(url, offered, "anna", NOW + 1) is None, "one's own lamp, and the code still holds"
    assert await claim(url, offered, "ben", NOW + OFFERED - 1) is not None
    lamp = await read(url, endpoint_id)
    assert (lamp.owner, lamp.name, lamp.room) == ("ben", "Desk lamp", None)


@pytest.mark.spec("S05")
async def test_S05_the_endpoint_id_stays_over_rename_unclaim_and_claim(url: str) -> None:
    endpoint_id, code = await unclaimed(url)
    await claim(url, code, "anna")
    async with open_registry(url) as registry:
        assert await registry.rename(endpoint_id, "Hall lamp", "ben") is None
        assert await registry.move(endpoint_id, "Hall", "ben") is None
        assert await registry.unclaim(endpoint_id, "ben", NOW) is None
        assert await registry.rename(endpoint_id, "Hall lamp", "anna")
        again = await registry.unclaim(endpoint_id, "anna", NOW)
    assert again is not None
    assert again != code
    assert (await read(url, endpoint_id)).owner == NOBODY
    assert await claim(url, code, "ben") is None
    lamp = await claim(url, again, "anna")
    assert lamp is not None
    assert (lamp.endpoint_id, lamp.name, lamp.owner) == (endpoint_id, "Hall lamp", "anna")


async def test_a_new_code_ends_the_one_before_and_is_for_lamps_of_nobody(url: str) -> None:
    endpoint_id, first = await unclaimed(url)
    async with open_registry(url) as registry:
        second = await registry.code(endpoint_id)
    assert second is not None
    assert await claim(url, first, "anna") is None
    assert await claim(url, second, "anna") is not None
    async with open_registry(url) as registry:
        assert await registry.code(endpoint_id) is None
        assert await registry.code("lamp-0") is None


async def test_nobody_can_be_named_as_the_one_who_has_an_unclaimed_lamp(url: str) -> None:
    endpoint_id, code = await unclaimed(url)
    async with open_registry(url) as registry:
        assert await registry.unclaim(endpoint_id, NOBODY, NOW) is None
        assert await registry.offer(endpoint_id, NOBODY, NOW) is None
        assert not await registry.withdraw(endpoint_id, NOBODY)
        assert await registry.give(endpoint_id, NOBODY, NOW) is None
        with pytest.raises(ValueError, match="nobody"):
            await registry.claim(code, NOBODY, NOW)
    assert await claim(url, code, "anna") is not None


async def test_a_claim_that_does_not_end_well_leaves_the_code(url: str) -> None:
    endpoint_id, code = await unclaimed(url)

    async def broken() -> None:
        async with open_registry(url) as registry:
            await registry.claim(code, "anna", NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await broken()
    assert (await read(url, endpoint_id)).owner == NOBODY
    assert await claim(url, code, "ben") is not None


async def test_every_change_of_an_owner_or_a_name_is_heard_of_by_replicas(url: str) -> None:
    engine = open_engine(url)

    async def version() -> int:
        async with AsyncSession(engine) as session:
            return int((await session.exec(text("SELECT version FROM registry_version"))).scalar_one())  # type: ignore[call-overload]

    endpoint_id, code = await unclaimed(url)
    seen = await version()
    await claim(url, "0000-0000-0000-0000", "anna")
    assert await version() == seen, "a guess changes nothing"
    await claim(url, code, "anna")
    assert (claimed := await version()) > seen
    await claim(url, code, "anna")
    assert await version() == claimed, "what is theirs already does not change"
    async with open_registry(url) as registry:
        await registry.give(endpoint_id, "ben", NOW)
    assert await version() > claimed
    await engine.dispose()


async def test_the_operators_word_ends_every_code_even_where_it_changes_no_owner(url: str) -> None:
    endpoint_id, code = await unclaimed(url)
    await claim(url, code, "anna")
    async with open_registry(url) as registry:
        offered = await registry.offer(endpoint_id, "anna", NOW)
        assert await registry.give(endpoint_id, "anna", NOW) is not None
    assert offered is not None
    assert await claim(url, offered, "ben") is None


async def test_the_database_holds_no_code(sqlite_url: str, migrated_database: MigratedDatabase) -> None:
    url = migrated_database("skill", "sqlite")
    endpoint_id, code = await unclaimed(url)
    await claim(url, code, "anna")
    async with open_registry(url) as registry:
        offered = await registry.offer(endpoint_id, "anna", int(time.time()))
    assert offered is not None
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    dump = "\n".join(connection.iterdump()).upper()
    connection.close()
    for secret in (code, offered):
        assert secret not in dump
        assert secret.replace("-", "") not in dump
