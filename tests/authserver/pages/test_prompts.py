"""What a request may ask of the pages: `prompt`, `max_age`, hints (OpenID Connect Core §3.1.2.1)."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
import pytest_asyncio
from sqlmodel import select

from authserver.accounts import sessions
from authserver.models import AuthorizationCode, Interaction, User
from authserver.oauth import authorization
from authserver.oauth.redirects import Addressee
from tests.authserver.accounts.factors import with_app
from tests.authserver.accounts.people import PASSWORD, People
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.conftest import Linkings
from tests.authserver.protocol.harness import Asker, claims_of
from tests.running.reading import Page


@pytest_asyncio.fixture(loop_scope="session")
async def own(people: People) -> Asker:
    """An application of the operator's: no consent page stands in the way."""
    return await people.server.add_client(first_party=True, scopes=["openid", "email"])


@pytest_asyncio.fixture(loop_scope="session")
async def user(people: People) -> User:
    return await people.add()


@pytest.fixture
def visit(people: People, own: Asker) -> Linking:
    """A browser on the way to that application."""
    return Linking(people, own)


async def sign_in(linking: Linking, page: Page, user: User) -> Page:
    assert page.asks_for("username", "password"), page
    return await linking.browser.press(page, "sign_in", username=user.email, password=PASSWORD)


async def test_to_the_operators_own_application_nothing_is_linked(people: People, visit: Linking) -> None:
    assert "to continue to" in (await visit.start()).text
    other = await people.server.add_client(scopes=["openid", "email"])
    assert "to link your account with" in (await Linking(people, other).start()).text


async def tokens(linking: Linking, page: Page) -> dict[str, Any]:
    answer = await linking.client.exchange(linking.returned(page)["code"])
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def told(linking: Linking, **asked: str | None) -> dict[str, str]:
    return linking.returned(await linking.start(**asked))


async def interactions_of(people: People, client: Asker) -> list[Interaction]:
    async with people.services.database.unit() as session:
        found = await session.exec(select(Interaction).where(Interaction.client_id == client.client_id))
        return list(found.all())


@pytest.mark.spec("oidcc prompt-login", "OpenID Connect Core §3.1.2.1")
@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}, {"prompt": "login consent"}], ids=str)
async def test_a_sign_in_of_the_same_second_does_not_do_for_prompt_login(
    visit: Linking, user: User, asked: dict[str, str]
) -> None:
    """The clock stands still: a comparison of seconds would let it through."""
    await sign_in(visit, await visit.start(), user)
    page = await visit.start(**asked)
    assert page.asks_for("password")
    for _ in range(2):  # nor does loading the page again
        page = await visit.browser.open(page.url)
        assert page.asks_for("password")
    page = await sign_in(visit, page, user)
    if page.left_to is None:
        page = await visit.browser.press(page, "allow")
    assert "code" in visit.returned(page)


@pytest.mark.spec("oidcc prompt-login")
async def test_a_sign_in_in_another_tab_does_not_do_for_prompt_login(visit: Linking, user: User) -> None:
    waiting = await visit.start(prompt="login")
    await sign_in(visit, await visit.start(), user)
    page = await visit.browser.open(waiting.url)
    assert page.asks_for("password")
    assert "code" in visit.returned(await sign_in(visit, page, user))


@pytest.mark.spec("oidcc prompt-login", "oidcc max-age-1", "oidcc max-age-10000")
async def test_auth_time_is_when_the_password_was_typed(people: People, visit: Linking, user: User) -> None:
    first = claims_of((await tokens(visit, await sign_in(visit, await visit.start(), user)))["id_token"])
    assert first["auth_time"] == people.clock()
    people.clock.advance(120)
    silent = [
        await tokens(visit, await visit.start(**asked)) for asked in ({}, {"max_age": "10000"}, {"prompt": "none"})
    ]
    assert {claims_of(one["id_token"])["auth_time"] for one in silent} == {first["auth_time"]}
    assert {claims_of(one["id_token"])["sub"] for one in silent} == {user.sub}
    page = await visit.start(max_age="1")
    again = claims_of((await tokens(visit, await sign_in(visit, page, user)))["id_token"])
    assert again["auth_time"] == first["auth_time"] + 120


