"""A forgotten password through the pages: in the middle of a linking, and with every step out of its order."""

from typing import Any

import pytest
from sqlmodel import col, select, update

from authserver.models import Interaction, User
from tests.authserver.accounts.people import OTHER, PASSWORD, People, new_address, wrong
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.test_steps import send
from tests.running.reading import Page

NEW = "a lantern nobody has lit before"


async def asked(linking: Linking, email: str) -> Page:
    """From the sign-in page to the page that asks for the code; the typed address comes along."""
    page = await linking.browser.press(await linking.start(), "forgot", username=email, password="")
    assert page.forms[0].fields["email"] == email
    return await linking.browser.press(page, "send", email=email)


async def password_holds(people: People, user: User, password: str) -> bool:
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, user.sub)
    return (await people.services.passwords.verify(password, stored.password_hash)).ok


@pytest.mark.spec("alexa 1.3", "A06")
async def test_a_new_password_in_the_middle_of_a_linking_leads_back_with_state_intact(
    people: People, linking: Linking
) -> None:
    user = await people.add()
    page = await asked(linking, user.email)
    page = await linking.browser.press(page, "save", code=await people.code(user.email), password=NEW)
    assert page.has_button("allow"), page
    given = linking.returned(await linking.browser.press(page, "allow"))
    assert (await linking.client.exchange(given["code"])).status_code == 200
    assert await password_holds(people, user, NEW)


