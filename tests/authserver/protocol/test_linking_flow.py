"""The whole way through the hosted pages: what the browser brings back, and what must not come of it."""

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import pytest_asyncio
from sqlmodel import col, select

from authserver.accounts.mail import letters
from authserver.models import AuthorizationCode, Client, Interaction, Mail
from authserver.models import User as Account
from tests.authserver.protocol.harness import FORM, Asker, Server, challenge_of, claims_of
from tests.running.linking import PASSWORD, Linked, Person, returned, walk
from tests.running.reading import Browser, Page
from tests.vectors.alexa import REDIRECT_URIS, STATE_737

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@pytest_asyncio.fixture(loop_scope="session")
async def browser(server: Server) -> AsyncIterator[Browser]:
    async with new_browser(server) as opened:
        yield opened


def new_browser(server: Server) -> Browser:
    """A browser without a network: its requests go into this process."""
    browser = Browser()
    browser.client = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=server.app), headers=browser.client.headers, follow_redirects=False
    )
    return browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def password_hashes() -> dict[str, str]:
    """Hashed once: a hash costs what a hundred tokens cost."""
    return {}


@pytest_asyncio.fixture(loop_scope="session")
async def account(server: Server, password_hashes: dict[str, str]) -> Account:
    if PASSWORD not in password_hashes:
        password_hashes[PASSWORD] = await server.services.passwords.hash(PASSWORD)
    return await server.add_person(password_hash=password_hashes[PASSWORD])


@pytest.fixture
def human(account: Account) -> Person:
    return Person(account.email, PASSWORD, account.sub)


def url(client: Asker, **others: str | None) -> str:
    asked = client.authorization(**({"state": STATE_737} | others))
    return str(httpx2.URL(f"{client.server.settings.issuer}/oauth2/authorize", params=asked))


async def link(client: Asker, human: Person, browser: Browser, **others: str | None) -> Linked:
    page = await walk(browser, await browser.open(url(client, **others)), human)
    return returned(page, others.get("redirect_uri") or client.redirect_uri)


async def codes_of(server: Server, sub: str) -> int:
    async with server.services.database.unit() as session:
        return len((await session.exec(select(AuthorizationCode.digest).where(AuthorizationCode.sub == sub))).all())


@pytest.mark.spec("A02", "A13", "A14", "A15", "A16", "cognito 9.2", "security 6.41", "security 6.42", "alexa 1.4")
@pytest.mark.parametrize("redirect_uri", REDIRECT_URIS.values(), ids=REDIRECT_URIS)
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("pkce", [True, False], ids=["pkce", "no-pkce"])
async def test_a_linking_as_alexa_does_it(
    alexa: Asker, human: Person, browser: Browser, redirect_uri: str, method: str, pkce: bool
) -> None:
    challenge: dict[str, str | None] = {}
    if pkce:
        challenge = {"code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256"}
    linked = await link(alexa, human, browser, redirect_uri=redirect_uri, **challenge)
    assert linked.state == STATE_737
    assert linked.iss == alexa.server.settings.issuer
    alexa.method = method
    proof = {"code_verifier": VERIFIER} if pkce else {}
    answer = await alexa.exchange(linked.code, redirect_uri=redirect_uri, **proof)
    assert answer.status_code == 200, answer.text
    assert claims_of(answer.json()["access_token"])["sub"] == human.sub
    assert (await alexa.refresh(answer.json()["refresh_token"])).status_code == 200


@pytest.mark.spec("cognito 9.1", "A01")
async def test_without_a_session_the_browser_is_sent_to_sign_in(server: Server, alexa: Asker, browser: Browser) -> None:
    page = await browser.open(url(alexa))
    assert page.status == 200
    assert urlsplit(page.url).path == "/login"
    assert page.asks_for("username", "password")
    assert STATE_737 not in page.url  # a referrer or a history would show it; it waits in the database
    assert page.answer.headers["cache-control"] == "no-store"


