"""The owner's pages where the network, a lamp or the session does not do what a person waits for."""

import asyncio
import time

import pytest
from playwright.async_api import Page, Route, expect

from skill.storage.registry import open_registry
from tests.browser.test_companion import card, sign_in
from tests.running.chromium import Pages, until
from tests.running.companion import Companion
from tests.running.linking import Person


async def record(page: Page, selector: str, attribute: str) -> None:
    """What the attribute was from now on, in `window.seen`."""
    await page.locator(selector).evaluate(
        """(node, attribute) => {
            window.seen = [];
            new MutationObserver(() => window.seen.push(node.getAttribute(attribute)))
                .observe(node, {attributes: true, attributeFilter: [attribute]});
        }""",
        attribute,
    )


async def test_a_command_on_its_way_is_seen_and_nothing_flickers(
    new_page: Pages, companion: Companion, anna: Person
) -> None:
    lamp = await companion.lamp(anna.sub, "Slow lamp")
    page = await new_page("phone")
    await sign_in(page, companion, anna)
    await until(page, "[...lamps.values()].every((lamp) => lamp.told)")
    go_on = asyncio.Event()

    async def late(route: Route) -> None:
        if route.request.method == "POST":
            await go_on.wait()
        await route.continue_()

    await page.route(f"**/lamps/{lamp}", late)
    await record(page, "[data-switch]", "aria-checked")
    place = card(page, lamp)
    await place.get_by_role("switch").click()
    await expect(place).to_have_attribute("data-sending", "")
    await page.evaluate("for (const lamp of lamps.values()) lamp.tell({...lamp.told, brightness: 1})")  # of before
    await expect(place.locator("[data-label]")).to_have_text("Off")  # what is known
    go_on.set()
    await expect(place.locator("[data-label]")).to_have_text("On")
    await expect(place).not_to_have_attribute("data-sending", "")
    assert set(await page.evaluate("window.seen")) == {"true"}


async def test_the_lamps_of_a_room_go_off_while_the_page_stays(
    new_page: Pages, companion: Companion, anna: Person
) -> None:
    here = [await companion.lamp(anna.sub, name, room="Study") for name in ("Desk lamp", "Floor lamp")]
    there = await companion.lamp(anna.sub, "Hall lamp", room="Hall")
    page = await new_page("phone")
    await sign_in(page, companion, anna)
    for lamp in (*here, there):
        await card(page, lamp).get_by_role("switch").click()
        await expect(card(page, lamp)).to_have_attribute("data-on", "yes")
    await page.evaluate("window.stays = true")
    await page.get_by_role("button", name="All off: Study").click()
    for lamp in here:
        await expect(card(page, lamp)).to_have_attribute("data-on", "no")
    await expect(page.get_by_role("button", name="All off: Study")).to_be_disabled()
    await expect(card(page, there)).to_have_attribute("data-on", "yes")
    assert await page.evaluate("window.stays")


async def test_a_stream_that_is_opened_again_at_once_was_not_lost(
    new_page: Pages, companion: Companion, anna: Person
) -> None:
    """As each of them is after a quarter of an hour, and when the service is started anew."""
    lamp = await companion.lamp(anna.sub, "Lasting lamp")
    page = await new_page("phone")
    ended = 0

    async def end(route: Route) -> None:
        nonlocal ended
        ended += 1
        if ended > 1:
            return await route.continue_()
        await route.fulfill(content_type="text/event-stream", body="retry: 100\n\n")

    await sign_in(page, companion, anna)
    await record(page, "[data-lost]", "hidden")
    await page.route("**/live*", end)
    await page.evaluate("stream.close(); stream = null; listen()")
    await until(page, "stream.readyState === EventSource.CONNECTING")
    await companion.unplug(lamp)
    await expect(card(page, lamp)).to_have_attribute("data-online", "no", timeout=10_000)
    assert ended > 1
    assert None not in await page.evaluate("window.seen"), "it was shown as lost"


async def test_whoever_signed_out_elsewhere_sees_no_lamps_for_long(
    new_page: Pages, companion: Companion, anna: Person
) -> None:
    await companion.lamp(anna.sub, "Private lamp")
    page = await new_page("desktop")
    await sign_in(page, companion, anna)
    await until(page, "[...lamps.values()].every((lamp) => lamp.told)")
    other = await page.context.new_page()
    await other.goto(f"{companion.url}/history")
    await other.locator(".account summary").click()
    await other.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("link", name="Sign in")).to_be_visible(timeout=15_000)
    await expect(page.get_by_text("Private lamp")).to_have_count(0)