async def test_mistakes_keep_what_was_typed_and_can_be_mended(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.browser.press(await linking.start(), "forgot", username="nobody at all", password="")
    page = await linking.browser.press(page, "send", email="nobody at all")
    assert (page.status, page.forms[0].fields["email"]) == (422, "nobody at all")
    page = await linking.browser.press(page, "send", email=user.email)
    code = await people.code(user.email)
    page = await linking.browser.press(page, "save", code=code, password="short")
    assert (page.status, page.forms[0].fields["code"]) == (422, code)
    page = await linking.browser.press(page, "save", code=wrong(code), password=NEW)
    assert page.status == 422
    assert 'role="alert"' in page.answer.text
    people.clock.advance(31)
    page = await linking.browser.press(page, "resend")
    assert "A new code is on its way" in page.text
    page = await linking.browser.press(page, "save", code=await people.code(user.email), password=NEW)
    assert page.has_button("allow")


@pytest.mark.spec("security 6.58")
async def test_known_and_unknown_addresses_see_the_same_pages(people: People, new_linking: Linkings) -> None:
    known, unknown = new_address(), new_address()
    await people.add(email=known, email_canonical=known)
    seen = []
    for email in (known, unknown):
        linking = new_linking()
        page = await asked(linking, email)
        refused = await linking.browser.press(page, "save", code="000001", password=NEW)
        seen.append(
            [
                (one.status, one.answer.headers.get("content-type"), without_chance(one, email))
                for one in (page, refused)
            ]
        )
    assert seen[0] == seen[1]


def without_chance(page: Page, email: str) -> str:
    """The page without what differs each time: address, token, the interaction's id."""
    text = page.answer.text.replace("<wbr>", "")
    for value in (email, page.forms[0].hidden["csrf_token"], page.url.rpartition("interaction=")[2]):
        text = text.replace(value, "")
    return text


STEPS: dict[str, tuple[str, dict[str, str]]] = {
    "the password without asking for a code": ("/confirmforgotPassword", {"action": "save", "password": NEW}),
    "with an empty code": ("/confirmforgotPassword", {"action": "save", "code": "", "password": NEW}),
    "nothing at all": ("/confirmforgotPassword", {}),
    "a new code for nobody": ("/confirmforgotPassword", {"action": "resend"}),
    "the list of links": ("/still-linked", {"action": "continue"}),
    "unlinking": ("/still-linked", {"unlink": "x"}),
}


@pytest.mark.spec("security 6.48", "security 6.62")
@pytest.mark.parametrize("step", STEPS)
async def test_a_step_out_of_its_order_leads_back_to_the_beginning(people: People, linking: Linking, step: str) -> None:
    user = await people.add()
    page = await linking.start()
    path, fields = STEPS[step]
    answer = await send(linking, path + "?" + page.url.partition("?")[2], page, **fields)
    assert answer.status == 303, answer
    assert answer.left_to is not None
    assert answer.left_to.startswith((linking.url("/forgotPassword?"), linking.url("/login?")))
    assert await password_holds(people, user, PASSWORD)


@pytest.mark.spec("security 6.48", "security 6.68")
async def test_the_code_is_of_no_use_in_another_browser_or_another_linking(
    people: People, new_linking: Linkings
) -> None:
    """Somebody who is told the code on the phone has not begun this recovery."""
    user = await people.add()
    honest, other = new_linking(), new_linking()
    page = await asked(honest, user.email)
    code = await people.code(user.email)
    start = await other.start()
    query = "?" + start.url.partition("?")[2]
    answer = await send(other, "/confirmforgotPassword" + query, start, action="save", code=code, password=OTHER)
    assert (answer.status, answer.left_to) == (303, other.url("/forgotPassword" + query))
    stolen = await other.browser.client.post(
        page.url,
        data=page.forms[0].hidden | {"action": "save", "code": code, "password": OTHER},
        headers={"origin": people.server.settings.origin},
    )
    assert stolen.status_code == 400
    assert await password_holds(people, user, PASSWORD)
    page = await honest.browser.press(page, "save", code=code, password=NEW)
    assert page.has_button("allow")


@pytest.mark.spec("security 6.45")
@pytest.mark.parametrize("change", [{"csrf_token": ""}, {"csrf_token": "x"}], ids=["empty", "another"])
async def test_a_form_without_this_browsers_token_changes_nothing(
    people: People, linking: Linking, change: dict[str, str]
) -> None:
    user = await people.add()
    page = await asked(linking, user.email)
    code = await people.code(user.email)
    fields: dict[str, Any] = {"action": "save", "code": code, "password": NEW} | change
    answer = await send(linking, "/confirmforgotPassword?" + page.url.partition("?")[2], page, **fields)
    assert answer.status == 403
    assert await password_holds(people, user, PASSWORD)


async def test_the_same_form_sent_twice_does_nothing_the_second_time(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await asked(linking, user.email)
    code = await people.code(user.email)
    await linking.browser.press(page, "save", code=code, password=NEW)
    again = await linking.browser.press(page, "save", code=code, password=OTHER)
    assert again.has_button("allow"), "who is signed in goes on to where the linking stands"
    assert await password_holds(people, user, NEW)


@pytest.mark.spec("decision 6", "cognito 9.42")
async def test_after_a_new_password_what_stays_linked_is_shown_and_ended_by_one_tap(
    people: People, linking: Linking
) -> None:
    user, somebody = await people.add(), await people.add()
    mine, theirs = await linking.client.linked(user), await linking.client.linked(somebody)
    kept = await (await people.server.add_client("alexa")).linked(user)
    people.clock.advance(1)
    page = await asked(linking, user.email)
    page = await linking.browser.press(page, "save", code=await people.code(user.email), password=NEW)
    assert "stay linked" in page.text
    buttons = [value for form in page.forms for name, value in form.buttons if name == "unlink"]
    grants = {grant.client_id: grant.origin_jti for grant in await people.server.grants_of(user)}
    assert sorted(buttons) == sorted(grants.values())
    foreign = (await people.server.grants_of(somebody))[0].origin_jti
    await send(linking, "/still-linked?" + page.url.partition("?")[2], page, unlink=foreign)
    assert (await linking.client.refresh(theirs["refresh_token"])).status_code == 200
    page = await linking.browser.press(page, grants[linking.client.client_id])
    assert "It is unlinked" in page.text
    assert (await linking.client.refresh(mine["refresh_token"])).status_code == 400
    page = await linking.browser.press(page, "continue")
    assert page.has_button("allow"), "and the linking goes on"
    assert kept["refresh_token"]


async def test_opened_directly_it_ends_at_the_persons_own_page(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.browser.open(linking.url("/forgotPassword"))
    page = await linking.browser.press(page, "send", email=user.email)
    page = await linking.browser.press(page, "save", code=await people.code(user.email), password=NEW)
    assert page.url == linking.url("/account")


async def test_a_recovery_that_took_too_long_begins_anew(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await asked(linking, user.email)
    code = await people.code(user.email)
    async with people.services.database.unit() as session:  # the interaction lives on; the code does not
        await session.exec(
            update(Interaction)
            .where(col(Interaction.recovery_id).is_not(None))
            .values(expires_at=people.clock() + 9999)
        )
    people.clock.advance(3601)
    page = await linking.browser.press(page, "save", code=code, password=NEW)
    assert page.url.startswith(linking.url("/forgotPassword"))
    assert await password_holds(people, user, PASSWORD)
    async with people.services.database.unit() as session:
        assert (await session.exec(select(User).where(User.sub == user.sub))).first() is not None
