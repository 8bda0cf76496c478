"""Applications ask for more than a session has proved (docs/adr/0017)."""

import pytest

from authserver.accounts import administration, sessions
from tests.authserver.accounts.factors import (
    codes_left,
    mail_code,
    sessions_of,
    with_app,
    with_mail_code,
)
from tests.authserver.accounts.people import PASSWORD, People
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.second_step import (
    PATH,
    asks,
    finished,
    relying_party,
    remembering,
    settings,
    verify,
)
from tests.authserver.pages.test_account import cookie_of, lives
from tests.authserver.pages.test_steps import interaction_of, send
from tests.authserver.protocol.harness import claims_of


@pytest.mark.spec("RFC 9470 §5", "OpenID Connect Core §3.1.2.1", "security 6.47", "GHSA-hp74-gm6m-2qm5")
async def test_a_session_of_a_password_is_asked_for_the_app_when_a_client_wants_it(people: People) -> None:
    """However fresh it is; the session is then another one, and tells of the moment of the second step."""
    user = await people.add()
    linking = Linking(people, await relying_party(people))
    assert "code" in linking.returned(await linking.signed_in(user.email))
    app, _ = await with_app(people, user)
    before, name = cookie_of(linking), sessions.cookie_name(people.server.settings)
    page = await linking.start(acr_values="loa:4", max_age="100000")
    assert asks(page, "totp")
    assert "Confirm that it is you" in page.text
    assert linking.browser.client.cookies[name] == before
    given = linking.returned(await verify(linking, page, app.code()))
    tokens = (await linking.client.exchange(given["code"])).json()
    for token in (tokens["access_token"], tokens["id_token"]):
        claims = claims_of(token)
        assert (claims["acr"], claims["amr"]) == ("loa:4", ["pwd", "otp", "mfa"])
        assert claims["auth_time"] == people.clock()
    assert not await lives(linking, before)
    assert await lives(linking, cookie_of(linking))
    refreshed = claims_of((await linking.client.refresh(tokens["refresh_token"])).json()["access_token"])
    assert (refreshed["acr"], refreshed["amr"]) == ("loa:4", ["pwd", "otp", "mfa"])
    assert "code" in linking.returned(await linking.start(acr_values="loa:4", prompt="none"))


@pytest.mark.spec("RFC 9470 §5", "OpenID Connect Core §3.1.2.6", "oidcc acr-values")
async def test_what_a_person_cannot_reach_is_told_to_the_client(people: People) -> None:
    user = await people.add()
    linking = Linking(people, await relying_party(people))
    page = await linking.start(acr_values="loa:4")
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    given = linking.returned(page)
    assert given["error"] == "unmet_authentication_requirements"
    assert "code" not in given
    assert linking.returned(await linking.start(acr_values="loa:4"))["error"] == "unmet_authentication_requirements"
    assert linking.returned(await linking.start(acr_values="loa:4", prompt="none"))["error"] == "interaction_required"
    for asked, acr in (("loa:4 loa:1", "loa:1"), ("1 2", "loa:1"), ("", "loa:1")):
        given = linking.returned(await linking.start(acr_values=asked))
        claims = claims_of((await linking.client.exchange(given["code"])).json()["id_token"])
        assert claims["acr"] == acr


@pytest.mark.spec("OpenID Connect Core §3.1.2.6")
async def test_without_a_session_prompt_none_says_login_required_whatever_is_wanted(people: People) -> None:
    linking = Linking(people, await relying_party(people))
    assert linking.returned(await linking.start(acr_values="loa:4", prompt="none"))["error"] == "login_required"


async def test_only_what_leads_there_is_offered(people: People) -> None:
    user = await people.add()
    linking = Linking(people, await relying_party(people))
    linking.returned(await linking.signed_in(user.email))
    app, codes = await with_app(people, user)
    await with_mail_code(people, user)
    page = await linking.start(acr_values="loa:4")
    assert not any("with=" in link for link in page.links)
    assert not page.has_button("send")
    query = f"?interaction={interaction_of(page)}"
    for fields in ({"method": "recovery", "code": codes[0]}, {"method": "email", "code": "123456"}):
        sent = await send(linking, PATH + query, page, **fields)
        assert sent.left_to == linking.url(PATH + query)
    assert await codes_left(people, user) == 10
    page = await linking.start(acr_values="loa:3")
    assert [link.rpartition("with=")[2] for link in page.links if "with=" in link] == ["recovery"]
    assert page.has_button("send"), "a code by mail"
    assert "code" in linking.returned(await verify(linking, page, app.code()))


