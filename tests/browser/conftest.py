"""The services that browsers of these tests talk to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MigratedDatabase
from tests.running.broker import Broker
from tests.running.companion import Companion, companion_service
from tests.running.home import add_alexa
from tests.running.linking import Alexa, Person
from tests.running.ports import free_port
from tests.running.service import Service


@pytest.fixture(scope="module")
def database_kind() -> str:
    """What a browser sees does not depend on the database; the pages' own tests run on both."""
    return "sqlite"


@pytest.fixture(scope="module")
def alexa(authserver: Service) -> Alexa:
    return add_alexa(authserver)


@pytest.fixture(scope="module")
def companion(
    authserver: Service,
    database_kind: str,
    migrated_database: MigratedDatabase,
    module_folder: Path,
    mosquitto: Broker,
) -> Iterator[Companion]:
    database = migrated_database("skill", database_kind)
    with companion_service(authserver, database, module_folder, free_port(), SKILL_MQTT_URL=mosquitto.url) as skill:
        yield Companion(authserver, skill)


@pytest.fixture
def anna(companion: Companion) -> Person:
    """Of each test its own, with her own lamps."""
    return companion.person()
