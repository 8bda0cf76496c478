"""Changing the address, and signing in again before it, as a person with a browser does it."""

import asyncio

import pytest

from authserver.models import User
from tests.authserver.accounts.people import OTHER, PASSWORD, People, new_address
from tests.authserver.pages.browsing import Linking, sign_up
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.test_account import at_home, cookie_of, lives
from tests.authserver.pages.test_steps import send
from tests.running.reading import Page

PATH = "/account/email"


async def address_of(people: People, user: User) -> str:
    async with people.services.database.unit() as session:
        return (await session.get_one(User, user.sub)).email


def stale(people: People) -> None:
    people.clock.advance(people.services.settings.fresh_sign_in)


async def asked(linking: Linking, user: User, email: str) -> Page:
    """At the page that waits for the code."""
    return await linking.browser.press(await at_home(linking, user, PATH), "ask", email=email)


@pytest.mark.spec("cognito 9.57", "security 6.47", "security 6.46")
async def test_a_person_changes_the_address_and_signs_in_with_it(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user, new, elsewhere = await people.add(), new_address(), new_linking()
    tokens = await linking.client.linked(user)
    await at_home(elsewhere, user)
    page = await at_home(linking, user, "/account/security")
    assert f"E-mail address {user.email}" in page.text
    page = await linking.browser.open(linking.url(PATH))
    page = await linking.browser.press(page, "ask", email=new)
    assert (page.url, page.asks_for("code")) == (linking.url(PATH), True)
    assert f"{new} waits for its code" in (await linking.browser.open(linking.url("/account/security"))).text
    old = cookie_of(linking)
    page = await linking.browser.press(page, "confirm", code=await people.code(new))
    assert page.url == linking.url("/account/security?done=email")
    assert "Your new address holds." in page.text
    assert f"E-mail address {new}" in page.text
    assert [await lives(linking, one) for one in (old, cookie_of(linking), cookie_of(elsewhere))] == [
        False,
        True,
        False,
    ]
    assert (await linking.client.refresh(tokens["refresh_token"])).status_code == 200
    other = new_linking()
    refused = await other.browser.open(other.url("/account"))
    refused = await other.browser.press(refused, "sign_in", username=user.email, password=PASSWORD)
    assert refused.status == 422
    user.email = new
    await at_home(other, user)


async def test_mistakes_stand_beside_their_field_and_what_was_typed_is_kept(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await at_home(linking, user, PATH)
    for typed in ("", "no address", user.email.upper()):
        page = await linking.browser.press(page, "ask", email=typed)
        assert page.status == 422
        assert 'id="email-error"' in page.answer.text
        assert next(page.forms_with("email")).fields["email"] == typed
    page = await linking.browser.press(page, "ask", email=new_address())
    for typed in ("", "12345", "000000"):
        page = await linking.browser.press(page, "confirm", code=typed)
        assert (page.status, 'id="code-error"' in page.answer.text) == (422, True)
    again = await linking.browser.press(page, "resend")
    assert (again.status, again.answer.headers["retry-after"]) == (429, "30")
    people.clock.advance(30)
    assert "A new code is on its way." in (await linking.browser.press(page, "resend")).text
    page = await linking.browser.press(page, "cancel")
    assert page.url == linking.url("/account/security")
    assert "waits for its code" not in page.text
    assert await address_of(people, user) == user.email


@pytest.mark.spec("security 6.58")
async def test_a_taken_address_shows_the_same_pages_as_a_free_one(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    """All that the asker sees, beside the address itself."""
    taken, free = (await people.add()).email, new_address()
    seen = []
    for email in (taken, free):
        there = new_linking()
        user = await people.add()
        page = await at_home(there, user, PATH)
        pages = [await there.browser.press(page, "ask", email=email)]
        pages += [await there.browser.press(pages[0], "confirm", code=code) for code in ("1", "000000", "000001")]
        pages.append(await there.browser.open(there.url("/account/security")))
        people.clock.advance(30)
        pages.append(await there.browser.press(pages[0], "resend"))
        secret = {email: "*", user.email: "+"}
        told = [(one.url, one.status, one.text.replace(" @", "@")) for one in pages]
        for word, mark in secret.items():
            told = [(url, status, text.replace(word, mark)) for url, status, text in told]
        seen.append(told)
        assert len(await people.mails(user.email)) == 1
    assert seen[0] == seen[1]


@pytest.mark.spec("CVE-2026-49448")
async def test_each_step_alone_twice_and_out_of_order_changes_nothing_but_by_the_honest_way(
    people: People, linking: Linking
) -> None:
    user, new = await people.add(), new_address()
    page = await at_home(linking, user, PATH)
    for fields in (
        {},
        {"action": "confirm", "code": "000000"},
        {"action": "confirm", "email": new},
        {"action": "resend"},
        {"action": "cancel"},
        {"action": "nothing", "email": new},
        {"email": new},
    ):
        answer = await send(linking, PATH, page, **fields)
        assert answer.status in (200, 303), fields
        assert await people.mails(new) == []
    answers = await asyncio.gather(*(send(linking, PATH, page, action="ask", email=new) for _ in range(4)))
    assert {one.status for one in answers} <= {303, 429}
    people.clock.advance(60)
    waiting = await linking.browser.press(await linking.browser.open(linking.url(PATH)), "resend")
    code = await people.code(new)
    assert (await send(linking, PATH, waiting, code=code)).status == 200, "a code without its button"
    assert await address_of(people, user) == user.email
    done = await asyncio.gather(*(send(linking, PATH, waiting, action="confirm", code=code) for _ in range(4)))
    assert [one.left_to for one in done].count(linking.url("/account/security?done=email")) == 1
    assert await address_of(people, user) == new
    late = await send(linking, PATH, waiting, action="confirm", code=code)
    assert late.status in (303, 403)


@pytest.mark.spec("security 6.45", "security 6.73")
@pytest.mark.parametrize("wrong", ["no token", "another browser's", "another site's", "signed in nowhere"])
@pytest.mark.parametrize("action", ["ask", "confirm", "resend", "cancel"])
async def test_a_form_that_is_not_of_this_session_or_site_does_nothing(
    people: People, linking: Linking, new_linking: Linkings, action: str, wrong: str
) -> None:
    user, new, elsewhere = await people.add(), new_address(), new_linking()
    foreign = await at_home(elsewhere, await people.add())
    page = await at_home(linking, user, PATH)
    if action != "ask":
        page = await linking.browser.press(page, "ask", email=new)
    people.clock.advance(60)
    mails = len(await people.mails(new))
    token = page.forms[0].hidden["csrf_token"]
    if wrong == "another browser's":
        token = foreign.forms[0].hidden["csrf_token"]
    data = {"action": action, "email": new, "code": await people.code(new) if mails else ""}
    client = new_linking().browser.client if wrong == "signed in nowhere" else linking.browser.client
    answer = await client.post(
        linking.url(PATH),
        data=data if wrong == "no token" else data | {"csrf_token": token},
        headers={"origin": "https://evil.example" if wrong == "another site's" else people.server.settings.origin},
    )
    assert answer.status_code == (303 if wrong == "signed in nowhere" else 403)
    assert "/login?" in answer.headers.get("location", "/login?")
    assert len(await people.mails(new)) == mails
    assert await address_of(people, user) == user.email
    if action != "ask":
        assert (await linking.browser.open(linking.url(PATH))).asks_for("code"), "the change still waits"


@pytest.mark.spec("security 6.48")
async def test_another_person_at_the_same_browser_cannot_type_the_code(people: People, linking: Linking) -> None:
    """Whoever signs in meanwhile has no change that waits, and a form of their own."""
    user, somebody, new = await people.add(), await people.add(), new_address()
    waiting = await asked(linking, user, new)
    code = await people.code(new)
    page = await linking.browser.press(await linking.browser.open(linking.url("/account")), "sign_out")
    page = await linking.browser.press(page, "sign_in", username=somebody.email, password=PASSWORD)
    assert (await send(linking, PATH, waiting, action="confirm", code=code)).status == 403
    page = await linking.browser.open(linking.url(PATH))
    assert page.asks_for("email")
    assert (await send(linking, PATH, page, action="confirm", code=code)).status == 303
    assert await address_of(people, user) == user.email
    assert await address_of(people, somebody) == somebody.email


async def test_an_old_sign_in_is_renewed_before_a_change_and_leads_back(people: People, linking: Linking) -> None:
    user = await people.add()
    await at_home(linking, user)
    stale(people)
    page = await linking.browser.open(linking.url(PATH))
    assert "Sign in again" in page.text
    assert next(page.forms_with("username")).fields["username"] == user.email
    assert not page.has_button("sign_up")
    old = cookie_of(linking)
    wrong = await linking.browser.press(page, "sign_in", password=OTHER)
    assert (wrong.status, "Sign in again" in wrong.text) == (422, True)
    page = await linking.browser.press(page, "sign_in", password=PASSWORD)
    assert (page.url, page.asks_for("email")) == (linking.url(PATH), True)
    assert not await lives(linking, old)


async def test_a_form_that_comes_with_an_old_sign_in_changes_nothing(people: People, linking: Linking) -> None:
    user, new = await people.add(), new_address()
    page = await at_home(linking, user, PATH)
    stale(people)
    answer = await send(linking, PATH, page, action="ask", email=new)
    assert "/login?" in str(answer.left_to)
    assert await people.mails(new) == []
    page = await linking.browser.open(str(answer.left_to))
    page = await linking.browser.press(page, "sign_in", password=PASSWORD)
    page = await linking.browser.press(page, "ask", email=new)
    assert page.asks_for("code")


async def test_the_code_is_typed_however_old_the_sign_in_is(people: People, linking: Linking) -> None:
    user, new = await people.add(), new_address()
    page = await asked(linking, user, new)
    stale(people)
    page = await linking.browser.press(page, "confirm", code=await people.code(new))
    assert page.url == linking.url("/account/security?done=email")
    again = await linking.browser.open(linking.url(PATH))
    assert "Sign in again" in again.text, "a code is no sign-in"


@pytest.mark.spec("security 6.48", "CVE-2026-49448")
async def test_another_account_that_signs_in_again_is_led_to_its_own_page_and_carries_nothing_over(
    people: People, linking: Linking
) -> None:
    user, somebody = await people.add(), await people.add()
    await at_home(linking, user)
    stale(people)
    page = await linking.browser.open(linking.url(PATH))
    page = await linking.browser.press(page, "sign_in", username=somebody.email, password=PASSWORD)
    assert page.url == linking.url("/account")
    assert somebody.email in page.answer.text.replace("<wbr>", "")


@pytest.mark.spec("security 6.48")
async def test_the_page_for_signing_in_again_is_of_this_browser_alone_and_can_be_given_up(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user, elsewhere = await people.add(), new_linking()
    await at_home(linking, user)
    stale(people)
    page = await linking.browser.open(linking.url(PATH))
    assert (await elsewhere.browser.open(page.url)).status == 400
    assert (await linking.browser.open(next(one for one in page.links if one.endswith("/account")))).status == 200
    assert await lives(linking, cookie_of(linking)), "the old sign-in still counts for the rest"
    elsewhere_page = await linking.browser.open(page.url)
    assert "Sign in again" in elsewhere_page.text, "and no other session stands in for it"


async def test_a_new_account_made_on_the_way_does_not_land_on_the_page_of_the_old_one(
    people: People, linking: Linking
) -> None:
    user = await people.add()
    await at_home(linking, user)
    stale(people)
    page = await linking.browser.open(linking.url(PATH))
    interaction = page.url.partition("?")[2]
    page.links.append(linking.url(f"/signup?{interaction}"))
    email, page = await sign_up(linking, page)
    page = await linking.browser.press(page, "confirm", code=await people.code(email))
    assert page.url == linking.url("/account")
    assert email in page.answer.text.replace("<wbr>", "")


GONE, ELSEWHERE = "can no longer be used", "Go back to where you began"


@pytest.mark.spec("security 6.68")
async def test_the_mails_link_is_a_page_whose_button_stands_for_the_code_where_it_was_asked_for(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user, new, elsewhere = await people.add(), new_address(), new_linking()
    await asked(linking, user, new)
    link = await people.link(new)
    stranger = new_linking()
    for _ in range(3):  # a program that looks through mail
        assert ELSEWHERE in (await stranger.browser.open(link)).text
    await at_home(elsewhere, user)
    assert ELSEWHERE in (await elsewhere.browser.open(link)).text, "the same person in another browser has the code"
    shown = await linking.browser.open(link)
    assert new in shown.text.replace(" @", "@")
    assert await address_of(people, user) == user.email
    page = await linking.browser.press(shown, "confirm")
    assert page.url == linking.url("/account/security?done=email")
    assert await address_of(people, user) == new
    assert await lives(linking, cookie_of(linking))
    assert not await lives(elsewhere, cookie_of(elsewhere))
    again = await linking.browser.press(shown, "confirm")
    assert await address_of(people, user) == new
    assert again.status in (200, 404)
    assert GONE in (await linking.browser.open(link)).text


@pytest.mark.spec("security 6.68", "security 6.48")
@pytest.mark.parametrize("wrong", ["no token", "another interaction", "another site"])
async def test_the_button_of_the_link_is_good_with_its_own_page_alone(
    people: People, linking: Linking, wrong: str
) -> None:
    user, new = await people.add(), new_address()
    await asked(linking, user, new)
    shown = await linking.browser.open(await people.link(new))
    form = next(form for form in shown.forms if "csrf_token" in form.hidden)
    data = form.hidden | {"action": "confirm"}
    origin, target = people.server.settings.origin, form.action
    if wrong == "no token":
        data.pop("csrf_token")
    elif wrong == "another site":
        origin = "https://evil.example"
    else:
        other = await linking.start(prompt="login")
        target = f"/confirmUser?{other.url.partition('?')[2]}"
        data["csrf_token"] = next(one.hidden["csrf_token"] for one in other.forms if "csrf_token" in one.hidden)
    answer = await linking.browser.client.post(target, data=data, headers={"origin": origin})
    assert answer.status_code == 403
    assert await address_of(people, user) == user.email


@pytest.mark.spec("security 6.48")
async def test_the_link_does_nothing_for_another_person_at_the_same_browser(people: People, linking: Linking) -> None:
    user, somebody, new = await people.add(), await people.add(), new_address()
    await asked(linking, user, new)
    shown = await linking.browser.open(await people.link(new))
    page = await linking.browser.press(await linking.browser.open(linking.url("/account")), "sign_out")
    out = await linking.browser.press(shown, "confirm")
    assert GONE in out.text
    await linking.browser.press(page, "sign_in", username=somebody.email, password=PASSWORD)
    await linking.browser.press(shown, "confirm")
    assert await address_of(people, user) == user.email
    assert await address_of(people, somebody) == somebody.email


async def test_a_new_mail_and_giving_up_end_the_link(people: People, linking: Linking) -> None:
    user, new = await people.add(), new_address()
    page = await asked(linking, user, new)
    first = await people.link(new)
    people.clock.advance(30)
    page = await linking.browser.press(page, "resend")
    second = await people.link(new)
    assert GONE in (await linking.browser.open(first)).text
    shown = await linking.browser.open(second)
    await linking.browser.press(page, "cancel")
    await linking.browser.press(shown, "confirm")
    assert GONE in (await linking.browser.open(second)).text
    assert await address_of(people, user) == user.email


@pytest.mark.spec("security 6.58")
async def test_the_mail_to_the_owner_of_a_taken_address_has_no_link(people: People, linking: Linking) -> None:
    user, somebody = await people.add(), await people.add()
    await asked(linking, user, somebody.email)
    (mail,) = await people.mails(somebody.email)
    assert "confirmUser" not in mail.text + mail.html


async def test_a_link_for_an_address_that_was_taken_meanwhile_changes_nothing_and_signs_nobody_out(
    people: People, linking: Linking
) -> None:
    user, new = await people.add(), new_address()
    await asked(linking, user, new)
    shown = await linking.browser.open(await people.link(new))
    await people.server.add_person(email=new, email_canonical=new)
    page = await linking.browser.press(shown, "confirm")
    assert page.asks_for("code")
    assert await address_of(people, user) == user.email
    assert await lives(linking, cookie_of(linking))


@pytest.mark.spec("decision 4")
async def test_link_and_code_at_the_same_moment_change_the_address_once(people: People, linking: Linking) -> None:
    user, new = await people.add(), new_address()
    waiting = await asked(linking, user, new)
    shown = await linking.browser.open(await people.link(new))
    code = await people.code(new)
    await asyncio.gather(
        *(linking.browser.press(shown, "confirm") for _ in range(4)),
        *(send(linking, PATH, waiting, action="confirm", code=code) for _ in range(4)),
        return_exceptions=True,
    )
    assert await address_of(people, user) == new
    assert len([one for one in await people.mails(user.email) if one.kind == "email_changed"]) == 1
