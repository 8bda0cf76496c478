"""A second factor is set up: by whoever must have one in the middle of a sign-in, and at the account."""

import asyncio

import pytest

from authserver.models import User
from tests.authserver.accounts.factors import (
    App,
    account_of,
    codes_left,
    mail_code,
    sessions_of,
    totp_of,
    with_app,
)
from tests.authserver.accounts.people import PASSWORD, People, wrong
from tests.authserver.pages.browsing import Linking, sign_up
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.second_step import (
    NEW,
    PATH,
    asks,
    codes_on,
    finished,
    go_on,
    nothing_happened,
    other_way,
    remembering,
    secret_on,
    set_up_app,
    settings,
    verify,
)
from tests.authserver.pages.test_account import at_home
from tests.authserver.pages.test_steps import interaction_of, send
from tests.running.reading import Page


@pytest.mark.spec("A06", "cognito 9.45")
@pytest.mark.parametrize("way", ["totp", "email"])
async def test_who_must_have_a_factor_sets_one_up_in_the_middle_of_a_linking(
    people: People, linking: Linking, new_linking: Linkings, way: str
) -> None:
    user = await people.add()
    with settings(people, second_factor="required"):
        page = await linking.signed_in(user.email)
        assert "Set up two-step sign-in" in page.text
        await nothing_happened(linking, user)
        if way == "totp":
            _, page = await set_up_app(linking, page)
        else:
            page = await linking.browser.press(page, "send")
            refused = await linking.browser.press(page, "set_up", code=wrong(await mail_code(people, user.email)))
            assert refused.status == 422
            page = await linking.browser.press(page, "set_up", code=await mail_code(people, user.email))
        codes = codes_on(page)
        assert len(codes) == 10
        assert page.answer.headers["cache-control"] == "no-store"
        claims = await finished(linking, await go_on(linking, page))
        assert claims["acr"] == {"totp": "loa:4", "email": "loa:3"}[way]
        again = new_linking()
        page = await other_way(again, await again.signed_in(user.email), "recovery")
        assert (await verify(again, page, codes[0])).has_button("allow")


async def test_a_sign_up_under_the_policy_leads_through_setting_one_up(people: People, linking: Linking) -> None:
    with settings(people, second_factor="required"):
        email, page = await sign_up(linking, await linking.start())
        page = await linking.browser.press(page, "confirm", code=await people.code(email))
        _, page = await set_up_app(linking, page)
        assert (await finished(linking, await go_on(linking, page)))["acr"] == "loa:4"


@pytest.mark.spec("security 6.67")
async def test_an_address_is_confirmed_and_a_password_chosen_before_a_factor_is_set_up(
    people: People, linking: Linking
) -> None:
    user = await people.add(email_verified=False)
    with settings(people, second_factor="required"):
        page = await linking.signed_in(user.email)
        page = await linking.browser.press(page, "confirm", code=await people.code(user.email))
        page = await linking.browser.press(page, "save", password=NEW)
        _, page = await set_up_app(linking, page)
        assert (await finished(linking, await go_on(linking, page)))["acr"] == "loa:4"


@pytest.mark.spec("CVE-2026-49448")
async def test_setting_up_cannot_be_skipped_and_a_secret_without_a_code_counts_for_nothing(
    people: People, linking: Linking
) -> None:
    user = await people.add()
    with settings(people, second_factor="required"):
        page = await linking.signed_in(user.email)
        query = f"?interaction={interaction_of(page)}"
        shown = await linking.browser.open(linking.url(f"{PATH}{query}&set_up=totp"))
        first = secret_on(shown)
        for fields in (
            {},
            {"action": "set_up"},
            {"action": "set_up", "method": "totp"},
            {"action": "set_up", "method": "totp", "code": ""},
            {"action": "set_up", "method": "recovery", "code": "0123-4567-89AB-CDEF"},
            {"action": "set_up", "method": "email", "code": "123456"},
            {"action": "verify", "method": "totp", "code": App(people, first).code(5)},
        ):
            sent = await send(linking, PATH + query, page, **fields)
            assert sent.status in (303, 422), fields
            assert "set-cookie" not in sent.answer.headers, fields
        again = await linking.browser.open(linking.url(f"{PATH}{query}&set_up=totp"))
        assert secret_on(again) == first, "a phone that loads the page again after a look at the app"
        refused = await linking.browser.press(again, "set_up", code=App(people, first).wrong())
        assert refused.status == 422
        assert secret_on(refused) == first
        await nothing_happened(linking, user)


