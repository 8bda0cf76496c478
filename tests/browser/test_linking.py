"""A person links an account in a real Chromium: in the Alexa app's shape, with and without JavaScript, and at a desk.

Amazon's redirect URLs hop on to another origin, as they really do; `new_page` fails a test whose page broke its own
Content-Security-Policy.
"""

import asyncio
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import playwright.async_api
import pytest
from playwright.async_api import Page, Route, expect

from tests.running.amazon import HOP, Amazon
from tests.running.chromium import VIEWS, Pages, fits
from tests.running.home import add_alexa, add_person
from tests.running.linking import Alexa, Linked, Person, returned
from tests.running.ports import LOOPBACK
from tests.running.reading import Page as ReadPage
from tests.running.service import Service
from tests.vectors.alexa import REDIRECT_URIS, STATE_737

OTHER = "not the password at all"


@pytest.fixture(scope="module")
def person(authserver: Service) -> Person:
    return add_person(authserver)


async def sign_in(page: Page, person: Person, password: str = "") -> None:
    await page.fill("#username", person.email)
    await page.fill("#password", password or person.password)
    await page.click("button[value=sign_in]")


async def press(page: Page, button: str) -> None:
    await page.click(f"button[value={button}]")


async def back_at_amazon(page: Page, amazon: Amazon, alexa: Alexa) -> str:
    """The one call of the redirect URL; the browser itself is where Amazon sent it next."""
    await page.wait_for_url(HOP)
    (url,) = amazon.returns()
    assert url.startswith(alexa.redirect_uri + "?"), url
    return url


def linked(url: str, alexa: Alexa) -> Linked:
    return returned(ReadPage(url, None, left_to=url), alexa.redirect_uri)  # type: ignore[arg-type]


async def code_from_mailbox(page: Page, authserver: Service, email: str) -> str:
    box = await page.context.new_page()
    await box.goto(f"{authserver.url}/dev/mailbox")
    text = await box.locator("article", has_text=email).first.locator("pre").inner_text()
    await box.close()
    found = re.search(r"^\s*(\d{6})$", text, re.MULTILINE)
    assert found, text
    return found.group(1)


@pytest.mark.spec("A02", "A06", "A10", "A11", "alexa 1.3", "security 6.42", "cognito 9.2")
async def test_linking_leads_through_amazons_redirects_with_state_intact(
    browser_page: Page, amazon: Amazon, alexa: Alexa, person: Person
) -> None:
    await browser_page.goto(alexa.authorization_url())
    await sign_in(browser_page, person)
    await expect(browser_page.locator(".account")).to_contain_text(person.email)
    await expect(browser_page.locator(".returns")).to_contain_text("layla.amazon.com")
    await press(browser_page, "allow")
    result = linked(await back_at_amazon(browser_page, amazon, alexa), alexa)
    assert result.state == STATE_737
    assert result.iss == alexa.issuer
    tokens = await alexa.exchange(result.code)
    assert tokens.status_code == 200
    assert {"access_token", "refresh_token"} <= set(tokens.json())


@pytest.mark.spec("A06", "A10", "security 6.42")
async def test_a_forgotten_password_in_the_middle_leads_back_to_the_linking(
    browser_page: Page, amazon: Amazon, alexa: Alexa, authserver: Service
) -> None:
    """What was typed on the sign-in page comes along; the Enter key there still signs in."""
    person, page = add_person(authserver), browser_page
    await page.goto(alexa.authorization_url())
    await page.fill("#username", person.email)
    await page.fill("#password", OTHER)
    await page.press("#password", "Enter")
    await expect(page.locator("#password-error")).to_be_visible()
    await press(page, "forgot")
    await expect(page.locator("#email")).to_have_value(person.email)
    await press(page, "send")
    await page.fill("#code", await code_from_mailbox(page, authserver, person.email))
    await page.fill("#password", "short")
    await press(page, "save")
    await expect(page.locator("#password-error")).to_be_visible()
    await expect(page.locator("#password")).to_be_focused()
    await page.fill("#password", "a lantern nobody has lit before")
    await press(page, "save")
    await expect(page.locator(".account")).to_contain_text(person.email)
    await press(page, "allow")
    assert linked(await back_at_amazon(page, amazon, alexa), alexa).state == STATE_737


