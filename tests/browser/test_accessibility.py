"""WCAG 2.2 AA on every page: axe-core, and what it cannot see (contrast of what has focus, room for text, targets)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.async_api import Page

from tests.browser.every_page import PAGES, Visitor
from tests.conftest import MigratedDatabase
from tests.running.chromium import Pages
from tests.running.home import authserver_settings
from tests.running.linking import Alexa
from tests.running.ports import free_port
from tests.running.service import Service

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: criterion 1.4.12: what a reader may set, and nothing may be lost
SPACED = (
    "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }"
    "p { margin-bottom: 2em !important }"
)
#: controls that stand alone: links in the middle of a sentence are as high as its lines (criterion 2.5.8)
TARGETS = "button:visible, summary:visible, input:visible, .below a:visible, a.button:visible, .terms a:visible"
#: what shows that the focused element has the focus
SHOWN = """() => {
    const style = getComputedStyle(document.activeElement);
    return style.outlineStyle !== "none" || style.boxShadow !== "none";
}"""
CUT_OFF = """() => [...document.querySelectorAll("button, a, h1, h2, p, li, summary")]
    .filter(node => node.offsetParent && getComputedStyle(node).display !== "inline")
    .filter(node => node.scrollWidth > node.clientWidth + 1)
    .map(node => node.outerHTML)"""

FACES = [pytest.param(*page, id=" ".join(page).strip()) for page in PAGES]


@pytest.fixture(scope="module")
def authserver(migrated_database: MigratedDatabase, module_folder: Path) -> Iterator[Service]:
    """With user names, for which there is a page."""
    port = free_port()
    settings = authserver_settings(migrated_database("authserver", "sqlite"), port)
    with Service("authserver", settings | {"AUTHSERVER_SIGN_IN_WITH": "email,username"}, module_folder, port) as server:
        yield server


async def violations(page: Page, where: str = "html") -> list[Any]:
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(AXE)
    found: dict[str, Any] = await page.evaluate(
        "([where, tags]) => axe.run(where, {runOnly: {type: 'tag', values: tags}})", [where, TAGS]
    )
    return [
        (problem["id"], problem["help"], [node["html"] for node in problem["nodes"]]) for problem in found["violations"]
    ]


async def width(page: Page) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth"))


@pytest.mark.spec("WCAG 2.2")
@pytest.mark.parametrize(("template", "face"), FACES)
@pytest.mark.parametrize("language", ["en", "ar"])
async def test_axe_finds_nothing_and_nothing_is_cut_off(
    new_page: Pages, authserver: Service, alexa: Alexa, template: str, face: str, language: str
) -> None:
    """Light and dark, on a phone and at a desk; the menu of languages; narrow (1.4.10) and spaced (1.4.12)."""
    page = await new_page("desktop", locale=language, bypass_csp=True)
    await PAGES[template, face](Visitor(page, authserver, alexa))
    assert await page.get_attribute("html", "dir") == ("rtl" if language == "ar" else "ltr")
    await page.emulate_media(reduced_motion="reduce")
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for wide, high in ((390, 844), (1280, 800)):
            await page.set_viewport_size({"width": wide, "height": high})
            assert await violations(page) == [], (scheme, wide)
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await width(page) <= 320
    if await page.locator(".languages summary").count():
        await page.click(".languages summary")
        assert await violations(page, ".languages") == []
    for control in await page.locator(TARGETS).all():
        box = await control.bounding_box()
        assert box is not None
        assert min(box["height"], box["width"]) >= 44, await control.evaluate("node => node.outerHTML")
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320
    await page.add_style_tag(content=SPACED)
    assert await width(page) <= 320
    assert await page.evaluate(CUT_OFF) == []


@pytest.mark.spec("WCAG 2.2")
@pytest.mark.parametrize(("template", "face"), FACES)
async def test_every_control_is_reached_by_the_keyboard_and_shows_it(
    new_page: Pages, authserver: Service, alexa: Alexa, template: str, face: str
) -> None:
    page = await new_page("desktop")
    await PAGES[template, face](Visitor(page, authserver, alexa))
    await page.evaluate("document.activeElement.blur()")
    controls = await page.locator("button:visible, summary:visible, input:visible, a:visible").count()
    seen = set()
    for _ in range(controls + 2):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement === document.body"):
            continue
        seen.add(await page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        assert await page.evaluate(SHOWN), await page.evaluate("document.activeElement.outerHTML")
    assert len(seen) == controls


@pytest.mark.spec("WCAG 2.2")
async def test_forced_colours_keep_edges_and_still_motion_is_still(
    new_page: Pages, authserver: Service, alexa: Alexa
) -> None:
    page = await new_page("phone")
    await PAGES["login.html", ""](Visitor(page, authserver, alexa))
    await page.emulate_media(forced_colors="active", reduced_motion="reduce")
    button = page.locator(".primary")
    assert await button.evaluate("node => getComputedStyle(node).borderStyle") == "solid"
    assert await button.evaluate("node => parseFloat(getComputedStyle(node).transitionDuration)") == 0
