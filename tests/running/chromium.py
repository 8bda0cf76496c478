"""A real Chromium through Playwright, in the shape of the Alexa app's web view or of a desk."""

from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright

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