@pytest.mark.spec("A06", "A10", "cognito 9.45", "cognito 9.46", "security 6.42")
async def test_signing_up_in_the_middle_leads_back_to_the_linking(
    browser_page: Page, amazon: Amazon, alexa: Alexa, authserver: Service, request: pytest.FixtureRequest
) -> None:
    email = f"new-{re.sub(r'[^a-z]', '-', request.node.callspec.id)}@example.org"
    page = browser_page
    await page.goto(alexa.authorization_url())
    await page.click("text=Create an account")
    await page.fill("#email", email)
    await page.fill("#password", "lanterns over quiet water")
    await press(page, "sign_up")
    await page.fill("#code", "12345")
    await press(page, "confirm")
    await expect(page.locator("#code-error")).to_be_visible()
    await page.fill("#code", await code_from_mailbox(page, authserver, email))
    await press(page, "confirm")
    await expect(page.locator(".account")).to_contain_text(email)
    await press(page, "allow")
    result = linked(await back_at_amazon(page, amazon, alexa), alexa)
    assert result.state == STATE_737
    assert (await alexa.exchange(result.code)).status_code == 200


@pytest.mark.spec("A07", "A10", "alexa 1.3")
async def test_after_a_wrong_password_the_same_page_lets_one_try_again(
    browser_page: Page, amazon: Amazon, alexa: Alexa, person: Person
) -> None:
    await browser_page.goto(alexa.authorization_url())
    await sign_in(browser_page, person, OTHER)
    error = browser_page.locator("[role=alert]")
    await expect(error).to_be_visible()
    await expect(browser_page.locator("#username")).to_have_value(person.email)
    await expect(browser_page.locator("#password")).to_have_value("")
    await expect(browser_page.locator("#password")).to_be_focused()
    assert await browser_page.get_attribute("#password", "aria-describedby") == await error.get_attribute("id")
    await browser_page.fill("#password", person.password)
    await browser_page.press("#password", "Enter")
    await press(browser_page, "allow")
    assert linked(await back_at_amazon(browser_page, amazon, alexa), alexa).state == STATE_737


@pytest.mark.spec("A08", "RFC 6749 §4.1.2.1")
@pytest.mark.parametrize("where", ["cancel", "deny"])
async def test_not_wanting_to_goes_back_as_access_denied(
    new_page: Pages, amazon: Amazon, alexa: Alexa, person: Person, where: str
) -> None:
    page = await new_page("phone")
    await page.goto(alexa.authorization_url())
    if where == "deny":
        await sign_in(page, person)
    await press(page, where)
    url = await back_at_amazon(page, amazon, alexa)
    assert "error=access_denied" in url
    assert f"state={STATE_737}" in url
    assert "code=" not in url


@pytest.mark.spec("security 6.61")
async def test_not_you_lets_somebody_else_link(
    new_page: Pages, amazon: Amazon, alexa: Alexa, person: Person, authserver: Service
) -> None:
    other = add_person(authserver)
    page = await new_page("phone")
    await page.goto(alexa.authorization_url())
    await sign_in(page, person)
    await press(page, "switch")
    await sign_in(page, other)
    await expect(page.locator(".account")).to_contain_text(other.email)
    await press(page, "allow")
    linked(await back_at_amazon(page, amazon, alexa), alexa)


@pytest.mark.spec("security 6.61")
async def test_who_is_signed_in_is_asked_once_more_and_needs_no_password(
    new_page: Pages, amazon: Amazon, alexa: Alexa, person: Person
) -> None:
    page = await new_page("phone")
    for _ in range(2):
        amazon.requests.clear()
        await page.goto(alexa.authorization_url())
        if await page.locator("#password").count():
            await sign_in(page, person)
        await press(page, "allow")
        linked(await back_at_amazon(page, amazon, alexa), alexa)


async def test_two_taps_link_once_and_going_back_breaks_nothing(
    new_page: Pages, amazon: Amazon, alexa: Alexa, person: Person
) -> None:
    page = await new_page("phone")
    await page.goto(alexa.authorization_url())
    await sign_in(page, person)
    await page.dblclick("button[value=allow]")
    linked(await back_at_amazon(page, amazon, alexa), alexa)
    await page.go_back()
    await expect(page.locator("h1")).to_have_text("This did not work")