@pytest.mark.spec("alexa 0")
@pytest.mark.parametrize(
    "more", [{"acr_values": "loa:4"}, {"claims": '{"id_token": {"sub": {"value": "somebody-else"}}}'}]
)
async def test_a_link_tampered_with_stops_no_alexa_linking(
    people: People, linking: Linking, more: dict[str, str]
) -> None:
    user = await people.add()
    page = await linking.start(**more)
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert page.has_button("allow")
    assert (await finished(linking, page))["acr"] == "loa:1"


@pytest.mark.spec("security 6.47", "security 6.74")
@pytest.mark.parametrize("how", ["signed out", "ended elsewhere", "another person signs in"])
async def test_a_step_up_ends_with_the_session_that_it_began_in(people: People, how: str) -> None:
    user, other = await people.add(), await people.add()
    linking = Linking(people, await relying_party(people))
    linking.returned(await linking.signed_in(user.email))
    app, _ = await with_app(people, user)
    page = await linking.start(acr_values="loa:4")
    assert asks(page, "totp")
    if how == "ended elsewhere":
        async with people.services.database.unit() as session:
            await administration.end_sessions(session, user, people.clock())
    else:
        home = await linking.browser.press(await linking.browser.open(linking.url("/account")), "sign_out")
        if how == "another person signs in":
            await linking.browser.press(home, "sign_in", username=other.email, password=PASSWORD)
    page = await verify(linking, page, app.code())
    assert page.left_to is None
    assert page.asks_for("username", "password")
    assert await sessions_of(people, user) == []


async def test_a_step_up_that_waits_too_long_is_not_skipped(people: People) -> None:
    user = await people.add()
    linking = Linking(people, await relying_party(people))
    linking.returned(await linking.signed_in(user.email))
    app, _ = await with_app(people, user)
    page = await linking.start(acr_values="loa:4")
    people.clock.advance(601)
    for path in ("login", "consent", "confirm", "second-factor"):
        shown = await linking.browser.open(linking.url(f"/{path}?interaction={interaction_of(page)}"))
        assert asks(shown, "totp")
    assert "code" in linking.returned(await verify(linking, shown, app.code()))


async def test_a_remembered_browser_is_asked_in_a_step_up(people: People, linking: Linking) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    with settings(people, remember_device_days=7):
        await remembering(linking, user, app)
        linking.client = await relying_party(people)
        page = await linking.browser.press(
            await linking.start(acr_values="loa:3"), "sign_in", username=user.email, password=PASSWORD
        )
        assert asks(page, "totp")


@pytest.mark.spec("security 6.47", "security 6.59")
@pytest.mark.parametrize("path", ["/account/second-factor", "/account/email", "/account/data"])
async def test_a_step_up_is_no_fresh_sign_in_for_the_account(people: People, path: str) -> None:
    """Who holds an old session and the mailbox has not been asked for the password."""
    user = await people.add()
    linking = Linking(people, await relying_party(people))
    linking.returned(await linking.signed_in(user.email))
    await with_mail_code(people, user)
    people.clock.advance(people.services.settings.fresh_sign_in)
    page = await linking.start(acr_values="loa:3")
    assert asks(page, "email")
    linking.returned(await verify(linking, page, await mail_code(people, user.email)))
    assert [one.auth_time for one in await sessions_of(people, user)] == [people.clock()]
    page = await linking.browser.open(linking.url(path))
    if path == "/account/data":  # which asks when the button is pressed
        page = await linking.browser.press(page, "download")
    assert page.asks_for("username", "password")


async def test_a_second_step_that_takes_its_time_is_still_a_fresh_sign_in(people: People, linking: Linking) -> None:
    """Else who is slow would be asked for ever."""
    user = await people.add()
    app, _ = await with_app(people, user)
    path = "/account/email"
    with settings(people, fresh_sign_in=30):
        page = await linking.browser.open(linking.url(path))
        page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
        people.clock.advance(300)
        page = await verify(linking, page, app.code())
        assert page.url == linking.url(path)
        assert page.asks_for("email")
