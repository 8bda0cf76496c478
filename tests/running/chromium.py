"""A real Chromium through Playwright, in the shape of the Alexa app's web view or of a desk."""

import asyncio
import contextlib
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Playwright

from tests.running import components

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
]

VIEWS: dict[str, dict[str, Any]] = {
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
    "desktop": {"viewport": {"width": 1280, "height": 800}},
}

#: those that are too small, or beyond the edge without a row around them that rolls
MISFITS = """(nodes, [width, wide, high]) => {
  const rolls = node => node && (
    (node.scrollWidth > node.clientWidth && /auto|scroll/.test(getComputedStyle(node).overflowX))
    || rolls(node.parentElement)
  );
  return nodes.filter(node => {
    const box = node.getBoundingClientRect();
    const beyond = box.left < 0 || box.right > width;
    return box.width < wide || box.height < high || (beyond && !rolls(node.parentElement));
  }).map(node => JSON.stringify(node.getBoundingClientRect()) + node.outerHTML);
}"""


async def fits(page: Page, controls: str, *, wide: float = 0, high: float = 40) -> None:
    """Nothing is wider than the screen; each of `controls` is on it and has at least this size (CSS pixels)."""
    await page.wait_for_load_state()  # with its styles
    assert page.viewport_size is not None
    width = page.viewport_size["width"]
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    misfits = await page.locator(controls).evaluate_all(MISFITS, [width, wide, high])
    assert misfits == [], misfits


async def until(page: Page, expression: str, argument: object = None, within: float = 15.0) -> None:
    """Until it is true in the page, asked from outside: `wait_for_function` evaluates there, which the policy of our
    pages forbids."""
    trouble = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while True:
                try:
                    if await page.evaluate(expression, argument):
                        return
                except Error as error:  # the next page comes, or has not come
                    trouble = error
                await asyncio.sleep(0.03)
    raise AssertionError(f"not so within {within:g} s: {expression} ({trouble})")


async def launch(playwright: Playwright, amazon_port: int) -> Browser:
    """Debian's Chromium. Amazon's hosts lead to `amazon_port` on loopback, every other name leads nowhere."""
    rules = ",".join(
        [
            f"MAP *.amazon.com:443 127.0.0.1:{amazon_port}",
            f"MAP *.amazon.co.jp:443 127.0.0.1:{amazon_port}",
            "MAP * ~NOTFOUND",
            "EXCLUDE localhost",
            "EXCLUDE 127.0.0.1",
        ]
    )
    return await playwright.chromium.launch(
        executable_path=components.executable("Chromium", components.CHROMIUM),
        args=[*ARGUMENTS, f"--host-resolver-rules={rules}", "--ignore-certificate-errors"],
    )


class Pages:
    """Makes pages, each with a cookie jar of its own, and keeps what the browser complained about."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.contexts: list[BrowserContext] = []
        #: violations of the Content-Security-Policy and uncaught exceptions; a test fails when any is left
        self.complaints: list[str] = []

    async def __call__(self, view: str = "phone", javascript: bool = True, **options: Any) -> Page:
        context = await self.browser.new_context(**(VIEWS[view] | {"java_script_enabled": javascript} | options))
        context.set_default_timeout(15_000)
        self.contexts.append(context)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        return await context.new_page()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            self.complaints.append(message.text)

    async def close(self) -> None:
        for context in self.contexts:
            await context.close()
