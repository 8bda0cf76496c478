"""User names on the pages: sign-in, sign-up, recovery and the page that changes them."""

import secrets
from typing import Any

import pytest

from authserver.models import User
from tests.authserver.accounts.people import OTHER, PASSWORD, People, new_address
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.conftest import Linkings
from tests.running.reading import Page

NEW = "a lantern nobody has lit before"


@pytest.fixture
def given_settings() -> dict[str, Any]:
    return {"sign_in_with": "email,username", "password_rules": "upper,number", "password_minimum": 10}


def new_name() -> str:
    return f"anna-{secrets.token_hex(6)}"


async def add(people: People) -> User:
    name = new_name()
    return await people.add(username=name, username_canonical=name)


def without_chance(page: Page, *names: str) -> str:
    text = page.answer.text.replace("<wbr>", "")
    for value in (*names, page.forms[0].hidden["csrf_token"], page.url.rpartition("interaction=")[2]):
        text = text.replace(value, "")
    return text


@pytest.mark.spec("alexa 1.3", "A10")
async def test_a_user_name_signs_in_in_the_middle_of_a_linking(people: People, linking: Linking) -> None:
    user = await add(people)
    page = await linking.start(login_hint=user.username)
    assert page.forms[0].fields["username"] == user.username
    assert "E-mail or user name" in page.text
    assert 'type="email"' not in page.answer.text
    page = await linking.browser.press(page, "sign_in", username=user.username, password=PASSWORD)
    given = linking.returned(await linking.browser.press(page, "allow"))
    assert (await linking.client.exchange(given["code"])).status_code == 200


@pytest.mark.spec("security 6.58", "security 6.64")
async def test_recovery_by_user_name_shows_no_address_and_the_same_to_everybody(
    people: People, new_linking: Linkings
) -> None:
    user, nobody = await add(people), new_name()
    seen = []
    for name in (user.username, nobody):
        linking = new_linking()
        page = await linking.browser.press(await linking.start(), "forgot", username=name, password="")
        assert page.forms[0].fields["email"] == name
        page = await linking.browser.press(page, "send", email=name)
        assert "@" not in page.text
        refused = await linking.browser.press(page, "save", code="000001", password=f"{NEW} 7 A")
        seen.append([(one.status, without_chance(one, name)) for one in (page, refused)])
    assert seen[0] == seen[1]
    page = await linking.browser.press(await linking.start(), "forgot", username="", password="")
    page = await linking.browser.press(page, "send", email="no name")
    assert page.status == 422


@pytest.mark.spec("security 6.63", "security 6.64")
@pytest.mark.parametrize("way", ["unlock", "forgot"])
async def test_a_lock_under_the_other_name_has_a_way_past_it_that_everybody_is_told_of(
    people: People, new_linking: Linkings, way: str
) -> None:
    """It looks like a wrong password. A new one is offered from the first page on, and after as many tries as anybody
    has a mail that leads past the lock; a name of nobody sees the same."""
    user, nobody = await add(people), new_address()
    attempts = people.services.settings.sign_in_attempts
    for _ in range(attempts):
        await People(people.server).sign_in(user.username, OTHER)
    seen: list[list[tuple[int, bool]]] = []
    for email in (nobody, user.email):
        linking = new_linking()
        page, shown = await linking.start(), []
        for _ in range(attempts + 1 if way == "unlock" else 1):
            page = await linking.browser.press(page, "sign_in", username=email, password=PASSWORD)
            shown.append((page.status, page.has_button(way)))
        seen.append(shown)
        page = await linking.browser.press(page, way, username=email)
        if way == "forgot":
            page = await linking.browser.press(page, "send", email=email)
        assert page.asks_for("code")
    assert seen[0] == seen[1]
    if way == "unlock":
        assert seen[1] == [(422, False)] * attempts + [(429, True)]
        page = await linking.browser.press(page, "confirm", code=await people.code(user.email))
        page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    else:
        assert seen[1] == [(422, True)]
        page = await linking.browser.press(
            page, "save", code=await people.code(user.email), password="A lantern 7 nobody has lit"
        )
    assert "code" in linking.returned(await linking.browser.press(page, "allow"))


async def test_signing_up_with_a_user_name_leads_back_to_the_linking(people: People, linking: Linking) -> None:
    taken, name, email = await add(people), new_name(), new_address()
    page = await linking.start()
    page = await linking.browser.open(next(link for link in page.links if "/signup" in link))
    page = await linking.browser.press(page, "sign_up", email=email, username=taken.username, password=f"{NEW} 7 A")
    assert page.status == 422
    assert "taken" in page.text
    assert page.forms[0].fields == {"email": email, "username": taken.username, "password": ""}
    page = await linking.browser.press(page, "sign_up", email=email, username="a@b", password=f"{NEW} 7 A")
    assert page.status == 422
    page = await linking.browser.press(page, "sign_up", email=email, username=name, password="kettle")
    assert page.status == 422
    for missing in ("at least 10 characters", "upper-case letter", "a digit"):
        assert missing in page.text
    page = await linking.browser.press(page, "sign_up", email=email, username=name, password=f"{NEW} 7 A")
    page = await linking.browser.press(page, "confirm", code=await people.code(email))
    given = linking.returned(await linking.browser.press(page, "allow"))
    tokens = (await linking.client.exchange(given["code"])).json()
    claims = (await people.server.userinfo(tokens["access_token"])).json()
    assert claims["username"] == name


async def test_a_person_changes_the_user_name_and_is_told_by_mail(people: People, linking: Linking) -> None:
    user, other, name = await add(people), await add(people), new_name().title()
    page = await linking.browser.open(linking.url("/account"))
    page = await linking.browser.press(page, "sign_in", username=user.username, password=PASSWORD)
    assert user.username in page.text
    page = await linking.browser.open(linking.url("/account/security"))
    page = await linking.browser.open(next(link for link in page.links if "/account/username" in link))
    for username, password, says in (
        ("", PASSWORD, "Choose a user name"),
        ("a b", PASSWORD, "letters, digits"),
        (user.sub, PASSWORD, "letters, digits"),
        (other.email, PASSWORD, "letters, digits"),
        (name, "", "Type your password"),
        (name, OTHER, "not your present password"),
        (other.username.upper(), PASSWORD, "taken"),
    ):
        page = await linking.browser.press(page, "save", username=username, password=password)
        assert (page.status, page.forms[0].fields["username"]) == (422, username)
        assert says in page.text
    page = await linking.browser.press(page, "save", username=name, password=PASSWORD)
    assert f"You sign in as {name} from now on." in page.text
    (mail,) = await people.mails(user.email)
    assert name in mail.text


async def test_there_is_no_such_page_where_nobody_signs_in_with_user_names(people: People, linking: Linking) -> None:
    user = await add(people)
    services, app = people.services, people.server.app
    usual = services.settings
    page = await linking.browser.open(linking.url("/account"))
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    services.settings = app.state.settings = usual.model_copy(update={"sign_in_with": "email"})
    try:
        assert (await linking.browser.open(linking.url("/account/username"))).status == 404
        assert "/account/username" not in (await linking.browser.open(linking.url("/account/security"))).answer.text
        login = await Linking(people, linking.client).start()
    finally:
        services.settings = app.state.settings = usual
    assert 'type="email" inputmode="email" autocomplete="username' in login.answer.text
