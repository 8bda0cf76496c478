"""User names, invitations and the strength of a new password in a real Chromium."""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, Request, expect

from authserver.accounts.password_policy import Policy, common_passwords, weakness
from tests.conftest import MigratedDatabase
from tests.running.amazon import HOP, Amazon
from tests.running.chromium import Pages
from tests.running.home import add_alexa, authserver_settings
from tests.running.linking import PASSWORD, Alexa
from tests.running.ports import free_port
from tests.running.reading import Browser
from tests.running.service import Service
from tests.vectors.alexa import STATE_737

NEW = "a Lantern nobody has lit before 7"
EMAIL = "ada.lovelace@example.org"
NAME = "countess"
POLICY = Policy(10, frozenset({"upper", "number"}))

#: typed password and the level that is shown: 1 is refused, 2 will do, 3 is hard to guess
LEVELS = {
    "Kettle7": 1,
    "kettleonfire7": 1,
    "Kettleonfire": 1,
    "Sunshine1234!": 1,
    "P4ssw0rd1234": 1,
    "Qwertyuiop1": 2,
    "Aaaaaaaaaaa1": 2,
    "Kettle7kettl": 2,
    "Ada.Lovelace7": 1,
    "Ecalevol.Ada77": 1,
    "Countess12345": 2,
    "Countess123": 1,
    "Lampgate26!": 1,
    "Kettles on fire 7": 3,
    "xK9#mQ2$vL7@": 3,
    "Übermütige Kästchen 7": 3,
    "Kettle fi7": 2,
    "A7" * 128 + "b": 1,
}


@pytest.fixture(scope="module")
def authserver(migrated_database: MigratedDatabase, module_folder: Path) -> Iterator[Service]:
    port = free_port()
    settings = authserver_settings(
        migrated_database("authserver", "sqlite"),
        port,
        AUTHSERVER_SIGN_IN_WITH="email,username",
        AUTHSERVER_PASSWORD_MINIMUM=str(POLICY.shortest),
        AUTHSERVER_PASSWORD_RULES=",".join(sorted(POLICY.rules)),
    )
    with Service("authserver", settings, module_folder, port) as server:
        yield server


@pytest.fixture(scope="module")
def alexa(authserver: Service) -> Alexa:
    return add_alexa(authserver)


async def at_sign_up(page: Page, authserver: Service) -> None:
    await page.goto(f"{authserver.url}/signup")
    await page.fill("#email", EMAIL)
    await page.fill("#username", NAME)


async def level(page: Page, typed: str) -> int:
    await page.fill("#password", typed)
    return int(await page.get_attribute(".strength", "data-level") or 0)


@pytest.mark.spec("NIST SP 800-63B §3.1.1.2")
async def test_strength_is_shown_while_typing_and_never_contradicts_the_server(
    new_page: Pages, authserver: Service
) -> None:
    page = await new_page()
    await at_sign_up(page, authserver)
    for typed, expected in LEVELS.items():
        refused = weakness(typed, (EMAIL, NAME, "Lampgate"), POLICY) is not None
        shown = await level(page, typed)
        assert shown == expected, typed
        assert not (shown == 3 and refused), f"{typed}: the server does not take it"
        assert not (shown == 1 and not refused), f"{typed}: the server takes it"


async def test_no_common_password_however_dressed_up_is_shown_as_hard_to_guess(
    new_page: Pages, authserver: Service
) -> None:
    """The page has not the whole list; what is shown green is longer than all of it."""
    page = await new_page()
    await at_sign_up(page, authserver)
    words = sorted(common_passwords())
    dressed = [word for word in words if len(word) >= 10]
    dressed += [f"{word.title().replace('a', '@')}2026!!" for word in words[::6]]
    refused = [one for one in dressed if weakness(one, (), Policy()) is not None]
    assert len(refused) > 1500
    green = await page.evaluate(
        """(all) => {
          const field = document.getElementById("password");
          const meter = document.querySelector(".strength");
          Object.assign(meter.dataset, { shortest: 8, rules: "" });
          return all.filter((one) => {
            field.value = one;
            field.dispatchEvent(new Event("input", { bubbles: true }));
            return meter.dataset.level === "3";
          });
        }""",
        refused,
    )
    assert green == []


