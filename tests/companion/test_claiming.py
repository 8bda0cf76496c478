"""Lamps come and go: claimed, given back, passed on."""

import asyncio
import html
import re
from urllib.parse import quote

import pytest

from tests.running.companion import Companion, Visitor
from tests.running.linking import Person

CODE = re.compile(r"<code>([0-9A-Z]{4}(?:-[0-9A-Z]{4}){3})</code>")


def code_on(page: str) -> str:
    found = CODE.search(page)
    assert found, page[-2000:]
    assert '<div class="qr"' in page
    return found[1]


async def test_a_link_shows_the_code_and_claims_nothing_by_itself(companion: Companion, anna: Person) -> None:
    lamp, code = await companion.free_lamp()
    async with Visitor(companion.url) as visitor:
        answer = await visitor.sign_in(anna, f"/claim?code={code}")
        assert f'value="{code}"' in answer.text
        assert (await companion.row(lamp)).owner == ""
        page = await visitor.act("/claim", code=code)
        assert "The lamp is yours" in page
        assert page.count('id="name"') == 1
        assert page.index('id="name"') < page.index("data-brightness")  # what was asked for stands first, this once
        assert (await visitor.get(f"/lamps/{lamp}")).text.index("data-brightness") < visitor.page.index('id="name"')
        assert (await companion.row(lamp)).owner == anna.sub


@pytest.mark.parametrize("typed", ["", "nonsense", "7K3M-9QWX-TRG2-0HBA", "x" * 70, "used", "<script>"])
async def test_every_code_that_claims_nothing_gets_one_answer(
    companion: Companion, anna: Person, ben: Person, typed: str
) -> None:
    if typed == "used":
        _, typed = await companion.free_lamp()
        async with Visitor(companion.url) as visitor:
            await visitor.sign_in(ben)
            await visitor.act("/claim", code=typed)
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        await visitor.get("/claim")
        answer = await visitor.post("/claim", code=typed)
        assert answer.status_code == 422
        assert "This code claims no lamp." in answer.text
        assert "<script>" not in answer.text
        if typed:
            assert f'value="{html.escape(typed)}"' in answer.text  # what was typed is kept


@pytest.mark.parametrize("pasted", ["{url}/claim?code={code}", " {url}/claim?code={code}\n", "claim?code={typed}"])
async def test_a_link_that_is_pasted_is_as_good_as_its_code(companion: Companion, anna: Person, pasted: str) -> None:
    lamp, code = await companion.free_lamp()
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        typed = code.lower().replace("-", "+")
        await visitor.act("/claim", code=pasted.format(url=companion.url, code=code, typed=typed))
        assert (await companion.row(lamp)).owner == anna.sub


async def test_of_two_who_claim_at_once_one_gets_it(companion: Companion, anna: Person, ben: Person) -> None:
    lamp, code = await companion.free_lamp()
    async with Visitor(companion.url) as one, Visitor(companion.url) as other:
        await one.sign_in(anna)
        await other.sign_in(ben)
        answers = await asyncio.gather(one.post("/claim", code=code), other.post("/claim", code=code))
        assert sorted(answer.status_code for answer in answers) == [303, 422]
        owner = (await companion.row(lamp)).owner
        assert owner == (anna.sub if answers[0].status_code == 303 else ben.sub)


async def test_a_form_that_is_sent_twice_leads_to_the_lamp_twice(
    companion: Companion, anna: Person, ben: Person
) -> None:
    lamp, code = await companion.free_lamp()
    async with Visitor(companion.url) as visitor, Visitor(companion.url) as other:
        await visitor.sign_in(anna)
        await other.sign_in(ben)
        twice = await asyncio.gather(*(visitor.post("/claim", code=code) for _ in range(2)))
        later = await visitor.post("/claim", code=code)
        assert {(answer.status_code, answer.headers.get("location")) for answer in (*twice, later)} == {
            (303, f"/lamps/{lamp}?new=1")
        }
        refusal, guess = await other.post("/claim", code=code), await other.post("/claim", code="7K3M-9QWX-TRG2-0HBB")
        assert refusal.status_code == guess.status_code == 422
        assert refusal.text.replace(code, "") == guess.text.replace("7K3M-9QWX-TRG2-0HBB", "")
        assert (await companion.row(lamp)).owner == anna.sub


async def test_nobody_claims_for_another_session(companion: Companion, anna: Person, ben: Person) -> None:
    lamp, code = await companion.free_lamp()
    async with Visitor(companion.url) as one, Visitor(companion.url) as other:
        await one.sign_in(anna)
        await other.sign_in(ben)
        assert (await one.post("/claim", code=code, form_token=other.form_token)).status_code == 403
        one.client.cookies.clear()
        answer = await one.post("/claim", code=code)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/sign-in?next={quote(f'/claim?code={code}', safe='')}"
        assert (await companion.row(lamp)).owner == ""


async def test_a_lamp_that_is_removed_gets_a_new_code_which_is_shown_to_this_session_alone(
    companion: Companion, anna: Person, ben: Person
) -> None:
    lamp = await companion.lamp(anna.sub, "Old lamp")
    async with Visitor(companion.url) as visitor, Visitor(companion.url) as other:
        await visitor.sign_in(anna)
        await visitor.get(f"/lamps/{lamp}/unclaim")
        assert "Remove Old lamp?" in visitor.page
        assert (await companion.row(lamp)).owner == anna.sub
        code = code_on(await visitor.act(f"/lamps/{lamp}/unclaim"))
        assert (await companion.row(lamp)).owner == ""
        assert "Old lamp" not in (await visitor.get("/")).text
        await other.sign_in(ben)
        note = visitor.client.cookies.get("lampgate_companion_note")
        if note:
            other.client.cookies.set("lampgate_companion_note", note, domain="127.0.0.1", path="/")
        assert code not in (await other.client.get(f"{companion.url}/unclaimed")).text
        await other.act("/claim", code=code)
        assert (await companion.row(lamp)).owner == ben.sub


async def test_a_lamp_is_passed_on_and_stays_until_it_is_taken(companion: Companion, anna: Person, ben: Person) -> None:
    lamp = await companion.lamp(anna.sub, "Present")
    async with Visitor(companion.url) as visitor, Visitor(companion.url) as other:
        await visitor.sign_in(anna)
        first = code_on(await visitor.act(f"/lamps/{lamp}/offer"))
        assert (await companion.row(lamp)).owner == anna.sub
        page = await visitor.act(f"/lamps/{lamp}/withdraw")
        assert "no longer works" in page
        await other.sign_in(ben)
        assert (await other.post("/claim", code=first)).status_code == 422
        code = code_on(await visitor.act(f"/lamps/{lamp}/offer"))
        assert (await visitor.post("/claim", code=code)).status_code == 422  # one's own
        await other.act("/claim", code=code)
        assert (await companion.row(lamp)).owner == ben.sub
        assert (await visitor.client.get(f"{companion.url}/lamps/{lamp}")).status_code == 404