@pytest.mark.spec("oidcc max-age-1")
async def test_a_person_who_is_slow_on_the_pages_is_not_asked_again_for_max_age(people: People, user: User) -> None:
    """The age counts from the request, not from each page."""
    linking = Linking(people, await people.server.add_client())
    page = await sign_in(linking, await linking.start(max_age="1"), user)
    people.clock.advance(300)
    page = await linking.browser.press(page, "allow")
    assert "code" in linking.returned(page)


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
async def test_select_account_shows_who_is_signed_in_and_goes_on_with_them(
    people: People, visit: Linking, user: User
) -> None:
    await sign_in(visit, await visit.start(), user)
    page = await visit.start(prompt="select_account")
    assert urlsplit(page.url).path == "/choose-account"
    assert user.email in page.text.replace(" ", "")
    page = await visit.browser.open(page.url)
    assert page.has_button("continue")
    claims = claims_of((await tokens(visit, await visit.browser.press(page, "continue")))["id_token"])
    assert claims["sub"] == user.sub


async def test_select_account_offers_another_account(people: People, visit: Linking, user: User) -> None:
    other = await people.add()
    await sign_in(visit, await visit.start(), user)
    page = await visit.browser.press(await visit.start(prompt="select_account", login_hint=user.email), "switch")
    assert page.forms[0].fields["username"] == ""
    claims = claims_of((await tokens(visit, await sign_in(visit, page, other)))["id_token"])
    assert claims["sub"] == other.sub


async def test_select_account_can_be_left(visit: Linking, user: User) -> None:
    await sign_in(visit, await visit.start(), user)
    page = await visit.browser.press(await visit.start(prompt="select_account"), "cancel")
    assert visit.returned(page)["error"] == "access_denied"


async def test_select_account_without_anybody_signed_in_is_a_sign_in(visit: Linking, user: User) -> None:
    page = await sign_in(visit, await visit.start(prompt="select_account"), user)
    assert "code" in visit.returned(page)


async def test_select_account_is_part_of_the_consent_page_where_there_is_one(people: People, user: User) -> None:
    linking = Linking(people, await people.server.add_client())
    await sign_in(linking, await linking.start(), user)
    page = await linking.start(prompt="select_account")
    assert page.has_button("allow")
    assert "Use another account" in page.text
    assert "code" in linking.returned(await linking.browser.press(page, "allow"))


async def test_who_signs_in_while_the_page_names_somebody_else_was_not_chosen(
    people: People, visit: Linking, user: User
) -> None:
    other = await people.add()
    await sign_in(visit, await visit.start(), user)
    page = await visit.start(prompt="select_account")
    await sign_in(visit, await visit.start(prompt="login"), other)
    again = await visit.browser.press(page, "continue")
    assert again.has_button("continue")
    assert other.email in again.text.replace(" ", "")
    for fields in ({}, {"action": "continue"}, {"action": "continue", "account": "x"}):
        hidden = {name: value for name, value in again.forms[0].hidden.items() if name != "account"}
        answer = await visit.browser.client.post(
            again.url, data=hidden | fields, headers={"origin": people.server.settings.origin}
        )
        assert "location" not in answer.headers


async def test_a_session_of_an_unconfirmed_address_is_chosen_before_it_is_confirmed(
    people: People, visit: Linking
) -> None:
    unconfirmed = await people.add(email_verified=False)
    await sign_in(visit, await visit.start(), unconfirmed)
    page = await visit.start(prompt="select_account")
    assert page.has_button("continue")
    assert (await visit.browser.press(page, "continue")).asks_for("code")


