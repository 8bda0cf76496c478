"""Two replicas of skill on one PostgreSQL and one broker, asked in turn: nothing is done twice, and both agree."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from skill.drivers.codecs.colour import HueSaturation, same_hue_and_saturation
from skill.storage.registry import open_registry
from tests.conftest import MigratedDatabase
from tests.running.bridge import Bridge, directive, signed
from tests.running.broker import Broker
from tests.running.home import skill_settings
from tests.running.ports import free_port
from tests.running.service import Service
from tests.skill.firmware import FIRMWARES
from tests.skill.issuer import CLIENT_ID, PERSON, Issuer
from tests.skill.plugged import Plugged
from tests.skill.talking import Alexa, values

BRIGHTNESS, COLOR, POWER = "Alexa.BrightnessController", "Alexa.ColorController", "Alexa.PowerController"
ALL = ["power", "brightness", "color", "temperature"]


class Pair:
    """Two processes, each of which Alexa may reach for any directive."""

    def __init__(self, services: list[Service], issuer: Issuer) -> None:
        self.services = services
        secret = services[0].settings["SKILL_BRIDGE_SECRET"]
        self.alexas = [Alexa(Bridge(service.url, secret), issuer) for service in services]
        self.url = services[0].settings["SKILL_DATABASE_URL"]

    @property
    def either(self) -> Alexa:
        return random.choice(self.alexas)


@pytest.fixture
async def pair(
    migrated_database: MigratedDatabase, issuer: Issuer, mosquitto: Broker, tmp_path: Path
) -> AsyncIterator[Pair]:
    settings = skill_settings(
        migrated_database("skill", "postgresql"), free_port(), issuer.url, CLIENT_ID, SKILL_MQTT_URL=mosquitto.url
    )
    services = [Service("skill", settings, tmp_path, free_port()) for _ in range(2)]
    with contextlib.ExitStack() as stack:
        for service in services:
            stack.enter_context(service)
        yield Pair(services, issuer)


def alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Within a step of the lamp where it rounds: only who was asked knows the exact colour and its value."""
    kelvin = [1e6 / each.get("colorTemperatureInKelvin", 1e6) for each in (one, other)]
    colours = [HueSaturation(each["color"]["hue"], each["color"]["saturation"]) for each in (one, other)]
    rounded = {"color", "colorTemperatureInKelvin"}
    exact = [{name: value for name, value in each.items() if name not in rounded} for each in (one, other)]
    return (
        exact[0] == exact[1]
        and one.keys() == other.keys()
        and same_hue_and_saturation(*colours)
        and abs(kelvin[0] - kelvin[1]) <= 1.5
    )


async def same(pair: Pair, lamp: str) -> dict[str, Any]:
    """What both say of a lamp, once they agree."""
    until = time.monotonic() + 10
    while True:
        one, other = [await alexa.state(lamp) for alexa in pair.alexas]
        if alike(one, other):
            return one
        assert time.monotonic() < until, (one, other)
        await asyncio.sleep(0.05)


@pytest.mark.spec("alexa 6.2", "S24", "S25", "S06")
async def test_S24_a_mixed_load_through_two_replicas_does_nothing_twice_and_both_agree(
    pair: Pair, mosquitto: Broker
) -> None:
    plugged = [Plugged(mosquitto, firmware()) for firmware in FIRMWARES.values()]
    async with contextlib.AsyncExitStack() as stack:
        for each in plugged:
            await stack.enter_async_context(each)
        lamps: dict[str, Plugged] = {}
        async with open_registry(pair.url) as registry:
            for each in plugged:
                options = each.firmware.options | {"capabilities": ALL, "kelvin_range": [2200, 6500]}
                lamps[(await registry.add(PERSON, "Lamp", "mqtt", options)).endpoint_id] = each
            simulated = (await registry.add(PERSON, "Simulated", "simulated", {})).endpoint_id

        async def one_lamp(lamp: str) -> int:
            """A person's own way with a lamp: one thing after another, each through another replica."""
            for step in range(12):
                wanted = random.choice(["set", "adjust", "color", "white", "off"])
                before = lamps[lamp].percent
                match wanted:
                    case "set":
                        await pair.either.send(BRIGHTNESS, "SetBrightness", lamp, brightness=step * 5 + 10)
                    case "adjust":
                        alexa = pair.either
                        await settled(alexa, lamp, lamps[lamp])
                        answer = await alexa.send(BRIGHTNESS, "AdjustBrightness", lamp, brightnessDelta=5)
                        assert values(answer)["brightness"] == min(100, before + 5), "from what the other replica set"
                    case "color":
                        color = {"hue": step * 30.0, "saturation": 1.0, "brightness": 1.0}
                        assert values(await pair.either.send(COLOR, "SetColor", lamp, color=color))["color"] == color
                    case "white":
                        name, kelvin = "Alexa.ColorTemperatureController", 2700 + step * 100
                        await pair.either.send(name, "SetColorTemperature", lamp, colorTemperatureInKelvin=kelvin)
                    case "off":
                        await pair.either.send(POWER, "TurnOff", lamp)
            return 12

        async def steps() -> int:
            """Twenty steps of one percent of one lamp in the database, all at once."""
            asked = (pair.either.send(BRIGHTNESS, "AdjustBrightness", simulated, brightnessDelta=1) for _ in range(20))
            answers = [values(answer)["brightness"] for answer in await asyncio.gather(*asked)]
            assert sorted(answers) == list(range(1, 21)), "each counted once"
            return 20

        started = time.monotonic()
        done = await asyncio.gather(*(one_lamp(lamp) for lamp in lamps), steps())
        print(f"\n{sum(done)} directives through two replicas in {time.monotonic() - started:.1f} s")
        for lamp, each in lamps.items():
            commands = [topic for topic, _ in each.commands if not topic.endswith(("/get", "/State"))]
            assert len(commands) == 12, "each command once"
            assert (await same(pair, lamp))["brightness"] == each.percent
        assert (await same(pair, simulated))["brightness"] == 20


async def settled(alexa: Alexa, lamp: str, plugged: Plugged) -> None:
    """Until this replica has heard what the lamp did for the other."""
    async with asyncio.timeout(10):
        while (await alexa.state(lamp)).get("brightness") != plugged.percent:
            await asyncio.sleep(0.02)


@pytest.mark.spec("security 6.72", "alexa 2.8")
async def test_a_signed_call_is_obeyed_by_one_of_two_replicas(pair: Pair) -> None:
    """The very same call to both at once: one obeys, the other refuses."""
    async with open_registry(pair.url) as registry:
        lamp = (await registry.add(PERSON, "Simulated", "simulated", {})).endpoint_id
    token = pair.alexas[0].issuer.token()
    async with httpx2.AsyncClient(trust_env=False, timeout=30, verify=False) as client:
        for expected in range(1, 11):
            body = orjson.dumps(directive(BRIGHTNESS, "AdjustBrightness", token, lamp, {"brightnessDelta": 1}))
            headers = signed(body, pair.services[0].settings["SKILL_BRIDGE_SECRET"])
            calls = (
                client.post(f"{each.url}/alexa/directive", content=body, headers=headers) for each in pair.services
            )
            assert sorted(answer.status_code for answer in await asyncio.gather(*calls)) == [200, 401]
            assert (await pair.either.state(lamp))["brightness"] == expected
