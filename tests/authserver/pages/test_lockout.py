"""Past an account's lock through the pages: where one has signed in before, and by a mail, also while linking."""

import pytest
from sqlmodel import select

from authserver.accounts import known_devices, lockout, sessions
from authserver.models import Interaction, KnownDevice
from tests.authserver.accounts.people import OTHER, PASSWORD, People, new_address, wrong
from tests.authserver.pages.browsing import Linking, browser_of
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.test_recovery import without_chance
from tests.authserver.pages.test_steps import codes_of, interaction_of, send
from tests.running.reading import Page

NEW = "a lantern nobody has lit before"


async def locked(people: People, email: str) -> None:
    """By a stranger, from many networks; the clock stands still, and so it rests."""
    for _ in range(people.services.settings.sign_in_attempts):
        await People(people.server).sign_in(email, OTHER)


async def refused(linking: Linking, email: str) -> Page:
    page = await linking.browser.press(await linking.start(), "sign_in", username=email, password=PASSWORD)
    assert page.status == 429, page
    return page


async def asked(linking: Linking, email: str) -> Page:
    """From the refusal to the page that asks for the code."""
    return await linking.browser.press(await refused(linking, email), "unlock", username=email)


async def unlocked(people: People, page: Page) -> str | None:
    async with people.services.database.unit() as session:
        return (await session.get_one(Interaction, interaction_of(page))).unlocked


