"""The answer that is posted, in a real Chromium: by itself, and by the button where scripts do not run."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.running.chromium import Pages
from tests.running.home import add_person
from tests.running.linking import Alexa
from tests.running.service import Service


@dataclass
class Application:
    """One that takes forms at an address of this machine."""

    port: int = 0
    bodies: list[dict[str, list[str]]] = field(default_factory=list)

    @property
    def redirect_uri(self) -> str:
        return f"http://localhost:{self.port}/callback"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if head.startswith("post /callback "):
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            self.bodies.append(parse_qs((await reader.readexactly(length)).decode(), strict_parsing=True))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nThanks!")
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture(loop_scope="session")
async def application() -> AsyncIterator[Application]:
    made = Application()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


@pytest.mark.spec("OAuth 2.0 Form Post Response Mode §2", "A10", "A11")
@pytest.mark.parametrize("javascript", [True, False], ids=["by-itself", "by-button"])
async def test_the_answer_is_posted_once(
    new_page: Pages, authserver: Service, application: Application, javascript: bool
) -> None:
    person = add_person(authserver)
    made = authserver.cli_json("client", "add", "Poster", "--redirect-uri", application.redirect_uri)
    authserver.must_not_log(made["client_secret"])
    client = Alexa(
        authserver.settings["AUTHSERVER_ISSUER"], made["client_id"], made["client_secret"], application.redirect_uri
    )
    page: Page = await new_page(javascript=javascript)
    await page.goto(client.authorization_url(state="a <b>&", response_mode="form_post"))
    await page.fill("#username", person.email)
    await page.fill("#password", person.password)
    await page.click("button[value=sign_in]")
    await page.click("button[value=allow]")
    if not javascript:
        await page.wait_for_selector("form#answer")
        assert application.bodies == []
        await page.click("form#answer button")
    await page.wait_for_url(application.redirect_uri)
    (body,) = application.bodies
    assert body["state"] == ["a <b>&"]
    assert body["iss"] == [client.issuer]
    answer = await client.exchange(body["code"][0])
    assert answer.status_code == 200