@pytest.mark.spec("A06", "A07", "alexa 1.3")
async def test_state_survives_wrong_passwords_on_the_way(alexa: Asker, human: Person, browser: Browser) -> None:
    page = await browser.open(url(alexa))
    for _ in range(2):
        page = await browser.press(page, "sign_in", username=human.email, password="wrong password")
        assert page.left_to is None
    linked = returned(await walk(browser, page, human), alexa.redirect_uri)
    assert linked.state == STATE_737


@pytest.mark.spec("A08", "RFC 6749 §4.1.2.1", "security 6.41", "security 3.access-denied")
@pytest.mark.parametrize("where", ["sign-in", "consent"])
async def test_who_cancels_sends_access_denied_back(
    server: Server, alexa: Asker, human: Person, browser: Browser, where: str
) -> None:
    page = await browser.open(url(alexa))
    if where == "consent":
        page = await browser.press(page, "sign_in", username=human.email, password=human.password)
        page = await browser.press(page, "deny")
    else:
        page = await browser.press(page, "cancel")
    assert page.left_to is not None
    given = parse_qs(urlsplit(page.left_to).query)
    assert page.left_to.startswith(f"{alexa.redirect_uri}?")
    assert given["error"] == ["access_denied"]
    assert given["state"] == [STATE_737]
    assert given["iss"] == [server.settings.issuer]
    assert "code" not in given
    assert await codes_of(server, human.sub) == 0


@pytest.mark.spec("security 6.61", "A25", "cognito 9.2")
async def test_at_every_linking_alexa_asks_again_and_names_the_account(
    alexa: Asker, human: Person, browser: Browser
) -> None:
    """Consent is never remembered: an attacker's link must not be followed in silence."""
    await link(alexa, human, browser)
    page = await browser.open(url(alexa))
    assert urlsplit(page.url).path == "/consent"
    assert human.email in page.text.replace(" ", "")  # it may break after the @
    assert "layla.amazon.com" in page.text or "pitangui.amazon.com" in page.text
    assert not page.asks_for("password")
    assert returned(await walk(browser, page, human), alexa.redirect_uri).state == STATE_737


@pytest.mark.spec("security 6.57", "RFC 6749 §3.3")
@pytest.mark.parametrize("scope", [None, "", " ", "openid email lamps", "lamps lamps openid  email"])
async def test_the_consent_page_is_asked_for_every_scope_that_is_granted(
    server: Server, human: Person, browser: Browser, scope: str | None
) -> None:
    """A blank scope means the client's own, and must be shown as such."""
    client = await server.add_client(scopes=["openid", "email", "lamps"])
    await browser.press(
        await browser.open(url(client, scope=scope)), "sign_in", username=human.email, password=human.password
    )
    async with server.services.database.unit() as session:
        [interaction] = (await session.exec(select(Interaction).where(Interaction.client_id == client.client_id))).all()
    assert set(interaction.request["scope"].split()) == {"openid", "email", "lamps"}


@pytest.mark.spec("security 6.26", "security 6.48")
async def test_an_interaction_gives_one_code_however_often_its_form_is_sent(
    server: Server, alexa: Asker, human: Person, browser: Browser
) -> None:
    page = await browser.open(url(alexa))
    consent = await browser.press(page, "sign_in", username=human.email, password=human.password)
    first = await browser.press(consent, "allow")
    assert first.left_to is not None
    again = await browser.press(consent, "allow")
    assert again.left_to is None
    assert again.status == 400
    assert await codes_of(server, human.sub) == 1


@pytest.mark.spec("security 6.48", "security 6.45")
@pytest.mark.parametrize("step", ["sign-in", "consent"])
async def test_a_step_in_another_browser_starts_over(
    server: Server, alexa: Asker, human: Person, browser: Browser, step: str
) -> None:
    """The attacker's interaction, finished in the victim's browser, would link the victim's house to the attacker."""
    page = await browser.open(url(alexa))
    if step == "consent":
        page = await browser.press(page, "sign_in", username=human.email, password=human.password)
    async with new_browser(server) as other:
        assert (await other.open(page.url)).status == 400
        form = page.forms[0]
        data = form.hidden | {"username": human.email, "password": human.password, "action": "allow"}
        answer = await other.client.post(
            page.url, data=data, headers={"origin": server.settings.origin, "content-type": FORM}
        )
        assert answer.status_code in (400, 403)
    assert await codes_of(server, human.sub) == 0


