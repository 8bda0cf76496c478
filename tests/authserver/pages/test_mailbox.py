"""`/dev/mailbox` (contracts/security.md 6.76)."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.authserver.accounts.people import People, new_address
from tests.authserver.pages.browsing import browser_of
from tests.authserver.protocol.harness import Server, settings_for
from tests.conftest import NewDatabase


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def development(new_database: NewDatabase) -> AsyncIterator[People]:
    settings = settings_for(new_database("sqlite"), issuer="http://localhost:8000", development=True)
    async with Server(settings) as server:
        yield People(server)


@pytest.mark.spec("security 6.76")
async def test_the_mailbox_shows_mails_and_says_when_there_are_none(development: People) -> None:
    browser = browser_of(development)
    page = await browser.open("http://localhost:8000/dev/mailbox")
    assert page.status == 200
    assert "No mail yet" in page.text
    begun = await development.begin(new_address())
    page = await browser.open("http://localhost:8000/dev/mailbox")
    assert begun.email in page.text
    assert await development.code(begun.email) in page.text
    letter = next(link for link in page.links if "/dev/mailbox/" in link)
    shown = await browser.client.get(letter)
    assert await development.code(begun.email) in shown.text
    assert "sandbox" in shown.headers["content-security-policy"]
    assert (await browser.open("http://localhost:8000/dev/mailbox/nothing")).status == 404


@pytest.mark.spec("security 6.76")
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example:8000", 404),
        ("localhost.evil.example", 404),
        ("192.168.1.5:8000", 404),
        ("", 404),
    ],
)
async def test_it_answers_only_to_a_loopback_host(development: People, host: str, status: int) -> None:
    """Otherwise a web page could point its own name at this machine and read the codes."""
    browser = browser_of(development)
    answer = await browser.client.get("/dev/mailbox", headers={"host": host})
    assert answer.status_code == status


@pytest.mark.spec("security 6.76")
async def test_it_is_absent_outside_of_development_mode(people: People) -> None:
    browser = browser_of(people)
    for path in ("/dev/mailbox", "/dev/mailbox/x"):
        answer = await browser.client.get(path, headers={"host": "localhost"})
        assert answer.status_code == 404
