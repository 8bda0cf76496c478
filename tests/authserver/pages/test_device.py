"""A person lets a device in: `/device`, and from there the way of every sign-in (RFC 8628 §3.3, §5)."""

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from sqlmodel import col, select

from authserver.accounts import activity
from authserver.models import Consent, Session, User
from tests.authserver.accounts.factors import with_app
from tests.authserver.accounts.people import PASSWORD, People
from tests.authserver.pages.browsing import browser_of
from tests.authserver.protocol.devices import GRANTS, poll, refused, row, waiting
from tests.authserver.protocol.harness import Asker, claims_of
from tests.running.reading import Browser, Page


@dataclass
class Set:
    """A device that waits, and the browser of somebody who may let it in."""

    people: People
    client: Asker
    told: dict[str, Any]
    browser: Browser

    @property
    def code(self) -> str:
        return str(self.told["user_code"])

    async def open(self, query: str = "") -> Page:
        return await self.browser.open(f"{self.people.server.settings.issuer}/device{query}")

    async def type(self, typed: str = "", page: Page | None = None) -> Page:
        return await self.browser.press(page or await self.open(), "continue", user_code=typed or self.code)

    async def signed_in(self, user: User) -> Page:
        """Typed, and at the consent page."""
        return await self.browser.press(await self.type(), "sign_in", username=user.email, password=PASSWORD)

    async def decision(self) -> str:
        return (await row(self.people.server, self.told["device_code"])).decision


@pytest_asyncio.fixture(loop_scope="session")
async def device(people: People) -> Set:
    client = await people.server.add_client("public", **GRANTS)
    return Set(people, client, await waiting(client), browser_of(people))


@pytest_asyncio.fixture(loop_scope="session")
async def user(people: People) -> User:
    return await people.add()


@pytest.mark.spec("RFC 8628 §3.3", "security 6.57", "A10")
async def test_a_typed_code_leads_by_sign_in_and_consent_to_tokens(device: Set, user: User) -> None:
    page = await device.type(f" {device.code.lower().replace('-', ' ')} ")
    assert page.asks_for("username", "password")
    assert "A public app" in page.text
    page = await device.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    for words in ("Link A public app with your account?", "Is the device in front of you?", "Recognise your account"):
        assert words in page.text
    assert user.email in page.text.replace(" ", "")
    assert refused(await poll(device.client, device.told["device_code"])) == (400, "authorization_pending")
    page = await device.browser.press(page, "allow")
    assert "Your device is linked" in page.text
    assert urlsplit(page.url).path == "/device/done"
    assert page.left_to is None
    tokens = (await poll(device.client, device.told["device_code"])).json()
    assert claims_of(tokens["access_token"])["sub"] == user.sub
    assert claims_of(tokens["id_token"])["amr"] == ["pwd"]
    async with device.people.services.database.unit() as session:
        events = await activity.recent(session, user.sub, 5)
    assert [event.kind for event in events].count("linked") == 1


@pytest.mark.spec("RFC 8628 §3.3.1", "RFC 8628 §5.4", "security 6.68")
async def test_an_address_with_the_code_shows_it_and_does_nothing_by_itself(device: Set, user: User) -> None:
    complete = urlsplit(device.told["verification_uri_complete"])
    page = await device.open(f"?{complete.query}")
    assert "Does your device show this code?" in page.text
    assert device.code in page.text
    assert not page.asks_for("user_code")
    assert (await row(device.people.server, device.told["device_code"])).decided_at is None
    async with device.people.services.database.unit() as session:  # no interaction knows the device yet
        assert (await session.exec(select(Session).where(Session.sub == user.sub))).first() is None
    page = await device.browser.press(page, "continue")
    assert page.asks_for("username", "password")
    page = await device.browser.press(page, "sign_in", username=user.email, password=PASSWORD)
    assert (await device.decision()) == ""
    assert "Your device is linked" in (await device.browser.press(page, "allow")).text


@pytest.mark.spec("RFC 8628 §5.4", "security 6.61")
@pytest.mark.parametrize("first_party", [False, True])
async def test_who_is_signed_in_and_agreed_before_is_asked_for_every_device(
    people: People, user: User, first_party: bool
) -> None:
    client = await people.server.add_client("public", **GRANTS, first_party=first_party)
    browser = browser_of(people)
    for number in range(2):
        one = Set(people, client, await waiting(client), browser)
        page = await one.type()
        if number == 0:
            page = await browser.press(page, "sign_in", username=user.email, password=PASSWORD)
        assert page.has_button("allow"), page
        assert await one.decision() == ""
        assert "is linked" in (await browser.press(page, "allow")).text
        assert (await poll(client, one.told["device_code"])).status_code == 200


@pytest.mark.spec("RFC 8628 §3.5")
@pytest.mark.parametrize("where", ["sign-in", "consent"])
async def test_who_does_not_agree_ends_the_waiting(device: Set, user: User, where: str) -> None:
    page = await device.type() if where == "sign-in" else await device.signed_in(user)
    page = await device.browser.press(page, "cancel" if where == "sign-in" else "deny")
    assert "Nothing was linked" in page.text
    assert refused(await poll(device.client, device.told["device_code"])) == (400, "access_denied")
    page = await device.type()
    assert "No device waits with this code" in page.text


