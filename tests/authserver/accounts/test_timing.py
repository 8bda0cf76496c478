"""Known and unknown addresses take the same time, through a real server over loopback (contracts/security.md 6.58).

The bound here is wide: services of other tests stand beside it. `make bench` measures 200 of each and holds 5 %.
"""

from pathlib import Path

import pytest

from tests.conftest import MigratedDatabase
from tests.running.home import authserver_settings
from tests.running.ports import free_port
from tests.running.service import Service
from tests.running.smtp_sink import Sink
from tests.running.timing import Watch, add_people, needed

pytestmark = [pytest.mark.usefixtures("in_production"), pytest.mark.alone]

COUNT = 25
APART = 0.35
TIMES = 3  # what a busy machine does once is no leak; one would be there each time


@pytest.mark.spec("security 6.58", "cognito 9.47", "cognito 3.4")
async def test_no_clock_tells_who_has_an_account(
    database_kind: str, migrated_database: MigratedDatabase, tmp_path: Path
) -> None:
    port, url = free_port(), migrated_database("authserver", database_kind)
    sink = Sink(tmp_path, free_port())
    sink.start()
    others = {"AUTHSERVER_ADDRESS_ATTEMPTS": "1000000", "AUTHSERVER_SMTP_URL": sink.url}
    settings = authserver_settings(url, port, **others)
    try:
        with Service("authserver", settings, tmp_path, port):
            for _ in range(TIMES):
                known = await add_people(url, needed(COUNT))
                compared = Watch(settings["AUTHSERVER_ISSUER"], known).compare(COUNT)
                found = {one.what: one.apart for one in compared if one.apart > APART}
                if not found:
                    break
    finally:
        sink.kill()
    assert found == {}
