"""Profile, activity, places and the download, as a person with a browser sees them."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from authserver.accounts import activity
from authserver.accounts.activity import Kind
from authserver.accounts.places import Places
from authserver.models import Activity, User
from authserver.pages import texts
from authserver.pages.account.activity import MOST
from tests.authserver.accounts.people import PASSWORD, People
from tests.authserver.pages.browsing import Linking, sign_up
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.test_account import FIREFOX, NEW, at_home, cookie_of, exists, lives
from tests.authserver.pages.test_recovery import password_holds
from tests.authserver.pages.test_steps import send
from tests.running.reading import Page
from tests.vectors import mmdb


async def attributes_of(people: People, user: User) -> dict[str, object]:
    async with people.services.database.unit() as session:
        return (await session.get_one(User, user.sub)).attributes


async def kinds_of(people: People, email: str) -> list[tuple[str, dict[str, object]]]:
    """Oldest first; within one second by name."""
    async with people.services.database.unit() as session:
        user = (await session.exec(select(User).where(User.email == email))).one()
        found = (await session.exec(select(Activity).where(Activity.sub == user.sub))).all()
    return [(one.kind, one.details) for one in sorted(found, key=lambda one: (one.at, one.kind))]


async def test_a_person_says_their_name_and_takes_it_back(people: People, linking: Linking) -> None:
    user = await people.add(attributes={"custom:lamp": "7"})
    page = await at_home(linking, user, "/account/profile")
    assert not page.asks_for("given_name")
    page = await linking.browser.press(page, "save", name=" Ada <b>Lovelace", zoneinfo="Europe/London")
    assert page.url == linking.url("/account/profile?done=saved")
    assert "It is saved." in page.text
    assert "<b>Lovelace" not in page.answer.text
    assert await attributes_of(people, user) == {
        "name": "Ada <b>Lovelace",
        "zoneinfo": "Europe/London",
        "custom:lamp": "7",
    }
    assert "Profile Ada <b>Lovelace" in (await linking.browser.open(linking.url("/account"))).text
    await linking.browser.press(page, "save", name="", zoneinfo="")
    assert await attributes_of(people, user) == {"custom:lamp": "7"}


async def test_mistakes_in_the_profile_stand_beside_their_field(people: People, linking: Linking) -> None:
    user = await people.add(attributes={"name": "Ada", "family_name": "L"})
    page = await at_home(linking, user, "/account/profile")
    assert page.asks_for("given_name", "family_name")
    page = await linking.browser.press(page, "save", name="A" * 129, family_name="\u202e", zoneinfo="Mars/Base")
    assert page.status == 422
    assert page.answer.text.count('role="alert"') == 3
    assert next(page.forms_with("name")).fields["name"] == "A" * 129
    assert await attributes_of(people, user) == {"name": "Ada", "family_name": "L"}


@pytest.mark.spec("security 6.66")
async def test_a_form_with_more_fields_writes_no_more(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await at_home(linking, user, "/account/profile")
    extra = {"sub": "x", "client_id": "x", "scope": "x", "email": "x@example.org", "locale": "xx", "username": "x"}
    await send(linking, "/account/profile", page, action="save", name="Ada", **extra)
    await send(linking, "/account/profile", page, name="without its button")
    assert await attributes_of(people, user) == {"name": "Ada"}


async def test_what_a_person_does_is_noted_where_it_happened(people: People, linking: Linking) -> None:
    """From the first sign-up in the middle of a linking to a forgotten password."""
    browser = linking.browser
    browser.client.headers["user-agent"] = FIREFOX
    email, page = await sign_up(linking, await linking.start())
    page = await browser.press(page, "confirm", code=await people.code(email))
    people.clock.advance(1)
    await browser.press(page, "allow")
    people.clock.advance(1)
    async with people.services.database.unit() as session:
        user = (await session.exec(select(User).where(User.email == email))).one()
    await linking.client.linked(user)
    page = await browser.open(linking.url("/account/applications"))
    page = await browser.open(next(one for one in page.links if "unlink?link=" in one))
    for _ in range(2):
        await send(linking, "/account/applications/unlink", page, link=page.url.partition("=")[2], action="unlink")
    people.clock.advance(1)
    page = await browser.open(linking.url("/account/password"))
    await browser.press(page, "save", present_password=PASSWORD, password=NEW)
    people.clock.advance(1)
    page = await browser.press(await browser.open(linking.url("/account/email")), "ask", email=f"new.{email}")
    people.clock.advance(1)
    page = await browser.press(page, "confirm", code=await people.code(f"new.{email}"))
    people.clock.advance(60)
    page = await browser.press(await browser.open(linking.url("/account")), "sign_out")
    page = await browser.press(await browser.open(linking.url("/forgotPassword")), "send", email=f"new.{email}")
    page = await browser.press(page, "save", code=await people.code(f"new.{email}"), password=PASSWORD)
    application = {"application": "Lamps <b>&</b> Co"}
    noted = await kinds_of(people, f"new.{email}")
    assert [one for one in noted if one[0] != "signed_in"] == [
        ("signed_up", {}),
        ("linked", application),
        ("unlinked", application),
        ("password_changed", {}),
        ("email_changed", {"old": email, "new": f"new.{email}"}),
        ("password_reset", {}),
    ]
    assert ("signed_in", {"amr": ["pwd"]}) in noted
    page = await browser.open(linking.url("/account/activity"))
    for words in (
        "Account created",
        "Lamps <b>&</b> Co linked",
        "Lamps <b>&</b> Co unlinked",
        "Password changed",
        f"E-mail address changed to new.{email}",
        "Forgotten password replaced",
        f"Firefox on Linux · {people.network}",
    ):
        assert words in page.text, words
    assert "<b>&</b>" not in page.answer.text


async def test_signing_out_devices_is_noted_once_for_what_ended(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user = await people.add()
    await at_home(new_linking(), user)
    page = await at_home(linking, user, "/account/devices")
    await asyncio.gather(*(send(linking, "/account/devices", page, action="end_others") for _ in range(3)))
    assert [kind for kind, _ in await kinds_of(people, user.email)].count("signed_out_devices") == 1


async def test_activity_is_shown_by_day_newest_first_and_page_by_page(people: People, linking: Linking) -> None:
    user, now = await people.add(), people.clock()
    async with people.services.database.unit() as session:
        for number in range(2 * MOST + 3):
            at = now - 100 - (number // 2) * 7200  # two in each second
            name = f"Key {number:03d}"
            await activity.note(session, user.sub, Kind.PASSKEY_ADDED, at, None, name=name)
    page = await at_home(linking, user, "/account/activity")
    seen: list[str] = []
    for number in range(3):
        assert page.text.count("Passkey added") + page.text.count("Signed in ") <= MOST
        seen += [word.split(" ")[0] for word in page.text.split("Passkey added: Key ")[1:]]
        earlier = [one for one in page.links if "?after=" in one]
        assert len(earlier) == (1 if number < 2 else 0)
        if earlier:
            page = await linking.browser.open(earlier[0])
    assert sorted(seen) == [f"{number:03d}" for number in range(2 * MOST + 3)], "none twice, none lost"
    assert [int(one) // 2 for one in seen] == sorted(int(one) // 2 for one in seen), "newest first"
    assert "Done by the operator" in page.text
    first = await linking.browser.open(linking.url("/account/activity"))
    assert texts.day(now) in first.text


async def test_no_activity_of_somebody_else_is_reached_by_an_id(people: People, linking: Linking) -> None:
    user, somebody, now = await people.add(), await people.add(), people.clock()
    async with people.services.database.unit() as session:
        for number in range(3):
            await activity.note(session, somebody.sub, Kind.PASSKEY_ADDED, now - number, None, name="theirs")
        theirs = (await session.exec(select(Activity.activity_id).where(Activity.sub == somebody.sub))).all()
    page = await at_home(linking, user, "/account/activity")
    for after in (theirs[0], "", "x" * 40, "%00", "%F0%9F%92%A1", "'"):
        again = await linking.browser.open(linking.url(f"/account/activity?after={after}"))
        assert again.status == 200
        assert "theirs" not in again.text
        assert "Signed in" in again.text
    assert "Signed in" in page.text


def test_every_kind_of_event_has_words() -> None:
    for kind in Kind:
        details = {"application": "Lamps", "name": "Phone", "new": "a@example.org"}
        words = texts.event(Activity(kind=kind, details=details))
        assert words
        assert "{" not in words
        assert texts.event(Activity(kind=kind, details={}))


@pytest.fixture
def known_places(people: People, tmp_path: Path) -> Iterator[None]:
    """This test's network is in Berlin."""
    path = tmp_path / "places.mmdb"
    names = {"city": {"names": {"en": "Berlin <i>"}}, "country": {"names": {"en": "Germany"}}}
    mmdb.write(path, {f"{people.network}/32": names})
    usual, people.services.places = people.services.places, Places(str(path))
    yield
    people.services.places = usual


