"""Signing out because an application asks for it: RP-initiated logout, and `/logout` of Cognito's form."""

from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import orjson
import pytest
import pytest_asyncio

from authserver.accounts import sessions
from authserver.models import Session, User
from authserver.oauth import keys as key_ring
from authserver.oauth.compact import encoded
from authserver.oauth.keys import generate
from tests.authserver.accounts.people import PASSWORD, People
from tests.authserver.pages.browsing import Linking, browser_of
from tests.authserver.protocol.harness import Asker, claims_of
from tests.running.reading import Page

AFTERWARDS = "https://client.example.org/signed-out"
WITH_QUERY = "https://client.example.org/out?lang=de"
STATE = "a state ü&=#/" + "x" * 300


@pytest_asyncio.fixture(loop_scope="session")
async def app(people: People) -> Asker:
    uris = [AFTERWARDS, WITH_QUERY]
    return await people.server.add_client(first_party=True, post_logout_redirect_uris=uris)


@pytest_asyncio.fixture(loop_scope="session")
async def user(people: People) -> User:
    return await people.add()


@pytest_asyncio.fixture(loop_scope="session")
async def here(people: People, app: Asker) -> Linking:
    return Linking(people, app)


async def id_token(linking: Linking, user: User) -> str:
    """Of this browser's session, in which somebody signs in where nobody has."""
    page = await linking.start()
    if page.left_to is None:
        page = await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    answer = await linking.client.exchange(linking.returned(page)["code"])
    return str(answer.json()["id_token"])


async def ask(linking: Linking, path: str = "/oauth2/logout", /, **given: str) -> Page:
    return await linking.browser.open(linking.url(f"{path}?{urlencode(given, quote_via=quote)}"))


async def is_signed_in(linking: Linking) -> bool:
    """What a client hears that asks in silence."""
    page = await linking.start(prompt="none")
    return "code" in linking.returned(page)


@pytest.mark.spec("oidcc rp-initiated-logout", "OpenID Connect RP-Initiated Logout §2", "security 6.42", "cognito 9.44")
@pytest.mark.parametrize("uri", [AFTERWARDS, WITH_QUERY])
async def test_the_client_of_this_session_signs_it_out_at_once(here: Linking, user: User, uri: str) -> None:
    hint = await id_token(here, user)
    page = await ask(here, id_token_hint=hint, post_logout_redirect_uri=uri, state=STATE)
    assert page.left_to is not None
    assert page.left_to.startswith(uri + ("&" if "?" in uri else "?") + "state=")
    assert parse_qs(urlsplit(page.left_to).query)["state"] == [STATE]
    assert not await is_signed_in(here)


@pytest.mark.spec("OpenID Connect RP-Initiated Logout §2", "oidcc rp-initiated-logout-no-state")
async def test_no_state_comes_back_where_none_was_sent(here: Linking, user: User) -> None:
    hint = await id_token(here, user)
    page = await ask(here, id_token_hint=hint, post_logout_redirect_uri=AFTERWARDS, client_id=here.client.client_id)
    assert page.left_to == AFTERWARDS
    page = await ask(here, id_token_hint=hint, post_logout_redirect_uri=AFTERWARDS)  # nobody is signed in any more
    assert page.left_to == AFTERWARDS


@pytest.mark.spec("oidcc rp-initiated-logout", "OpenID Connect RP-Initiated Logout §2", "security 6.73")
async def test_a_post_from_a_clients_page_goes_the_same_way(here: Linking, user: User) -> None:
    """The browser gives no `Lax` cookie to it: only the navigation that follows knows the session."""
    form = {"id_token_hint": await id_token(here, user), "post_logout_redirect_uri": AFTERWARDS, "state": "s"}
    bare = browser_of(here.people)
    answer = await bare.client.post(here.url("/oauth2/logout"), data=form, headers={"origin": "https://client.org"})
    assert answer.status_code == 303
    page = await here.browser.open(answer.headers["location"])
    assert page.left_to == f"{AFTERWARDS}?state=s"
    assert not await is_signed_in(here)


