"""Two replicas of skill on one database and one broker: each event once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MigratedDatabase
from tests.running.alexa_events import CLIENT_SECRET, AlexaEvents
from tests.running.broker import Broker
from tests.running.ports import free_port
from tests.running.service import Service
from tests.skill.events.conftest import QUICK, TURN, User, settings_of, until
from tests.skill.events.test_changes import Bulb, registered
from tests.skill.issuer import Issuer

TOLD = "AddOrUpdateReport"
SETTLING = 0.8  # seconds: what Alexa asked of one replica is known to the other by then


@pytest.fixture(scope="module")
def replicas(
    migrated_database: MigratedDatabase,
    module_folder: Path,
    issuer: Issuer,
    amazon_for_module: AlexaEvents,
    mosquitto: Broker,
) -> Iterator[list[Service]]:
    settings = settings_of(
        migrated_database("skill", "postgresql"), free_port(), issuer, amazon_for_module, SKILL_MQTT_URL=mosquitto.url
    )
    constants = QUICK | TURN | {"skill.events.watching:SETTLING": SETTLING}
    services = [Service("skill", settings, module_folder, free_port(), constants) for _ in range(2)]
    for each in services:
        each.must_not_log(CLIENT_SECRET)
        each.start()
    yield services
    for each in services:
        each.must_not_log(*amazon_for_module.secrets)
        each.stop()
        each.check_log()


@pytest.fixture
async def users(replicas: list[Service], issuer: Issuer, at_amazon: AlexaEvents) -> list[User]:
    """One person, as seen by each replica."""
    first = User(replicas[0], issuer, at_amazon)
    second = User(replicas[1], issuer, at_amazon)
    second.sub = first.sub
    await first.link()
    return [first, second]


@pytest.mark.spec("S25", "S22")
async def test_S25_of_replicas_that_hear_the_same_one_reports_it(users: list[User], mosquitto: Broker) -> None:
    user = users[0]
    async with Bulb(mosquitto) as first, Bulb(mosquitto) as second:
        bulbs = {await registered(user, bulb, f"Bulb {n}"): bulb for n, bulb in enumerate((first, second))}
        for count, brightness in enumerate((64, 128, 204), 1):
            for bulb in bulbs.values():
                await bulb.say(state="ON", brightness=brightness)
            await until(lambda count=count: all(len(user.told(lamp)) >= count for lamp in bulbs))  # type: ignore[misc]
        await asyncio.sleep(1.5 * SETTLING)
        for lamp in bulbs:
            assert [each.changed["brightness"] for each in user.told(lamp)] == [25, 50, 80]
            assert len(user.told(lamp, TOLD)) == 1


@pytest.mark.spec("S25", "S22")
async def test_S25_what_Alexa_asked_of_one_replica_is_not_reported_by_another(
    users: list[User], mosquitto: Broker
) -> None:
    async with Bulb(mosquitto) as bulb:
        lamp = await registered(users[0], bulb)
        for number, brightness in enumerate((10, 60, 35, 90)):
            await users[number % 2].send("Alexa.BrightnessController", "SetBrightness", lamp, brightness=brightness)
        await asyncio.sleep(1.5 * SETTLING)
        assert users[0].told(lamp) == []
        await bulb.say(state="OFF")
        (report,) = await until(lambda: users[0].told(lamp))
        assert report.changed == {"powerState": "OFF", "brightness": 0}


@pytest.mark.spec("S22")
async def test_S22_replicas_share_what_waits_and_renew_a_token_once(users: list[User], at_amazon: AlexaEvents) -> None:
    at_amazon.rotates = True
    at_amazon.stop()
    lamps = [await users[number % 2].lamp(f"Lamp {number}") for number in range(12)]
    await until(users[0].has_tried)
    at_amazon.expire_tokens()
    forms = len(at_amazon.forms)
    at_amazon.start()
    await until(lambda: all(users[0].told(lamp, TOLD) for lamp in lamps), within=60)
    assert len(at_amazon.forms) - forms == 1
    ids = [each.id for each in at_amazon.accepted(TOLD)]
    assert len(set(ids)) == len(ids)


@pytest.mark.spec("S22")
async def test_S22_a_replica_that_is_killed_leaves_its_events_to_the_other(
    users: list[User], at_amazon: AlexaEvents, replicas: list[Service]
) -> None:
    at_amazon.delay, at_amazon.may_repeat = 0.1, True
    lamps = [await users[0].lamp(f"Lamp {number}") for number in range(6)]
    await until(lambda: at_amazon.accepted(TOLD))
    replicas[0].kill()
    await until(lambda: all(users[0].told(lamp, TOLD) for lamp in lamps), within=60)
    assert all(len(users[0].told(lamp, TOLD)) == 1 for lamp in lamps)
    replicas[0].start()