@pytest.mark.spec("security 6.45", "security 6.73")
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://auth.example.test"},
        {"origin": "https://auth.example.test:8443"},
        {"origin": "https://sub.auth.example.test"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=lambda headers: next(iter(headers.values())),
)
async def test_a_form_of_another_origin_is_refused(
    server: Server, alexa: Asker, human: Person, browser: Browser, headers: dict[str, str]
) -> None:
    page = await browser.open(url(alexa))
    consent = await browser.press(page, "sign_in", username=human.email, password=human.password)
    data = consent.forms[0].hidden | {"action": "allow"}
    answer = await browser.client.post(consent.url, data=data, headers=headers)
    assert answer.status_code == 403
    assert await codes_of(server, human.sub) == 0


async def at_consent(alexa: Asker, human: Person, browser: Browser) -> Page:
    page = await browser.open(url(alexa))
    return await browser.press(page, "sign_in", username=human.email, password=human.password)


@pytest.mark.spec("security 6.1", "decision 12", "RFC 9700 §4.1.3")
@pytest.mark.parametrize(
    "change", [{"redirect_uris": ["https://other.example/"]}, {"active": False}], ids=["uri", "off"]
)
async def test_a_client_that_changes_in_the_middle_gets_no_code(
    server: Server, alexa: Asker, human: Person, browser: Browser, change: dict[str, object]
) -> None:
    consent = await at_consent(alexa, human, browser)
    async with server.services.database.unit() as session:
        row = await session.get(Client, alexa.client_id)
    await server.change(row, **change)
    server.services.clients.forget()
    page = await browser.press(consent, "allow")
    assert page.left_to is None
    assert page.status == 400
    assert await codes_of(server, human.sub) == 0


@pytest.mark.spec("security 6.74", "security 6.32")
async def test_a_person_who_is_disabled_in_the_middle_gets_no_code(
    server: Server, alexa: Asker, human: Person, account: Account, browser: Browser
) -> None:
    consent = await at_consent(alexa, human, browser)
    await server.change(account, active=False, epoch=1)
    page = await browser.press(consent, "allow")
    assert page.left_to is None
    assert await codes_of(server, human.sub) == 0


@pytest.mark.spec("security 6.47", "security 6.73", "oidcc session-cookie-lax")
async def test_the_session_is_a_new_one_at_every_sign_in_and_its_cookie_is_bound_to_this_host(
    server: Server, alexa: Asker, human: Person, browser: Browser
) -> None:
    def session_cookie() -> str:
        return next(cookie.value or "" for cookie in browser.client.cookies.jar if "session" in cookie.name)

    await link(alexa, human, browser)
    first = session_cookie()
    server.clock.advance(1)
    page = await browser.open(url(alexa, prompt="login"))
    answer = await browser.client.post(
        page.url,
        data=next(page.forms_with("username")).hidden
        | {"username": human.email, "password": human.password, "action": "sign_in"},
        headers={"origin": server.settings.origin},
    )
    [header] = [value for value in answer.headers.get_list("set-cookie") if "session" in value]
    for part in ("__Host-", "Secure", "HttpOnly", "SameSite=lax", "Path=/"):
        assert part.lower() in header.lower()
    assert "domain" not in header.lower()
    assert session_cookie() != first


@pytest.mark.spec("oidcc prompt-login", "OpenID Connect Core §3.1.2.1")
async def test_prompt_login_asks_for_the_password_again_and_moves_auth_time(
    server: Server, human: Person, browser: Browser
) -> None:
    client = await server.add_client()
    before = claims_of((await client.exchange((await link(client, human, browser)).code)).json()["id_token"])
    server.clock.advance(600)
    page = await browser.open(url(client, prompt="login"))
    assert page.asks_for("password")
    code = returned(await walk(browser, page, human), client.redirect_uri).code
    after = claims_of((await client.exchange(code)).json()["id_token"])
    assert after["auth_time"] == before["auth_time"] + 600


