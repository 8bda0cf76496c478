"""A skill of its own for each test module, on both databases, whose issuer is the tests' own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running.bridge import Bridge
from tests.running.home import add_lamp, skill_settings
from tests.running.ports import free_port
from tests.running.service import Service
from tests.skill.issuer import CLIENT_ID, PERSON, Issuer
from tests.skill.talking import Alexa

NewDatabase = pytest.FixtureRequest


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def skill(database_kind: str, new_database, module_folder: Path, issuer: Issuer) -> Iterator[Service]:  # type: ignore[no-untyped-def]
    """A running skill with a bridge secret, in development mode (its issuer is on loopback)."""
    port = free_port()
    settings = skill_settings(new_database(database_kind), port, issuer.url, CLIENT_ID, SKILL_JWKS_COOLDOWN="0.5")
    service = Service("skill", settings, module_folder, port)
    service.must_not_log(settings["SKILL_BRIDGE_SECRET"])
    service.migrate()
    with service:
        yield service


@pytest.fixture
def alexa(skill: Service, issuer: Issuer) -> Alexa:
    return Alexa(Bridge(skill.url, skill.settings["SKILL_BRIDGE_SECRET"]), issuer)


@pytest.fixture
def lamp(skill: Service) -> str:
    """A new simulated lamp of PERSON."""
    return add_lamp(skill, PERSON)