@pytest.mark.usefixtures("known_places")
async def test_where_a_device_is_stands_with_its_address(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await at_home(linking, user, "/account/devices")
    assert f"Berlin <i>, Germany · {people.network}" in page.text
    assert "<i>" not in page.answer.text
    page = await linking.browser.open(linking.url("/account/activity"))
    assert f"Berlin <i>, Germany · {people.network}" in page.text


@pytest.mark.spec("security 6.49")
async def test_the_download_is_a_file_that_nobody_keeps_on_the_way(people: People, linking: Linking) -> None:
    user = await people.add(attributes={"name": "Ada"})
    await linking.client.linked(user)
    page = await at_home(linking, user, "/account/data")
    answer = (await send(linking, "/account/data", page, action="download")).answer
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="account.json"'
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    told = json.loads(answer.content)
    assert told["account"]["email"] == user.email
    assert told["linked_applications"][0]["application"] == "Lamps <b>&</b> Co"
    assert str(user.password_hash) not in answer.text


@pytest.mark.spec("security 6.45")
async def test_the_download_asks_for_a_fresh_sign_in_and_for_its_own_form(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user = await people.add()
    page = await at_home(linking, user, "/account/data")
    origin = {"origin": people.server.settings.origin}
    bare = await linking.browser.client.post(linking.url("/account/data"), data={"action": "download"}, headers=origin)
    assert bare.status_code == 403
    assert (await send(linking, "/account/data", page)).status == 303
    assert (await linking.browser.open(linking.url("/account/data?action=download"))).status == 200
    people.clock.advance(people.services.settings.fresh_sign_in)
    stale = await send(linking, "/account/data", page, action="download")
    assert "/login?" in str(stale.left_to)
    page = await linking.browser.press(await linking.browser.open(str(stale.left_to)), "sign_in", password=PASSWORD)
    assert page.url == linking.url("/account/data")
    assert (await send(linking, "/account/data", page, action="download")).status == 200


async def without_password(linking: Linking, user: User, path: str) -> Page:
    """Signed in afresh by other means than a password."""
    people = linking.people
    await at_home(linking, user, path)
    await people.server.change(user, password_hash=None)
    return await linking.browser.open(linking.url(path))


async def test_who_has_no_password_sets_one_after_a_fresh_sign_in(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await without_password(linking, user, "/account/password")
    assert "Set a password" in page.text
    assert page.asks_for("password")
    assert not page.asks_for("present_password")
    weak = await linking.browser.press(page, "save", password="short")
    assert (weak.status, 'id="password-error"' in weak.answer.text) == (422, True)
    people.clock.advance(people.services.settings.fresh_sign_in)
    stale = await send(linking, "/account/password", page, password=NEW)
    assert "/login?" in str(stale.left_to)
    people.clock.now -= people.services.settings.fresh_sign_in
    done = await linking.browser.press(page, "save", password=NEW)
    assert done.url == linking.url("/account/security?done=password")
    assert await password_holds(people, user, NEW)
    page = await linking.browser.open(linking.url("/account/password"))
    again = await send(linking, "/account/password", page, password=PASSWORD)
    assert again.status == 422, "now there is one, and it is asked for"
    assert await password_holds(people, user, NEW)


async def test_who_has_no_password_deletes_the_account_after_a_fresh_sign_in(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await without_password(linking, user, "/account/delete")
    assert not page.asks_for("password")
    people.clock.advance(people.services.settings.fresh_sign_in)
    stale = await send(linking, "/account/delete", page, action="delete")
    assert "/login?" in str(stale.left_to)
    assert await exists(people, user)
    people.clock.now -= people.services.settings.fresh_sign_in
    page = await linking.browser.press(page, "delete")
    assert page.url == linking.url("/account/deleted")
    assert not await exists(people, user)


@pytest.mark.parametrize("path", ["password", "delete"])
async def test_who_has_a_password_never_gets_by_without_it(people: People, linking: Linking, path: str) -> None:
    """However fresh the sign-in is."""
    user = await people.add()
    page = await at_home(linking, user, f"/account/{path}")
    answer = await send(linking, f"/account/{path}", page, action="delete", password=NEW if path == "password" else "")
    assert answer.status == 422
    assert await password_holds(people, user, PASSWORD)
    assert await lives(linking, cookie_of(linking))


async def test_the_way_out_of_trouble_names_each_step_with_its_page(people: People, linking: Linking) -> None:
    page = await at_home(linking, await people.add(), "/account/not-me")
    for path in ("password", "security", "applications", "activity"):
        assert (await linking.browser.open(linking.url(f"/account/{path}"))).status == 200
        assert linking.url(f"/account/{path}") in page.links


async def test_a_sign_in_that_asks_nothing_of_the_person_links_nothing_in_the_activity(
    people: People, linking: Linking
) -> None:
    """Each of them would push what matters off the page."""
    user = await people.add()
    client = await people.server.add_client("confidential", first_party=True)
    await at_home(linking, user)
    for prompt in (None, "none", "none"):
        asked = client.authorization(prompt=prompt, scope="openid")
        answer = await linking.browser.client.get(linking.url("/oauth2/authorize"), params=asked)
        assert "code=" in answer.headers["location"]
    assert [kind for kind, _ in await kinds_of(people, user.email)].count("linked") == 0