@pytest.mark.spec("oidcc max-age-10000")
async def test_a_session_in_use_keeps_its_auth_time(server: Server, human: Person, browser: Browser) -> None:
    client = await server.add_client()
    before = claims_of((await client.exchange((await link(client, human, browser)).code)).json()["id_token"])
    server.clock.advance(600)
    code = (await link(client, human, browser, max_age="10000")).code
    assert claims_of((await client.exchange(code)).json()["id_token"])["auth_time"] == before["auth_time"]


@pytest.mark.spec("security 6.61", "A26")
async def test_after_a_linking_a_mail_goes_out_whose_link_ends_it(
    server: Server, alexa: Asker, human: Person, browser: Browser
) -> None:
    kept = (await alexa.exchange((await link(alexa, human, browser)).code)).json()
    tokens = (await alexa.exchange((await link(alexa, human, browser)).code)).json()
    async with server.services.database.unit() as session:
        found = (await session.exec(select(Mail).where(col(Mail.recipient) == human.email))).all()
    mails = [letters.written(server.settings, mail) for mail in found]
    assert len(mails) == 2
    links = [line.strip() for mail in mails for line in mail.text.split() if "/unlink?link=" in line]
    origin = claims_of(tokens["access_token"])["origin_jti"]
    [mine] = [found for found in links if origin in found]
    assert mine.startswith(f"{server.settings.issuer}/unlink?link=")
    async with new_browser(server) as reader:
        page = await reader.open(mine)
        assert (await alexa.refresh(tokens["refresh_token"])).status_code == 200  # a scanner that looks ends nothing
        await reader.press(page)
    assert (await alexa.refresh(tokens["refresh_token"])).status_code == 400
    assert (await alexa.refresh(kept["refresh_token"])).status_code == 200
    for token in (tokens["refresh_token"], tokens["access_token"], tokens["refresh_token"].split(".")[2]):
        assert all(token not in mail.text + mail.html for mail in mails)


@pytest.mark.spec("security 6.61")
async def test_a_made_up_unlink_link_ends_nothing(
    server: Server, alexa: Asker, human: Person, browser: Browser
) -> None:
    tokens = (await alexa.exchange((await link(alexa, human, browser)).code)).json()
    origin = claims_of(tokens["access_token"])["origin_jti"]
    for forged in (f"{origin}.{'A' * 24}", f"{origin}.", origin, f"{origin}.{'A' * 24}x", ".", ""):
        page = await browser.open(f"{server.settings.issuer}/unlink?link={forged}")
        assert page.status in (400, 404), forged
    assert (await alexa.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.usefixtures("hashed_in_full")
@pytest.mark.spec("A17", "cognito 9.26", "decision 3a", "alexa 1.4")
async def test_fifty_sign_ins_at_once_do_not_hold_up_the_token_endpoint(
    server: Server, alexa: Asker, human: Person, browser: Browser
) -> None:
    """Each costs a password hash. Alexa waits 4.5 s; here 99 of 100 answers come within one."""
    token = (await alexa.exchange((await link(alexa, human, browser)).code)).json()["refresh_token"]
    server.clock.advance(600)  # the address may try again
    browsers = [new_browser(server) for _ in range(50)]
    pages = [await opened.open(url(alexa)) for opened in browsers]
    taken = []

    async def sign_in(opened: Browser, page: Page, number: int) -> int:
        name = f"nobody-{number}@example.org"
        return (await opened.press(page, "sign_in", username=name, password="a wrong password")).status

    async def refreshes() -> None:
        while not storm.done():
            begun = time.monotonic()
            assert (await alexa.refresh(token)).status_code == 200
            taken.append(time.monotonic() - begun)
            await asyncio.sleep(0.002)

    storm = asyncio.gather(*(sign_in(*each, number) for number, each in enumerate(zip(browsers, pages, strict=True))))
    await asyncio.gather(refreshes(), refreshes())
    statuses = set(await storm)
    assert statuses <= {422, 429, 503}
    assert 422 in statuses
    assert len(taken) > 20
    assert sorted(taken)[int(len(taken) * 0.99)] < 1.0
    for opened in browsers:
        await opened.client.aclose()