@pytest.mark.spec("security 6.63", "A10")
async def test_a_browser_in_which_one_has_signed_in_is_let_in_whoever_fails_elsewhere(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user = await people.add()
    await linking.signed_in(user.email)
    del linking.browser.client.cookies[sessions.cookie_name(people.services.settings)]
    await locked(people, user.email)
    await refused(new_linking(), user.email)
    page = await linking.signed_in(user.email)
    given = linking.returned(await linking.browser.press(page, "allow"))
    assert (await linking.client.exchange(given["code"])).status_code == 200
    await refused(new_linking(), user.email)


@pytest.mark.spec("security 6.63", "security 6.73", "cognito 9.50")
async def test_the_devices_cookie_is_random_kept_for_long_and_seen_by_no_script(
    people: People, linking: Linking
) -> None:
    user = await people.add()
    page = await linking.start()
    answer = await linking.browser.client.post(
        page.url,
        data=page.forms[0].hidden | {"action": "sign_in", "username": user.email, "password": PASSWORD},
        headers={"origin": people.server.settings.origin},
    )
    (cookie,) = [one for one in answer.headers.get_list("set-cookie") if "_device=" in one]
    name, _, rest = cookie.partition("=")
    value, *attributes = rest.split("; ")
    assert name == "__Host-authserver_device"
    assert {one.lower() for one in attributes} == {
        "httponly", "secure", "path=/", "samesite=lax", f"max-age={400 * 86_400}"
    }  # fmt: skip
    assert len(value) == 43
    async with people.services.database.unit() as session:
        (row,) = (await session.exec(select(KnownDevice).where(KnownDevice.sub == user.sub))).all()
    assert value.encode() not in row.digest


async def test_neither_a_refusal_nor_an_unconfirmed_address_makes_a_device(people: People, linking: Linking) -> None:
    name = known_devices.cookie_name(people.services.settings)
    user = await people.add(email_verified=False)
    await linking.browser.press(await linking.start(), "sign_in", username=user.email, password=OTHER)
    assert name not in linking.browser.client.cookies
    page = await linking.signed_in(user.email)
    assert page.asks_for("code")
    assert name not in linking.browser.client.cookies


@pytest.mark.spec("security 6.63")
async def test_a_new_password_leaves_only_the_browser_that_chose_it_known(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user = await people.add()
    elsewhere = new_linking()
    await elsewhere.signed_in(user.email)
    await linking.signed_in(user.email)
    name = known_devices.cookie_name(people.services.settings)
    before = linking.browser.client.cookies[name]
    page = await linking.browser.open(linking.url("/account/password"))
    await linking.browser.press(page, "save", present_password=PASSWORD, password=NEW)
    assert linking.browser.client.cookies[name] != before
    await locked(people, user.email)
    for browser in (elsewhere.browser, linking.browser):
        del browser.client.cookies[sessions.cookie_name(people.services.settings)]
    page = await elsewhere.browser.press(await elsewhere.start(), "sign_in", username=user.email, password=NEW)
    assert page.status == 429
    page = await linking.browser.press(await linking.start(), "sign_in", username=user.email, password=NEW)
    assert page.has_button("allow")


@pytest.mark.spec("security 6.63", "A06", "alexa 1.3")
@pytest.mark.parametrize("by", ["code", "link"])
async def test_a_mail_leads_past_the_lock_and_back_to_the_linking(people: People, linking: Linking, by: str) -> None:
    user = await people.add()
    await locked(people, user.email)
    page = await asked(linking, user.email)
    if by == "code":
        page = await linking.browser.press(page, "confirm", code=await people.code(user.email))
    else:
        page = await linking.browser.open(await people.link(user.email))
        page = await linking.browser.press(page, "confirm")
    assert page.url == linking.url(f"/login?interaction={interaction_of(page)}")
    assert "need not wait" in page.text
    assert sessions.cookie_name(people.services.settings) not in linking.browser.client.cookies, "signs nobody in"
    assert page.forms[0].fields["username"] == user.email
    page = await linking.browser.press(page, "sign_in", username=user.email, password=OTHER)
    assert page.status == 422
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    given = linking.returned(await linking.browser.press(page, "allow"))
    assert (await linking.client.exchange(given["code"])).status_code == 200


@pytest.mark.spec("security 6.63")
async def test_five_wrong_passwords_later_the_lock_holds_again(people: People, linking: Linking) -> None:
    user = await people.add()
    await locked(people, user.email)
    page = await asked(linking, user.email)
    page = await linking.browser.press(page, "confirm", code=await people.code(user.email))
    for _ in range(lockout.UNLOCKED_TRIES):
        page = await linking.browser.press(page, "sign_in", username=user.email, password=OTHER)
        assert page.status == 422
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert page.status == 429
    assert page.has_button("unlock"), "and another mail may be asked for"


@pytest.mark.spec("security 6.58", "security 6.63")
async def test_known_and_unknown_names_see_the_same_pages(people: People, new_linking: Linkings) -> None:
    seen = []
    known, unknown = new_address(), new_address()
    await people.add(email=known, email_canonical=known)
    for email in (known, unknown):
        linking = new_linking()
        await locked(people, email)
        start = await refused(linking, email)
        page = await linking.browser.press(start, "unlock", username=email)
        failed = await linking.browser.press(page, "confirm", code="000001")
        again = await linking.browser.press(page, "resend")
        seen.append([(one.status, without_chance(one, email)) for one in (start, page, failed, again)])
    assert seen[0] == seen[1]


async def test_the_mail_is_offered_only_while_an_account_rests(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.start()
    assert not page.has_button("unlock")
    page = await linking.browser.press(page, "sign_in", username=user.email, password=OTHER)
    assert (page.status, page.has_button("unlock")) == (422, False)
    crowded = People(people.server)
    await crowded.use_up_network()
    linking = Linking(crowded, linking.client)
    page = await linking.start()
    page = await linking.browser.press(page, "sign_in", username=user.email, password=OTHER)
    assert (page.status, page.has_button("unlock")) == (429, False), "a network's limit is another thing"


STEPS: dict[str, dict[str, str]] = {
    "nothing": {},
    "a code that was never sent": {"action": "confirm", "code": "123456"},
    "an empty code": {"action": "confirm", "code": ""},
    "a new mail for nobody": {"action": "resend"},
    "a mail without a name": {"action": "unlock"},
    "a mail for an empty name": {"action": "unlock", "username": "  "},
}


@pytest.mark.spec("security 6.48")
@pytest.mark.parametrize("step", STEPS)
async def test_a_step_out_of_its_order_leads_back_to_sign_in(people: People, linking: Linking, step: str) -> None:
    page = await linking.start()
    query = f"?interaction={interaction_of(page)}"
    assert (await linking.browser.open(linking.url(f"/unlock{query}"))).asks_for("username", "password")
    sent = await send(linking, f"/unlock{query}", page, **STEPS[step])
    assert (sent.status, sent.left_to) == (303, linking.url(f"/login{query}"))
    assert await unlocked(people, page) is None


@pytest.mark.spec("security 6.48", "security 6.45")
async def test_neither_another_browser_nor_another_linking_uses_the_code(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user = await people.add()
    await locked(people, user.email)
    page = await asked(linking, user.email)
    code, other = await people.code(user.email), new_linking()
    start = await other.start()
    fields = {"action": "confirm", "code": code, "username": user.email}
    sent = await send(other, f"/unlock?interaction={interaction_of(page)}", start, **fields)
    assert sent.status == 400
    sent = await send(other, f"/unlock?interaction={interaction_of(start)}", start, **fields)
    assert sent.status == 303
    assert await unlocked(people, start) is None
    sent = await send(linking, f"/unlock?interaction={interaction_of(page)}", page, **fields | {"csrf_token": "x"})
    assert sent.status == 403
    assert await unlocked(people, page) is None
    page = await linking.browser.press(page, "confirm", code=wrong(code))
    assert page.status == 422
    await linking.browser.press(page, "confirm", code=code)
    assert await unlocked(people, page) == user.email
    assert await codes_of(people, linking.client) == 0


async def test_a_mail_just_sent_is_not_sent_again_and_the_page_says_when(people: People, linking: Linking) -> None:
    user = await people.add()
    await locked(people, user.email)
    page = await asked(linking, user.email)
    again = await linking.browser.press(page, "resend")
    assert (again.status, again.answer.headers["retry-after"]) == (429, "30")
    assert again.asks_for("code")
    page = await asked(linking, user.email)
    assert page.status == 429
    assert len(await people.mails(user.email)) == 1


@pytest.mark.spec("security 6.63")
async def test_who_is_signed_in_changes_their_password_whoever_fails_elsewhere(
    people: People, linking: Linking
) -> None:
    user = await people.add()
    await linking.signed_in(user.email)
    await locked(people, user.email)
    page = await linking.browser.open(linking.url("/account/password"))
    page = await linking.browser.press(page, "save", present_password=PASSWORD, password=NEW)
    assert page.url == linking.url("/account/security?done=password")


async def test_a_cookie_of_the_device_alone_signs_nobody_in(people: People, linking: Linking) -> None:
    user = await people.add()
    await linking.signed_in(user.email)
    name = known_devices.cookie_name(people.services.settings)
    browser = browser_of(people)
    browser.client.cookies.set(name, linking.browser.client.cookies[name], domain="auth.example.test", path="/")
    page = await browser.open(linking.url("/account"))
    assert page.asks_for("username", "password")