@pytest.mark.spec("security 6.48", "CVE-2026-49448")
async def test_whoever_knows_the_password_slips_no_secret_of_theirs_into_somebody_elses_set_up(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user, stranger = await people.add(), new_linking()
    with settings(people, second_factor="required"):
        page = await linking.signed_in(user.email)
        query = f"?interaction={interaction_of(page)}&set_up=totp"
        shown = await linking.browser.open(linking.url(PATH + query))
        theirs = f"?interaction={interaction_of(await stranger.signed_in(user.email))}&set_up=totp"
        known = secret_on(await stranger.browser.open(stranger.url(PATH + theirs)))
        assert known != secret_on(shown)
        refused = await linking.browser.press(shown, "set_up", code=App(people, known).code())
        assert refused.status == 422
        own = secret_on(refused)
        assert own not in (known, secret_on(shown))
        late = await stranger.browser.open(stranger.url(PATH + theirs))
        assert secret_on(late) != own
        again = await linking.browser.open(linking.url(PATH + query))
        page = await linking.browser.press(again, "set_up", code=App(people, secret_on(again)).code())
        assert len(codes_on(page)) == 10
        await finished(linking, await go_on(linking, page))
        assert secret_on(again) not in (known, secret_on(late))


async def test_twenty_set_ups_at_once_make_one_session_and_one_set_of_codes(people: People, linking: Linking) -> None:
    user = await people.add()
    with settings(people, second_factor="required"):
        page = await linking.signed_in(user.email)
        query = f"?interaction={interaction_of(page)}"
        shown = await linking.browser.open(linking.url(f"{PATH}{query}&set_up=totp"))
        code = App(people, secret_on(shown)).code()
        answers = await asyncio.gather(
            *(send(linking, PATH + query, shown, action="set_up", method="totp", code=code) for _ in range(20))
        )
    assert [len(codes_on(answer)) for answer in answers].count(10) == 1
    assert {answer.status for answer in answers} <= {200, 303, 422}
    assert len(await sessions_of(people, user)) == 1
    assert await codes_left(people, user) == 10


HOME = "/account/second-factor"


async def test_an_app_is_added_asked_for_and_removed_at_the_account(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await at_home(linking, user)
    page = await linking.browser.open(linking.url(HOME))
    app, page = await set_up_app(linking, page)
    codes = codes_on(page)
    assert len(codes) == 10
    page = await go_on(linking, page)
    assert asks(page, "totp"), "the session from before has not proved it"
    assert (await verify(linking, page, app.code())).status == 422, "the code that set it up"
    page = await verify(linking, page, app.next_code())
    assert page.url == linking.url(HOME)
    assert "10 codes are left." in page.text
    page = await linking.browser.press(page, "new_codes")
    assert len(set(codes_on(page)) - set(codes)) == 10
    page = await linking.browser.press(await go_on(linking, page), "remove")
    assert "It is removed." in page.text
    assert await totp_of(people, user) is None
    assert await codes_left(people, user) == 0


async def test_a_code_by_mail_is_added_at_the_account(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.browser.press(await at_home(linking, user, HOME), "send")
    assert (await linking.browser.press(page, "set_up", code=wrong(await mail_code(people, user.email)))).status == 422
    page = await linking.browser.press(page, "set_up", code=await mail_code(people, user.email))
    assert len(codes_on(page)) == 10
    assert (await account_of(people, user)).email_code_factor_since == people.clock()


@pytest.mark.spec("security 6.47")
async def test_who_signed_in_long_ago_signs_in_again_with_both(people: People, linking: Linking) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    page = await linking.browser.open(linking.url(HOME))
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    page = await verify(linking, page, app.code())
    assert page.url == linking.url(HOME)
    people.clock.advance(people.server.settings.fresh_sign_in)
    late = await send(linking, HOME, page, action="remove", method="totp")
    assert "/login?" in str(late.left_to)
    assert await totp_of(people, user) is not None
    page = await linking.browser.open(str(late.left_to))
    assert page.asks_for("username", "password")
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    page = await verify(linking, page, app.code())
    assert page.url == linking.url(HOME)


@pytest.mark.spec("security 6.47", "security 6.59")
async def test_a_new_password_in_an_old_session_is_no_fresh_sign_in_of_whoever_has_a_second_factor(
    people: People, linking: Linking
) -> None:
    """Else an old session and the password would remove the app."""
    user = await people.add()
    app, _ = await with_app(people, user)
    page = await linking.browser.open(linking.url(HOME))
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert (await verify(linking, page, app.code())).url == linking.url(HOME)
    [before] = await sessions_of(people, user)
    people.clock.advance(people.server.settings.fresh_sign_in)
    page = await linking.browser.open(linking.url("/account/password"))
    page = await linking.browser.press(page, "save", present_password=PASSWORD, password=NEW)
    assert "Your new password holds." in page.text
    [after] = await sessions_of(people, user)
    assert (after.signed_in_at, after.expires_at) == (before.signed_in_at, before.expires_at)
    page = await linking.browser.open(linking.url(HOME))
    page = await linking.browser.press(page, "sign_in", username=user.email, password=NEW)
    assert asks(page, "totp")


async def test_a_new_password_is_a_fresh_sign_in_of_whoever_has_no_more(people: People, linking: Linking) -> None:
    user = await people.add()
    await at_home(linking, user)
    people.clock.advance(people.server.settings.fresh_sign_in)
    page = await linking.browser.open(linking.url("/account/password"))
    await linking.browser.press(page, "save", present_password=PASSWORD, password=NEW)
    assert (await linking.browser.open(linking.url(HOME))).url == linking.url(HOME)


async def remembered(linking: Linking, user: User, app: App) -> Page:
    """The account page in a browser that is remembered, after a sign-in by the password alone."""
    await remembering(linking, user, app)
    page = await linking.browser.open(linking.url("/account"))
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert page.url == linking.url("/account")
    return page


async def test_a_remembered_browser_changes_nothing_without_the_second_factor(people: People, linking: Linking) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    with settings(people, remember_device_days=7):
        page = await remembered(linking, user, app)
        sent = await send(linking, HOME, page, action="remove", method="totp")
        assert await totp_of(people, user) is not None
        page = await linking.browser.open(str(sent.left_to))
        assert asks(page, "totp")
        assert (await verify(linking, page, app.code())).url == linking.url(HOME)


async def test_a_remembered_browser_deletes_no_account_without_the_second_factor(
    people: People, linking: Linking
) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    with settings(people, remember_device_days=7):
        page = await remembered(linking, user, app)
        sent = await send(linking, "/account/delete", page, action="delete", password=PASSWORD)
        page = await linking.browser.open(str(sent.left_to))
        assert asks(page, "totp")
        page = await verify(linking, page, app.code())
        assert page.url == linking.url("/account/delete")
        page = await linking.browser.press(page, "delete", password=PASSWORD)
        assert page.url == linking.url("/account/deleted")


async def test_the_last_one_is_not_removed_where_one_is_required_and_the_page_says_why(
    people: People, linking: Linking
) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    with settings(people, second_factor="required"):
        page = await linking.browser.open(linking.url(HOME))
        page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
        page = await verify(linking, page, app.code())
        page = await linking.browser.press(page, "remove")
    assert page.status == 409
    assert "A second step is needed here." in page.text
    assert await totp_of(people, user) is not None


@pytest.mark.spec("security 6.59", "alexa 0")
async def test_who_is_signed_in_when_a_factor_becomes_required_signs_in_again_and_stays_linked(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    """At the next page of the account and the next request of an application, with all that this asks for."""
    user = await people.add()
    elsewhere = new_linking()
    tokens = await linking.client.linked(user)
    for browser in (linking, elsewhere):
        await at_home(browser, user)
    device = await linking.browser.open(linking.url("/account/devices"))
    with settings(people, second_factor="required"):
        assert elsewhere.returned(await elsewhere.start(prompt="none"))["error"] == "login_required"
        assert (await elsewhere.start()).asks_for("username", "password")
        sent = await send(linking, "/account/devices", device, action="end_others")
        assert "/login?" in str(sent.left_to)
        assert len(await sessions_of(people, user)) == 2, "nothing was done"
        page = await linking.browser.open(linking.url(HOME))
        page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
        assert "Set up two-step sign-in" in page.text
        _, page = await set_up_app(linking, page)
        assert (await go_on(linking, page)).url == linking.url(HOME)
        assert (await linking.browser.open(linking.url("/account"))).url == linking.url("/account")
        assert (await linking.start()).has_button("allow")
        assert (await linking.client.refresh(tokens["refresh_token"])).status_code == 200
    assert (await elsewhere.browser.open(elsewhere.url("/account"))).url == elsewhere.url("/account")


async def test_a_remembered_browser_stays_signed_in_where_a_factor_is_required_for_as_long_as_it_is_remembered(
    people: People, linking: Linking
) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    with settings(people, second_factor="required", remember_device_days=7):
        await remembering(linking, user, app)
        await at_home(linking, user)
        assert [one.amr for one in await sessions_of(people, user) if one.signed_in_at == people.clock()] == [["pwd"]]
        assert (await linking.browser.open(linking.url("/account/devices"))).url == linking.url("/account/devices")
        people.services.settings = people.services.settings.model_copy(update={"remember_device_days": 0})
        page = await linking.browser.open(linking.url("/account"))
        page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
        assert asks(page, "totp")


async def test_an_address_is_confirmed_before_a_factor_is_demanded_of_a_session(
    people: People, linking: Linking
) -> None:
    user = await people.add(email_verified=False)
    page = await linking.signed_in(user.email)
    with settings(people, second_factor="required"):
        assert (await linking.browser.open(page.url)).asks_for("code")


@pytest.mark.spec("security 6.45", "security 6.73")
async def test_forms_of_the_account_that_are_not_of_this_session_do_nothing(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user, elsewhere = await people.add(), new_linking()
    foreign = await at_home(elsewhere, user)
    await at_home(linking, user, HOME)
    for fields in ({"action": "send"}, {"action": "set_up", "method": "totp", "code": "123456"}, {"action": "remove"}):
        assert (await send(linking, HOME, foreign, **fields)).status == 403
    for fields in ({}, {"action": "remove"}, {"action": "new_codes"}, {"action": "set_up"}, {"action": "x"}):
        page = await linking.browser.open(linking.url(HOME))
        sent = await send(linking, HOME, page, **({"method": "totp"} | fields))
        assert sent.status in (303, 422)
    assert await totp_of(people, user) is None
    assert await people.mails(user.email) == []