@pytest.mark.spec("A11")
async def test_chromium_does_hold_form_action_against_every_hop(
    chromium: playwright.async_api.Browser, amazon: Amazon, alexa: Alexa, person: Person
) -> None:
    """The control of the tests above: with `form-action 'self'` the same button leads nowhere."""
    context = await chromium.new_context(**VIEWS["phone"])
    page = await context.new_page()

    async def narrow(route: Route) -> None:
        answer = await route.fetch()
        policy = re.sub("form-action [^;]*", "form-action 'self'", answer.headers["content-security-policy"])
        await route.fulfill(response=answer, headers=answer.headers | {"content-security-policy": policy})

    await page.route(
        "**/consent?*", lambda route: narrow(route) if route.request.method == "GET" else route.continue_()
    )
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if "form-action" in message.text else None)
    await page.goto(alexa.authorization_url())
    await sign_in(page, person)
    await page.reload()  # the consent page came by a redirect, which a route does not see
    await press(page, "allow")
    async with asyncio.timeout(15):
        while not refused:
            await page.wait_for_timeout(50)
    await page.wait_for_timeout(500)  # in which it would go there
    assert amazon.returns() == []
    await context.close()


class Native(BaseHTTPRequestHandler):
    """A program on this machine that waits for the browser, as the simulator does."""

    def do_GET(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        self.send_response(303 if self.path.startswith("/back") else 200)
        if self.path.startswith("/back"):
            self.send_header("Location", "/done")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def native() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer((LOOPBACK, 0), Native)
    server.seen = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.spec("RFC 8252 §7.3")
async def test_a_program_on_this_machine_gets_its_answer_over_plain_http(
    new_page: Pages, authserver: Service, native: ThreadingHTTPServer, person: Person
) -> None:
    redirect_uri = f"http://{LOOPBACK}:{native.server_address[1]}/back"
    made = authserver.cli_json(
        "client", "add", "Desk tool", "--redirect-uri", redirect_uri, "--scope", "openid", "--public"
    )
    tool = Alexa(authserver.url, made["client_id"], "", redirect_uri, pkce=True)
    page = await new_page("desktop")
    await page.goto(tool.authorization_url())
    await sign_in(page, person)
    await expect(page.locator(".returns")).to_contain_text("a program on this device")
    await press(page, "allow")
    await page.wait_for_url("**/done")
    assert "code=" in native.seen[0]  # type: ignore[attr-defined]


async def test_the_password_can_be_seen_only_where_a_script_can_hide_it(
    new_page: Pages, alexa: Alexa, person: Person
) -> None:
    page = await new_page("phone")
    await page.goto(alexa.authorization_url())
    await page.fill("#password", "abc")
    await page.click(".reveal")
    assert await page.get_attribute("#password", "type") == "text"
    await page.click(".reveal")
    assert await page.get_attribute("#password", "type") == "password"
    plain = await new_page("phone", javascript=False)
    await plain.goto(alexa.authorization_url())
    await expect(plain.locator(".reveal")).to_be_hidden()


@pytest.mark.spec("A01", "alexa 1.3")
@pytest.mark.parametrize("width", [320, 390])
async def test_nothing_is_cut_off_and_everything_can_be_tapped_on_a_phone(
    new_page: Pages, alexa: Alexa, authserver: Service, width: int
) -> None:
    person = add_person(authserver, f"somebody.with.a.very.long.address.{width}@a-long-host-name.example.org")
    page = await new_page("phone", viewport={"width": width, "height": 700})

    async def check() -> None:
        await fits(page, "button:visible, input:visible, .below a:visible")

    await page.goto(alexa.authorization_url())
    await check()
    await sign_in(page, person, OTHER)
    await check()
    await page.click("text=Create an account")
    await check()
    await page.goto(alexa.authorization_url())
    await sign_in(page, person)
    await check()
    await page.goto(f"{authserver.url}/dev/mailbox")
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await page.goto(f"{authserver.url}/oauth2/authorize?client_id=nobody")
    await check()


@pytest.mark.spec("A03")
@pytest.mark.parametrize("region", sorted(REDIRECT_URIS))
async def test_each_of_amazons_regions_is_reached(
    new_page: Pages, amazon: Amazon, authserver: Service, person: Person, region: str
) -> None:
    alexa = add_alexa(authserver, region)
    page = await new_page("phone")
    await page.goto(alexa.authorization_url())
    await sign_in(page, person)
    await press(page, "allow")
    linked(await back_at_amazon(page, amazon, alexa), alexa)