async def test_what_went_wrong_is_forgotten_when_the_lamp_is_heard_again(
    new_page: Pages, companion: Companion, anna: Person
) -> None:
    lamp = await companion.lamp(anna.sub, "Loose lamp")
    page = await new_page("phone")
    await sign_in(page, companion, anna)
    await until(page, "[...lamps.values()].every((lamp) => lamp.told)")
    await page.route(f"**/lamps/{lamp}", lambda route: route.abort())
    await card(page, lamp).get_by_role("switch").click()
    await expect(card(page, lamp).get_by_role("alert")).to_be_visible()
    await companion.unplug(lamp)
    await expect(card(page, lamp)).to_have_attribute("data-online", "no")
    await expect(card(page, lamp).get_by_role("alert")).to_be_visible()
    async with open_registry(companion.skill.settings["SKILL_DATABASE_URL"]) as registry:
        await registry.plug(lamp, True)
    await expect(card(page, lamp)).to_have_attribute("data-online", "yes")
    await expect(card(page, lamp).get_by_role("alert")).to_be_hidden()


async def test_a_command_that_fails_is_said_at_the_lamp_and_the_control_goes_back(
    new_page: Pages, companion: Companion, anna: Person
) -> None:
    lamp = await companion.lamp(
        anna.sub, "Deaf lamp", "mqtt", command_topic="deaf/set", state_topic="deaf/state", capabilities=["power"]
    )
    page = await new_page("phone")
    await sign_in(page, companion, anna)
    place = card(page, lamp)
    await place.get_by_role("switch").click()
    await expect(place.get_by_role("switch")).to_have_attribute("aria-checked", "true")  # at once, as a wish
    await expect(place.get_by_role("alert")).to_contain_text("does not answer")
    await expect(place.get_by_role("switch")).to_have_attribute("aria-checked", "false")


async def test_without_an_answer_the_control_goes_back_even_where_nothing_was_told(
    new_page: Pages, companion: Companion, anna: Person
) -> None:
    lamp = await companion.lamp(anna.sub, "Far lamp")
    page = await new_page("phone")
    await page.route("**/live*", lambda route: route.fulfill(status=503))

    async def abort(route: Route) -> None:
        await (route.abort() if route.request.method == "POST" else route.continue_())

    await page.route(f"**/lamps/{lamp}", abort)
    await sign_in(page, companion, anna)
    place = card(page, lamp)
    await expect(page.locator("[data-lost]")).to_be_visible()
    await place.get_by_role("switch").click()
    await expect(place.get_by_role("alert")).to_contain_text("did not work")
    await expect(place.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    await place.get_by_role("slider").fill("70")
    await expect(place.get_by_role("slider")).to_have_value("1")


async def test_a_page_listens_again_after_it_was_refused(new_page: Pages, companion: Companion, anna: Person) -> None:
    """A proxy answers 502 while the service starts; a browser gives such a stream up."""
    lamp = await companion.lamp(anna.sub, "Waiting lamp")
    page = await new_page("phone")
    starting = True

    async def refuse(route: Route) -> None:
        await (route.fulfill(status=502) if starting else route.continue_())

    await page.route("**/live*", refuse)
    await sign_in(page, companion, anna, f"/lamps/{lamp}")
    await expect(page.locator("[data-lost]")).to_be_visible()
    starting = False
    await companion.unplug(lamp)
    await expect(card(page, lamp)).to_have_attribute("data-online", "no", timeout=20_000)
    await expect(page.locator("[data-lost]")).to_be_hidden()


@pytest.mark.parametrize("where", ["home", "lamp"])
async def test_a_lamp_that_went_while_nobody_listened_is_not_shown(
    new_page: Pages, companion: Companion, anna: Person, where: str
) -> None:
    lamp = await companion.lamp(anna.sub, "Passing lamp")
    page = await new_page("phone")
    await sign_in(page, companion, anna, "/" if where == "home" else f"/lamps/{lamp}")
    await until(page, "[...lamps.values()].every((lamp) => lamp.told)")
    await page.evaluate("stream.close(); stream = null")  # as a hidden page does
    async with open_registry(companion.skill.settings["SKILL_DATABASE_URL"]) as registry:
        assert await registry.unclaim(lamp, anna.sub, int(time.time()))
    await page.evaluate("listen()")
    shown = "No lamps yet" if where == "home" else "There is nothing here"
    await expect(page.get_by_role("heading", level=1)).to_have_text(shown)
