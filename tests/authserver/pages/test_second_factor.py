"""The second step of a sign-in: there is no session before it, and nothing but the honest way gets through it."""

import asyncio
import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from authserver.accounts import administration, known_devices, sessions
from authserver.accounts.second_factor import changes, recovery_codes
from authserver.models import User
from tests.authserver.accounts.factors import (
    HERE,
    App,
    account_of,
    codes_left,
    mail_code,
    sessions_of,
    totp_of,
    with_app,
    with_mail_code,
)
from tests.authserver.accounts.people import PASSWORD, People, wrong
from tests.authserver.pages.browsing import Linking, sign_up
from tests.authserver.pages.conftest import Linkings
from tests.authserver.pages.test_account import at_home, cookie_of, lives
from tests.authserver.pages.test_steps import codes_of, interaction_of, send
from tests.authserver.protocol.harness import Asker, claims_of
from tests.running.reading import Page

NEW = "a lantern nobody has lit before"
PATH = "/second-factor"


@contextmanager
def settings(people: People, **changed: Any) -> Iterator[None]:
    """The operator has set something else, for this test."""
    usual = people.services.settings
    people.services.settings = usual.model_copy(update=changed)
    try:
        yield
    finally:
        people.services.settings = usual


async def finished(linking: Linking, page: Page) -> dict[str, Any]:
    """The consent page, and the claims of the access token that follows."""
    given = linking.returned(await linking.browser.press(page, "allow"))
    answer = await linking.client.exchange(given["code"])
    assert answer.status_code == 200, answer.text
    return claims_of(answer.json()["access_token"])


def asks(page: Page, method: str) -> bool:
    return urlsplit(page.url).path == PATH and any(form.hidden.get("method") == method for form in page.forms)


async def verify(linking: Linking, page: Page, code: str, **fields: str) -> Page:
    return await linking.browser.press(page, "verify", code=code, **fields)


async def other_way(linking: Linking, page: Page, method: str) -> Page:
    return await linking.browser.open(next(link for link in page.links if link.endswith(f"with={method}")))


def cookie_names(linking: Linking) -> set[str]:
    return set(linking.browser.client.cookies.keys())


def has_session(linking: Linking) -> bool:
    return sessions.cookie_name(linking.people.server.settings) in cookie_names(linking)


async def nothing_happened(linking: Linking, user: User) -> None:
    assert not has_session(linking)
    assert await sessions_of(linking.people, user) == []
    assert await codes_of(linking.people, linking.client) == 0


# --- the honest way --------------------------------------------------------------------------------------------------


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


# --- what is required ------------------------------------------------------------------------------------------------


async def set_up_app(linking: Linking, page: Page) -> tuple[App, Page]:
    """At the page with the choice; the app takes the key that the page shows."""
    page = await linking.browser.open(next(link for link in page.links if link.endswith("set_up=totp")))
    app = App(linking.people, secret_on(page))
    return app, await linking.browser.press(page, "set_up", code=app.code())


def secret_on(page: Page) -> bytes:
    found = re.search(r'class="key"[^>]*>(.*?)</p>', page.answer.text, re.DOTALL)
    assert found
    return base64.b32decode(re.sub(r"<[^>]+>|\s", "", found.group(1)))


def codes_on(page: Page) -> list[str]:
    return re.findall(r"<li>((?:[0-9A-Z]{4}-){3}[0-9A-Z]{4})</li>", page.answer.text)


async def go_on(linking: Linking, page: Page) -> Page:
    return await linking.browser.open(page.links[-1])


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
        assert secret_on(again) != first
        refused = await linking.browser.press(again, "set_up", code=App(people, first).code())
        assert refused.status == 422
        assert secret_on(refused) == secret_on(again)
        await nothing_happened(linking, user)


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


# --- everything else -------------------------------------------------------------------------------------------------


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
            if path == "signup":  # which wants an address first
                assert (sent.status, "set-cookie" in sent.answer.headers) == (422, False)
            else:
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
            await administration.remove(session, stored)
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


# --- a forgotten password --------------------------------------------------------------------------------------------


async def recovered(linking: Linking, email: str, page: Page | None = None) -> Page:
    """From the sign-in page to what stands after the new password."""
    people = linking.people
    people.clock.advance(1)  # the mail with the code is the last one
    page = page or await linking.start()
    page = await linking.browser.open(page.url.replace("/login", "/forgotPassword"))
    page = await linking.browser.press(page, "send", email=email)
    return await linking.browser.press(page, "save", code=await people.code(email), password=NEW)


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


# --- a browser that is remembered ------------------------------------------------------------------------------------


async def remembering(linking: Linking, user: User, app: App) -> None:
    """Signed in once with both, and out again; what the app shows then is fresh."""
    people, page = linking.people, await linking.signed_in(user.email)
    assert "Don't ask again on this device for 7 days" in page.text
    await send_remember(linking, page, app.code())
    assert known_devices.cookie_name(people.server.settings) in cookie_names(linking)
    sign_out(linking)
    people.clock.advance(60)


async def send_remember(linking: Linking, page: Page, code: str) -> Page:
    """The check box is not checked: the reader of forms leaves it out."""
    return await send(
        linking, f"{PATH}?interaction={interaction_of(page)}", page, method="totp", code=code, remember="1"
    )


def sign_out(linking: Linking) -> None:
    linking.browser.client.cookies.delete(sessions.cookie_name(linking.people.server.settings))


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


# --- step-up ---------------------------------------------------------------------------------------------------------


async def relying_party(people: People) -> Asker:
    return await people.server.add_client("confidential", first_party=True)


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


@pytest.mark.spec("RFC 9470 §5", "OpenID Connect Core §3.1.2.6")
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
    query = f"?interaction={interaction_of(page)}"
    for fields in ({"method": "recovery", "code": codes[0]}, {"method": "email", "code": "123456"}):
        sent = await send(linking, PATH + query, page, **fields)
        assert sent.left_to == linking.url(PATH + query)
    assert await codes_left(people, user) == 10
    page = await linking.start(acr_values="loa:3")
    assert sorted(link.rpartition("with=")[2] for link in page.links if "with=" in link) == ["email", "recovery"]
    assert "code" in linking.returned(await verify(linking, page, app.code()))


@pytest.mark.spec("alexa 0")
async def test_a_link_tampered_with_stops_no_alexa_linking(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.start(acr_values="loa:4")
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
            await administration.end_sessions(session, user)
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


# --- the account -----------------------------------------------------------------------------------------------------

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


async def test_a_remembered_browser_changes_nothing_without_the_second_factor(people: People, linking: Linking) -> None:
    user = await people.add()
    app, _ = await with_app(people, user)
    with settings(people, remember_device_days=7):
        await remembering(linking, user, app)
        page = await linking.browser.open(linking.url("/account"))
        page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
        assert page.url == linking.url("/account")
        sent = await send(linking, HOME, page, action="remove", method="totp")
        assert await totp_of(people, user) is not None
        page = await linking.browser.open(str(sent.left_to))
        assert asks(page, "totp")
        assert (await verify(linking, page, app.code())).url == linking.url(HOME)


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