@pytest.mark.spec(
    "OpenID Connect Core §3.1.2.6", "oidcc prompt-none-not-logged-in", "oidcc prompt-none-logged-in", "security 6.61"
)
async def test_prompt_none_gets_a_code_or_the_right_error_and_leaves_nothing_behind(
    people: People, own: Asker, visit: Linking, user: User
) -> None:
    asks = await people.server.add_client()
    alexa = await people.server.add_client("alexa")
    assert (await told(visit, prompt="none"))["error"] == "login_required"
    await sign_in(visit, await visit.start(), user)
    before = len(await interactions_of(people, own))
    assert "code" in await told(visit, prompt=" none ")
    people.clock.advance(100)
    assert (await told(visit, prompt="none", max_age="99"))["error"] == "login_required"
    assert (await told(visit, prompt="none", max_age="0"))["error"] == "login_required"
    assert "code" in await told(visit, prompt="none", max_age="100")
    for client in (asks, alexa):
        elsewhere = Linking(people, client)
        elsewhere.browser = visit.browser
        assert (await told(elsewhere, prompt="none"))["error"] == "consent_required"
    await people.server.change(user, email_verified=False)
    assert (await told(visit, prompt="none"))["error"] == "interaction_required"
    assert len(await interactions_of(people, own)) == before
    assert await interactions_of(people, alexa) == []


async def test_prompt_consent_asks_even_for_an_application_of_the_operator(visit: Linking, user: User) -> None:
    await sign_in(visit, await visit.start(), user)
    page = await visit.start(prompt="consent")
    assert page.has_button("allow")
    assert "code" in visit.returned(await visit.browser.press(page, "allow"))


@pytest.mark.spec("oidcc id-token-hint", "OpenID Connect Core §3.1.2.1")
async def test_a_hint_that_names_the_signed_in_person_is_silent_also_when_it_has_expired(
    people: People, visit: Linking, user: User
) -> None:
    hint = (await tokens(visit, await sign_in(visit, await visit.start(), user)))["id_token"]
    assert "code" in await told(visit, prompt="none", id_token_hint=hint)
    people.clock.advance(claims_of(hint)["exp"] - people.clock() + 1)
    page = await sign_in(visit, await visit.start(prompt="login"), user)
    visit.returned(page)
    assert "code" in await told(visit, prompt="none", id_token_hint=hint)


@pytest.mark.spec("oidcc id-token-hint", "OpenID Connect Core §3.1.2.6")
async def test_a_hint_that_names_somebody_else_gives_no_code_for_whoever_is_signed_in(
    people: People, visit: Linking, new_linking: Linkings, user: User
) -> None:
    other = await people.add()
    elsewhere = Linking(people, visit.client)
    hint = (await tokens(elsewhere, await sign_in(elsewhere, await elsewhere.start(), other)))["id_token"]
    await sign_in(visit, await visit.start(), user)
    assert (await told(visit, prompt="none", id_token_hint=hint))["error"] == "login_required"
    page = await visit.start(id_token_hint=hint)
    assert "another account" in page.text
    assert other.email not in page.answer.text
    assert user.email not in page.answer.text
    page = await sign_in(visit, page, user)  # the wrong one again
    assert page.asks_for("password")
    claims = claims_of((await tokens(visit, await sign_in(visit, page, other)))["id_token"])
    assert claims["sub"] == other.sub


@pytest.mark.spec("oidcc id-token-hint", "OpenID Connect Core §3.1.2.1")
@pytest.mark.parametrize("where", ["consent", "select_account", "second step"])
async def test_who_is_not_the_person_of_the_hint_and_says_so_is_not_asked_for_ever(
    people: People, visit: Linking, user: User, where: str
) -> None:
    """The client is told that it was somebody else; the person of the hint still gets through."""
    other = await people.add()
    hint = (await tokens(visit, await sign_in(visit, await visit.start(), user)))["id_token"]
    if where == "second step":
        app, _ = await with_app(people, user)
    for who in (user, other):
        if where == "second step":
            page = await sign_in(visit, await visit.start(id_token_hint=hint, prompt="login"), user)
            page = await visit.browser.press(page, "restart")
        else:
            page = await visit.browser.press(await visit.start(id_token_hint=hint, prompt=where), "switch")
        assert page.forms[0].fields["username"] == ""
        page = await sign_in(visit, page, who)
        if who is other:
            given = visit.returned(page)
            assert given["error"] == "login_required"
            assert "code" not in given
            break
        if where == "second step":
            page = await visit.browser.press(page, "verify", code=app.code())
        elif where == "consent":
            page = await visit.browser.press(page, "allow")
        assert claims_of((await tokens(visit, page))["id_token"])["sub"] == user.sub


