"""The broker killed and the skill killed in the middle of a thousand directives, as real processes: each answer is
right or says that the way to the lamp is away, none is late, none unlinks anybody, and all is right again by itself."""

import asyncio
import contextlib
import importlib.util
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from skill.bridge import lambda_function
from skill.storage.registry import open_registry
from tests.conftest import MigratedDatabase
from tests.running.bridge import directive, signed
from tests.running.broker import Broker
from tests.running.home import skill_settings
from tests.running.ports import free_port
from tests.running.service import Service
from tests.skill.alexa_rules import check_answer
from tests.skill.firmware import FIRMWARES
from tests.skill.issuer import CLIENT_ID, PERSON, Issuer
from tests.skill.plugged import Plugged

AWAY = {"BRIDGE_UNREACHABLE", "ENDPOINT_UNREACHABLE"}
DIRECTIVES = 1000
LATEST = 5.0  # seconds
BRIGHTNESS = "Alexa.BrightnessController"

Say = Callable[[dict[str, Any]], Any]


class House:
    """A skill with a lamp of every firmware behind a broker of its own, and a simulated one."""

    def __init__(self, skill: Service, broker: Broker, issuer: Issuer) -> None:
        self.skill, self.broker = skill, broker
        self.token = issuer.token()
        self.lamps: dict[str, Plugged] = {}
        self.simulated = ""

    async def add(self, lamps: list[Plugged]) -> None:
        async with open_registry(self.skill.settings["SKILL_DATABASE_URL"]) as registry:
            for number, lamp in enumerate(lamps):
                options = dict(lamp.firmware.options)
                row = await registry.add(PERSON, f"Lamp {number}", "mqtt", options)
                self.lamps[row.endpoint_id] = lamp
            self.simulated = (await registry.add(PERSON, "Simulated", "simulated", {})).endpoint_id

    def ask(self, lamp: str, name: str, **payload: Any) -> dict[str, Any]:
        return directive(BRIGHTNESS, name, self.token, lamp, payload)


@contextlib.asynccontextmanager
async def house(database_url: str, issuer: Issuer, folder: Path) -> AsyncIterator[House]:
    broker = Broker(folder)
    broker.start()
    port = free_port()
    settings = skill_settings(database_url, port, issuer.url, CLIENT_ID, SKILL_MQTT_URL=broker.url)
    settings["SKILL_LOG_LEVEL"] = "INFO"
    made = House(Service("skill", settings, folder, port), broker, issuer)
    plugged = [Plugged(broker, firmware(), steady=True) for firmware in FIRMWARES.values()]
    async with contextlib.AsyncExitStack() as stack:
        for lamp in plugged:
            await stack.enter_async_context(lamp)
        await made.add(plugged)
        with made.skill:
            yield made
    if broker.process is not None:
        broker.stop()


class Tally:
    """Every answer is judged as it comes."""

    def __init__(self, house: House) -> None:
        self.house, self.answers, self.slowest = house, Counter[str](), 0.0

    @property
    def count(self) -> int:
        return self.answers.total()

    async def ask(self, lamp: str, percent: int, say: Say) -> str:
        message = self.house.ask(lamp, "SetBrightness", brightness=percent)
        started = time.monotonic()
        answer = await say(message)
        took = time.monotonic() - started
        self.slowest = max(self.slowest, took)
        assert took < LATEST, f"{took:.1f} s for {answer}"
        check_answer(message, answer)  # a Response holds the requested value
        kind = str(answer["event"]["payload"].get("type", "right"))
        assert kind in AWAY | {"right"}, answer
        if kind == "right":
            shines = self.house.lamps[lamp].percent
            assert abs(shines - percent) <= 1, (
                f"the lamp itself: {shines}, not {percent}"
            )  # a step of it (contract 6.2)
        self.answers[kind] += 1
        return kind

    async def keep_asking(self, lamp: str, say: Say) -> None:
        while self.count < DIRECTIVES:
            if await self.ask(lamp, random.randint(0, 100), say) != "right":
                await asyncio.sleep(0.1)  # as a person tries again

    async def until(self, count: int) -> None:
        while self.count < count:
            await asyncio.sleep(0.01)

    async def all_right_again(self, say: Say) -> None:
        async with asyncio.timeout(20):
            for lamp in self.house.lamps:
                while await self.ask(lamp, 66, say) != "right":
                    await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def directly(house: House) -> AsyncIterator[Say]:
    """Signed calls of a bridge that keeps its connections."""
    async with httpx2.AsyncClient(trust_env=False, timeout=30, verify=False) as client:

        async def say(message: dict[str, Any]) -> Any:
            body = orjson.dumps(message)
            headers = signed(body, house.skill.settings["SKILL_BRIDGE_SECRET"])
            answer = await client.post(f"{house.skill.url}/alexa/directive", content=body, headers=headers)
            assert answer.status_code == 200, answer.text
            return answer.json()

        yield say