@pytest.mark.spec(
    "OpenID Connect RP-Initiated Logout §2",
    "security 6.78",
    "oidcc rp-initiated-logout-no-params",
    "oidcc rp-initiated-logout-only-state",
)
@pytest.mark.parametrize("given", [{}, {"state": "s"}, {"id_token_hint": "", "state": ""}], ids=str)
async def test_without_a_word_of_whose_it_is_the_person_is_asked(
    here: Linking, user: User, given: dict[str, str]
) -> None:
    await id_token(here, user)
    page = await ask(here, **given)
    assert "Sign out?" in page.text
    assert await is_signed_in(here)
    page = await here.browser.press(page, "sign_out")
    assert (urlsplit(page.url).path, page.left_to) == ("/signed-out", None)
    assert "You are signed out" in page.text
    assert not await is_signed_in(here)
    assert "You are signed out" in (await ask(here, **given)).text


@pytest.mark.spec("oidcc rp-initiated-logout-no-uri", "OpenID Connect RP-Initiated Logout §2")
async def test_without_an_address_a_page_of_ours_says_that_it_is_done(here: Linking, user: User) -> None:
    for given in ({}, {"state": "s"}):
        page = await ask(here, id_token_hint=await id_token(here, user), **given)
        assert (urlsplit(page.url).path, page.left_to) == ("/signed-out", None)
        assert "You are signed out" in page.text
        assert not await is_signed_in(here)


async def hints(people: People, app: Asker, user: User, own: str) -> dict[str, str]:
    """Tokens that are no hint of this server for this client, or none of this session."""
    head, body, signature = own.split(".")
    services = people.services
    none = segment({"alg": "none", "typ": "JWT"}) + f".{body}."
    foreign = key_ring._open(generate(services.secret_keys.current, "RS256", 0, 0), services.secret_keys)
    other = await people.server.add_client()
    tokens = await other.linked(user)
    return {
        "unsigned": none,
        "changed": f"{head}.{segment(claims_of(own) | {'sub': 'somebody'})}.{signature}",
        "foreign": foreign.signer.sign(orjson.dumps(claims_of(own)), "JWT"),
        "other client": tokens["id_token"],
        "access token": tokens["access_token"],
        "padded": own + "==",
        "nonsense": "nonsense",
    }


def segment(value: dict[str, Any]) -> str:
    return encoded(orjson.dumps(value)).decode()


@pytest.mark.spec(
    "security 6.51",
    "security 6.69",
    "security 6.78",
    "oidcc rp-initiated-logout-modified-hint",
    "oidcc rp-initiated-logout-foreign-hint",
)
async def test_what_is_no_hint_of_ours_signs_nobody_out_and_leads_nowhere(
    people: People, app: Asker, here: Linking, user: User
) -> None:
    own = await id_token(here, user)
    for name, hint in (await hints(people, app, user, own)).items():
        page = await ask(
            here, id_token_hint=hint, post_logout_redirect_uri=AFTERWARDS, client_id=app.client_id, state="s"
        )
        assert page.left_to is None, name
        assert "Sign out?" in page.text, name
        assert await is_signed_in(here), name
    assert page.url.startswith(people.server.settings.issuer)
    page = await here.browser.press(page, "sign_out")
    assert page.left_to is None
    assert "You are signed out" in page.text


@pytest.mark.spec(
    "OpenID Connect RP-Initiated Logout §3.1",
    "security 6.60",
    "oidcc rp-initiated-logout-bad-uri",
    "oidcc rp-initiated-logout-query-added",
    "oidcc rp-initiated-logout-no-hint",
)
@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        AFTERWARDS + "/",
        AFTERWARDS + "?a=b",
        AFTERWARDS.upper(),
        AFTERWARDS + "#x",
        "//evil.example",
        "javascript:alert(1)",
        "https://client.example.org/callback",
    ],
)
async def test_an_address_that_is_not_registered_is_never_gone_to(here: Linking, user: User, uri: str) -> None:
    hint = await id_token(here, user)
    page = await ask(here, id_token_hint=hint, post_logout_redirect_uri=uri, state="s")
    assert page.left_to is None
    assert "Sign out?" in page.text
    assert uri not in page.answer.text
    assert await is_signed_in(here)
    without = await ask(here, client_id=here.client.client_id, post_logout_redirect_uri=AFTERWARDS)
    assert without.left_to is None  # a client's name alone proves nothing (§3)