async def test_who_says_not_you_on_the_way_to_a_page_of_the_account_is_led_to_their_own(
    people: People, visit: Linking, user: User
) -> None:
    other = await people.add()
    await sign_in(visit, await visit.start(), user)
    await with_app(people, user)
    people.clock.advance(people.services.settings.fresh_sign_in)
    page = await sign_in(visit, await visit.browser.open(visit.url("/account/email")), user)
    page = await sign_in(visit, await visit.browser.press(page, "restart"), other)
    assert page.url == visit.url("/account")
    assert other.email in page.answer.text.replace("<wbr>", "")


@pytest.mark.spec("security 6.51", "security 6.69", "OpenID Connect Core §3.1.2.1")
async def test_only_an_id_token_of_ours_for_this_client_is_a_hint(people: People, visit: Linking, user: User) -> None:
    mine = await tokens(visit, await sign_in(visit, await visit.start(), user))
    foreign = Linking(people, await people.server.add_client(first_party=True))
    theirs = await tokens(foreign, await sign_in(foreign, await foreign.start(), user))
    ring = people.services.keys
    signer = ring.signing("RS256", people.clock()).signer
    claims = claims_of(mine["id_token"])
    head, body, signature = mine["id_token"].split(".")
    bad = {
        "access token": mine["access_token"],
        "refresh token": mine["refresh_token"],
        "another client's": theirs["id_token"],
        "another kind": signer.sign(orjson.dumps(claims), "logout+jwt"),
        "typed as an access token": signer.sign(orjson.dumps(claims), "at+jwt"),
        "another use": signer.sign(orjson.dumps(claims | {"token_use": "access"}), "JWT"),
        "another issuer": signer.sign(orjson.dumps(claims | {"iss": "https://evil.example"}), "JWT"),
        "a list of audiences": signer.sign(orjson.dumps(claims | {"aud": [visit.client.client_id, "x"]}), "JWT"),
        "unsigned": f"{head}.{body}.",
        "none": f"eyJhbGciOiJub25lIn0.{body}.",
        "broken": f"{head}.{body}.{signature[:-4]}AAAA",
        "words": "hello",
        "long": mine["id_token"] + "A" * 9000,
    }
    assert "code" in await told(visit, id_token_hint=mine["id_token"])
    for kind, hint in bad.items():
        for prompt in (None, "none"):
            assert (await told(visit, id_token_hint=hint, prompt=prompt))["error"] == "invalid_request", kind


async def test_a_hint_is_nobodys_address_book(people: People, visit: Linking, user: User) -> None:
    """Who merely holds an ID token learns no address from it that it does not tell itself."""
    page = await sign_in(visit, await visit.start(scope="openid"), user)
    silent = (await tokens(visit, page))["id_token"]
    telling = (await tokens(visit, await visit.start(scope="openid email")))["id_token"]
    assert "email" not in claims_of(silent)
    stranger = Linking(people, visit.client)
    page = await stranger.start(id_token_hint=silent)
    assert user.email not in page.answer.text
    page = await stranger.start(id_token_hint=telling)
    assert page.forms[0].fields["username"] == claims_of(telling)["email"] == user.email
    page = await stranger.start(id_token_hint=telling, login_hint="typed@example.org")
    assert page.forms[0].fields["username"] == "typed@example.org"


@pytest.mark.spec("oidcc login-hint")
@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        ("buffy@example.org", "buffy@example.org"),
        ("buffy", "buffy"),
        ('"><b>x', '"><b>x'),
        ("x" * 254, "x" * 254),
        ("x" * 255, ""),
    ],
    ids=["address", "name", "markup", "long", "too long"],
)
async def test_a_login_hint_stands_in_the_field(visit: Linking, hint: str, shown: str) -> None:
    page = await visit.start(login_hint=hint)
    assert page.forms[0].fields["username"] == shown
    assert "<b>x" not in page.answer.text


