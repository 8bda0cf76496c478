"""A person's own page: what it shows, what its buttons end, and that nobody else's is ever touched."""

import asyncio
import re
from typing import Any

import pytest
from sqlmodel import select

from authserver.accounts import known_devices, sessions
from authserver.models import Session, User
from tests.authserver.accounts.people import OTHER, PASSWORD, People
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.test_recovery import password_holds
from tests.authserver.pages.test_steps import send
from tests.running.reading import Page

NEW = "a lantern nobody has lit before"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PAGES = (
    "/account",
    "/account/profile",
    "/account/security",
    "/account/password",
    "/account/applications",
    "/account/devices",
    "/account/activity",
    "/account/language",
    "/account/not-me",
    "/account/data",
    "/account/delete",
)
SHOW_THE_ADDRESS = (
    "/account",
    "/account/profile",
    "/account/security",
    "/account/password",
    "/account/data",
    "/account/delete",
)


async def at_home(linking: Linking, user: User, path: str = "/account", password: str = PASSWORD) -> Page:
    """Signed in, at this page, led there by the way that it is asked for by a stranger."""
    page = await linking.browser.open(linking.url(path))
    page = await linking.browser.press(page, "sign_in", username=user.email, password=password)
    assert page.url == linking.url(path), page
    return page


def value_of(page: Page, name: str, number: int = 0) -> str:
    """What the button with this name sends."""
    return [value for form in page.forms for button, value in form.buttons if button == name][number]


def cookie_of(linking: Linking) -> str:
    return str(linking.browser.client.cookies[sessions.cookie_name(linking.people.server.settings)])


async def lives(linking: Linking, cookie: str) -> bool:
    people = linking.people
    async with people.services.database.unit() as session:
        found, _ = await sessions.find(
            people.server.settings, session, people.clock(), {sessions.cookie_name(people.server.settings): cookie}
        )
    return found is not None


async def exists(people: People, user: User) -> bool:
    async with people.services.database.unit() as session:
        return (await session.exec(select(User).where(User.sub == user.sub))).first() is not None


@pytest.mark.parametrize("path", PAGES)
async def test_who_is_not_signed_in_is_led_to_sign_in_and_back(people: People, linking: Linking, path: str) -> None:
    user = await people.add()
    page = await at_home(linking, user, path)
    assert page.status == 200
    assert (user.email in page.answer.text.replace("<wbr>", "")) == (path in SHOW_THE_ADDRESS)


async def test_an_address_that_was_never_confirmed_is_confirmed_first(people: People, linking: Linking) -> None:
    user = await people.add(email_verified=False)
    page = await linking.browser.open(linking.url("/account"))
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert page.asks_for("code")
    assert (await linking.browser.open(linking.url("/account"))).asks_for("code")
    assert (await send(linking, "/account/devices", page, action="end_others")).status == 303
    page = await linking.browser.press(page, "confirm", code=await people.code(user.email))
    page = await linking.browser.press(page, "save", password=NEW)
    assert page.url == linking.url("/account")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/account/second-factor?done=removed", "It is removed."),
        ("/account/second-factor?done=added", "It is set up."),
        ("/account/devices?done=device", "That device is signed out."),
    ],
)
async def test_whoever_makes_somebody_open_a_link_makes_the_page_say_nothing_that_is_not_so(
    people: People, linking: Linking, path: str, text: str
) -> None:
    await at_home(linking, await people.add(), path.partition("?")[0])
    assert text not in (await linking.browser.open(linking.url(path))).text


async def test_an_account_without_links_says_how_one_begins_and_that_one_is_signed_in_nowhere_else(
    people: People, linking: Linking
) -> None:
    page = await at_home(linking, await people.add())
    assert "Linked applications No application" in page.text
    assert "Only this one" in page.text
    page = await linking.browser.open(linking.url("/account/applications"))
    assert "Linking begins in the app itself" in page.text
    page = await linking.browser.open(linking.url("/account/devices"))
    assert "You are signed in nowhere else." in page.text
    assert not page.has_button("end_others")


