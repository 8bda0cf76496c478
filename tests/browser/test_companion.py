"""The owner's pages in a real browser: by touch, by keys, without scripts, live, and for everybody."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import aiomqtt
import orjson
import pytest
from playwright.async_api import Locator, Page, expect

from skill.storage.registry import open_registry
from tests.browser.test_accessibility import nothing_is_cut_off, tabs_reach_everything, violations
from tests.conftest import MigratedDatabase
from tests.running.broker import Broker
from tests.running.chromium import Pages, until
from tests.running.companion import Companion, companion_service
from tests.running.linking import Person
from tests.running.ports import free_port
from tests.running.service import Service

SHAPES = pytest.mark.parametrize(
    ("view", "javascript"),
    [("phone", True), ("phone", False), ("desktop", True)],
    ids=["phone", "phone-without-javascript", "desktop"],
)
IMMEDIATELY = 0.3  # seconds


async def sign_in(page: Page, companion: Companion, person: Person, path: str = "/") -> None:
    """From the page that is wanted to that page."""
    await page.goto(companion.url + path)
    if path == "/":
        await page.get_by_role("link", name="Sign in").click()
    await page.fill("#username", person.email)
    await page.fill("#password", person.password)
    await page.click("button[value=sign_in]")
    await page.wait_for_url(companion.url + path)


def card(page: Page, lamp: str) -> Locator:
    return page.locator(f'[data-lamp="{lamp}"]')


async def state_of(page: Page, companion: Companion, lamp: str) -> dict[str, Any]:
    """How the lamp really stands, asked of the service in a second tab."""
    other = await page.context.new_page()
    await other.goto(f"{companion.url}/lamps/{lamp}")
    place = card(other, lamp)
    found = {
        "on": await place.get_attribute("data-on") == "yes",
        "colour": await place.locator("[data-light]").get_attribute("color"),
        "said": await place.locator(".state").inner_text(),
        "hue": int(await place.locator("#hue").get_attribute("value") or 0),
        "saturation": int(await place.locator("#saturation").get_attribute("value") or 0),
        "kelvin": int(await place.locator("[data-kelvin]").get_attribute("value") or 0),
    }
    await other.close()
    return found


async def test_a_lamp_that_is_set_up_as_none_can_be_lets_the_page_stay(
    new_page: Pages, companion: Companion, anna: Person
) -> None:
    lamp, broken = await companion.lamp(anna.sub, "Floor lamp"), await companion.lamp(anna.sub, "Broken lamp")
    async with open_registry(companion.skill.settings["SKILL_DATABASE_URL"]) as registry:
        row = await registry.lamp(broken)
        assert row is not None
        row.options = {"capabilities": ["heat"]}
    page, other = await new_page("desktop"), await new_page("desktop")
    await sign_in(page, companion, anna)
    await sign_in(other, companion, anna, f"/lamps/{broken}")
    loaded: list[str] = []
    for each in (page, other):
        each.on("load", lambda which: loaded.append(which.url))
        await each.reload()
    await expect(card(page, broken).get_by_role("switch")).to_be_disabled()
    await expect(other.get_by_text("set up in a way that cannot work")).to_be_visible()
    async with open_registry(companion.skill.settings["SKILL_DATABASE_URL"]) as registry:
        await registry.plug(lamp, False)
    await expect(card(page, lamp).locator("[data-label]")).to_have_text("Offline")  # the stream tells of all lamps
    assert len(loaded) == 2, loaded


@SHAPES
async def test_switch_dim_name_and_sign_out(
    new_page: Pages, companion: Companion, anna: Person, view: str, javascript: bool
) -> None:
    lamp = await companion.lamp(anna.sub, "Floor lamp", room="Living room")
    page = await new_page(view, javascript=javascript)
    await sign_in(page, companion, anna)
    place = card(page, lamp)
    await place.get_by_role("switch").click()
    await expect(place.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    await expect(place.locator("[data-label]")).to_have_text("On")
    await place.get_by_role("slider").fill("40")
    if not javascript:
        await place.get_by_role("button", name="Set").click()
    await expect(place.locator("[data-percent]")).to_have_text("40%")
    await page.get_by_role("button", name="All off").click()
    await expect(place.locator("[data-label]")).to_have_text("Off")
    await place.get_by_role("link", name="Floor lamp").click()
    if javascript:
        await expect(page.locator("[data-knob]")).to_be_visible()
        await expect(page.locator("[data-numbers]")).to_be_hidden()
    else:
        await page.get_by_label("Hue").fill("120")
        await page.get_by_label("Saturation").fill("100")
        await page.get_by_role("button", name="Set colour").click()
    await page.get_by_role("button", name="Blue").click()
    await expect(page.locator("[data-light]")).to_have_attribute("color", re.compile("^#00..ff|^#0040ff"))
    await page.get_by_label("Name", exact=True).fill("Reading lamp")
    await page.get_by_role("combobox", name="Room").fill("Study")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Reading lamp")
    await page.locator(".account summary").click()
    if javascript:
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
        await page.locator(".account summary").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    await page.goto(f"{companion.url}/history")
    await expect(page.locator("#password")).to_be_visible()


@SHAPES
async def test_a_lamp_is_claimed_by_the_link_and_given_back(
    new_page: Pages, companion: Companion, anna: Person, view: str, javascript: bool
) -> None:
    lamp, code = await companion.free_lamp("New lamp")
    page = await new_page(view, javascript=javascript)
    await sign_in(page, companion, anna, f"/claim?code={code}")
    await page.get_by_role("button", name="Add the lamp").click()
    await expect(page.get_by_role("status").first).to_contain_text("The lamp is yours")
    await page.get_by_role("link", name="Remove this lamp").click()
    await page.get_by_role("button", name="Remove the lamp").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("New lamp is free")
    await expect(page.get_by_role("img", name="QR code")).to_be_visible()
    fresh = await page.locator("figcaption code").inner_text()
    assert fresh != code
    await page.get_by_role("link", name="Done").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("No lamps yet")
    await page.get_by_role("link", name="Add a lamp").last.click()
    await page.get_by_label("Code").fill(code)
    await page.keyboard.press("Enter")
    await expect(page.locator("#code-error")).to_contain_text("claims no lamp")
    await page.get_by_label("Code").fill(fresh.lower().replace("-", " "))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("New lamp")
    assert (await companion.row(lamp)).owner == anna.sub


async def test_the_colour_wheel_by_touch(new_page: Pages, companion: Companion, anna: Person) -> None:
    lamp = await companion.lamp(anna.sub, "Colour lamp")
    page = await new_page("phone")
    await sign_in(page, companion, anna, f"/lamps/{lamp}")
    wheel = page.locator("[data-wheel]")
    await wheel.scroll_into_view_if_needed()
    await wheel.evaluate("node => node.scrollIntoView({block: 'center'})")
    box = await wheel.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    finger = await page.context.new_cdp_session(page)

    async def touch(kind: str, *at: tuple[float, float]) -> None:
        points = [{"x": x, "y": y} for x, y in at]
        await finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    await touch("touchStart", middle)
    for step in range(1, 11):
        await touch("touchMove", (middle[0] - step * box["width"] * 0.042, middle[1]))
    await touch("touchEnd")
    await expect(page.locator("[data-knob]")).to_have_attribute("aria-valuenow", "180")
    await expect(page.locator("[data-label]")).to_have_text("On")
    await expect(page.locator("[data-light]")).to_have_attribute("color", "#00ffff")
    state = await state_of(page, companion, lamp)
    assert (state["on"], state["hue"], state["saturation"]) == (True, 180, 100)


async def test_the_colour_wheel_and_the_sliders_by_keys(new_page: Pages, companion: Companion, anna: Person) -> None:
    lamp = await companion.lamp(anna.sub, "Key lamp")
    page = await new_page("desktop")
    await sign_in(page, companion, anna, f"/lamps/{lamp}")
    knob = page.get_by_role("slider", name="Colour of Key lamp")
    await knob.focus()
    await page.keyboard.press("End")
    for _ in range(6):
        await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowDown")
    await expect(knob).to_have_attribute("aria-valuetext", "Hue 30 degrees, saturation 95 percent")
    await expect(page.locator("[data-light]")).not_to_have_attribute("color", "#ffb868")
    white = page.get_by_role("slider", name="White of Key lamp")
    await expect(white).to_have_attribute("aria-valuetext", "2700 K")
    state = await state_of(page, companion, lamp)
    assert (state["on"], state["hue"], state["saturation"]) == (True, 30, 95)
    await white.focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("[data-light]")).to_have_attribute("color", re.compile("^#ffb[89a]"))
    assert (await state_of(page, companion, lamp))["kelvin"] == 2750


@pytest.mark.alone
class TestTheClock:
    async def test_a_lamp_switched_by_mqtt_changes_on_the_page_at_once(
        self, new_page: Pages, companion: Companion, anna: Person, mosquitto: Broker
    ) -> None:
        lamp = await companion.lamp(
            anna.sub, "MQTT lamp", "mqtt", command_topic="page/set", state_topic="page/state",
            capabilities=["power", "brightness", "color", "temperature"],
        )  # fmt: skip
        await asyncio.sleep(1.5)  # a new lamp is listened to within a second
        page = await new_page("phone")
        await sign_in(page, companion, anna)
        await page.evaluate(
            """() => {
                const lamp = document.querySelector("[data-lamp]");
                window.seen = [[0, lamp.dataset.on]];
                new MutationObserver(() => {
                    if (window.seen.at(-1)[1] === lamp.dataset.on) return;
                    window.seen.push([performance.timeOrigin + performance.now(), lamp.dataset.on]);
                }).observe(lamp, {attributes: true, attributeFilter: ["data-on"]});
            }"""
        )
        await asyncio.sleep(0.5)
        took = []
        async with aiomqtt.Client(mosquitto.host, mosquitto.port) as broker:
            for round in range(10):
                on = round % 2 == 0
                began = time.time()
                await broker.publish(
                    "page/state", orjson.dumps({"state": "ON" if on else "OFF", "brightness": 200}), qos=1
                )
                await expect(card(page, lamp)).to_have_attribute("data-on", "yes" if on else "no", timeout=3000)
                at, what = (await page.evaluate("window.seen"))[round + 1]
                assert what == ("yes" if on else "no")
                took.append(at / 1000 - began)
        print("\nMQTT to page, milliseconds:", " ".join(f"{1000 * seconds:.1f}" for seconds in took))
        assert sorted(took)[len(took) // 2] < IMMEDIATELY
        assert max(took) < 2 * IMMEDIATELY


async def test_a_page_of_some_lamps_waits_for_who_types_before_it_shows_another(
    new_page: Pages, companion: Companion, anna: Person
) -> None:
    for name in ("Attic lamp", "Cellar lamp"):
        await companion.lamp(anna.sub, name)
    page = await new_page("phone")
    await sign_in(page, companion, anna)
    await page.goto(f"{companion.url}/?find=attic")
    await until(page, "[...lamps.values()].every((lamp) => lamp.told)")
    await page.evaluate("stream.addEventListener('changed', () => { document.title = 'Changed' })")
    await page.locator("#find").fill("attics")
    lamp = await companion.lamp(anna.sub, "Other attic lamp")
    await expect(page).to_have_title("Changed", timeout=20_000)
    await expect(page.locator("#find")).to_have_value("attics")
    await expect(card(page, lamp)).to_have_count(0)
    await page.locator("#find").fill("attic")
    await page.locator("#find").blur()
    await expect(card(page, lamp)).to_be_visible()
    await expect(page.locator("#find")).to_have_value("attic")


async def test_when_authserver_is_away_lamps_obey_and_signing_in_waits(
    new_page: Pages, migrated_database: MigratedDatabase, tmp_path: Path
) -> None:
    from tests.running.home import authserver_settings

    port = free_port()
    server = Service("authserver", authserver_settings(migrated_database("authserver", "sqlite"), port), tmp_path, port)
    server.start()
    try:
        skill = companion_service(server, migrated_database("skill", "sqlite"), tmp_path, free_port())
        with skill:
            companion = Companion(server, skill)
            anna = companion.person()
            lamp = await companion.lamp(anna.sub, "Steady lamp")
            page, other = await new_page("phone"), await new_page("phone")
            await sign_in(page, companion, anna)
            server.stop()
            await card(page, lamp).get_by_role("switch").click()
            await expect(card(page, lamp).locator("[data-label]")).to_have_text("On")
            await page.reload()
            await expect(card(page, lamp).locator("[data-label]")).to_have_text("On")
            answer = await other.goto(f"{companion.url}/sign-in?next=/history")
            assert answer is not None
            assert answer.status == 503
            await expect(other.get_by_role("heading", level=1)).to_have_text("Signing in has to wait")
            server.start()
            await other.get_by_role("link", name="Try again").click()
            await expect(other.locator("#password")).to_be_visible()
            server.stop()
            await page.locator(".account summary").click()
            await page.get_by_role("button", name="Sign out").click()
            await expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    finally:
        if server.process is not None:
            server.stop()


TARGETS = "button, summary, input:not([type=checkbox]):not([type=hidden]), .tick, .tabs a, .brand, .primary, .secondary"
BOXES = """targets => [...document.querySelectorAll(targets)]
    .filter(node => node.checkVisibility({visibilityProperty: true}))
    .map(node => [node.getBoundingClientRect().toJSON(), node.outerHTML])"""


@pytest.mark.spec("WCAG 2.2")
@pytest.mark.parametrize(
    "where",
    ["home", "lamp", "offline", "offered", "wrong name", "claim", "refused", "history", "unclaim", "empty", "welcome",
     "message", "unclaimed", "signed out"],
)  # fmt: skip
async def test_a_page_is_seen_reached_and_read_by_everybody(
    new_page: Pages, companion: Companion, anna: Person, where: str
) -> None:
    lamp = ""
    if where != "empty":
        lamp = await companion.lamp(anna.sub, "Floor lamp", room="Living room")
        await companion.lamp(anna.sub, "A lamp with rather a long name for a phone", capabilities=["power"])
    if where == "offline":
        await companion.unplug(lamp)
    page = await new_page("desktop", bypass_csp=True)
    if where in ("welcome", "message", "signed out"):
        await page.goto(companion.url + {"welcome": "/", "message": "/signed-in", "signed out": "/signed-out"}[where])
    else:
        await sign_in(page, companion, anna)
        await reach(page, companion, where, lamp)
    await page.emulate_media(reduced_motion="reduce")
    for scheme, (wide, high) in zip(("light", "dark"), ((390, 844), (1280, 800)), strict=True):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.set_viewport_size({"width": wide, "height": high})
        assert await violations(page) == [], (scheme, wide)
    await page.set_viewport_size({"width": 320, "height": 640})
    for box, html in await page.evaluate(BOXES, TARGETS):
        assert min(box["height"], box["width"]) >= 44 or "visually-hidden" in html, html
        assert box["right"] <= 320, html
    await nothing_is_cut_off(page)


async def reach(page: Page, companion: Companion, where: str, lamp: str) -> None:
    here = f"{companion.url}/lamps/{lamp}"
    match where:
        case "home" | "offline":
            await card(page, lamp).wait_for()
        case "lamp":
            await page.goto(here)
        case "offered":
            await page.goto(here)
            await page.get_by_role("button", name="Make a code").click()
            await page.locator(".qr").wait_for()
        case "wrong name":
            await page.goto(here)
            await page.get_by_label("Name", exact=True).fill("!!!")
            await page.get_by_role("button", name="Save").click()
            await page.locator("#name-error").wait_for()
        case "claim":
            await page.goto(f"{companion.url}/claim")
        case "refused":
            await page.goto(f"{companion.url}/claim")
            await page.get_by_label("Code").fill("7K3M")
            await page.get_by_role("button", name="Add the lamp").click()
            await page.locator("#code-error").wait_for()
        case "history":
            await card(page, lamp).get_by_role("switch").click()
            await expect(card(page, lamp).locator("[data-label]")).to_have_text("On")
            await asyncio.sleep(2.5)
            await page.goto(f"{companion.url}/history")
            await page.locator(".entries").wait_for()
        case "unclaim":
            await page.goto(f"{here}/unclaim")
        case "unclaimed":
            await page.goto(f"{here}/unclaim")
            await page.get_by_role("button", name="Remove the lamp").click()
            await page.locator(".qr").wait_for()


@pytest.mark.spec("WCAG 2.2")
@pytest.mark.parametrize(("language", "direction", "on"), [("ar", "rtl", "مضاء"), ("ja", "ltr", "オン")])
async def test_pages_in_another_language_and_direction(
    new_page: Pages, companion: Companion, anna: Person, language: str, direction: str, on: str
) -> None:
    lamp = await companion.lamp(anna.sub, "123", room="45")
    page = await new_page("phone", locale=language, bypass_csp=True)
    await sign_in(page, companion, anna, "/claim")
    await page.goto(companion.url)
    await card(page, lamp).get_by_role("switch").click()
    await expect(card(page, lamp).locator("[data-label]")).to_have_text(on)
    await expect(page.locator("[data-percent]")).to_have_text("100%")
    for path in ("/", f"/lamps/{lamp}", f"/lamps/{lamp}/unclaim", "/claim", "/history", "/lamps/none"):
        await page.goto(companion.url + path)
        assert await page.get_attribute("html", "dir") == direction
        words = re.findall("[A-Za-z]{2,}", await page.inner_text("main"))
        assert set(words) <= {"Alexa", "QR", "TRG", "HBA", "QWX"}, path
        assert await violations(page) == [], path
        await nothing_is_cut_off(page, 390)
    await page.goto(f"{companion.url}/lamps/{lamp}")
    await page.locator(".languages summary").click()
    await nothing_is_cut_off(page, 390)
    await page.get_by_role("button", name="Deutsch").click()
    await expect(page.get_by_role("button", name="Speichern")).to_be_visible()
    assert page.url == f"{companion.url}/lamps/{lamp}"


async def test_every_control_is_reached_by_the_keyboard(new_page: Pages, companion: Companion, anna: Person) -> None:
    lamp = await companion.lamp(anna.sub, "Floor lamp")
    page = await new_page("desktop")
    await sign_in(page, companion, anna, f"/lamps/{lamp}")
    await tabs_reach_everything(page)
