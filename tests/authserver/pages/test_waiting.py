"""Pages that wait for their turn, as browsers and programs notice it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit

import pytest
import pytest_asyncio
from starlette.types import Message, Scope

from authserver import admission
from authserver.turns import AT_ONCE, QUIET, Turns
from tests.authserver.accounts.people import OTHER, PASSWORD, People
from tests.authserver.pages.browsing import Linking
from tests.authserver.pages.conftest import Linkings
from tests.authserver.protocol.harness import Asker, Server, settings_for
from tests.conftest import NewDatabase
from tests.running.reading import Page

pytestmark = pytest.mark.usefixtures("in_production")


def turns_of(people: People) -> Turns:
    turns: Turns = people.server.app.state.turns
    return turns


def is_unused(people: People) -> bool:
    turns = turns_of(people)
    return (len(turns), turns._working, turns._heavy, len(turns._back)) == (0, 0, 0, 0)


@contextmanager
def nobody_begins(people: People) -> Iterator[None]:
    """Other pages are at work."""
    time.sleep(2 * QUIET)  # no token was served just now: so many begin at once
    taken = [turns_of(people).ask("elsewhere", heavy=False) for _ in range(AT_ONCE)]
    try:
        yield
    finally:
        for turn in taken:
            turn.leave()


async def until_waiting(people: People, number: int) -> None:
    async with asyncio.timeout(20):
        while len(turns_of(people)) < number:
            await asyncio.sleep(0.005)


@pytest_asyncio.fixture(loop_scope="session")
async def crowded(new_database: NewDatabase) -> AsyncIterator[People]:
    """Only three may wait."""
    async with Server(settings_for(new_database("sqlite"), page_queue=3)) as server:
        yield People(server)


def asked(page: Page, issuer: str, path: str = "") -> Scope:
    """The request of a form, as uvicorn gives it."""
    parts = urlsplit(page.url)
    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"origin", issuer.encode())]
    return {
        "type": "http",
        "method": "POST",
        "path": path or parts.path,
        "query_string": parts.query.encode(),
        "headers": headers,
        "client": ("192.0.2.9", 4711),
        "server": ("auth.example.test", 443),
        "scheme": "https",
        "http_version": "1.1",
        "root_path": "",
    }


@pytest.mark.spec("decision 7", "performance 3.7")
async def test_who_finds_too_many_waiting_is_told_to_come_again_and_not_at_once(crowded: People) -> None:
    linking = Linking(crowded, await crowded.server.add_client("alexa"))
    page = await linking.start()
    with nobody_begins(crowded):
        waiting = [asyncio.create_task(Linking(crowded, linking.client).start()) for _ in range(3)]
        await until_waiting(crowded, 3)
        begun = time.monotonic()
        busy = await linking.browser.press(page, "sign_in", username="ada@example.org", password=OTHER)
        took = time.monotonic() - begun
    assert busy.status == 503
    assert int(busy.answer.headers["retry-after"]) > 0
    assert busy.answer.headers["cache-control"] == "no-store"
    assert "content-security-policy" in busy.answer.headers
    assert "Go back, wait a few seconds and try again." in busy.text
    assert "Go back to where you came from" not in busy.text, "it is said once"
    assert "Try again" not in busy.text, "what was typed would be lost"
    assert took >= 0.9 * admission.HELD, "an answer at once is another request at once"
    assert [page.status for page in await asyncio.gather(*waiting)] == [200, 200, 200]
    assert is_unused(crowded)


async def test_who_only_looks_may_ask_for_the_same_page_again(crowded: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "HELD", 0.0)
    linking = Linking(crowded, await crowded.server.add_client("alexa"))
    with nobody_begins(crowded):
        waiting = [asyncio.create_task(Linking(crowded, linking.client).start()) for _ in range(3)]
        await until_waiting(crowded, 3)
        busy = await linking.start()
    assert busy.status == 503
    assert "Please try again in a few seconds. Try again Does it happen again?" in busy.text
    (again,) = (link for link in busy.links if "static" not in link)
    assert again == busy.url, "the very page; its address is not written into it"
    assert "Go back" not in busy.text
    await asyncio.gather(*waiting)
    assert (await linking.browser.open(again)).asks_for("username", "password")


async def test_nobody_waits_longer_than_promised(
    people: People, linking: Linking, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert admission.PATIENCE < 8, "a worker that ends gives its requests eight seconds"
    monkeypatch.setattr(admission, "PATIENCE", 0.2)
    page = await linking.start()
    with nobody_begins(people):
        begun = time.monotonic()
        busy = await linking.browser.press(page, "sign_in", username="ada@example.org", password=OTHER)
        assert time.monotonic() - begun < 2
    assert busy.status == 503
    assert is_unused(people)


async def test_a_client_that_leaves_while_it_waits_frees_its_place(people: People, linking: Linking) -> None:
    page = await linking.start()
    left = asyncio.Event()
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    with nobody_begins(people):
        request = asyncio.create_task(people.server.app(asked(page, linking.issuer), receive, send))
        await until_waiting(people, 1)
        left.set()
        await asyncio.wait_for(request, 10)
        assert len(turns_of(people)) == 0
    assert sent == []
    assert is_unused(people)


async def test_a_client_that_sends_slowly_keeps_nobody_waiting(people: People, linking: Linking) -> None:
    page = await linking.start()
    rest = asyncio.Event()

    async def receive() -> Message:
        if rest.is_set():
            return {"type": "http.request", "body": b"y", "more_body": False}
        asyncio.get_running_loop().call_later(0.5, rest.set)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def slow() -> int:
        statuses: list[int] = []

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        async def slowly() -> Message:
            message = await receive()
            if not message["more_body"]:
                return message
            await rest.wait()
            return message

        await people.server.app(asked(page, linking.issuer), slowly, send)
        return statuses[0]

    many = [asyncio.create_task(slow()) for _ in range(AT_ONCE + 2)]
    await asyncio.sleep(0.05)
    assert is_unused(people)
    assert (await Linking(people, linking.client).start()).status == 200
    assert set(await asyncio.gather(*many)) <= {400, 403}
    assert is_unused(people)


async def test_a_body_without_end_waits_as_others_do_and_is_refused(people: People, linking: Linking) -> None:
    page = await linking.start()
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"x" * 20_000, "more_body": True}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    with nobody_begins(people):
        request = asyncio.create_task(people.server.app(asked(page, linking.issuer), receive, send))
        await until_waiting(people, 1)
        await asyncio.sleep(0.05)
        assert statuses == []
    await asyncio.wait_for(request, 10)
    assert statuses == [413]
    assert is_unused(people)


@pytest.mark.spec("A17", "decision 3a", "performance 3.7")
async def test_refreshes_go_on_while_thirty_two_sign_ins_wait(people: People, new_linking: Linkings) -> None:
    person = await people.add()
    linkings = [new_linking() for _ in range(32)]
    pages = [await linking.start() for linking in linkings]
    tokens = await linkings[0].client.linked(person)
    with nobody_begins(people):
        waiting = [
            asyncio.create_task(
                linking.browser.press(page, "sign_in", username=f"nobody-{number}@example.org", password=OTHER)
            )
            for number, (linking, page) in enumerate(zip(linkings, pages, strict=True))
        ]
        await until_waiting(people, 32)
        for _ in range(20):
            answer = await linkings[0].client.refresh(tokens["refresh_token"])
            assert answer.status_code == 200
        assert len(turns_of(people)) == 32
    assert {page.status for page in await asyncio.gather(*waiting)} <= {422, 503}
    assert is_unused(people)


async def test_an_owner_signs_in_during_a_storm_from_elsewhere(
    people: People, alexa: Asker, new_linking: Linkings
) -> None:
    owner = await people.add()
    elsewhere = People(people.server)
    over = asyncio.Event()

    async def storm() -> None:
        linking = Linking(elsewhere, alexa)
        page = await linking.start()
        while not over.is_set():
            await linking.browser.press(page, "sign_in", username=f"{id(linking)}@example.org", password=OTHER)

    storms = [asyncio.create_task(storm()) for _ in range(24)]
    try:
        await until_waiting(people, 8)
        begun = time.monotonic()
        linking = new_linking()
        page = await linking.signed_in(owner.email)
        linking.returned(await linking.browser.press(page, "allow"))
        assert time.monotonic() - begun < admission.PATIENCE
    finally:
        over.set()
        await asyncio.gather(*storms)
    assert is_unused(people)


@pytest.mark.parametrize("form", [{}, {"csrf_token": "foreign"}, {"username": "\0"}], ids=["empty", "foreign", "nul"])
async def test_what_goes_wrong_inside_leaves_no_place_taken(
    people: People, linking: Linking, form: dict[str, str]
) -> None:
    page = await linking.start()
    for _ in range(AT_ONCE + 4):
        answer = await linking.browser.client.post(
            page.url,
            content=urlencode(form),
            headers={"content-type": "application/x-www-form-urlencoded", "origin": linking.issuer},
        )
        assert answer.status_code in (400, 403)
    assert is_unused(people)


async def test_a_request_that_is_cancelled_leaves_no_place_taken(people: People, new_linking: Linkings) -> None:
    """At the end of a worker's patience: wherever they are."""
    linkings = [new_linking() for _ in range(8)]
    pages = [await linking.start() for linking in linkings]
    for delay in (0.0, 0.005, 0.02, 0.05):
        tasks = [
            asyncio.create_task(linking.browser.press(page, "sign_in", username="x@example.org", password=OTHER))
            for linking, page in zip(linkings, pages, strict=True)
        ]
        await asyncio.sleep(delay)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(20):
        while not is_unused(people):
            await asyncio.sleep(0.01)