async def test_who_types_the_password_once_more_need_not_type_the_name(visit: Linking, user: User) -> None:
    await sign_in(visit, await visit.start(), user)
    page = await visit.start(prompt="login")
    assert page.forms[0].fields["username"] == user.email
    page = await Linking(visit.people, visit.client).start(prompt="login")
    assert page.forms[0].fields["username"] == ""


@pytest.mark.spec("oidcc display-page", "oidcc display-popup", "oidcc ui-locales", "oidcc claims-locales")
@pytest.mark.parametrize(
    "asked",
    [
        *({"display": display} for display in ("page", "popup", "touch", "wap", "hologram")),
        {"ui_locales": "de-CH se"},
        {"claims_locales": "se"},
    ],
    ids=str,
)
async def test_display_and_locales_never_stand_in_the_way(visit: Linking, user: User, asked: dict[str, str]) -> None:
    assert "code" in visit.returned(await sign_in(visit, await visit.start(**asked), user))


@pytest.mark.spec("security 6.48", "decision 10")
async def test_what_the_row_says_of_hints_never_comes_from_the_query(
    people: People, visit: Linking, user: User
) -> None:
    """`hinted_sub` is our own word: a parameter of that name is unknown, and ignored."""
    await sign_in(visit, await visit.start(), user)
    assert "code" in await told(visit, hinted_sub="somebody", consented="1", account=user.sub)
    page = await Linking(people, await people.server.add_client()).start(hinted_sub="x", session_digest="x")
    assert page.asks_for("password")


async def test_a_session_that_ends_while_prompt_none_is_answered_gives_an_error_and_no_code(
    people: People, own: Asker, user: User
) -> None:
    services = people.services
    async with services.database.unit() as session:
        _, value = await sessions.create(services.settings, session, people.clock(), user, amr=["pwd"], cookies={})
    cookies = {sessions.cookie_name(services.settings): value}
    client = await services.clients.get(own.client_id)
    assert client is not None
    kept = own.authorization(prompt="none")
    async with services.database.unit() as session:
        browser, found = await sessions.find(services.settings, session, people.clock(), cookies)
        async with services.database.unit() as other:
            await sessions.end(services.settings, other, people.clock(), cookies)
        to = Addressee(client, own.redirect_uri, True)
        location = await authorization.silently(services.oauth, session, kept, to, browser, found)
    assert location.startswith(f"{own.redirect_uri}?error=login_required&")
    async with services.database.unit() as session:
        codes = await session.exec(select(AuthorizationCode).where(AuthorizationCode.client_id == own.client_id))
        assert codes.all() == []


async def test_strangers_may_begin_so_many_sign_ins_from_one_network_and_no_more(
    people: People, own: Asker, user: User
) -> None:
    services = people.services
    services.settings, usual = services.settings.model_copy(update={"address_visits": 5}), services.settings
    try:
        visit = Linking(people, own)
        await sign_in(visit, await visit.start(), user)
        for _ in range(4):
            assert (await Linking(people, own).start()).status == 200
        late = await Linking(people, own).start()
        assert late.status == 429
        assert 0 < int(late.answer.headers["retry-after"]) <= 600
        for path in ("/login", "/signup", "/account"):
            assert (await Linking(people, own).browser.open(visit.url(path))).status == 429
        assert "code" in await told(visit)  # who is signed in is not a stranger
        assert (await told(Linking(people, own), prompt="none"))["error"] == "login_required"  # nothing is kept
        assert (await Linking(replace(people, network="203.0.113.9"), own).start()).status == 200
        people.clock.advance(600)
        assert (await Linking(people, own).start()).status == 200
        # anybody can make an account: what one of them may have kept is bounded too, wherever it comes from
        for _ in range(5):
            assert "code" in await told(visit)
        assert (await visit.start()).status == 429
        people.clock.advance(600)
        assert "code" in await told(visit)
    finally:
        services.settings = usual
