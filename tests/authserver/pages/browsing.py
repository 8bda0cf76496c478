"""A person with a browser, in this process: cookies, forms and redirects as `tests.running.reading` follows them."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx2

from authserver.oauth import interactions
from tests.authserver.accounts.people import PASSWORD, People, new_address
from tests.authserver.protocol.harness import Asker
from tests.running.reading import Browser, Page
from tests.vectors.alexa import STATE_737


def browser_of(people: People) -> Browser:
    """One cookie jar at the network address of `people`."""
    browser = Browser()
    transport = httpx2.ASGITransport(app=people.server.app, client=(people.network, 40_000))
    browser.client = httpx2.AsyncClient(
        transport=transport, base_url=people.server.settings.origin, headers={"accept": "text/html"}
    )
    return browser


@dataclass
class Linking:
    """One linking in one browser, from the request of `client` to the redirect back to it."""

    people: People
    client: Asker
    browser: Browser = field(init=False)

    def __post_init__(self) -> None:
        self.browser = browser_of(self.people)

    @property
    def issuer(self) -> str:
        return self.people.server.settings.issuer

    def url(self, path: str) -> str:
        return f"{self.issuer}{path}"

    async def start(self, **others: str | None) -> Page:
        query = str(httpx2.QueryParams(self.client.authorization(**{"state": STATE_737, **others})))
        return await self.browser.open(self.url(f"/oauth2/authorize?{query}"))

    async def signed_in(self, email: str, password: str = PASSWORD) -> Page:
        """At the consent page, or at what stands in its place."""
        page = await self.start()
        return await self.browser.press(page, "sign_in", username=email, password=password)

    def returned(self, page: Page) -> dict[str, str]:
        """What the client was told."""
        assert page.left_to is not None, page
        assert page.left_to.startswith(self.client.redirect_uri + "?"), page.left_to
        given = parse_qs(urlsplit(page.left_to).query, strict_parsing=True)
        assert given["state"] == [STATE_737]
        assert given["iss"] == [self.issuer]
        return {name: values[0] for name, values in given.items()}

    def interaction_cookies(self) -> list[str]:
        prefix = interactions.cookie_name(self.people.server.settings, "")
        return [name for name in self.browser.client.cookies if name.startswith(prefix)]


async def sign_up(linking: Linking, page: Page) -> tuple[str, Page]:
    """From the sign-in page to the page that asks for the code."""
    email = new_address()
    link = next(link for link in page.links if "/signup" in link)
    page = await linking.browser.press(await linking.browser.open(link), "sign_up", email=email, password=PASSWORD)
    return email, page
