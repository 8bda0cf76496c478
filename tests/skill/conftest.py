"""A skill of its own for each test module, on both databases, whose issuer is the tests' own."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from skill.drivers.mqtt import MqttDriver
from skill.storage.migrations import migrate
from skill.storage.registry import open_registry
from skill.storage.store import Store, open_store
from tests.conftest import NewDatabase
from tests.running.bridge import Bridge
from tests.running.broker import Broker
from tests.running.home import skill_settings
from tests.running.ports import free_port
from tests.running.service import Service
from tests.running.tasks import end
from tests.skill.deployed import deploy as deploy
from tests.skill.issuer import CLIENT_ID, PERSON, Issuer
from tests.skill.talking import Alexa
from tests.skill.verifier import Clock, Verifier


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def skill(database_kind: str, new_database: NewDatabase, module_folder: Path, issuer: Issuer) -> Iterator[Service]:
    """A running skill with a bridge secret, in development mode (its issuer is on loopback)."""
    port = free_port()
    settings = skill_settings(
        new_database(database_kind), port, issuer.url, CLIENT_ID, SKILL_JWKS_COOLDOWN="0.5", SKILL_LOG_LEVEL="DEBUG"
    )
    service = Service("skill", settings, module_folder, port)
    service.must_not_log(settings["SKILL_BRIDGE_SECRET"])
    service.migrate()
    with service:
        yield service
        service.must_not_log(*issuer.made, *(token.rpartition(".")[2] for token in issuer.made))


@pytest.fixture
def alexa(skill: Service, issuer: Issuer) -> Alexa:
    return Alexa(Bridge(skill.url, skill.settings["SKILL_BRIDGE_SECRET"]), issuer)


@pytest.fixture
async def lamp(skill: Service) -> str:
    """A new simulated lamp of PERSON, registered as `skill lamp add` does, without the second that a process takes."""
    async with open_registry(skill.settings["SKILL_DATABASE_URL"]) as registry:
        return (await registry.add(PERSON, "Desk lamp", "simulated", {})).endpoint_id


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    await migrate(database_url)
    store = await open_store(database_url)
    yield store
    await store.close()


@pytest.fixture
def fresh_issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def verifier(fresh_issuer: Issuer, store: Store, clock: Clock) -> Verifier:
    verifier = Verifier(fresh_issuer, store, clock)
    assert await verifier.keys.fetch()
    return verifier


@pytest.fixture
async def driver(mosquitto: Broker) -> AsyncIterator[MqttDriver]:
    driver = MqttDriver(SecretStr(mosquitto.url), time.time)
    running = asyncio.create_task(driver.run())
    yield driver
    await end(running)
