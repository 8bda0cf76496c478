"""An operator's own fonts and pictures, as a browser takes them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MigratedDatabase
from tests.running.chromium import Pages
from tests.running.home import authserver_settings
from tests.running.ports import free_port
from tests.running.service import Service

STYLE = """
@font-face { font-family: Own; src: url("own.woff2") }
body { font-family: Own, sans-serif; background: url(paper.svg), url(https://elsewhere.example/spy.svg) }
"""
PAPER = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'


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


@pytest.mark.spec("security 6.43")
async def test_fonts_and_pictures_of_the_operator_are_loaded_and_nothing_from_elsewhere(
    new_page: Pages, authserver: Service
) -> None:
    page = await new_page("phone")
    loaded: dict[str, int] = {}
    page.on("response", lambda answer: loaded.update({answer.url.rpartition("/")[2]: answer.status}))
    await page.goto(f"{authserver.url}/forgotPassword")
    await page.wait_for_load_state("networkidle")
    assert (loaded["own.css"], loaded["own.woff2"], loaded["paper.svg"]) == (200, 200, 200)
    (complaint,) = new_page.complaints
    assert "https://elsewhere.example/spy.svg" in complaint
    new_page.complaints.clear()