async def test_strength_is_told_in_words_after_a_pause_and_asks_nobody(new_page: Pages, authserver: Service) -> None:
    page = await new_page()
    await at_sign_up(page, authserver)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    words = page.locator(".strength p")
    await page.locator("#password").press_sequentially("Kettles on")
    assert await words.text_content() == ""
    await expect(words).to_have_text("Something is still missing")
    await page.click(".reveal")
    await page.locator("#password").press_sequentially(" fire 7")
    await expect(words).to_have_text("Hard to guess")
    await page.fill("#email", "kettles-on-fire@example.org")
    await page.fill("#password", "Kettles-on-fire-7")
    await expect(words).to_have_text("Too close to your name or address, or to our name")
    await page.fill("#password", "")
    await expect(words).to_have_text("")
    assert asked == []
    assert await words.get_attribute("aria-live") == "polite"


async def test_rules_stand_there_before_anything_is_typed_and_without_scripts(
    new_page: Pages, authserver: Service
) -> None:
    page = await new_page(javascript=False)
    await page.goto(f"{authserver.url}/signup")
    hint = page.locator("#password-hint")
    await expect(hint).to_contain_text("At least 10 characters.")
    await expect(hint.locator("li")).to_have_text(["an upper-case letter, A to Z", "a digit"])
    await expect(page.locator(".strength")).to_be_hidden()
    assert await page.get_attribute("#password", "aria-describedby") == "password-hint"


async def invitation(authserver: Service, email: str) -> str:
    """The temporary password, as the mailbox of a development server shows it."""
    async with Browser() as browser:
        text = (await browser.open(f"{authserver.url}/dev/mailbox")).text
    found = re.search(re.escape(email) + r".*?([a-z2-9]{4}(?:-[a-z2-9]{4}){3})", text, re.DOTALL) or re.search(
        r"([a-z2-9]{4}(?:-[a-z2-9]{4}){3})", text
    )
    assert found, text
    return found.group(1)


@pytest.mark.spec("A06", "A10", "cognito 3.2")
async def test_an_invited_person_signs_in_by_user_name_and_links(
    browser_page: Page, authserver: Service, alexa: Alexa, amazon: Amazon
) -> None:
    name = f"invited-{secrets.token_hex(4)}"
    email = f"{name}@example.org"
    authserver.cli_json("user", "invite", email, "--username", name)
    password = await invitation(authserver, email)
    page = browser_page
    await page.goto(alexa.authorization_url())
    assert await page.get_attribute("#username", "type") == "text"
    assert await page.get_attribute("#username", "inputmode") is None
    assert await page.get_attribute("#username", "autocomplete") == "username"
    await page.fill("#username", name.upper())
    await page.fill("#password", password)
    await page.press("#password", "Enter")
    await expect(page.locator("h1")).to_have_text("Choose your own password")
    await page.fill("#password", password)
    await page.press("#password", "Enter")
    await expect(page.locator("#password-error")).to_be_visible()
    await expect(page.locator("#password")).to_be_focused()
    await page.fill("#password", NEW)
    await page.press("#password", "Enter")
    await page.click("button[value=allow]")
    await page.wait_for_url(HOP)
    (url,) = amazon.returns()
    assert parse_qs(urlsplit(url).query)["state"] == [STATE_737]
    assert authserver.cli_json("user", "show", name)["status"] == "confirmed"


@pytest.mark.spec("A01")
async def test_a_person_chooses_another_user_name(browser_page: Page, authserver: Service) -> None:
    name = f"anna-{secrets.token_hex(4)}"
    arguments = ["--verified", "--password-stdin"]
    authserver.cli_json("user", "add", f"{name}@example.org", *arguments, stdin="A7 " + PASSWORD)
    page = browser_page
    await page.goto(f"{authserver.url}/account/username")
    await page.fill("#username", f"{name}@example.org")
    await page.fill("#password", "A7 " + PASSWORD)
    await page.press("#password", "Enter")
    await expect(page.locator("h1")).to_have_text("User name")
    await page.fill("#username", "not a name")
    await page.fill("#password", "A7 " + PASSWORD)
    await page.press("#password", "Enter")
    await expect(page.locator("#username-error")).to_be_visible()
    await expect(page.locator("#username")).to_be_focused()
    await page.fill("#username", name.title())
    await page.fill("#password", "A7 " + PASSWORD)
    await page.press("#password", "Enter")
    await expect(page.locator("[role=status]")).to_have_text(f"You sign in as {name.title()} from now on.")
    await expect(page.locator("main")).to_contain_text(name.title())