@pytest.mark.spec("alexa 2.6", "alexa 6.2", "S15", "S16", "S06")
async def test_S15_the_broker_killed_and_restarted_during_a_thousand_directives(
    migrated_database: MigratedDatabase, issuer: Issuer, tmp_path: Path
) -> None:
    async with house(migrated_database("skill", "sqlite"), issuer, tmp_path) as home, directly(home) as say:
        tally = Tally(home)
        asking = [asyncio.create_task(tally.keep_asking(lamp, say)) for lamp in home.lamps]
        for kill_at in (DIRECTIVES // 4, DIRECTIVES // 2):
            await tally.until(kill_at)
            home.broker.kill()
            await asyncio.sleep(1.5)
            home.broker.start()
            async with asyncio.timeout(20):
                while home.skill.log().count("broker connected") < (2 if kill_at == DIRECTIVES // 4 else 3):
                    await asyncio.sleep(0.05)
        await asyncio.gather(*asking)
        await tally.all_right_again(say)
        print(f"\n{tally.answers}, slowest {tally.slowest:.2f} s")
        assert tally.answers["BRIDGE_UNREACHABLE"] > 0, "the broker was away"
        assert tally.answers["right"] > DIRECTIVES // 2


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Callable[[House], Say]:
    """The function that AWS runs, in a process of its own there and in a thread here."""

    class Invocation:
        def get_remaining_time_in_millis(self) -> int:
            return 8000

    def deployed(house: House) -> Say:
        monkeypatch.setenv("SKILL_URL", house.skill.url)
        monkeypatch.setenv("BRIDGE_SECRET", house.skill.settings["SKILL_BRIDGE_SECRET"])
        spec = importlib.util.spec_from_file_location("deployed", lambda_function.__file__)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)

        async def say(message: dict[str, Any]) -> Any:
            answer = await asyncio.to_thread(module.lambda_handler, message, Invocation())
            return json.loads(json.dumps(answer))

        return say

    return deployed


@pytest.mark.spec("alexa 2.8", "alexa 0", "S27", "S05", "S01")
async def test_S27_the_skill_killed_and_restarted_during_a_thousand_directives(
    database_kind: str,
    migrated_database: MigratedDatabase,
    issuer: Issuer,
    tmp_path: Path,
    bridge: Callable[[House], Say],
) -> None:
    """Through the bridge. Steps are never made twice: what was answered as done was done, and what was not may have
    been. Nobody's lamp is lost."""
    async with house(migrated_database("skill", database_kind), issuer, tmp_path) as home:
        say, tally = bridge(home), Tally(home)
        steps = Counter[str]()

        async def step() -> None:
            while tally.count < DIRECTIVES:
                message = home.ask(home.simulated, "AdjustBrightness", brightnessDelta=1)
                if steps.total() >= 90:
                    return
                answer = await say(message)
                check_answer(message, answer)
                kind = answer["event"]["payload"].get("type", "right")
                assert kind in ("right", "BRIDGE_UNREACHABLE")
                steps[kind] += 1
                await asyncio.sleep(0.05)

        async def lamps() -> set[str]:
            message = directive("Alexa.Discovery", "Discover", home.token)
            answer = await say(message)
            check_answer(message, answer)
            return {each["endpointId"] for each in answer["event"]["payload"]["endpoints"]}

        before = await lamps()
        assert before == {*home.lamps, home.simulated}
        asking = [asyncio.create_task(tally.keep_asking(lamp, say)) for lamp in home.lamps]
        asking.append(asyncio.create_task(step()))
        await tally.until(DIRECTIVES // 3)
        home.skill.kill()
        async with open_registry(home.skill.settings["SKILL_DATABASE_URL"]) as registry:
            new = (await registry.add(PERSON, "Bought meanwhile", "simulated", {})).endpoint_id
        await asyncio.sleep(0.5)
        home.skill.start()
        await asyncio.gather(*asking)
        await tally.all_right_again(say)
        print(f"\n{database_kind}: {tally.answers}, slowest {tally.slowest:.2f} s; steps {steps}")
        assert tally.answers["BRIDGE_UNREACHABLE"] > 0, "the skill was away"
        assert tally.answers["right"] > DIRECTIVES // 2
        assert await lamps() == before | {new}
        message = directive("Alexa", "ReportState", home.token, home.simulated)
        values = {each["name"]: each["value"] for each in (await say(message))["context"]["properties"]}
        assert steps["right"] <= values["brightness"] <= steps.total()
