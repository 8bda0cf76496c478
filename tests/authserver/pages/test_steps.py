"""The way through the pages, and that nothing but the honest way gets through."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from passlib.hash import pbkdf2_sha256  # noqa: TID251 - a hash as another system made it
from sqlmodel import select

from authserver.accounts import administration, sessions
from authserver.models import AuthorizationCode, Interaction, User
from authserver.oauth import interactions
from tests.authserver.accounts import factors
from tests.authserver.accounts.people import OTHER, PASSWORD, People, all_places_taken, new_address, wrong
from tests.authserver.pages.browsing import Linking, sign_up
from tests.authserver.pages.conftest import Linkings
from tests.authserver.protocol.harness import Asker
from tests.running.reading import Page


async def codes_of(people: People, client: Asker) -> int:
    async with people.services.database.unit() as session:
        return len(
            (await session.exec(select(AuthorizationCode).where(AuthorizationCode.client_id == client.client_id))).all()
        )


def interaction_of(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query)["interaction"][0]


async def send(linking: Linking, path: str, page: Page, **fields: str) -> Page:
    """The form of `page`, changed, to any path: as somebody does who writes requests by hand."""
    hidden = next(form.hidden for form in page.forms if form.hidden)
    answer = await linking.browser.client.post(
        linking.url(path), data=hidden | fields, headers={"origin": linking.people.server.settings.origin}
    )
    return Page(linking.url(path), answer, left_to=answer.headers.get("location"))


@pytest.mark.spec("alexa 1.3", "cognito 9.1", "A02")
async def test_signing_in_and_allowing_leads_back_with_code_and_state(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.signed_in(user.email)
    assert page.has_button("allow")
    given = linking.returned(await linking.browser.press(page, "allow"))
    answer = await linking.client.exchange(given["code"])
    assert answer.status_code == 200
    assert linking.interaction_cookies() == []


@pytest.mark.spec("A06", "cognito 9.45", "cognito 9.46")
async def test_signing_up_in_the_middle_leads_back_with_state_intact(people: People, linking: Linking) -> None:
    email, page = await sign_up(linking, await linking.start())
    page = await linking.browser.press(page, "confirm", code=await people.code(email))
    assert email in page.text.replace(" ", "")
    given = linking.returned(await linking.browser.press(page, "allow"))
    assert (await linking.client.exchange(given["code"])).status_code == 200


@pytest.mark.spec("alexa 1.3", "A07")
async def test_a_wrong_password_keeps_the_address_and_can_be_tried_again(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.signed_in(user.email, OTHER)
    assert page.status == 422
    assert page.forms[0].fields == {"username": user.email, "password": ""}
    assert 'role="alert"' in page.answer.text
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    linking.returned(await linking.browser.press(page, "allow"))


async def test_two_sign_ins_at_once_both_succeed_while_an_older_hash_is_replaced(
    people: People, new_linking: Linkings
) -> None:
    user = await people.server.add_person(password_hash=pbkdf2_sha256.using(rounds=4).hash(PASSWORD))
    pages = await asyncio.gather(*(new_linking().signed_in(user.email) for _ in range(2)))
    assert [page.has_button("allow") for page in pages] == [True, True]


async def test_a_network_over_its_limit_is_told_429_while_all_hashes_wait(people: People, linking: Linking) -> None:
    page = await linking.start()
    await people.use_up_network()
    with all_places_taken(people.services):
        page = await linking.browser.press(page, "sign_in", username=new_address(), password=PASSWORD)
    assert page.status == 429
    assert page.answer.headers["retry-after"] == "600"


@pytest.mark.spec("RFC 6749 §4.1.2.1", "A08")
@pytest.mark.parametrize("where", ["login", "consent"])
async def test_not_wanting_to_is_access_denied(people: People, linking: Linking, where: str) -> None:
    user = await people.add()
    if where == "login":
        page = await linking.browser.press(await linking.start(), "cancel")
    else:
        page = await linking.browser.press(await linking.signed_in(user.email), "deny")
    given = linking.returned(page)
    assert given["error"] == "access_denied"
    assert "code" not in given
    assert await codes_of(people, linking.client) == 0


@pytest.mark.spec("security 6.61", "security 6.57")
async def test_consent_is_asked_at_every_linking_and_names_who_what_and_where(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.signed_in(user.email)
    for _ in range(2):
        shown = page.text.replace(" ", "")
        assert user.email in shown
        assert "Lamps<b>&</b>Co" in shown
        assert urlsplit(linking.client.redirect_uri).netloc in shown
        linking.returned(await linking.browser.press(page, "allow"))
        page = await linking.start()
        assert page.has_button("allow")
    assert "<b>&</b>" not in page.answer.text


async def test_not_you_leads_to_sign_in_and_somebody_else_can_link(people: People, linking: Linking) -> None:
    one, other = await people.add(), await people.add()
    page = await linking.browser.press(await linking.signed_in(one.email), "switch")
    assert page.asks_for("username", "password")
    cookie = sessions.cookie_name(people.server.settings)
    assert cookie not in linking.browser.client.cookies
    people.clock.advance(3)
    page = await linking.browser.press(page, "sign_in", username=other.email, password=PASSWORD)
    assert other.email in page.text.replace(" ", "")
    given = linking.returned(await linking.browser.press(page, "allow"))
    await linking.client.exchange(given["code"])
    assert [len(await people.server.grants_of(user)) for user in (one, other)] == [0, 1]


async def test_not_you_lets_the_same_person_in_again_within_the_second(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.browser.press(await linking.signed_in(user.email), "switch")
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert page.has_button("allow")


@pytest.mark.spec("security 6.48")
async def test_another_browser_cannot_go_on_with_a_linking(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    """An attacker begins and sends the link to a victim: nothing of it is usable there, signed in or not."""
    page = await linking.start()
    victim = new_linking()
    user = await people.add()
    await victim.signed_in(user.email)
    for path in ("login", "signup", "confirm", "consent"):
        seen = await victim.browser.open(linking.url(f"/{path}?interaction={interaction_of(page)}"))
        assert seen.status == 400
        assert "interaction_not_found" in seen.text
        sent = await send(victim, f"/{path}?interaction={interaction_of(page)}", page, action="allow")
        assert sent.status == 400
    assert await codes_of(people, linking.client) == 0


@pytest.mark.spec("security 6.45")
@pytest.mark.parametrize("token", [None, "", "x", "foreign"])
@pytest.mark.parametrize("path", ["login", "signup", "confirm", "consent"])
async def test_a_form_without_its_token_does_nothing(
    people: People, linking: Linking, new_linking: Linkings, path: str, token: str | None
) -> None:
    user = await people.add()
    page = await linking.signed_in(user.email) if path == "consent" else await linking.start()
    if token == "foreign":
        token = (await new_linking().start()).forms[0].hidden["csrf_token"]
    data = {"action": "allow", "username": user.email, "password": PASSWORD} | ({"csrf_token": token} if token else {})
    answer = await linking.browser.client.post(
        linking.url(f"/{path}?interaction={interaction_of(page)}"),
        data=data,
        headers={"origin": people.server.settings.origin},
    )
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert await codes_of(people, linking.client) == 0


@pytest.mark.spec("security 6.45", "security 6.73")
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "https://auth.example.test:8443"},
        {"origin": "http://auth.example.test"},
        {"origin": "https://www.auth.example.test"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://auth.example.test", "sec-fetch-site": "same-site"},
    ],
    ids=str,
)
async def test_a_form_from_elsewhere_does_nothing_even_with_the_token(
    people: People, linking: Linking, headers: dict[str, str]
) -> None:
    user = await people.add()
    page = await linking.signed_in(user.email)
    answer = await linking.browser.client.post(
        page.url, data=page.forms[0].hidden | {"action": "allow"}, headers=headers
    )
    assert answer.status_code == 403
    assert await codes_of(people, linking.client) == 0


@pytest.mark.spec("CVE-2026-49448", "CVE-2026-18963")
async def test_no_step_can_be_skipped_posted_empty_or_out_of_order(people: People, linking: Linking) -> None:
    page = await linking.start()
    query = f"?interaction={interaction_of(page)}"
    for path in ("/consent", "/confirm"):
        for action in ({}, {"action": "allow"}, {"action": "confirm", "code": ""}, {"action": "confirm"}):
            sent = await send(linking, path + query, page, **action)
            assert sent.left_to == linking.url(f"/login{query}"), (path, action)
        assert (await linking.browser.open(linking.url(path + query))).asks_for("username", "password")
    for fields in ({}, {"action": "sign_in"}, {"username": "", "password": ""}, {"username": new_address()}):
        assert (await send(linking, f"/login{query}", page, **fields)).status == 422
    for fields in ({}, {"email": new_address()}, {"password": PASSWORD}):
        assert (await send(linking, f"/signup{query}", page, **fields)).status == 422
    assert await codes_of(people, linking.client) == 0


async def test_an_unconfirmed_sign_up_goes_nowhere_else(people: People, linking: Linking) -> None:
    email, page = await sign_up(linking, await linking.start())
    query = f"?interaction={interaction_of(page)}"
    code = await people.code(email)
    for typed in ("", "12", wrong(code)):
        assert (await linking.browser.press(page, "confirm", code=typed)).status == 422
    sent = await send(linking, f"/consent{query}", page, action="allow")
    assert sent.left_to == linking.url(f"/login{query}")
    assert await codes_of(people, linking.client) == 0


@pytest.mark.spec("cognito 9.46")
async def test_signing_in_before_the_confirmation_asks_for_the_code(
    people: People, linking: Linking, new_linking: Linkings
) -> None:
    email, _ = await sign_up(linking, await linking.start())
    elsewhere = new_linking()
    page = await elsewhere.signed_in(email)
    assert page.asks_for("code")
    page = await elsewhere.browser.press(page, "confirm", code=await people.code(email))
    elsewhere.returned(await elsewhere.browser.press(page, "allow"))


async def test_an_unverified_account_confirms_its_address_first(people: People, linking: Linking) -> None:
    user = await people.add(email_verified=False)
    page = await linking.signed_in(user.email)
    assert page.asks_for("code")
    query = f"?interaction={interaction_of(page)}"
    assert (await send(linking, f"/consent{query}", page, action="allow")).left_to == linking.url(f"/confirm{query}")
    page = await linking.browser.press(page, "confirm", code=await people.code(user.email))
    page = await linking.browser.press(page, "save", password=OTHER)
    linking.returned(await linking.browser.press(page, "allow"))


async def test_a_new_code_can_be_asked_for(people: People, linking: Linking) -> None:
    email, page = await sign_up(linking, await linking.start())
    assert (await linking.browser.press(page, "resend")).status == 429
    people.clock.advance(30)
    page = await linking.browser.press(page, "resend")
    assert 'role="status"' in page.answer.text
    page = await linking.browser.press(page, "confirm", code=await people.code(email))
    assert page.has_button("allow")


@pytest.mark.spec("security 6.48")
async def test_a_linking_is_over_when_it_is_over(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.signed_in(user.email)
    await asyncio.gather(*(send(linking, urlsplit(page.url).path + "?" + urlsplit(page.url).query, page, action="allow")
                           for _ in range(6)))  # fmt: skip
    assert await codes_of(people, linking.client) == 1
    assert (await linking.browser.open(page.url)).status == 400


@pytest.mark.spec("security 6.48")
async def test_consent_under_another_session_than_the_named_one_starts_over(people: People, linking: Linking) -> None:
    """Two tabs: while the consent page names one account, somebody else signs in."""
    one, other = await people.add(), await people.add()
    page = await linking.signed_in(one.email)
    visit = await linking.browser.open(linking.url("/login"))
    assert one.email in visit.text.replace(" ", "")
    visit = await linking.browser.press(visit, "sign_out")
    await linking.browser.press(visit, "sign_in", username=other.email, password=PASSWORD)
    sent = await linking.browser.press(page, "allow")
    assert sent.asks_for("username", "password")
    assert await codes_of(people, linking.client) == 0


@pytest.mark.parametrize("interaction", ["%00", "x" * 5000, "%ff", "..%2f", "a;b", ""])
@pytest.mark.parametrize("path", ["login", "signup", "confirm", "consent"])
async def test_what_is_no_interaction_is_a_page_that_says_so(linking: Linking, path: str, interaction: str) -> None:
    page = await linking.browser.open(linking.url(f"/{path}?interaction={interaction}"))
    assert page.status == 400
    assert "interaction_not_found" in page.text


async def test_an_interaction_ends_after_half_an_hour(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.start()
    people.clock.advance(people.server.settings.interaction_lifetime)
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert page.status == 400
    assert "interaction_not_found" in page.text


@pytest.mark.spec("security 6.47")
async def test_the_session_cookie_changes_at_every_sign_in(people: People, linking: Linking) -> None:
    user = await people.add()
    name = sessions.cookie_name(people.server.settings)
    linking.browser.client.cookies.set(name, "planted-by-somebody", domain="auth.example.test", path="/")
    await linking.signed_in(user.email)
    first = linking.browser.client.cookies.get(name)
    assert first not in (None, "planted-by-somebody")
    people.clock.advance(1)
    page = await linking.start(prompt="login")
    await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert linking.browser.client.cookies.get(name) != first


async def test_a_visit_without_an_application_ends_on_a_page_of_ours(people: People, linking: Linking) -> None:
    user = await people.add()
    page = await linking.browser.open(linking.url("/login"))
    assert not page.has_button("cancel")
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert page.url == linking.url("/account")
    assert user.email in page.text.replace(" ", "")
    for front in ("/", "/signed-in"):
        assert (await linking.browser.open(linking.url(front))).url == linking.url("/account")
    page = await linking.browser.press(page, "sign_out")
    assert page.asks_for("username", "password")
    assert (await linking.browser.open(linking.url("/signed-in"))).asks_for("username", "password")


@pytest.mark.spec("cognito 1")
async def test_login_takes_the_parameters_of_the_authorization_endpoint(linking: Linking) -> None:
    query = str(httpx2.QueryParams(linking.client.authorization()))
    page = await linking.browser.open(linking.url(f"/login?{query}"))
    assert page.has_button("cancel")


async def test_an_interactions_cookie_holds_no_more_than_its_digest_in_the_row(
    people: People, linking: Linking
) -> None:
    page = await linking.start()
    (name,) = linking.interaction_cookies()
    value = linking.browser.client.cookies[name]
    async with people.services.database.unit() as session:
        row = await session.get_one(Interaction, interaction_of(page))
    assert value.encode() not in row.secret_digest


@pytest.mark.spec("security 6.48")
@pytest.mark.parametrize("path", ["/login", "/account"])
async def test_whoever_makes_a_browser_open_our_pages_again_and_again_fills_it_with_no_cookies(
    linking: Linking, path: str
) -> None:
    """A server in front takes some kilobytes of them, and refuses everything above."""
    await linking.start()
    for _ in range(2 * interactions.MOST):
        page = await linking.browser.open(linking.url(path))
    assert len(linking.interaction_cookies()) == interactions.MOST
    assert (await linking.browser.open(page.url)).asks_for("username", "password")


@pytest.mark.spec("security 6.73")
async def test_a_neighbour_that_names_its_cookies_as_ours_stops_nobody(people: People, linking: Linking) -> None:
    prefix = interactions.cookie_name(people.server.settings, "")
    theirs = "; ".join(f"{prefix}[{number}]=x" for number in range(2 * interactions.MOST))
    query = str(httpx2.QueryParams(linking.client.authorization()))
    for path in (f"/oauth2/authorize?{query}", "/login"):
        answer = await linking.browser.client.get(linking.url(path), headers={"cookie": theirs})
        assert answer.status_code == 303
        assert len(answer.headers.get_list("set-cookie")) == 1


@pytest.mark.parametrize("with_app", [False, True], ids=["signed in", "at the second step"])
async def test_going_back_to_the_sign_up_page_sends_no_mail_that_leads_nowhere(
    people: People, linking: Linking, with_app: bool
) -> None:
    user, email = await people.add(), new_address()
    if with_app:
        await factors.with_app(people, user)
    before = await linking.browser.open(next(link for link in (await linking.start()).links if "/signup" in link))
    path = before.url.removeprefix(linking.issuer)
    page = await linking.browser.open(before.url.replace("/signup", "/login"))
    page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    sent = await send(linking, path, before, action="sign_up", email=email, password=PASSWORD)
    assert sent.left_to == page.url
    assert await people.mails(email) == []


@pytest.mark.spec("A02")
async def test_a_linking_outlives_the_account_that_it_was_begun_with(people: People, linking: Linking) -> None:
    gone, other = await people.add(), await people.add(OTHER)
    page = await linking.signed_in(gone.email)
    async with people.services.database.unit() as session:
        await administration.remove(session, await session.get_one(User, gone.sub), people.clock())
    page = await linking.browser.press(page, "allow")
    page = await linking.browser.press(page, "sign_in", username=other.email, password=OTHER)
    assert linking.returned(await linking.browser.press(page, "allow"))["code"]
