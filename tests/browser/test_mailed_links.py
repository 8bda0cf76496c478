"""The link of a mail in a real Chromium: in the browser that began, in another one, and past an account's lock."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.test_linking import OTHER, back_at_amazon, linked, press, sign_in
from tests.running.amazon import Amazon
from tests.running.chromium import Pages
from tests.running.home import add_person
from tests.running.linking import Alexa
from tests.running.service import Service
from tests.vectors.alexa import STATE_737

NEW = "a lantern nobody has lit before"


async def mail_of(page: Page, authserver: Service, email: str) -> tuple[str, str]:
    """Code and link of the newest mail to this address."""
    box = await page.context.new_page()
    await box.goto(f"{authserver.url}/dev/mailbox")
    text = await box.locator("article", has_text=email).first.locator("pre").inner_text()
    await box.close()
    code = re.search(r"^\s*(\d{6})$", text, re.MULTILINE)
    link = re.search(r"^\s*(http\S+/confirmUser\?link=\S+)$", text, re.MULTILINE)
    assert code, text
    assert link, text
    authserver.must_not_log(link.group(1).partition("link=")[2])
    return code.group(1), link.group(1)


async def locked_out(page: Page, email: str, password: str) -> None:
    """As somebody does who does not know the password; until it is too often."""
    await page.fill("#username", email)
    for _ in range(7):
        await page.fill("#password", password)
        await press(page, "sign_in")
        await expect(page.locator("#password-error")).to_be_visible()
        if await page.locator("button[value=unlock]").count():
            return
    raise AssertionError("never locked")


@pytest.mark.spec("security 6.68", "A06", "A10", "security 6.42")
async def test_the_link_of_a_forgotten_password_goes_on_in_a_new_tab(
    browser_page: Page, amazon: Amazon, alexa: Alexa, authserver: Service
) -> None:
    person, page = add_person(authserver), browser_page
    await page.goto(alexa.authorization_url())
    await page.fill("#username", person.email)
    await press(page, "forgot")
    await press(page, "send")
    _, link = await mail_of(page, authserver, person.email)
    tab = await page.context.new_page()
    await tab.goto(link)
    await press(tab, "confirm")
    await expect(tab.locator("#code")).to_have_count(0)
    await tab.fill("#password", NEW)
    await press(tab, "save")
    await expect(tab.locator(".account")).to_contain_text(person.email)
    await press(tab, "allow")
    assert linked(await back_at_amazon(tab, amazon, alexa), alexa).state == STATE_737


@pytest.mark.spec("security 6.68", "security 6.48")
async def test_in_another_browser_the_link_says_where_to_go_and_the_code_still_works(
    new_page: Pages,
    browser_page: Page,
    amazon: Amazon,
    alexa: Alexa,
    authserver: Service,
    request: pytest.FixtureRequest,
) -> None:
    """The mail program of a phone opens links in its own browser, while the app waits with its web view."""
    email = f"link-{re.sub(r'[^a-z]', '-', request.node.callspec.id)}@example.org"
    page = browser_page
    await page.goto(alexa.authorization_url())
    await page.click("text=Create an account")
    await page.fill("#email", email)
    await page.fill("#password", "lanterns over quiet water")
    await press(page, "sign_up")
    code, link = await mail_of(page, authserver, email)
    elsewhere = await new_page("phone")
    await elsewhere.goto(link)
    await expect(elsewhere.locator("h1")).to_have_text("Go back to where you began")
    assert await elsewhere.locator("button:visible").count() == 0
    await page.fill("#code", code)
    await press(page, "confirm")
    await expect(page.locator(".account")).to_contain_text(email)
    await press(page, "allow")
    assert linked(await back_at_amazon(page, amazon, alexa), alexa).state == STATE_737
    await elsewhere.goto(link)
    await expect(elsewhere.locator("h1")).to_have_text("This link can no longer be used")


@pytest.mark.spec("security 6.63", "A10")
async def test_a_mailed_link_leads_past_the_lock_and_on_with_the_linking(
    browser_page: Page, amazon: Amazon, alexa: Alexa, authserver: Service
) -> None:
    person, page = add_person(authserver), browser_page
    await page.goto(alexa.authorization_url())
    await locked_out(page, person.email, OTHER)
    await page.fill("#username", person.email)
    await press(page, "unlock")
    _, link = await mail_of(page, authserver, person.email)
    await page.goto(link)
    await press(page, "confirm")
    await expect(page.locator("[role=status]")).to_contain_text("need not wait")
    await expect(page.locator("#username")).to_have_value(person.email)
    await expect(page.locator("#password")).to_be_focused()
    await page.fill("#password", person.password)
    await press(page, "sign_in")
    await press(page, "allow")
    assert linked(await back_at_amazon(page, amazon, alexa), alexa).state == STATE_737


@pytest.mark.spec("security 6.63")
async def test_where_one_has_signed_in_nobody_elses_failures_count(
    new_page: Pages, amazon: Amazon, alexa: Alexa, authserver: Service
) -> None:
    person, page, stranger = add_person(authserver), await new_page("phone"), await new_page("desktop")
    await page.goto(f"{authserver.url}/login")
    await sign_in(page, person)
    await press(page, "sign_out")
    await stranger.goto(alexa.authorization_url())
    await locked_out(stranger, person.email, OTHER)
    await page.goto(alexa.authorization_url())
    await sign_in(page, person)
    await press(page, "allow")
    assert linked(await back_at_amazon(page, amazon, alexa), alexa).state == STATE_737