@pytest.mark.spec("security 6.78", "OpenID Connect RP-Initiated Logout §6")
async def test_the_hint_of_another_session_only_asks(people: People, app: Asker, here: Linking, user: User) -> None:
    """An attacker has a token of their own, and one of the same person's at another browser."""
    elsewhere, attacker = Linking(people, app), Linking(people, app)
    await id_token(here, user)
    for hint in (await id_token(elsewhere, user), await id_token(attacker, await people.add())):
        page = await ask(here, id_token_hint=hint, post_logout_redirect_uri=AFTERWARDS, state="s")
        assert "A confidential app asks to sign you out here" in page.text
        assert await is_signed_in(here)
    page = await here.browser.press(page, "stay")
    assert urlsplit(page.url).path == "/account"
    page = await ask(here, id_token_hint=hint, post_logout_redirect_uri=AFTERWARDS, state="s")
    page = await here.browser.press(page, "sign_out")
    assert page.left_to == f"{AFTERWARDS}?state=s"
    assert await is_signed_in(elsewhere)


@pytest.mark.spec("security 6.45", "security 6.78", "security 6.73")
async def test_nobody_else_presses_the_button(people: People, here: Linking, user: User) -> None:
    await id_token(here, user)
    page = await ask(here)
    url, hidden = here.url("/oauth2/logout"), page.forms[0].hidden
    for data, origin in (
        (hidden | {"action": "sign_out"}, "https://evil.example"),
        (hidden | {"action": "sign_out"}, "null"),
        (hidden | {"action": "sign_out", "csrf_token": ""}, people.server.settings.origin),
        (hidden | {"action": "sign_out", "csrf_token": "guess"}, people.server.settings.origin),
    ):
        answer = await here.browser.client.post(url, data=data, headers={"origin": origin})
        assert answer.status_code == 403
    assert await is_signed_in(here)


@pytest.mark.spec("security 6.78")
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-dest": "image", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-dest": "iframe", "sec-fetch-mode": "navigate"},
        {"sec-fetch-dest": "empty", "sec-fetch-mode": "cors"},
        {"sec-fetch-dest": "document", "sec-fetch-mode": "navigate", "sec-purpose": "prefetch;prerender"},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
async def test_nobody_is_signed_out_unseen(here: Linking, user: User, headers: dict[str, str]) -> None:
    hint = await id_token(here, user)
    own = {"client_id": here.client.client_id, "logout_uri": AFTERWARDS}
    answer = await here.browser.client.get(here.url(f"/logout?{urlencode(own)}"), headers=headers)
    assert answer.status_code == 403
    answer = await here.browser.client.get(here.url(f"/oauth2/logout?id_token_hint={hint}"), headers=headers)
    assert answer.status_code == 200
    assert "Sign out?" in answer.text
    assert await is_signed_in(here)


@pytest.mark.spec("OpenID Connect RP-Initiated Logout §2", "CVE-2026-16206")
async def test_an_expired_hint_signs_out_its_own_session_and_an_old_one_leads_nowhere(
    people: People, here: Linking, user: User
) -> None:
    """The session lives longer than the token: an hour here, twelve there."""
    hint = await id_token(here, user)
    for _ in range(3):
        people.clock.advance(1500)
        await here.browser.open(here.url("/account"))  # somebody is there
    page = await ask(here, id_token_hint=hint, post_logout_redirect_uri=AFTERWARDS)
    assert page.left_to == AFTERWARDS
    assert not await is_signed_in(here)
    fresh = await id_token(here, user)
    people.clock.advance(3600 + 43_200)
    assert (await ask(here, id_token_hint=fresh, post_logout_redirect_uri=AFTERWARDS)).left_to is None


