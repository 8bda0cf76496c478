"""What leads past a second factor, and what does not: a new password by mail, a browser that is remembered."""

import pytest

from authserver.accounts import administration
from authserver.accounts.second_factor import changes, recovery_codes
from authserver.models import User
from tests.authserver.accounts.factors import (
    HERE,
    codes_left,
    totp_of,
    with_app,
    with_mail_code,
)
from tests.authserver.accounts.people import PASSWORD, People
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.second_step import (
    NEW,
    PATH,
    asks,
    finished,
    nothing_happened,
    other_way,
    recovered,
    remembering,
    send_remember,
    settings,
    sign_out,
    verify,
)
from tests.authserver.pages.test_steps import interaction_of, send


@pytest.mark.spec("CVE-2026-18963", "cognito 3.3")
async def test_after_a_new_password_the_app_is_still_asked_for(people: People, linking: Linking) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    page = await recovered(linking, user.email)
    assert asks(page, "totp")
    await nothing_happened(linking, user)
    assert (await finished(linking, await verify(linking, page, app.code())))["acr"] == "loa:4"


async def test_what_stays_linked_is_shown_after_both(people: People, linking: Linking) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    tokens = await linking.client.linked(user)
    page = await recovered(linking, user.email)
    assert asks(page, "totp")
    page = await verify(linking, page, app.code())
    assert "stay linked" in page.text
    page = await linking.browser.press(page, "continue")
    await finished(linking, page)
    assert (await linking.client.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.spec("cognito 3.3", "security 6.59")
@pytest.mark.parametrize("also_an_app", [False, True])
async def test_a_mailbox_alone_is_never_both_factors(
    people: People, linking: Linking, new_linking: Linkings, also_an_app: bool
) -> None:
    """Whoever has only the mailbox chooses a new password and gets no further, in this sign-in or a later one."""
    user = await people.add()
    codes = await with_mail_code(people, user)
    app = (await with_app(people, user))[0] if also_an_app else None
    page = await recovered(linking, user.email)
    assert not asks(page, "email")
    assert not any(link.endswith("with=email") for link in page.links)
    assert not page.has_button("send")
    people.clock.advance(3600)
    thief = new_linking()
    page = await thief.signed_in(user.email, NEW)
    query = f"?interaction={interaction_of(page)}"
    for _ in range(2):
        assert not asks(await thief.browser.open(thief.url(f"{PATH}{query}&with=email")), "email")
        assert "set-cookie" not in (await send(thief, PATH + query, page, action="send")).answer.headers
    assert not any("sign-in code" in mail.subject for mail in await people.mails(user.email))
    if app is not None:
        page = await verify(thief, page, app.code())
    else:
        page = await verify(thief, page, codes[0])
    assert page.has_button("allow")
    later = new_linking()
    page = await later.signed_in(user.email, NEW)
    page = await other_way(later, page, "email") if app is not None else page
    assert asks(page, "email")


async def test_who_has_nothing_left_is_told_whom_to_ask(people: People, linking: Linking) -> None:
    user = await people.add()
    await with_mail_code(people, user)
    async with people.services.database.unit() as session:
        await recovery_codes.end(session, user)
    page = await recovered(linking, user.email)
    assert "The operator of this server can let you in." in page.text
    sent = await send(linking, f"{PATH}?interaction={interaction_of(page)}", page, method="", code="123456")
    assert "set-cookie" not in sent.answer.headers
    await nothing_happened(linking, user)


@pytest.mark.spec("security 6.67")
async def test_an_app_of_whoever_made_the_account_before_its_owner_confirmed_it_ends(
    people: People, linking: Linking
) -> None:
    user = await people.add(email_verified=False)
    await with_app(people, user)
    page = await recovered(linking, user.email)
    assert page.has_button("allow")
    assert await totp_of(people, user) is None
    assert await codes_left(people, user) == 0


async def test_a_remembered_browser_is_not_asked_again_and_claims_nothing(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user, other = await people.add(), await people.add()
    app, _ = await with_app(people, user)
    other_app, _ = await with_app(people, other)
    with settings(people, remember_device_days=7):
        await remembering(linking, user, app)
        page = await linking.signed_in(user.email)
        assert page.has_button("allow")
        claims = await finished(linking, page)
        assert (claims["acr"], claims["amr"]) == ("loa:1", ["pwd"])
        sign_out(linking)
        assert asks(await linking.signed_in(other.email), "totp")
        assert asks(await new_linking().signed_in(user.email), "totp")
        people.clock.advance(7 * 86_400)
        assert asks(await linking.signed_in(user.email), "totp")
    assert other_app.secret != app.secret


@pytest.mark.parametrize("what", ["a new password", "the operator takes it back", "a factor is removed"])
async def test_what_ends_a_remembered_browser(people: People, linking: Linking, what: str) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    await with_mail_code(people, user)
    with settings(people, remember_device_days=7):
        await remembering(linking, user, app)
    password = PASSWORD
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, user.sub)
        if what == "a new password":
            password = NEW
            hashed = await people.services.passwords.hash(NEW)
            await administration.set_password(session, stored, hashed, people.clock())
        elif what == "a factor is removed":
            assert await changes.remove(people.services, session, stored, "email", HERE)
    with settings(people, remember_device_days=0 if "takes" in what else 7):
        assert asks(await linking.signed_in(user.email, password), "totp")


async def test_nobody_is_remembered_where_the_operator_does_not_allow_it(people: People, linking: Linking) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    page = await linking.signed_in(user.email)
    assert "Don't ask again" not in page.text
    await send_remember(linking, page, app.code())
    sign_out(linking)
    with settings(people, remember_device_days=7):
        assert asks(await linking.signed_in(user.email), "totp")