@pytest.mark.spec("alexa 1.3", "cognito 9.42")
async def test_a_link_is_shown_in_plain_words_and_ended_after_a_question_and_no_other(
    people: People, linking: Linking
) -> None:
    user = await people.add()
    tokens = await linking.client.linked(user)
    other = await people.server.add_client("confidential")
    kept = await other.linked(user)
    page = await at_home(linking, user, "/account/applications")
    assert "Lamps <b>&</b> Co" in page.text
    assert "<b>&</b>" not in page.answer.text
    assert "Recognise your account" in page.text
    assert "Last used on" in page.text
    grant = next(one for one in await people.server.grants_of(user) if one.client_id == linking.client.client_id)
    question = await linking.browser.open(next(one for one in page.links if grant.origin_jti in one))
    assert "Unlink Lamps <b>&</b> Co?" in question.text
    assert "Alexa can then no longer switch your lamps." in question.text
    page = await linking.browser.press(question, "keep")
    assert (await linking.client.refresh(tokens["refresh_token"])).status_code == 200
    page = await linking.browser.press(question, "unlink")
    assert "Lamps <b>&</b> Co is unlinked." in page.text
    assert "Alexa can no longer switch your lamps." in page.text
    assert 'role="status"' in page.answer.text
    assert (await linking.client.refresh(tokens["refresh_token"])).status_code == 400
    assert (await other.refresh(kept["refresh_token"])).status_code == 200
    again = await send(linking, "/account/applications/unlink", question, link=grant.origin_jti)
    assert (again.status, again.left_to) == (303, linking.url("/account/applications"))
    gone = await linking.browser.open(question.url)
    assert gone.url == linking.url("/account/applications")


