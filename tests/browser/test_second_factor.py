"""The second step in a real Chromium: set up in the middle of a linking, and asked for at the next."""

import base64
from collections.abc import Iterator

import pyotp
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.conftest import MigratedDatabase
from tests.running import ports
from tests.running.amazon import HOP, Amazon
from tests.running.chromium import Pages
from tests.running.home import add_alexa, add_person, authserver_settings
from tests.running.linking import Alexa, Person
from tests.running.service import Service
from tests.vectors.alexa import STATE_737


@pytest.fixture(scope="module")
def authserver(migrated_database: MigratedDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One whose operator wants a second factor of everybody."""
    port = ports.free_port()
    settings = authserver_settings(migrated_database("authserver", "sqlite"), port)
    settings |= {"AUTHSERVER_SECOND_FACTOR": "required", "AUTHSERVER_REMEMBER_DEVICE_DAYS": "30"}
    with Service("authserver", settings, tmp_path_factory.mktemp("running"), port) as server:
        yield server


def app_on(key: str) -> pyotp.TOTP:
    """The app that took the key as it is shown."""
    secret = "".join(key.split())
    assert len(base64.b32decode(secret)) == 20
    return pyotp.TOTP(secret)


async def sign_in(page: Page, person: Person, alexa: Alexa) -> None:
    await page.goto(alexa.authorization_url())
    await page.fill("#username", person.email)
    await page.fill("#password", person.password)
    await page.press("#password", "Enter")


async def accessible(page: Page) -> None:
    """WCAG 2.2 AA, as far as a program sees it."""
    found = await Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
    assert found.violations_count == 0, found.generate_report()
    assert len(found.response["passes"]) > 10, "it looked at nothing"
    wide = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not wide


@pytest.mark.spec("A10", "A06", "alexa 1.3", "security 6.59")
async def test_an_app_is_set_up_in_the_middle_of_a_linking_and_asked_for_at_the_next(
    browser_page: Page, new_page: Pages, authserver: Service, amazon: Amazon
) -> None:
    person, alexa, page = add_person(authserver), add_alexa(authserver), browser_page
    await sign_in(page, person, alexa)
    await expect(page.locator("h1")).to_have_text("Set up two-step sign-in")
    await page.click("a.way")
    await expect(page.locator(".qr svg")).to_be_visible()
    assert "otpauth://totp/" in str(await page.get_attribute("a.secondary", "href"))
    app = app_on(await page.locator(".key").inner_text())
    await page.fill("#code", "0")
    await page.press("#code", "Enter")
    await expect(page.locator("#code-error")).to_be_visible()
    await expect(page.locator("#code")).to_be_focused()
    assert "".join((await page.locator(".key").inner_text()).split()) == app.secret
    await page.fill("#code", app.now())
    await page.press("#code", "Enter")
    await expect(page.locator(".codes li")).to_have_count(10)
    codes = await page.locator(".codes li").all_inner_texts()
    async with page.expect_download() as download:
        await page.click("a[download]")
    assert (await (await download.value).path()).read_text().split()[-10:] == codes
    await page.click("a.primary")
    await page.click("button[value=allow]")
    await page.wait_for_url(HOP)
    assert f"state={STATE_737}" in amazon.requests[0]

    page = await new_page("phone", javascript=False)
    await sign_in(page, person, alexa)
    await expect(page.locator("h1")).to_have_text("Second step")
    await page.click("text=Use a recovery code")
    await page.fill("#code", codes[0].lower())
    await page.press("#code", "Enter")
    await expect(page.locator("button[value=allow]")).to_be_visible()


@pytest.mark.spec("A01")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_of_it_is_accessible(new_page: Pages, authserver: Service, scheme: str) -> None:
    person, alexa = add_person(authserver), add_alexa(authserver)
    page = await new_page("phone", viewport={"width": 320, "height": 700}, color_scheme=scheme)
    await sign_in(page, person, alexa)
    await accessible(page)
    await page.click("a.way")
    await accessible(page)
    app = app_on(await page.locator(".key").inner_text())
    began = app.now()
    await page.fill("#code", began)
    await page.press("#code", "Enter")
    await expect(page.locator(".codes")).to_be_visible()
    await accessible(page)
    await page.goto(f"{authserver.url}/account/second-factor")
    await accessible(page)
    await page.click("button[value=remove]")
    await expect(page.locator("#totp-error")).to_be_visible()
    await accessible(page)
    await page.click("button[value=send]")
    await expect(page.locator("#code")).to_be_visible()
    await accessible(page)
    page = await new_page("phone", viewport={"width": 320, "height": 700}, color_scheme=scheme)
    await sign_in(page, person, alexa)
    await accessible(page)
    await page.fill("#code", began)
    await page.press("#code", "Enter")
    await expect(page.locator("#code-error")).to_contain_text("used already")
    await accessible(page)
    await page.click("text=Use a recovery code")
    await accessible(page)