@pytest.mark.spec("A17")
async def test_static_files_health_and_programs_never_wait(people: People, linking: Linking) -> None:
    page = await linking.start()
    style = next(part for part in page.answer.text.split('"') if part.endswith(".css"))
    with nobody_begins(people):
        for path in (style, "/healthz", "/readyz", "/.well-known/jwks.json", "/oauth2/userInfo"):
            answer = await asyncio.wait_for(linking.browser.client.get(path), 10)
            assert answer.status_code in (200, 401), path


async def test_a_sign_in_that_is_right_goes_on_while_others_wait(people: People, new_linking: Linkings) -> None:
    """Not only refusals: the session is opened after the hash, in its own turn."""
    owners = [await people.add() for _ in range(3)]
    linkings = [new_linking() for _ in owners]
    pages = await asyncio.gather(
        *(linking.signed_in(owner.email, PASSWORD) for linking, owner in zip(linkings, owners, strict=True))
    )
    for linking, page in zip(linkings, pages, strict=True):
        assert "code" in linking.returned(await linking.browser.press(page, "allow"))
    assert is_unused(people)


@pytest.mark.spec("A17")
async def test_clients_that_do_not_read_their_answer_keep_nobody_waiting(people: People, linking: Linking) -> None:
    """The turn ends when the answer begins, however long it takes to be sent."""
    never = asyncio.Event()

    async def ask() -> None:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "https",
            "path": "/nowhere", "raw_path": b"/nowhere", "query_string": b"", "headers": [], "root_path": "",
            "server": ("127.0.0.1", 443), "client": ("203.0.113.7", 1),
        }  # fmt: skip

        async def receive() -> Message:
            if not told:
                told.append(True)
                return {"type": "http.request", "body": b"", "more_body": False}
            await never.wait()
            return {"type": "http.disconnect"}

        async def send(_: Message) -> None:
            await never.wait()

        told: list[bool] = []
        await people.server.app(scope, receive, send)

    stuck = [asyncio.create_task(ask()) for _ in range(2 * AT_ONCE)]
    await asyncio.sleep(0.1)
    page = await asyncio.wait_for(linking.start(), 10)
    assert page.status == 200
    for task in stuck:
        task.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
    assert is_unused(people)


@pytest.mark.spec("A17")
async def test_token_requests_without_a_right_hold_no_page_back(people: People, linking: Linking) -> None:
    turns = turns_of(people)
    await asyncio.sleep(0.05)
    before = turns._program_at
    for path, form in (("/oauth2/token", {"grant_type": "refresh_token"}), ("/oauth2/token", {})):
        await people.server.post(path, form)
    await people.server.http.get("/.well-known/jwks.json")
    assert turns._program_at == before
    user = await people.add()
    await linking.client.linked(user)
    assert turns._program_at > before