@pytest.mark.spec("security 6.73", "A26")
async def test_another_persons_link_and_device_are_not_ended(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user, somebody = await people.add(), await people.add()
    theirs = await linking.client.linked(somebody)
    victim = new_linking()
    await at_home(victim, somebody)
    elsewhere = new_linking()
    device = value_of(await at_home(elsewhere, somebody, "/account/devices"), "device")
    page = await at_home(linking, user)
    foreign = (await people.server.grants_of(somebody))[0].origin_jti
    asked = await linking.browser.open(linking.url(f"/account/applications/unlink?link={foreign}"))
    assert asked.url == linking.url("/account/applications")
    for path, fields in (
        ("applications/unlink", {"link": foreign}),
        ("devices", {"device": device}),
        ("devices", {"action": "end_others"}),
        ("applications/unlink", {"link": "\u00e4\r\n"}),
    ):
        answer = await send(linking, f"/account/{path}", page, **fields)
        assert answer.status == 303
        assert answer.left_to is not None
        seen = await linking.browser.open(answer.left_to)
        assert "Lamps" not in seen.text
    assert (await linking.client.refresh(theirs["refresh_token"])).status_code == 200
    assert await lives(victim, cookie_of(victim))
    assert await lives(elsewhere, cookie_of(elsewhere))


async def test_devices_are_named_and_one_or_all_others_are_signed_out(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user = await people.add()
    others = [new_linking() for _ in range(3)]
    for other in others:
        other.browser.client.headers["user-agent"] = FIREFOX
        await at_home(other, user)
    page = await at_home(linking, user, "/account/devices")
    assert page.text.count("Firefox on Linux") == 3
    assert page.text.count("This device") == 1
    assert people.network in page.text
    page = await linking.browser.press(page, value_of(page, "device"))
    assert "That device is signed out." in page.text
    assert sorted([await lives(other, cookie_of(other)) for other in others]) == [False, True, True]
    page = await linking.browser.press(page, "end_others")
    assert "All other devices are signed out." in page.text
    assert [await lives(other, cookie_of(other)) for other in others] == [False, False, False]
    assert await lives(linking, cookie_of(linking))


@pytest.mark.spec("security 6.73")
async def test_no_page_holds_the_id_of_a_session_or_what_is_stored_of_it(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user, other = await people.add(), new_linking()
    await at_home(other, user)
    page = await at_home(linking, user, "/account/devices")
    async with people.services.database.unit() as session:
        digests = [one.digest for one in (await session.exec(select(Session).where(Session.sub == user.sub))).all()]
    assert len(digests) == 2
    for secret in (cookie_of(linking), cookie_of(other), *(digest.hex() for digest in digests)):
        assert secret not in page.answer.text


@pytest.mark.parametrize("done", ["password", "devices", "x"])
async def test_a_link_makes_the_page_say_nothing_that_is_not_so(
    people: People, linking: Linking, new_linking: Linkings, done: str
) -> None:
    user = await people.add()
    await linking.client.linked(user)
    await at_home(new_linking(), user)
    people.clock.advance(1)
    await at_home(linking, user)
    live = (await people.server.grants_of(user))[0].origin_jti
    for path in PAGES:
        page = await linking.browser.open(linking.url(f"{path}?done={done}&unlinked={live}"))
        assert 'role="status"' not in page.answer.text, path


FORMS: dict[str, tuple[str, dict[str, str]]] = {
    "unlink": ("/account/applications/unlink", {"link": "GRANT", "action": "unlink"}),
    "end a device": ("/account/devices", {"device": "DEVICE"}),
    "end all others": ("/account/devices", {"action": "end_others"}),
    "sign out": ("/account", {"action": "sign_out"}),
    "new password": ("/account/password", {"present_password": PASSWORD, "password": NEW}),
    "delete": ("/account/delete", {"action": "delete", "password": PASSWORD}),
}


@pytest.mark.spec("security 6.45", "security 6.73")
@pytest.mark.parametrize("wrong", ["no token", "another browser's", "another site's", "signed in nowhere"])
@pytest.mark.parametrize("form", FORMS)
async def test_a_form_that_is_not_of_this_session_or_site_does_nothing(
    people: People, linking: Linking, new_linking: Linkings, form: str, wrong: str
) -> None:
    user = await people.add()
    tokens = await linking.client.linked(user)
    elsewhere = new_linking()
    foreign = await at_home(elsewhere, user)
    page = await at_home(linking, user, "/account/devices")
    path, fields = FORMS[form]
    known = {"GRANT": (await people.server.grants_of(user))[0].origin_jti, "DEVICE": value_of(page, "device")}
    data: dict[str, Any] = {name: known.get(value, value) for name, value in fields.items()}
    origin = people.server.settings.origin
    token = page.forms[0].hidden["csrf_token"]
    if wrong == "another browser's":
        token = foreign.forms[0].hidden["csrf_token"]
    client = new_linking().browser.client if wrong == "signed in nowhere" else linking.browser.client
    answer = await client.post(
        linking.url(path),
        data=data if wrong == "no token" else data | {"csrf_token": token},
        headers={"origin": "https://evil.example" if wrong == "another site's" else origin},
    )
    if wrong == "signed in nowhere":
        assert (answer.status_code, "/login?" in answer.headers["location"]) == (303, True)
    else:
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    assert await lives(linking, cookie_of(linking))
    assert await lives(elsewhere, cookie_of(elsewhere))
    assert (await linking.client.refresh(tokens["refresh_token"])).status_code == 200
    assert await password_holds(people, user, PASSWORD)


async def test_every_form_posted_empty_changes_nothing(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await at_home(linking, user)
    assert (await send(linking, "/account", page)).left_to == linking.url("/account")
    assert (await send(linking, "/account/devices", page)).left_to == linking.url("/account/devices")
    unlinked = await send(linking, "/account/applications/unlink", page)
    assert unlinked.left_to == linking.url("/account/applications")
    assert (await send(linking, "/account/delete", page)).left_to == linking.url("/account/data?done=kept")
    for path, fields in (
        ("/account/password", {}),
        ("/account/password", {"present_password": PASSWORD}),
        ("/account/password", {"password": NEW}),
        ("/account/delete", {"action": "delete"}),
    ):
        answer = await send(linking, path, page, **fields)
        assert answer.status == 422, (path, fields)
        assert answer.answer.text.count('role="alert"') == 1
        assert re.search(r'aria-invalid="true"[^>]+aria-describedby="\w+-error', answer.answer.text)
    assert await password_holds(people, user, PASSWORD)


@pytest.mark.spec("security 6.47", "security 6.32", "security 6.46")
async def test_after_a_new_password_the_old_cookie_is_dead_and_the_new_one_lives(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user, elsewhere = await people.add(), new_linking()
    await at_home(elsewhere, user)
    page = await at_home(linking, user, "/account/password")
    old = cookie_of(linking)
    answer = await send(linking, "/account/password", page, present_password=PASSWORD, password=NEW)
    assert (answer.status, answer.left_to) == (303, linking.url("/account/security?done=password"))
    assert cookie_of(linking) != old
    assert [await lives(linking, cookie) for cookie in (old, cookie_of(linking), cookie_of(elsewhere))] == [
        False,
        True,
        False,
    ]
    assert "Your new password holds." in (await linking.browser.open(str(answer.left_to))).text
    assert await password_holds(people, user, NEW)
    second = await send(linking, "/account/password", page, present_password=NEW, password=OTHER)
    assert second.status == 403, "the form was of the session before"
    assert any("was changed" in mail.subject for mail in await people.mails(user.email))


async def test_mistakes_stand_beside_their_field_and_no_password_is_kept(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await at_home(linking, user, "/account/password")
    page = await linking.browser.press(page, "save", present_password=PASSWORD, password="short")
    assert 'id="password-error"' in page.answer.text
    page = await linking.browser.press(page, "save", present_password=OTHER, password=NEW)
    assert (page.status, 'id="present-error"' in page.answer.text) == (422, True)
    for typed in (PASSWORD, OTHER, NEW):
        assert typed not in page.answer.text
    page = await linking.browser.press(page, "save", present_password=PASSWORD, password=NEW)
    assert page.url == linking.url("/account/security?done=password")


@pytest.mark.spec("security 6.58")
@pytest.mark.parametrize("path", ["/account/password", "/account/delete"])
async def test_five_wrong_passwords_lock_as_at_sign_in(people: People, linking: Linking, path: str) -> None:
    user = await people.add()
    page = await at_home(linking, user, path)

    async def attempt(password: str) -> Page:
        fields = {"present_password": password, "password": NEW} if "password" in path else {"password": password}
        return await linking.browser.press(page, "save" if "password" in path else "delete", **fields)

    for _ in range(known_devices.FAILURES + 5):  # a browser in which one signed in has a count of its own before
        assert (await attempt(OTHER)).status == 422
    locked = await attempt(PASSWORD)
    assert (locked.status, locked.answer.headers["retry-after"]) == (429, "1")
    assert "Try again in 1 second." in locked.text
    assert await exists(people, user)
    assert await password_holds(people, user, PASSWORD)


async def test_several_at_once_change_the_password_once(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await at_home(linking, user, "/account/password")
    answers = await asyncio.gather(
        *(
            send(linking, "/account/password", page, present_password=PASSWORD, password=f"{NEW} {number}")
            for number in range(4)
        )
    )
    assert [str(one.left_to).endswith("?done=password") for one in answers].count(True) == 1
    assert {one.status for one in answers} <= {303, 403, 422, 429}
    assert len([mail for mail in await people.mails(user.email) if "was changed" in mail.subject]) == 1


@pytest.mark.spec("security 6.32", "security 6.74")
async def test_deleting_ends_all_and_says_so(people: People, linking: Linking, new_linking: Linkings) -> None:
    user, elsewhere = await people.add(), new_linking()
    tokens = await linking.client.linked(user)
    await at_home(elsewhere, user)
    page = await at_home(linking, user, "/account/delete")
    assert "These applications are unlinked: Lamps <b>&</b> Co" in page.text
    old = cookie_of(linking)
    page = await linking.browser.press(page, "delete", password=PASSWORD)
    assert page.url == linking.url("/account/deleted")
    assert sessions.cookie_name(people.server.settings) not in linking.browser.client.cookies
    assert (await linking.client.refresh(tokens["refresh_token"])).status_code == 400
    assert [await lives(linking, cookie) for cookie in (old, cookie_of(elsewhere))] == [False, False]
    assert not await exists(people, user)
    (mail,) = await people.mails(user.email)
    assert "was deleted" in mail.subject
    again = await linking.browser.open(linking.url("/account"))
    again = await linking.browser.press(again, "sign_in", username=user.email, password=PASSWORD)
    assert again.status == 422


async def test_sent_twice_or_at_once_the_account_is_deleted_once(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await at_home(linking, user, "/account/delete")
    fields = {"action": "delete", "password": PASSWORD}
    answers = await asyncio.gather(*(send(linking, "/account/delete", page, **fields) for _ in range(4)))
    assert {one.status for one in answers} <= {303, 422}, answers
    assert linking.url("/account/deleted") in [one.left_to for one in answers]
    assert not await exists(people, user)
    assert len(await people.mails(user.email)) == 1
    late = await send(linking, "/account/delete", page, **fields)
    assert late.status == 303
    assert "/login?" in str(late.left_to)


async def test_the_first_button_of_the_form_keeps_the_account(people: People, linking: Linking) -> None:
    """It is the one that the Enter key presses."""
    user = await people.add()
    page = await at_home(linking, user, "/account/delete")
    assert page.forms[0].buttons[0] == ("action", "keep")
    page = await linking.browser.press(page, "keep", password=PASSWORD)
    assert "Nothing was deleted." in page.text
    assert await exists(people, user)


async def test_who_is_signed_in_is_never_told_that_the_account_is_deleted(people: People, linking: Linking) -> None:
    await at_home(linking, await people.add())
    assert (await linking.browser.open(linking.url("/account/deleted"))).url == linking.url("/account")


async def test_signing_out_ends_the_session(people: People, linking: Linking) -> None:
    page = await at_home(linking, await people.add())
    cookie = cookie_of(linking)
    page = await linking.browser.press(page, "sign_out")
    assert page.asks_for("username", "password")
    assert not await lives(linking, cookie)
    assert (await linking.browser.open(linking.url("/account"))).asks_for("username", "password")


async def test_a_session_that_was_ended_elsewhere_leads_to_sign_in(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user, elsewhere = await people.add(), new_linking()
    page = await at_home(elsewhere, user)
    await linking.browser.press(await at_home(linking, user, "/account/devices"), "end_others")
    for path, fields in FORMS.values():
        answer = await send(elsewhere, path, page, **fields)
        assert answer.status == 303
        assert "/login?" in str(answer.left_to)
    assert await password_holds(people, user, PASSWORD)


@pytest.mark.spec("security 6.43", "security 6.44")
@pytest.mark.parametrize("path", [*PAGES, "/account/deleted"])
async def test_its_pages_are_neither_framed_nor_kept(people: People, linking: Linking, path: str) -> None:
    if path in PAGES:
        await at_home(linking, await people.add())
    headers = (await linking.browser.open(linking.url(path))).answer.headers
    assert "frame-ancestors 'none'; base-uri 'none'; form-action 'self'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] in ("same-origin", "no-referrer")
