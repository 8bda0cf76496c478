"""A running skill whose simulator links at an issuer of the tests' own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.running.home import add_lamp, skill_settings
from tests.running.ports import free_port
from tests.running.service import Service
from tests.skill.simulator.browsing import Visitor
from tests.skill.simulator.linking_issuer import CLIENT_ID, CLIENT_SECRET, PERSON, LinkingIssuer


@pytest.fixture(scope="module")
def linking_issuer() -> Iterator[LinkingIssuer]:
    issuer = LinkingIssuer()
    yield issuer
    issuer.stop()


def settings(database_url: str, port: int, issuer: str) -> dict[str, str]:
    simulator = {"SKILL_SIMULATOR_CLIENT_ID": CLIENT_ID, "SKILL_SIMULATOR_CLIENT_SECRET": CLIENT_SECRET}
    return skill_settings(database_url, port, issuer, CLIENT_ID, **simulator)


@pytest.fixture(scope="module")
def simulator(new_database, module_folder: Path, linking_issuer: LinkingIssuer) -> Iterator[Service]:  # type: ignore[no-untyped-def]
    """PERSON has a desk lamp and a floor lamp."""
    port = free_port()
    service = Service("skill", settings(new_database("sqlite"), port, linking_issuer.url), module_folder, port)
    service.must_not_log(CLIENT_SECRET)
    service.migrate()
    add_lamp(service, PERSON, "Desk lamp")
    add_lamp(service, PERSON, "Floor lamp")
    with service:
        yield service


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(simulator: Service, linking_issuer: LinkingIssuer) -> AsyncIterator[Visitor]:
    """A browser that has just opened the page."""
    linking_issuer.reset()
    async with Visitor(simulator.url) as visitor:
        yield visitor
