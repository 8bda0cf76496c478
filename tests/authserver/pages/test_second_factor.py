"""The second step of a sign-in: there is no session before it, and nothing but the honest way gets through it."""

import asyncio
import re

import pytest

from authserver.accounts import administration, sessions
from authserver.models import User
from tests.authserver.accounts.factors import (
    codes_left,
    mail_code,
    sessions_of,
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
    has_session,
    nothing_happened,
    other_way,
    settings,
    verify,
)
from tests.authserver.pages.test_steps import interaction_of, send


@pytest.mark.spec("A06", "cognito 2", "RFC 8176", "alexa 1.3")
async def test_an_app_is_asked_for_in_the_middle_of_a_linking(people: People, linking: Linking) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    page = await linking.signed_in(user.email)
    assert asks(page, "totp")
    await nothing_happened(linking, user)
    page = await verify(linking, page, app.code())
    assert page.has_button("allow")
    claims = await finished(linking, page)
    assert (claims["acr"], claims["amr"]) == ("loa:4", ["pwd", "otp", "mfa"])
    assert len(await sessions_of(people, user)) == 1


@pytest.mark.spec("A06", "cognito 2")
async def test_a_code_by_mail_is_sent_once_and_good_for_this_sign_in(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user = await people.add()
    await with_mail_code(people, user)
    page = await linking.signed_in(user.email)
    assert asks(page, "email")
    assert user.email not in page.answer.text.replace("<wbr>", "")
    await linking.browser.open(page.url)
    code = await mail_code(people, user.email)
    assert len([mail for mail in await people.mails(user.email) if "sign-in code" in mail.subject]) == 1
    elsewhere = new_linking()
    people.clock.advance(31)
    there = await elsewhere.signed_in(user.email)
    assert (await verify(elsewhere, there, code)).status == 422
    claims = await finished(linking, await verify(linking, page, code))
    assert (claims["acr"], claims["amr"]) == ("loa:3", ["pwd", "email_otp", "mfa"])


async def test_a_new_code_ends_the_one_before_and_is_not_sent_too_often(people: People, linking: Linking) -> None:
    user = await people.add()
    await with_mail_code(people, user)
    page = await linking.signed_in(user.email)
    first = await mail_code(people, user.email)
    assert (await linking.browser.press(page, "send")).status == 429
    people.clock.advance(31)
    page = await linking.browser.press(page, "send")
    assert 'role="status"' in page.answer.text
    if await mail_code(people, user.email) != first:
        assert (await verify(linking, page, first)).status == 422
    assert (await verify(linking, page, await mail_code(people, user.email))).has_button("allow")


async def test_a_code_by_mail_ends_after_ten_minutes(people: People, linking: Linking) -> None:
    user = await people.add()
    await with_mail_code(people, user)
    page = await linking.signed_in(user.email)
    code = await mail_code(people, user.email)
    people.clock.advance(601)
    assert (await verify(linking, page, code)).asks_for("username", "password")
    await nothing_happened(linking, user)


@pytest.mark.spec("security 6.59")
async def test_a_recovery_code_signs_in_once_and_a_mail_says_so(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user = await people.add()
    _, codes = await with_app(people, user)
    page = await other_way(linking, await linking.signed_in(user.email), "recovery")
    claims = await finished(linking, await verify(linking, page, codes[3].lower().replace("-", " ")))
    assert (claims["acr"], claims["amr"]) == ("loa:3", ["pwd", "mfa"])
    assert await codes_left(people, user) == 9
    told = [mail.text for mail in await people.mails(user.email) if "recovery code was used" in mail.subject]
    assert len(told) == 1
    assert "9 codes are left" in told[0]
    again = new_linking()
    page = await other_way(again, await again.signed_in(user.email), "recovery")
    assert (await verify(again, page, codes[3])).status == 422
    assert not has_session(again)


async def test_among_several_ways_one_is_chosen(people: People, linking: Linking) -> None:
    user = await people.add()
    await with_app(people, user)
    await with_mail_code(people, user)
    page = await linking.signed_in(user.email)
    assert asks(page, "totp")
    assert not any("sign-in code" in mail.subject for mail in await people.mails(user.email))
    page = await other_way(linking, page, "email")
    assert asks(page, "email")
    assert (await verify(linking, page, await mail_code(people, user.email))).has_button("allow")


async def test_where_it_is_off_nobody_is_asked(people: People, linking: Linking) -> None:
    user = await people.add()
    await with_app(people, user)
    with settings(people, second_factor="off"):
        page = await linking.signed_in(user.email)
        assert page.has_button("allow")
        assert (await finished(linking, page))["acr"] == "loa:1"
        assert (await linking.browser.open(linking.url("/account/second-factor"))).status == 404


@pytest.mark.spec("A08", "RFC 6749 §4.1.2.1")
async def test_cancel_is_access_denied(people: People, linking: Linking) -> None:
    user = await people.add()
    await with_app(people, user)
    page = await linking.signed_in(user.email)
    assert linking.returned(await linking.browser.press(page, "cancel"))["error"] == "access_denied"
    await nothing_happened(linking, user)


async def test_not_you_forgets_the_first_step(people: People, linking: Linking) -> None:
    one, other = await people.add(), await people.add()
    app, _ = await with_app(people, one)
    page = await linking.signed_in(one.email)
    start = await linking.browser.press(page, "restart")
    assert start.asks_for("username", "password")
    sent = await send(linking, f"{PATH}?interaction={interaction_of(page)}", page, code=app.code(), method="totp")
    assert "/login?" in str(sent.left_to)
    await nothing_happened(linking, one)
    page = await linking.browser.press(start, "sign_in", username=other.email, password=PASSWORD)
    assert (await finished(linking, page))["sub"] == other.sub


@pytest.mark.spec("CVE-2026-49448", "CVE-2026-18963", "security 6.59")
async def test_no_page_lets_anybody_by_without_the_second_step(people: People, linking: Linking) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    page = await linking.signed_in(user.email)
    query = f"?interaction={interaction_of(page)}"
    for path in ("login", "consent", "confirm", "signup", "forgotPassword", "confirmforgotPassword", "still-linked"):
        assert asks(await linking.browser.open(linking.url(f"/{path}{query}")), "totp"), path
        for fields in ({}, {"action": "allow"}, {"action": "continue"}, {"action": "switch"}, {"action": "confirm"}):
            if path == "login":
                continue
            sent = await send(linking, f"/{path}{query}", page, **fields)
            assert sent.left_to == linking.url(PATH + query), (path, fields)
    for fields in (
        {},
        {"action": "verify"},
        {"method": "totp", "code": ""},
        {"method": "totp", "code": app.wrong()},
        {"method": "email", "code": "123456"},
        {"method": "passkey", "code": app.code()},
        {"method": "", "code": app.code()},
        {"action": "set_up", "method": "totp", "code": app.wrong()},
        {"action": "set_up", "method": "email", "code": "123456"},
        {"action": "send"},
    ):
        sent = await send(linking, PATH + query, page, **({"method": ""} | fields))
        assert sent.status in (303, 422), fields
        assert "set-cookie" not in sent.answer.headers, fields
    for path in ("/account", "/account/second-factor"):
        assert (await linking.browser.open(linking.url(path))).asks_for("username", "password")
    await nothing_happened(linking, user)
    assert (await verify(linking, page, app.code())).has_button("allow")


@pytest.mark.spec("security 6.59")
async def test_without_a_first_factor_there_is_nothing_to_answer(people: People, linking: Linking) -> None:
    """And so a stranger cannot reach the counter that would lock the owner out."""
    user = await people.add()
    app, _ = await with_app(people, user)
    page = await linking.start()
    query = f"?interaction={interaction_of(page)}"
    assert (await linking.browser.open(linking.url(PATH + query))).asks_for("username", "password")
    for _ in range(8):
        sent = await send(linking, PATH + query, page, method="totp", code=app.wrong(), username=user.email)
        assert sent.left_to == linking.url(f"/login{query}")
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert (await verify(linking, page, app.code())).has_button("allow")


@pytest.mark.spec("security 6.74")
@pytest.mark.parametrize("change", ["password", "disabled", "disabled and enabled", "ten minutes", "deleted"])
async def test_what_was_proved_about_another_state_of_the_account_proves_nothing(
    people: People, linking: Linking, change: str
) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    page = await linking.signed_in(user.email)
    new_hash = await people.services.passwords.hash(NEW)
    async with people.services.database.unit() as session:
        stored = await session.get_one(User, user.sub)
        if change == "password":
            await administration.set_password(session, stored, new_hash, people.clock())
        elif change == "deleted":
            await administration.remove(session, stored, people.clock())
        elif change.startswith("disabled"):
            await administration.disable(session, stored, people.clock())
            if change.endswith("enabled"):
                await administration.enable(session, stored, people.clock())
    if change == "ten minutes":
        people.clock.advance(600)
    page = await verify(linking, page, app.code())
    assert page.asks_for("username", "password")
    await nothing_happened(linking, user)


@pytest.mark.spec("security 6.48", "security 6.45")
async def test_another_browser_and_another_sign_in_cannot_use_it(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    page = await linking.signed_in(user.email)
    query = f"?interaction={interaction_of(page)}"
    victim = new_linking()
    fields = {"method": "totp", "code": app.code()}
    assert (await victim.browser.open(linking.url(PATH + query))).status == 400
    assert (await send(victim, PATH + query, page, **fields)).status == 400
    other = await linking.start()
    beside = f"{PATH}?interaction={interaction_of(other)}"
    assert (await send(linking, beside, page, **fields)).status == 403
    assert "/login?" in str((await send(linking, beside, other, **fields)).left_to)
    for token in (None, "", "x", other.forms[0].hidden["csrf_token"]):
        answer = await linking.browser.client.post(
            linking.url(PATH + query),
            data=fields | ({} if token is None else {"csrf_token": token}),
            headers={"origin": people.server.settings.origin},
        )
        assert answer.status_code == 403
    await nothing_happened(linking, user)


@pytest.mark.spec("security 6.59")
async def test_twenty_right_codes_at_once_open_one_session(people: People, linking: Linking) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    page = await linking.signed_in(user.email)
    path = f"{PATH}?interaction={interaction_of(page)}"
    answers = await asyncio.gather(
        *(send(linking, path, page, method="totp", code=app.code(), action="verify") for _ in range(20))
    )
    assert {answer.status for answer in answers} <= {303, 422, 429}
    assert [answer.left_to for answer in answers].count(
        linking.url(f"/consent?interaction={interaction_of(page)}")
    ) == 1
    assert len(await sessions_of(people, user)) == 1


@pytest.mark.spec("security 6.59")
async def test_several_right_recovery_codes_at_once_open_one_session(people: People, linking: Linking) -> None:
    user = await people.add()
    _, codes = await with_app(people, user)
    page = await linking.signed_in(user.email)
    path = f"{PATH}?interaction={interaction_of(page)}"
    await asyncio.gather(
        *(send(linking, path, page, method="recovery", code=code, action="verify") for code in codes[:4])
    )
    assert len(await sessions_of(people, user)) == 1
    assert await codes_left(people, user) == 9


@pytest.mark.spec("RFC 6238 §5.2", "security 6.59")
async def test_a_code_that_signed_in_does_not_sign_in_again(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    code = app.code()
    assert (await verify(linking, await linking.signed_in(user.email), code)).has_button("allow")
    thief = new_linking()
    page = await verify(thief, await thief.signed_in(user.email), code)
    assert page.status == 422
    assert "used already" in page.text
    assert not has_session(thief)
    assert (await verify(thief, page, app.next_code())).has_button("allow")


@pytest.mark.spec("security 6.59", "cognito 3.3")
async def test_five_wrong_codes_rest_and_then_the_right_one_is_taken(people: People, linking: Linking) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    page = await linking.signed_in(user.email)
    for _ in range(5):
        page = await verify(linking, page, app.wrong())
        assert page.status == 422
        assert re.search(r'aria-invalid="true"[^>]+aria-describedby="code-error"', page.answer.text)
    page = await verify(linking, page, app.code())
    assert (page.status, page.answer.headers["retry-after"]) == (429, "1")
    people.clock.advance(1)
    assert (await verify(linking, page, app.code())).has_button("allow")


@pytest.mark.spec("security 6.47", "security 6.73")
async def test_the_session_of_both_factors_is_a_new_one(people: People, linking: Linking) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    name = sessions.cookie_name(people.server.settings)
    linking.browser.client.cookies.set(name, "planted-by-somebody", domain="auth.example.test", path="/")
    page = await linking.signed_in(user.email)
    assert linking.browser.client.cookies.get(name) == "planted-by-somebody"
    await verify(linking, page, app.code())
    assert linking.browser.client.cookies.get(name) != "planted-by-somebody"
