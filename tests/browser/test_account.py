"""A person's own page in a real Chromium: a phone with and without JavaScript, and a desk."""

import json
import re

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.running.amazon import Amazon
from tests.running.chromium import Pages, fits
from tests.running.home import add_person
from tests.running.linking import Alexa, Person
from tests.running.service import Service

NEW = "a lantern nobody has lit before"
EVERY = (
    "profile", "security", "email", "password", "applications", "devices", "activity", "language", "not-me", "data",
    "delete",
)  # fmt: skip
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def sign_in(page: Page, person: Person, password: str = "") -> None:
    await page.fill("#username", person.email)
    await page.fill("#password", password or person.password)
    await page.press("#password", "Enter")


@pytest.mark.spec("A10", "security 6.43")
async def test_a_person_unlinks_signs_out_elsewhere_changes_the_password_and_deletes(
    browser_page: Page, new_page: Pages, authserver: Service, alexa: Alexa, amazon: Amazon
) -> None:
    """All by hand, in one go; the Enter key on the last page keeps the account."""
    person, page = add_person(authserver), browser_page
    linked = await alexa.link(person)
    elsewhere = await new_page("desktop")
    await elsewhere.goto(f"{authserver.url}/account")
    await sign_in(elsewhere, person)
    await expect(elsewhere.locator("h1")).to_have_text("Your account")

    await page.goto(f"{authserver.url}/account")
    await sign_in(page, person)
    await expect(page.locator(".account")).to_contain_text(person.email)
    await page.click("text=Linked applications")
    await page.click("text=Unlink")
    await page.click("button[value=unlink]")
    await expect(page.locator("[role=status]")).to_contain_text("is unlinked")
    assert (await alexa.refresh(linked.refresh_token)).status_code == 400
    await expect(page.locator(".empty")).to_be_visible()
    await page.click(".back a")
    await page.click("text=Signed-in devices")
    await page.click("button[value=end_others]")
    await expect(page.locator("[role=status]")).to_have_text("All other devices are signed out.")
    await elsewhere.reload()
    await expect(elsewhere.locator("h1")).to_have_text("Sign in")

    await page.click(".back a")
    await page.click("text=Sign-in and security")
    await page.click("text=Password")
    await page.fill("#present", "not the password at all")
    await page.fill("#password", NEW)
    await page.press("#password", "Enter")
    await expect(page.locator("#present-error")).to_be_visible()
    await expect(page.locator("#present")).to_be_focused()
    await page.fill("#present", person.password)
    await page.fill("#password", NEW)
    await page.click("button[value=save]")
    await expect(page.locator("[role=status]")).to_contain_text("Your new password holds.")

    await page.click(".back a")
    await page.click("text=Your data")
    await page.click("a[href$=delete]")
    await page.fill("#password", NEW)
    await page.press("#password", "Enter")
    await expect(page.locator("[role=status]")).to_have_text("Nothing was deleted.")
    await page.click("a[href$=delete]")
    await page.fill("#password", NEW)
    await page.click("button[value=delete]")
    await expect(page.locator("h1")).to_have_text("Your account is deleted")
    await page.goto(f"{authserver.url}/account")
    await sign_in(page, person, NEW)
    await expect(page.locator("#password-error")).to_be_visible()


@pytest.mark.spec("A01")
@pytest.mark.parametrize("width", [320, 390])
async def test_nothing_is_cut_off_and_everything_can_be_tapped_on_a_phone(
    new_page: Pages, authserver: Service, alexa: Alexa, width: int
) -> None:
    person = add_person(authserver, f"somebody.with.a.very.long.address.{width}@a-long-host-name.example.org")
    await alexa.link(person)
    elsewhere = await new_page("desktop")
    await elsewhere.goto(f"{authserver.url}/account")
    await sign_in(elsewhere, person)
    page = await new_page("phone", viewport={"width": width, "height": 700})

    async def check() -> None:
        await fits(page, "button:visible, input:visible, a:visible")

    await page.goto(f"{authserver.url}/account")
    await sign_in(page, person)
    await expect(page.locator("h1")).to_have_text("Your account")
    await check()
    for path in ("profile", "security", "applications", "devices", "activity", "language", "email", "not-me", "data"):
        await page.goto(f"{authserver.url}/account/{path}")
        await check()
    for path, button in (("password", "save"), ("delete", "delete")):
        await page.goto(f"{authserver.url}/account/{path}")
        await check()
        await page.click(f"button[value={button}]")
        await expect(page.locator("[role=alert]")).to_be_visible()
        await check()


