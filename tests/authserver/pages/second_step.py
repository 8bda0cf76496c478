"""What tests of the second step share: the operator's settings, and the way through its pages."""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from authserver.accounts import known_devices, sessions
from authserver.models import User
from tests.authserver.accounts.factors import (
    App,
    sessions_of,
)
from tests.authserver.accounts.people import People
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.test_steps import codes_of, interaction_of, send
from tests.authserver.protocol.harness import Asker, claims_of
from tests.running.reading import Page

NEW = "a lantern nobody has lit before"
PATH = "/second-factor"


@contextmanager
def settings(people: People, **changed: Any) -> Iterator[None]:
    """The operator has set something else, for this test."""
    usual = people.services.settings
    people.services.settings = usual.model_copy(update=changed)
    try:
        yield
    finally:
        people.services.settings = usual


async def finished(linking: Linking, page: Page) -> dict[str, Any]:
    """The consent page, and the claims of the access token that follows."""
    given = linking.returned(await linking.browser.press(page, "allow"))
    answer = await linking.client.exchange(given["code"])
    assert answer.status_code == 200, answer.text
    return claims_of(answer.json()["access_token"])


def asks(page: Page, method: str) -> bool:
    return urlsplit(page.url).path == PATH and any(form.hidden.get("method") == method for form in page.forms)


async def verify(linking: Linking, page: Page, code: str, **fields: str) -> Page:
    return await linking.browser.press(page, "verify", code=code, **fields)


async def other_way(linking: Linking, page: Page, method: str) -> Page:
    """By a link, or the button that sends a code."""
    if method == "email" and page.has_button("send"):
        return await linking.browser.press(page, "send")
    return await linking.browser.open(next(link for link in page.links if link.endswith(f"with={method}")))


def cookie_names(linking: Linking) -> set[str]:
    return set(linking.browser.client.cookies.keys())


def has_session(linking: Linking) -> bool:
    return sessions.cookie_name(linking.people.server.settings) in cookie_names(linking)


async def nothing_happened(linking: Linking, user: User) -> None:
    assert not has_session(linking)
    assert await sessions_of(linking.people, user) == []
    assert await codes_of(linking.people, linking.client) == 0


async def set_up_app(linking: Linking, page: Page) -> tuple[App, Page]:
    """At the page with the choice; the app takes the key that the page shows."""
    page = await linking.browser.open(next(link for link in page.links if link.endswith("set_up=totp")))
    app = App(linking.people, secret_on(page))
    return app, await linking.browser.press(page, "set_up", code=app.code())


def secret_on(page: Page) -> bytes:
    found = re.search(r'class="key"[^>]*>(.*?)</p>', page.answer.text, re.DOTALL)
    assert found
    return base64.b32decode(re.sub(r"<[^>]+>|\s", "", found.group(1)))


def codes_on(page: Page) -> list[str]:
    return re.findall(r"<li>((?:[0-9A-Z]{4}-){3}[0-9A-Z]{4})</li>", page.answer.text)


async def go_on(linking: Linking, page: Page) -> Page:
    return await linking.browser.open(page.links[-1])


async def recovered(linking: Linking, email: str, page: Page | None = None) -> Page:
    """From the sign-in page to what stands after the new password."""
    people = linking.people
    people.clock.advance(1)  # the mail with the code is the last one
    page = page or await linking.start()
    page = await linking.browser.open(page.url.replace("/login", "/forgotPassword"))
    page = await linking.browser.press(page, "send", email=email)
    return await linking.browser.press(page, "save", code=await people.code(email), password=NEW)


async def remembering(linking: Linking, user: User, app: App) -> None:
    """Signed in once with both, and out again; what the app shows then is fresh."""
    people, page = linking.people, await linking.signed_in(user.email)
    assert "Don't ask again on this device for 7 days" in page.text
    await send_remember(linking, page, app.code())
    assert known_devices.cookie_name(people.server.settings) in cookie_names(linking)
    sign_out(linking)
    people.clock.advance(60)


async def send_remember(linking: Linking, page: Page, code: str) -> Page:
    """The check box is not checked: the reader of forms leaves it out."""
    return await send(
        linking, f"{PATH}?interaction={interaction_of(page)}", page, method="totp", code=code, remember="1"
    )


def sign_out(linking: Linking) -> None:
    linking.browser.client.cookies.delete(sessions.cookie_name(linking.people.server.settings))


async def relying_party(people: People) -> Asker:
    return await people.server.add_client("confidential", first_party=True)
