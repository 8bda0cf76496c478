"""The simulator's page in a real browser, against both services as `make run` starts them."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.running.chromium import Pages, fits
from tests.running.make_run import MakeRun

SHAPES = pytest.mark.parametrize(
    ("view", "javascript"),
    [("phone", True), ("phone", False), ("desktop", True)],
    ids=["phone", "phone-without-javascript", "desktop"],
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeRun]:
    with MakeRun(tmp_path_factory.mktemp("simulator") / "var") as run:
        yield run


async def sign_in(page: Page, running: MakeRun) -> None:
    """The authorization server's own pages: e-mail, password, consent."""
    await page.get_by_role("button", name="Link account").click()
    user = running.demo["user"]
    await page.locator('input[name="email"], input[name="username"], input[type="email"]').first.fill(user["email"])
    await page.locator('input[type="password"]').first.fill(user["password"])
    await page.locator('input[type="password"]').first.press("Enter")
    await page.get_by_role("button", name="Allow", exact=True).click()
    await page.wait_for_url(re.compile(r"/simulator/$"))


async def link_and_discover(page: Page, running: MakeRun) -> None:
    await page.goto(running.simulator)
    await sign_in(page, running)
    await expect(page.locator(".account")).to_contain_text("account " + running.demo["user"]["sub"][:8])
    await page.get_by_role("button", name="Discover lamps").click()
    await expect(page.locator(".lamp")).to_have_count(2)


async def say(page: Page, sentence: str) -> None:
    await page.locator("#said").fill(sentence)
    await page.locator("#said").press("Enter")
    await expect(page.locator(".said")).to_contain_text(sentence)


def lamp(page: Page, name: str) -> Any:
    return page.locator(".lamp", has=page.get_by_role("heading", name=name))


async def light_of(page: Page, name: str) -> float:
    """How much light the drawing shows, 0 to 1."""
    return float(await lamp(page, name).locator(".light").first.get_attribute("opacity"))


@SHAPES
async def test_link_discover_speak_and_the_drawing_is_lit(
    new_page: Pages, running: MakeRun, view: str, javascript: bool
) -> None:
    page = await new_page(view, javascript=javascript)
    await link_and_discover(page, running)
    await say(page, "turn off the desk lamp")
    await expect(lamp(page, "Desk lamp").locator("[data-label]")).to_have_text("Off")
    assert await light_of(page, "Desk lamp") == 0
    await say(page, "turn on the desk lamp")
    await expect(page.locator(".reply")).to_contain_text("OK")
    await expect(lamp(page, "Desk lamp").locator("[data-label]")).to_contain_text("On ·")
    assert await light_of(page, "Desk lamp") > 0
    await say(page, "set the desk lamp to 40 percent")
    await expect(lamp(page, "Desk lamp").locator("[data-label]")).to_have_text("On · 40 %")
    await lamp(page, "Desk lamp").get_by_role("button", name="Off", exact=True).click()
    await expect(lamp(page, "Desk lamp").locator("[data-label]")).to_have_text("Off")


async def test_a_lamp_switched_in_another_tab_changes_here_too(new_page: Pages, running: MakeRun) -> None:
    here, there = await new_page("desktop"), await new_page("phone")
    await link_and_discover(here, running)
    await link_and_discover(there, running)
    await say(there, "turn off the floor lamp")
    await expect(lamp(here, "Floor lamp").locator("[data-label]")).to_have_text("Off")
    await say(there, "set the floor lamp to 70 percent")
    await expect(lamp(here, "Floor lamp").locator("[data-label]")).to_have_text("On · 70 %")
    assert await light_of(here, "Floor lamp") > 0.5


async def test_the_slider_sets_the_brightness(new_page: Pages, running: MakeRun) -> None:
    page = await new_page("desktop")
    await link_and_discover(page, running)
    slider = lamp(page, "Floor lamp").get_by_role("slider", name="Brightness")
    await slider.fill("25")
    await expect(page.locator(".said")).to_contain_text("set the floor lamp to 25 percent")
    await expect(lamp(page, "Floor lamp").locator("[data-label]")).to_have_text("On · 25 %")


async def test_a_swatch_and_the_white_slider_colour_the_light(new_page: Pages, running: MakeRun) -> None:
    page = await new_page("phone")
    await link_and_discover(page, running)
    desk = lamp(page, "Desk lamp")
    await desk.get_by_role("button", name="blue").click()
    await expect(page.locator(".said")).to_contain_text("set the desk lamp to blue")
    await expect(desk.locator(".drawing")).to_have_attribute("color", "#0000ff")
    await expect(desk.get_by_role("button", name="blue")).to_have_attribute("aria-pressed", "true")
    await desk.get_by_role("slider", name="White").fill("5500")
    await expect(page.locator(".said")).to_contain_text("set the desk lamp to 5500 kelvin")
    await expect(desk.locator(".drawing")).to_have_attribute("color", "#fff3e6")
    await expect(desk.get_by_role("button", name="blue")).to_have_attribute("aria-pressed", "false")
    await say(page, "make the desk lamp purple")
    await expect(desk).to_have_attribute("data-mode", "color")


async def test_a_refused_consent_is_explained_with_a_way_to_retry(new_page: Pages, running: MakeRun) -> None:
    page = await new_page("phone")
    await page.goto(running.simulator)
    await page.get_by_role("button", name="Link account").click()
    await (
        page.get_by_role("button", name=re.compile("cancel", re.I))
        .or_(page.get_by_role("link", name=re.compile("cancel", re.I)))
        .first.click()
    )
    await expect(page.locator(".notice")).to_contain_text("access_denied")
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()


async def test_unlink_leads_back_to_the_first_step(new_page: Pages, running: MakeRun) -> None:
    page = await new_page("desktop")
    await link_and_discover(page, running)
    await page.get_by_role("button", name="Unlink").click()
    await expect(page.get_by_role("button", name="Link account")).to_be_visible()
    await expect(page.locator(".lamp")).to_have_count(0)


@SHAPES
async def test_nothing_is_wider_than_the_screen_or_too_small_to_touch(
    new_page: Pages, running: MakeRun, view: str, javascript: bool
) -> None:
    page = await new_page(view, javascript=javascript)
    await link_and_discover(page, running)
    await fits(page, "button:visible, input:visible:not([type=radio])", wide=44, high=44)
