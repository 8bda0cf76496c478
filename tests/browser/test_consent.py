"""What a person sees of an application, and is asked once, in a real Chromium."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.running.amazon import HOP, Amazon
from tests.running.home import add_person
from tests.running.linking import Alexa, Person
from tests.running.service import Service
from tests.vectors.alexa import REDIRECT_URIS
from tests.vectors.pictures import WEBP

#: a host that the test's browser reaches; the client is not of the Alexa preset
CALLBACK = REDIRECT_URIS["europe"]


@pytest.fixture(scope="module")
def person(authserver: Service) -> Person:
    return add_person(authserver)


@pytest.fixture
def app(authserver: Service, tmp_path: Path) -> Alexa:
    """An application that is remembered, with a picture and a name that needs more than one line."""
    name = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerk & Lights"
    made = authserver.cli_json(
        "client", "add", name, "--redirect-uri", CALLBACK, "--scope", "openid", "--scope", "email"
    )
    authserver.must_not_log(made["client_secret"])
    (tmp_path / "logo").write_bytes(WEBP)
    authserver.cli_json("client", "logo", "set", made["client_id"], str(tmp_path / "logo"))
    return Alexa(authserver.settings["AUTHSERVER_ISSUER"], made["client_id"], made["client_secret"], CALLBACK)


async def loaded(page: Page) -> bool:
    """Whether the picture was drawn, not only named."""
    picture = page.locator("img.emblem")
    await expect(picture).to_be_visible()
    return bool((await picture.bounding_box() or {}).get("width")) and await page.evaluate(
        "() => { const i = document.querySelector('img.emblem'); return i.complete && i.naturalWidth === 64 }"
    )


async def fits(page: Page) -> bool:
    """Nothing is wider than the screen; a phone would make its window larger than that."""
    return bool(await page.evaluate("() => document.documentElement.scrollWidth <= screen.width"))


@pytest.mark.spec("security 6.57", "security 6.61", "A10")
async def test_an_application_is_asked_about_once_and_again_for_something_new(
    browser_page: Page, amazon: Amazon, app: Alexa, person: Person
) -> None:
    page = browser_page
    await page.goto(app.authorization_url())
    assert await loaded(page)
    assert await fits(page)
    await page.fill("#username", person.email)
    await page.fill("#password", person.password)
    await page.press("#password", "Enter")
    await expect(page.locator(".returns")).to_contain_text("layla.amazon.com")
    assert await loaded(page)
    assert await fits(page)
    await page.click("button[value=allow]")
    await page.wait_for_url(HOP)
    await page.goto(app.authorization_url())
    await page.wait_for_url(HOP)
    app.scope = "openid email"
    await page.goto(app.authorization_url())
    await expect(page.locator(".added")).to_contain_text("See your e-mail address")
    await expect(page.locator(".added")).not_to_contain_text("Recognise your account")
    assert await fits(page)
    await page.click("button[value=deny]")
    await page.wait_for_url(HOP)
    assert [("error=access_denied" in url, "code=" in url) for url in amazon.returns()] == [
        (False, True),
        (False, True),
        (True, False),
    ]


@pytest.mark.spec("A10", "OpenID Connect Core §3.1.2.1")
async def test_an_account_is_chosen_or_another_one_used(
    browser_page: Page, amazon: Amazon, app: Alexa, authserver: Service, person: Person
) -> None:
    page, other = browser_page, add_person(authserver)
    authserver.cli_json("client", "update", app.client_id, "--first-party")
    for who in (person, other):
        await page.goto(app.authorization_url(prompt="select_account"))
        if who is other:
            await expect(page.locator(".account")).to_contain_text(person.email)
            assert await fits(page)
            await page.click("button[value=switch]")
        await page.fill("#username", who.email)
        await page.fill("#password", who.password)
        await page.press("#password", "Enter")
        await page.wait_for_url(HOP)
    await page.goto(app.authorization_url(prompt="select_account"))
    await expect(page.locator(".account")).to_contain_text(other.email)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")  # the first button goes on
    await page.wait_for_url(HOP)
    last = amazon.returns()[-1]

    assert "code=" in last