@pytest.mark.spec("security 6.47", "OpenID Connect RP-Initiated Logout §2", "security 6.78")
async def test_the_session_keeps_its_name_when_the_same_person_signs_in_once_more(
    people: People, here: Linking, user: User
) -> None:
    first = await id_token(here, user)
    page = await here.start(prompt="login")
    page = await here.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    second = (await here.client.exchange(here.returned(page)["code"])).json()["id_token"]
    assert claims_of(first)["sid"] == claims_of(second)["sid"]
    other = await people.add()
    page = await here.start(prompt="login")
    page = await here.browser.press(page, "sign_in", username=other.email, password=PASSWORD)
    third = (await here.client.exchange(here.returned(page)["code"])).json()["id_token"]
    assert claims_of(third)["sid"] != claims_of(first)["sid"]
    assert "Sign out?" in (await ask(here, id_token_hint=first)).text
    async with people.services.database.unit() as session:
        browser, _ = await sessions.find(people.services.settings, session, people.clock(), here.browser.client.cookies)
    assert isinstance(browser, Session)
    assert browser.sid == claims_of(third)["sid"]


@pytest.mark.spec("OpenID Connect Core §8.1", "OpenID Connect RP-Initiated Logout §2", "security 6.78")
async def test_a_client_that_knows_the_session_by_a_name_of_its_own_signs_it_out_too(
    people: People, here: Linking, user: User
) -> None:
    fields = {"first_party": True, "subject_type": "pairwise", "post_logout_redirect_uris": [AFTERWARDS]}
    one, two = [await people.server.add_client(sector_identifier=f"{name}.example", **fields) for name in "ab"]
    public = claims_of(await id_token(here, user))["sid"]
    hints = []
    for client in (one, two):
        linking = Linking(people, client)
        linking.browser = here.browser
        hints.append(await id_token(linking, user))
    assert len({public, *(claims_of(hint)["sid"] for hint in hints)}) == 3
    elsewhere = Linking(people, one)
    other = await id_token(elsewhere, user)
    assert "Sign out?" in (await ask(here, id_token_hint=other, post_logout_redirect_uri=AFTERWARDS)).text
    assert await is_signed_in(here)
    assert (await ask(here, id_token_hint=hints[1], post_logout_redirect_uri=AFTERWARDS)).left_to == AFTERWARDS
    assert not await is_signed_in(here)
    assert await is_signed_in(elsewhere)


@pytest.mark.spec("cognito 9.44", "cognito 1", "security 6.78")
async def test_cognitos_logout_ends_the_session_and_revokes_nothing(here: Linking, user: User) -> None:
    page = await here.start()
    page = await here.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    tokens = (await here.client.exchange(here.returned(page)["code"])).json()
    for _ in range(2):  # whoever is not signed in is led on as well
        answer = await here.browser.client.get(
            here.url(f"/logout?{urlencode({'client_id': here.client.client_id, 'logout_uri': AFTERWARDS})}")
        )
        assert (answer.status_code, answer.headers["location"]) == (302, AFTERWARDS)
    assert not await is_signed_in(here)
    assert (await here.client.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.spec("cognito 9.44", "cognito 1")
async def test_cognitos_second_form_leads_to_sign_in_with_all_that_it_carries(here: Linking, user: User) -> None:
    await id_token(here, user)
    asked = here.client.authorization(state="s", nonce="n")
    page = await ask(here, "/logout", **asked)
    assert page.asks_for("username", "password")
    page = await here.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert page.left_to is not None
    assert parse_qs(urlsplit(page.left_to).query)["state"] == ["s"]
    page = await ask(here, "/logout", **asked, logout_uri=AFTERWARDS)  # which wins
    assert page.left_to == AFTERWARDS


@pytest.mark.spec("cognito 9.44", "security 6.60", "security 6.8")
async def test_cognitos_logout_goes_nowhere_else_and_then_signs_nobody_out(here: Linking, user: User) -> None:
    await id_token(here, user)
    known = {"client_id": here.client.client_id}
    for given in (
        {},
        known,
        {"logout_uri": AFTERWARDS},
        {"client_id": "nobody", "logout_uri": AFTERWARDS},
        known | {"logout_uri": "https://evil.example/"},
        known | {"logout_uri": AFTERWARDS + "?x"},
        known | {"logout_uri": ""},
        known | {"redirect_uri": "https://evil.example/", "response_type": "code"},
        known | {"redirect_uri": here.client.redirect_uri},
    ):
        page = await ask(here, "/logout", **given)
        assert (page.status, page.left_to) == (400, None), given
    twice = await here.browser.open(here.url(f"/logout?client_id={here.client.client_id}&logout_uri=a&logout_uri=b"))
    assert twice.status == 400
    assert await is_signed_in(here)
