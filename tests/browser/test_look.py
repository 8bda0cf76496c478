"""The look of pages, as a browser takes it: an operator's own fonts and pictures, and a server that is not ready."""

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MigratedDatabase, NewDatabase
from tests.running.chromium import Pages
from tests.running.home import authserver_settings
from tests.running.ports import LOOPBACK, free_port
from tests.running.service import Service

STYLE = """
@font-face { font-family: Own; src: url("own.woff2") }
body { font-family: Own, sans-serif; background: url(paper.svg), url(https://elsewhere.example/spy.svg) }
"""
PAPER = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'


def until_it_listens(port: int) -> None:
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(port)


@pytest.fixture(scope="module")
def authserver(database_kind: str, migrated_database: MigratedDatabase, module_folder: Path) -> Iterator[Service]:
    own = module_folder / "own" / "static"
    own.mkdir(parents=True)
    (own / "own.css").write_text(STYLE)
    (own / "own.woff2").write_bytes(b"wOF2")
    (own / "paper.svg").write_text(PAPER)
    port = free_port()
    settings = authserver_settings(migrated_database("authserver", database_kind), port)
    with Service("authserver", settings | {"AUTHSERVER_OVERRIDES": str(own.parent)}, module_folder, port) as server:
        yield server


async def test_a_page_of_a_server_that_is_not_ready_has_its_look_and_is_asked_for_again_with_one_press(
    new_page: Pages, new_database: NewDatabase, tmp_path: Path
) -> None:
    port = free_port()
    server = Service("authserver", authserver_settings(new_database("sqlite"), port), tmp_path, port)
    server.start(wait_until_ready=False)  # there is no schema yet
    try:
        await asyncio.to_thread(until_it_listens, port)
        page = await new_page("phone", javascript=False)
        answer = await page.goto(f"{server.url}/forgotPassword")
        assert answer is not None
        assert answer.status == 503
        again = page.locator("a.primary")
        assert await again.evaluate("node => getComputedStyle(node).borderRadius") == "999px"
        await asyncio.to_thread(server.migrate)
        await asyncio.to_thread(server.wait_until_ready)
        async with page.expect_navigation():
            await again.click()
        assert await page.locator("#email").count() == 1
    finally:
        server.stop()


@pytest.mark.spec("security 6.43")
async def test_fonts_and_pictures_of_the_operator_are_loaded_and_nothing_from_elsewhere(
    new_page: Pages, authserver: Service
) -> None:
    page = await new_page("phone")
    loaded: dict[str, int] = {}
    page.on("response", lambda answer: loaded.update({answer.url.rpartition("/")[2]: answer.status}))
    await page.goto(f"{authserver.url}/forgotPassword")
    async with asyncio.timeout(15):
        while not {"own.css", "own.woff2", "paper.svg"} <= set(loaded) or not new_page.complaints:
            await page.wait_for_timeout(50)
    assert (loaded["own.css"], loaded["own.woff2"], loaded["paper.svg"]) == (200, 200, 200)
    (complaint,) = new_page.complaints
    assert "https://elsewhere.example/spy.svg" in complaint
    new_page.complaints.clear()
