"""WCAG 2.2 AA on every page: axe-core, and what it cannot see (contrast of what has focus, room for text, targets)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.async_api import Page

from authserver import pages
from authserver.languages.catalogues import path_of, read
from tests.browser.every_page import PAGES, Visitor
from tests.conftest import MigratedDatabase
from tests.running.chromium import Pages
from tests.running.home import add_people, authserver_settings
from tests.running.linking import Alexa, Person
from tests.running.ports import free_port
from tests.running.service import Service

TEMPLATES = Path(pages.__file__).parent / "templates"
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RUN = """([where, tags]) => axe
    .run(where, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]})
    .then(found => found.violations)"""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: criterion 1.4.12: what a reader may set, and nothing may be lost
SPACED = (
    "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }"
    "p { margin-bottom: 2em !important }"
)
#: controls that stand alone: links in the middle of a sentence are as high as its lines (criterion 2.5.8)
TARGETS = (
    "button, summary, select, input:not([type=checkbox]), .tick, .back a, .below a, .terms a, .links a, .lines a,"
    "a.button, a.primary, a.way"
)
CONTROLS = ", ".join(f"{kind}:visible" for kind in ("button", "summary", "select", "input", "a"))
#: which element has the focus, -1 for none; whether that is seen; its HTML
FOCUSED = """() => {
    const focused = document.activeElement, style = getComputedStyle(focused);
    return [
        focused === document.body ? -1 : [...document.querySelectorAll("*")].indexOf(focused),
        style.outlineStyle !== "none" || style.boxShadow !== "none",
        focused.outerHTML,
    ];
}"""
BOXES = """targets => [...document.querySelectorAll(targets)]
    .filter(node => node.checkVisibility({visibilityProperty: true}) && node.type !== "hidden")
    .map(node => [node.getBoundingClientRect().toJSON(), node.outerHTML])"""
CUT_OFF = """() => [...document.querySelectorAll("button, a, h1, h2, p, li, summary")]
    .filter(node => node.offsetParent && getComputedStyle(node).display !== "inline")
    .filter(node => node.scrollWidth > node.clientWidth + 1)
    .map(node => node.outerHTML)"""

#: Each face once, in one language; both schemes and both widths, in pairs that change from face to face.
FACES = [
    pytest.param(*page, ("en", "ar")[at % 2], ("light", "dark")[:: 1 if at // 2 % 2 else -1], id=" ".join(page).strip())
    for at, page in enumerate(PAGES)
]


@pytest.fixture(scope="module")
def authserver(database_kind: str, migrated_database: MigratedDatabase, module_folder: Path) -> Iterator[Service]:
    """One that has every page: by name, for passkeys; and with user names."""
    port = free_port()
    settings = authserver_settings(
        migrated_database("authserver", database_kind),
        port,
        AUTHSERVER_ISSUER=f"http://localhost:{port}",
        AUTHSERVER_SIGN_IN_WITH="email,username",
        AUTHSERVER_ADDRESS_ATTEMPTS="1000",
    )
    with Service("authserver", settings, module_folder, port) as server:
        yield server


@pytest.fixture(scope="module")
def demanding(database_kind: str, migrated_database: MigratedDatabase, module_folder: Path) -> Iterator[Service]:
    port = free_port()
    database = migrated_database("authserver", database_kind)
    settings = authserver_settings(database, port, AUTHSERVER_SECOND_FACTOR="required")
    with Service("authserver", settings, module_folder, port) as server:
        yield server


@pytest.fixture(scope="module")
def people(authserver: Service) -> list[Person]:
    """One for each visit."""
    return add_people(authserver, len(FACES) + 5)


def headings_of(template: str, tag: str) -> list[str]:
    """What the first heading of the page may say, as patterns: a way that leads to another page proves nothing."""
    source = " ".join(re.findall(r"<h1[^>]*>(.*?)</h1>", (TEMPLATES / template).read_text(), re.DOTALL))
    texts = re.findall(r"_\(\"(.*?)\"\)", source)
    texts += [
        re.sub(r"{{ (\w+) }}", r"%(\1)s", text) for text in re.findall(r"{% trans [^%]*%}(.*?){% endtrans %}", source)
    ]
    catalogue = {} if tag == "en" else {one.id: one.string for one in read(path_of(tag), tag)}
    patterns = [re.sub(r"%\\\(\w+\\\)s", ".*", re.escape(str(catalogue.get(text) or text))) for text in texts]
    return patterns or [".*"]


async def violations(page: Page, where: str = "html") -> list[Any]:
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(AXE)
    found: list[Any] = await page.evaluate(RUN, [where, TAGS])  # not all that passed: it is a megabyte
    return [(problem["id"], problem["help"], [node["html"] for node in problem["nodes"]]) for problem in found]


async def width(page: Page) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth"))


async def tabs_reach_everything(page: Page) -> None:
    """Each control gets the focus by the keyboard, and shows that it has it."""
    await page.evaluate("document.activeElement.blur()")
    controls = await page.locator(CONTROLS).count()
    seen = set()
    for _ in range(controls + 2):
        await page.keyboard.press("Tab")
        at, shown, control = await page.evaluate(FOCUSED)
        if at >= 0:
            seen.add(at)
            assert shown, control
    assert len(seen) == controls


async def nothing_is_cut_off(page: Page, most: int = 320) -> None:
    """In its own direction and in the other one."""
    for _ in range(2):
        assert await width(page) <= most
        assert await page.evaluate(CUT_OFF) == []
        await page.evaluate(
            "html => { html.dir = html.dir === 'rtl' ? 'ltr' : 'rtl' }", await page.query_selector("html")
        )


async def targets_are_large(page: Page) -> None:
    for where, html in await page.evaluate(BOXES, TARGETS):
        assert min(where["height"], where["width"]) >= 44, html
        assert where["left"] >= 0, html
        assert where["right"] <= 320, html


@pytest.mark.spec("WCAG 2.2")
@pytest.mark.parametrize(("template", "face", "language", "schemes"), FACES)
async def test_a_page_is_seen_reached_and_read_by_everybody(
    new_page: Pages,
    authserver: Service,
    alexa: Alexa,
    people: list[Person],
    demanding: Service,
    template: str,
    face: str,
    language: str,
    schemes: tuple[str, str],
) -> None:
    """axe-core, light and dark, on a phone and at a desk; the keyboard; the menu of languages; narrow (1.4.10) and
    spaced (1.4.12), from left to right and from right to left."""
    page = await new_page("desktop", locale=language, bypass_csp=True)
    await PAGES[template, face](Visitor(page, authserver, alexa, people.pop(), demanding))
    heading, possible = await page.inner_text("h1"), headings_of(template, language)
    assert any(re.fullmatch(one, heading) for one in possible), (heading, possible)
    assert await page.get_attribute("html", "dir") == ("rtl" if language == "ar" else "ltr")
    await page.emulate_media(reduced_motion="reduce")
    for scheme, (wide, high) in zip(schemes, ((390, 844), (1280, 800)), strict=True):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.set_viewport_size({"width": wide, "height": high})
        assert await violations(page) == [], (scheme, wide)
    await tabs_reach_everything(page)
    await page.set_viewport_size({"width": 320, "height": 640})
    if await page.locator(".languages summary").count():
        await page.click(".languages summary")
        assert await violations(page, ".languages") == []
    await targets_are_large(page)
    await nothing_is_cut_off(page)
    await page.add_style_tag(content=SPACED)
    await nothing_is_cut_off(page)


async def lines_of(page: Page, where: str) -> list[int]:
    """In how many lines each of these is written."""
    counts = """nodes => nodes.map(node => {
        const range = document.createRange();
        range.selectNodeContents(node);
        return new Set([...range.getClientRects()].map(rect => Math.round(rect.top))).size;
    })"""
    return list(await page.locator(where).evaluate_all(counts))


@pytest.mark.spec("WCAG 2.2")
async def test_japanese_words_stay_whole_on_buttons(
    new_page: Pages, authserver: Service, alexa: Alexa, people: list[Person]
) -> None:
    page = await new_page("phone", locale="ja")
    await PAGES["recovery_codes.html", ""](Visitor(page, authserver, alexa, people.pop()))
    assert await lines_of(page, ".pair .button") == [1, 1, 1]
    for width_of_phone in (320, 390):
        await page.set_viewport_size({"width": width_of_phone, "height": 844})
        assert await lines_of(page, ".pair .button") == [1, 1, 1]
        await nothing_is_cut_off(page, width_of_phone)


@pytest.mark.spec("WCAG 2.2")
async def test_among_arabic_words_a_name_is_typed_in_its_own_direction(
    new_page: Pages, authserver: Service, alexa: Alexa, people: list[Person]
) -> None:
    page = await new_page("phone", locale="ar")
    await PAGES["login.html", ""](Visitor(page, authserver, alexa, people.pop()))
    for typed, direction in (("anna@example.org", "ltr"), ("آنا", "rtl")):
        await page.fill("#username", typed)
        style = "node => { const style = getComputedStyle(node); return [style.direction, style.textAlign] }"
        assert await page.locator("#username").evaluate(style) == [direction, "right"]


@pytest.mark.spec("WCAG 2.2")
@pytest.mark.parametrize(("language", "place"), [("en", "calc(100% - 14px)"), ("ar", "14px")])
async def test_the_sign_of_a_list_stands_clear_of_its_edge(
    new_page: Pages, authserver: Service, alexa: Alexa, people: list[Person], language: str, place: str
) -> None:
    page = await new_page("phone", locale=language)
    await PAGES["account_profile.html", ""](Visitor(page, authserver, alexa, people.pop()))
    style = "node => { const style = getComputedStyle(node); return [style.appearance, style.backgroundPositionX] }"
    assert await page.locator("select").evaluate(style) == ["none", place]


@pytest.mark.spec("WCAG 2.2")
async def test_forced_colours_keep_edges_and_still_motion_is_still(
    new_page: Pages, authserver: Service, alexa: Alexa, people: list[Person]
) -> None:
    page = await new_page("phone")
    await PAGES["login.html", ""](Visitor(page, authserver, alexa, people.pop()))
    await page.emulate_media(forced_colors="active", reduced_motion="reduce")
    button = page.locator(".primary")
    assert await button.evaluate("node => getComputedStyle(node).borderStyle") == "solid"
    assert await button.evaluate("node => parseFloat(getComputedStyle(node).transitionDuration)") == 0
