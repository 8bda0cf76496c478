"""Passkeys in a real Chromium, whose authenticator is virtual: WebAuthn through the browser's own code, from the button
or the field to the redirect. WebAuthn knows no addresses: the issuer is `localhost` here."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import playwright.async_api
import pyotp
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.test_linking import back_at_amazon, linked, press
from tests.browser.test_second_factor import accessible
from tests.conftest import MigratedDatabase
from tests.running import ports
from tests.running.amazon import Amazon
from tests.running.authenticator import Authenticator, give_authenticator, offered
from tests.running.chromium import Pages, fits
from tests.running.home import add_alexa, add_person, authserver_settings
from tests.running.linking import Alexa, Person
from tests.running.service import Service
from tests.vectors.alexa import STATE_737


@pytest.fixture(scope="module")
def authserver(database_kind: str, migrated_database: MigratedDatabase, module_folder: Path) -> Iterator[Service]:
    port = ports.free_port()
    settings = authserver_settings(
        migrated_database("authserver", database_kind), port, AUTHSERVER_ISSUER=f"http://localhost:{port}"
    )
    with Service("authserver", settings, module_folder, port) as server:
        yield server


@pytest.fixture(scope="module")
def alexa(authserver: Service) -> Alexa:
    return add_alexa(authserver)


@pytest.fixture
def person(authserver: Service) -> Person:
    return add_person(authserver)


@dataclass
class Device:
    page: Page
    authenticator: Authenticator


async def sign_in(page: Page, person: Person) -> None:
    await page.fill("#username", person.email)
    await page.fill("#password", person.password)
    await page.press("#password", "Enter")


async def add_passkey(device: Device, issuer: str, person: Person) -> None:
    page = device.page
    await page.goto(f"{issuer}/account/passkeys")
    await sign_in(page, person)
    await page.click("text=Add a passkey")
    await page.click("text=Create passkey")
    await expect(page.locator("[role=status]")).to_contain_text("From now on it signs you in.")


@pytest_asyncio.fixture(loop_scope="session")
async def phone(new_page: Pages) -> AsyncIterator[Device]:
    page = await new_page("phone")
    yield Device(page, await give_authenticator(page))


@pytest_asyncio.fixture(loop_scope="session")
async def ready(phone: Device, alexa: Alexa, person: Person) -> Device:
    """With a passkey of this person, signed out, and an authenticator that waits."""
    await add_passkey(phone, alexa.issuer, person)
    await phone.page.context.clear_cookies()
    await phone.authenticator.answers(False)
    return phone


async def press_passkey(device: Device, offers: int = 1) -> None:
    """What is offered at the field is asked for first, and left unanswered: the button does the rest."""
    await offered(device.page, offers)
    await device.authenticator.answers(True)
    await device.page.click("#passkey button")


@pytest.mark.spec("A02", "A06", "alexa 1.3", "WebAuthn §7.2")
async def test_the_button_signs_in_in_the_middle_of_a_linking(
    ready: Device, alexa: Alexa, person: Person, amazon: Amazon
) -> None:
    await ready.page.goto(alexa.authorization_url())
    await press_passkey(ready)
    await expect(ready.page.locator(".account")).to_contain_text(person.email)
    await press(ready.page, "allow")
    result = linked(await back_at_amazon(ready.page, amazon, alexa), alexa)
    assert result.state == STATE_737
    assert (await alexa.exchange(result.code)).status_code == 200


@pytest.mark.spec("A02", "A06", "alexa 1.3", "WebAuthn §7.2")
async def test_the_field_offers_the_passkey_and_it_signs_in(
    ready: Device, alexa: Alexa, person: Person, amazon: Amazon
) -> None:
    """Conditional UI: nothing is typed and no button of ours is pressed."""
    await ready.authenticator.answers(True)
    await ready.page.goto(alexa.authorization_url())
    await expect(ready.page.locator(".account")).to_contain_text(person.email)
    await press(ready.page, "allow")
    assert linked(await back_at_amazon(ready.page, amazon, alexa), alexa).state == STATE_737


@pytest.mark.spec("security 6.63")
async def test_the_owner_gets_in_while_the_password_is_locked(ready: Device, alexa: Alexa, person: Person) -> None:
    page = ready.page
    await page.goto(f"{alexa.issuer}/account")
    for _ in range(15):  # each rest is twice as long as the one before
        await page.fill("#username", person.email)
        await page.fill("#password", "not the password at all")
        async with page.expect_navigation():
            await page.press("#password", "Enter")
        if "too often" in await page.locator("#password-error").inner_text():
            break
    await expect(page.locator("#password-error")).to_contain_text("wrong too often")
    await press_passkey(ready)
    await expect(page.locator("h1")).to_have_text("Your account")


async def test_whoever_is_not_verified_stays_outside_and_may_type_the_password(
    ready: Device, alexa: Alexa, person: Person
) -> None:
    page = ready.page
    await ready.authenticator.set("setUserVerified", isUserVerified=False)
    await page.goto(f"{alexa.issuer}/account")
    await page.fill("#username", person.email)
    await press_passkey(ready)
    await expect(page.locator("[data-says=cancelled]")).to_be_visible()
    await expect(page.locator("#username")).to_have_value(person.email)
    await page.fill("#password", person.password)
    await page.press("#password", "Enter")
    await expect(page.locator("h1")).to_have_text("Your account")


async def test_after_a_refusal_the_passkey_can_be_tried_again(ready: Device, alexa: Alexa, person: Person) -> None:
    page = ready.page
    await page.goto(f"{alexa.issuer}/account")
    await ready.authenticator.set("setUserVerified", isUserVerified=False)
    await press_passkey(ready)
    await expect(page.locator("[data-says=cancelled]")).to_be_visible()
    await offered(page, 2)
    await ready.authenticator.answers(False)
    await ready.authenticator.set("setUserVerified", isUserVerified=True)
    await press_passkey(ready, offers=2)
    await expect(page.locator("h1")).to_have_text("Your account")


@pytest.mark.spec("RFC 8176", "cognito 2.2")
async def test_a_second_device_has_the_passkey_by_the_cloud_or_one_of_its_own(
    ready: Device, new_page: Pages, alexa: Alexa, person: Person
) -> None:
    desk_page = await new_page("desktop")
    desk = Device(
        desk_page, await give_authenticator(desk_page, defaultBackupEligibility=True, defaultBackupState=True)
    )
    await add_passkey(desk, alexa.issuer, person)
    await expect(desk_page.locator(".links li")).to_have_count(2)
    await expect(desk_page.locator(".links")).to_contain_text("Synced across your devices")
    await expect(desk_page.locator(".links")).to_contain_text("On one device only")
    other_page = await new_page("desktop")
    other = Device(other_page, await give_authenticator(other_page))
    await other.authenticator.answers(False)
    synced = await desk.authenticator.held()
    await other.authenticator.take([one for one in synced if one["backupEligibility"]])
    await other_page.goto(f"{alexa.issuer}/account")
    await press_passkey(other)
    await expect(other_page.locator("h1")).to_have_text("Your account")


@pytest.mark.spec("A06", "alexa 1.3", "RFC 8176")
async def test_the_passkey_is_the_second_step_of_a_linking(
    ready: Device, alexa: Alexa, person: Person, amazon: Amazon
) -> None:
    page = ready.page
    await page.goto(f"{alexa.issuer}/account/second-factor?set_up=totp")
    await sign_in(page, person)
    await page.goto(f"{alexa.issuer}/account/second-factor?set_up=totp")
    key = "".join((await page.locator("p.key").inner_text()).split())
    await page.fill("#code", pyotp.TOTP(key).now())
    await page.press("#code", "Enter")
    await expect(page.locator("#code")).to_be_hidden()
    await page.context.clear_cookies()
    await page.goto(alexa.authorization_url())
    await sign_in(page, person)
    await page.click("text=Use a passkey")
    await expect(page.locator("[data-passkey-unable]")).to_be_hidden()
    await ready.authenticator.answers(True)
    await page.click("[data-passkey-start]")
    await expect(page.locator(".account")).to_contain_text(person.email)
    await press(page, "allow")
    assert linked(await back_at_amazon(page, amazon, alexa), alexa).state == STATE_737


async def test_a_device_that_has_one_is_not_given_another(phone: Device, alexa: Alexa, person: Person) -> None:
    await add_passkey(phone, alexa.issuer, person)
    await phone.page.click("text=Add a passkey")
    await phone.page.click("text=Create passkey")
    await expect(phone.page.locator("[data-says=known]")).to_be_visible()
    assert len(await phone.authenticator.held()) == 1


async def test_a_removed_passkey_is_refused_and_said_to_the_device(phone: Device, alexa: Alexa, person: Person) -> None:
    page, issuer = phone.page, alexa.issuer
    await add_passkey(phone, issuer, person)
    held = await phone.authenticator.held()
    await page.click("text=Change")
    await page.click("text=Remove this passkey")
    await page.press("button[value=keep]", "Enter")
    await expect(page.locator(".links li")).to_have_count(1)
    await page.click("text=Change")
    await page.click("text=Remove this passkey")
    await page.click("button[value=remove]")
    await expect(page.locator("[role=status]")).to_contain_text("is removed")
    await page.context.clear_cookies()
    await phone.authenticator.answers(False)
    await phone.authenticator.set("clearCredentials")
    await phone.authenticator.take(held)
    await page.goto(f"{issuer}/account")
    await press_passkey(phone)
    await expect(page.locator("#passkey-error")).to_contain_text("opens no account here")


@pytest.mark.spec("WebAuthn §7.2", "security 6.48")
async def test_a_page_elsewhere_gets_no_signature_for_this_server(
    ready: Device, alexa: Alexa, authserver: Service
) -> None:
    """The same server under another origin: its passkeys are not for there, as on a page that looks like ours."""
    page = ready.page
    await ready.authenticator.answers(True)
    await page.goto(f"{authserver.url}/healthz")
    got = await page.evaluate(
        """async () => {
            try {
                const challenge = new Uint8Array(32);
                await navigator.credentials.get({publicKey: {challenge, rpId: "localhost", allowCredentials: []}});
                return "signed";
            } catch (error) { return error.name; }
        }"""
    )
    assert got == "SecurityError"


async def test_a_browser_without_passkeys_shows_nothing_of_them(new_page: Pages, alexa: Alexa, person: Person) -> None:
    """As the web view of an app that has none."""
    page = await new_page("phone")
    await page.add_init_script("delete window.PublicKeyCredential")
    await page.goto(alexa.authorization_url())
    await expect(page.locator("#sign-in")).to_be_visible()
    await expect(page.locator("#passkey")).to_be_hidden()
    await page.goto(f"{alexa.issuer}/account/passkeys/add")
    await sign_in(page, person)
    await expect(page.locator("[data-passkey-unable]")).to_be_visible()
    await expect(page.locator("text=Create passkey")).to_be_hidden()


async def test_without_scripts_the_list_can_still_be_read_and_shortened(
    ready: Device, new_page: Pages, alexa: Alexa, person: Person
) -> None:
    page = await new_page("phone", javascript=False)
    await page.goto(f"{alexa.issuer}/account/passkeys")
    await expect(page.locator("#passkey")).to_be_hidden()
    await sign_in(page, person)
    await page.click("text=Change")
    await page.fill("#name", "Grandma's phone")
    await page.press("#name", "Enter")
    await expect(page.locator(".links strong")).to_have_text("Grandma's phone")
    await page.click("text=Change")
    await page.click("text=Remove this passkey")
    await page.click("button[value=remove]")
    await expect(page.locator(".empty")).to_be_visible()


async def test_a_sign_in_that_has_aged_is_made_again_before_a_passkey_is_made(
    phone: Device, alexa: Alexa, person: Person, authserver: Service
) -> None:
    """What the server answers where it no longer gives options leads to the sign-in, and back to the page."""
    page = phone.page
    await page.goto(f"{alexa.issuer}/account/passkeys/add")
    await sign_in(page, person)
    await expect(page.locator("text=Create passkey")).to_be_visible()

    async def refuse(route: playwright.async_api.Route) -> None:
        await route.fulfill(status=403, body="")

    await page.route("**/passkeys/options", refuse)
    await page.click("text=Create passkey")
    await page.wait_for_url("**/account/passkeys/add")
    await page.unroute("**/passkeys/options")
    await page.click("text=Create passkey")
    await expect(page.locator("[role=status]")).to_contain_text("From now on it signs you in.")


@pytest.mark.spec("A01")
@pytest.mark.parametrize("width", [320, 390])
async def test_nothing_is_cut_off_and_everything_can_be_tapped_on_a_phone(
    new_page: Pages, alexa: Alexa, person: Person, width: int
) -> None:
    page = await new_page("phone", viewport={"width": width, "height": 700})
    device = Device(page, await give_authenticator(page))

    async def check() -> None:
        await fits(page, "button:visible, input:visible, a:visible")
        await accessible(page)

    await page.goto(f"{alexa.issuer}/account/passkeys")
    await check()
    await add_passkey(device, alexa.issuer, person)
    await check()
    await page.click("text=Change")
    await page.fill("#name", "W" * 64)
    await page.press("#name", "Enter")
    await check()
    await page.click("text=Change")
    await check()
    await page.click("text=Remove this passkey")
    await check()
    await page.goto(f"{alexa.issuer}/account/passkeys/add")
    await check()
