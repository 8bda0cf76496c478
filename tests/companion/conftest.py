"""authserver and skill with its companion, once for each module and database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MigratedDatabase
from tests.running.broker import Broker
from tests.running.companion import Companion, companion_service
from tests.running.linking import Person
from tests.running.ports import free_port
from tests.running.service import Service


@pytest.fixture(scope="module")
def companion(
    authserver: Service,
    database_kind: str,
    migrated_database: MigratedDatabase,
    module_folder: Path,
    mosquitto: Broker,
) -> Iterator[Companion]:
    database = migrated_database("skill", database_kind)
    skill = companion_service(authserver, database, module_folder, free_port(), SKILL_MQTT_URL=mosquitto.url)
    with skill:
        yield Companion(authserver, skill)


@pytest.fixture(scope="module")
def anna(companion: Companion) -> Person:
    return companion.person()


@pytest.fixture(scope="module")
def ben(companion: Companion) -> Person:
    return companion.person()