@pytest.mark.spec("A10")
async def test_a_person_changes_the_address_says_their_name_and_takes_their_data_along(
    browser_page: Page, new_page: Pages, authserver: Service
) -> None:
    person, page = add_person(authserver), browser_page
    new = f"new.{person.email}"
    await page.goto(f"{authserver.url}/account/email")
    await sign_in(page, person)
    await page.fill("#email", new)
    await page.press("#email", "Enter")
    await expect(page.locator("#code")).to_be_focused()
    box = await new_page("desktop")
    await box.goto(f"{authserver.url}/dev/mailbox")
    letter = box.locator(".letter-card", has_text=new).first
    found = re.search(r"^\s+(\d{6})$", await letter.locator("pre").inner_text(), re.MULTILINE)
    assert found is not None
    await page.fill("#code", found.group(1))
    await page.press("#code", "Enter")
    await expect(page.locator("[role=status]")).to_contain_text("Your new address holds.")
    await expect(page.locator(".lines")).to_contain_text(new)

    await page.click(".back a")
    await page.click("a[href$=profile]")
    await page.fill("#name", "Ada Lovelace")
    await page.select_option("#zoneinfo", "Europe/London")
    await page.press("#name", "Enter")
    await expect(page.locator("[role=status]")).to_have_text("It is saved.")
    await page.click(".back a")
    await expect(page.locator(".lines")).to_contain_text("Ada Lovelace")

    await page.click("a[href$=data]")
    for _ in range(2):
        async with page.expect_download() as downloading:
            await page.click("button[value=download]")
        file = await (await downloading.value).path()
        told = json.loads(file.read_text())
        assert told["account"]["email"] == new
        assert told["account"]["profile"] == {"name": "Ada Lovelace", "zoneinfo": "Europe/London"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_on_the_pages_of_an_account(
    new_page: Pages, authserver: Service, alexa: Alexa, scheme: str
) -> None:
    """WCAG 2.2 AA."""
    person = add_person(authserver)
    await alexa.link(person)
    elsewhere = await new_page("desktop")
    await elsewhere.goto(f"{authserver.url}/account")
    await sign_in(elsewhere, person)
    page = await new_page("phone", color_scheme=scheme)
    await page.goto(f"{authserver.url}/account")
    await sign_in(page, person)
    await expect(page.locator(".lines")).to_be_visible()

    async def check() -> None:
        found = (await Axe().run(page, options={"runOnly": TAGS})).response["violations"]
        assert found == [], [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]

    for path in ("", *(f"/{name}" for name in EVERY)):
        await page.goto(f"{authserver.url}/account{path}")
        await check()
    await page.goto(f"{authserver.url}/account/applications")
    await page.click(".links summary")
    await check()
    await page.click(".links a")
    await check()
    await page.goto(f"{authserver.url}/account/email")
    await page.click("button[value=ask]")
    await check()
    await page.fill("#email", f"new.{person.email}")
    await page.click("button[value=ask]")
    await expect(page.locator("#code")).to_be_visible()
    await check()
    await page.goto(f"{authserver.url}/account/profile")
    await page.evaluate("document.querySelector('#name').value = 'x'.repeat(129)")
    await page.click("button[value=save]")
    await expect(page.locator("[role=alert]")).to_be_visible()
    await check()