@pytest.mark.spec("RFC 8628 §5.1", "security 6.62")
async def test_a_code_is_good_once_and_for_ten_minutes(device: Set, user: User) -> None:
    page = await device.signed_in(user)
    other = Set(device.people, device.client, device.told, browser_of(device.people))
    late = await other.signed_in(await device.people.add())  # two people type the same code: one decides
    assert "is linked" in (await device.browser.press(page, "allow")).text
    page = await other.browser.press(late, "allow")
    assert page.status == 400
    assert "too old, or was used" in page.text
    assert (await row(device.people.server, device.told["device_code"])).sub == user.sub
    assert "No device waits" in (await device.type()).text
    second = Set(device.people, device.client, await waiting(device.client), device.browser)
    page = await second.type()
    device.people.clock.advance(600)
    assert (await device.browser.press(page, "allow")).status == 400
    assert "No device waits" in (await second.type()).text
    assert await second.decision() == ""


@pytest.mark.spec("RFC 8628 §5.1", "security 6.62", "decision 4")
async def test_guesses_are_counted_before_they_are_compared(device: Set) -> None:
    page = await device.open()
    for _ in range(10):
        page = await device.type("BBBB-BBBB", page)
        assert page.status == 422
        assert "No device waits with this code" in page.text
    page = await device.type(device.code, page)  # the right one, too late in this visit
    assert page.status == 429
    assert int(page.answer.headers["retry-after"]) > 0
    assert "too many attempts" in page.text
    assert (await device.type()).asks_for("password")  # a new visit, from a network that has not guessed much


@pytest.mark.spec("RFC 8628 §5.1", "security 6.62")
async def test_twenty_guesses_at_once_are_ten(device: Set) -> None:
    page = await device.open()
    pages = await asyncio.gather(*(device.type("BBBB-BBBB", page) for _ in range(20)))
    assert sorted(found.status for found in pages) == [422] * 10 + [429] * 10


@pytest.mark.spec("RFC 8628 §5.1")
async def test_one_network_has_a_limit_beside_it(device: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(device.people.services.settings.__dict__, "address_attempts", 2)
    assert [(await device.type("BBBB-BBBB")).status for _ in range(3)] == [422, 422, 429]
    assert (await device.type()).status == 429


@pytest.mark.spec("RFC 8628 §3.3")
async def test_what_cannot_be_a_code_costs_nothing_and_stays_in_the_field(device: Set) -> None:
    page = await device.open()
    for _ in range(15):
        page = await device.type("HELLO <b>&", page)
        assert (page.status, "eight letters" in page.text) == (422, True)
    assert next(page.forms_with("user_code")).fields["user_code"] == "HELLO <b>&"
    assert (await device.type(device.code, page)).asks_for("password")


@pytest.mark.spec("RFC 8628 §3.3", "security 6.59")
async def test_a_second_factor_stands_in_the_middle(device: Set, user: User) -> None:
    app, _ = await with_app(device.people, user)
    page = await device.signed_in(user)
    assert urlsplit(page.url).path == "/second-factor"
    page = await device.browser.press(page, "verify", code=app.code())
    assert "is linked" in (await device.browser.press(page, "allow")).text
    tokens = (await poll(device.client, device.told["device_code"])).json()
    assert claims_of(tokens["id_token"])["amr"] == ["pwd", "otp", "mfa"]


@pytest.mark.spec("RFC 8628 §5.4")
async def test_the_page_tells_where_the_device_asked_from(people: People, user: User) -> None:
    client = await people.server.add_client("public", **GRANTS)
    from_here = Set(people, client, {}, browser_of(people))
    data = {"client_id": client.client_id}
    from_here.told = (
        await from_here.browser.client.post(people.server.settings.issuer + "/oauth2/device_authorization", data=data)
    ).json()
    assert "from the network that you are in" in (await from_here.signed_in(user)).text
    from_elsewhere = Set(people, client, await waiting(client), from_here.browser)
    people.clock.advance(120)
    page = await from_elsewhere.type()
    assert "2 minutes ago, from another network: 127.0.0.1" in page.text
    confidential = await people.server.add_client(**GRANTS)
    of_a_server = Set(people, confidential, await waiting(confidential), from_here.browser)
    assert "network" not in (await of_a_server.type()).text


@pytest.mark.spec("security 6.60")
async def test_nobody_can_bring_a_device_into_a_linking_from_outside(people: People, device: Set) -> None:
    client = await people.server.add_client(**GRANTS)
    digest = (await row(people.server, device.told["device_code"])).digest.hex()
    asked = client.authorization(device=digest, page="account")
    answer = await people.server.authorize(asked)
    assert "/login?interaction=" in answer.headers["location"]
    page = await device.open(f"?device={digest}&page=account&client_id={client.client_id}")
    assert page.asks_for("user_code")


@pytest.mark.spec("RFC 8628 §3.3.1")
async def test_a_picture_of_the_address_is_made_for_devices_that_can_make_none(device: Set) -> None:
    root = device.people.server.settings.issuer
    answer = await device.browser.client.get(f"{root}/device/qr?user_code={device.code.lower()}")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "<svg" in answer.text
    assert "script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert (await device.browser.client.get(f"{root}/device/qr?user_code=<svg>")).status_code == 404
    assert (await device.open("/done?result=else")).status == 404


@pytest.mark.spec("security 6.48")
async def test_an_interaction_leaves_nothing_behind_when_it_is_over(device: Set, user: User) -> None:
    page = await device.signed_in(user)
    url = page.url
    await device.browser.press(page, "allow")
    names = [name for name in device.browser.client.cookies if "interaction" in name]
    assert parse_qs(urlsplit(url).query)["interaction"][0] not in "".join(names)
    assert (await device.browser.open(url)).status == 400
    async with device.people.services.database.unit() as session:
        kept = (await session.exec(select(Consent).where(col(Consent.client_id) == device.client.client_id))).all()
    assert kept == []  # what was agreed to for a device says nothing about the next one
