"""Lamps behind a real mosquitto: confirmation, last will, outage. The lamp in these tests is a client of its own, which
speaks each of the dialects."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from pydantic import SecretStr

from skill.canonical import Brightness, BrightnessStep, Change, Lamp, LampState, Power
from skill.drivers.absent import AbsentDriver
from skill.drivers.mqtt import MqttDriver
from skill.errors import BridgeUnreachable, EndpointUnreachable
from tests.conftest import NewDatabase
from tests.running.bridge import Bridge
from tests.running.broker import Broker
from tests.running.home import add_lamp, skill_settings
from tests.running.ports import free_port
from tests.running.service import Service
from tests.running.tasks import end
from tests.skill.firmware import FIRMWARES, Firmware
from tests.skill.issuer import CLIENT_ID, PERSON, Issuer
from tests.skill.talking import Alexa, values

Behave = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any] | None]


def obey(state: dict[str, Any], command: dict[str, Any]) -> dict[str, Any]:
    return state | command


class Bulb:
    """Speaks the JSON light schema; its last will says that it is offline."""

    def __init__(self, broker: Broker, behave: Behave = obey) -> None:
        self.broker, self.behave = broker, behave
        self.base = f"home/{uuid.uuid4().hex}"
        self.state: dict[str, Any] = {"state": "OFF", "brightness": 255, "color_mode": "brightness"}
        self.commands: list[dict[str, Any]] = []
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    def lamp(self, **options: str) -> Lamp:
        topics = {"command_topic": "set", "state_topic": "state", "availability_topic": "status"}
        wired = {name: f"{self.base}/{topic}" for name, topic in topics.items()} | options
        return Lamp(f"lamp-{uuid.uuid4().hex}", "u1", "Bulb", "mqtt", {k: v for k, v in wired.items() if v})

    async def __aenter__(self) -> "Bulb":
        self._task = asyncio.create_task(self._run())
        await asyncio.wait_for(self._ready.wait(), 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        with contextlib.suppress(aiomqtt.MqttError):  # its broker was stopped
            await end(self._task)

    async def _run(self) -> None:
        status = f"{self.base}/status"
        will = aiomqtt.Will(status, "offline", qos=1, retain=True)
        async with aiomqtt.Client(self.broker.host, self.broker.port, will=will) as client:
            await client.subscribe(f"{self.base}/set", qos=1)
            await client.publish(f"{self.base}/state", json.dumps(self.state), qos=1, retain=True)
            await client.publish(status, "online", qos=1, retain=True)
            self._ready.set()
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                command = json.loads(message.payload)
                self.commands.append(command)
                answer = self.behave(self.state, command)
                if answer is not None:
                    self.state = answer
                    await client.publish(f"{self.base}/state", json.dumps(answer), qos=1, retain=True)

    async def say(self, topic: str, payload: str) -> None:
        async with aiomqtt.Client(self.broker.host, self.broker.port) as client:
            await client.publish(f"{self.base}/{topic}", payload, qos=1, retain=True)


@pytest.fixture
async def driver(mosquitto: Broker) -> AsyncIterator[MqttDriver]:
    driver = MqttDriver(SecretStr(mosquitto.url), time.time)
    running = asyncio.create_task(driver.run())
    yield driver
    await end(running)


async def test_a_retained_state_is_known_at_the_first_question(driver: MqttDriver, mosquitto: Broker) -> None:
    async with Bulb(mosquitto) as bulb:
        bulb.state |= {"state": "ON", "brightness": 128}
        await bulb.say("state", json.dumps(bulb.state))
        sample = await driver.sample(bulb.lamp(), None)
    assert (sample.state.power, sample.state.brightness, sample.state.online) == (True, 50, True)
    assert abs(sample.at - time.time()) < 5


@pytest.mark.spec("alexa 6.2", "S06")
async def test_S06_a_change_is_one_message_and_is_confirmed_by_its_echo(driver: MqttDriver, mosquitto: Broker) -> None:
    async with Bulb(mosquitto) as bulb:
        lamp = bulb.lamp()
        for change, power, brightness in [
            (Power(on=True), True, 100),
            (Brightness(50), True, 50),
            (BrightnessStep(-25), True, 25),
            (Brightness(0), False, 0),
            (Power(on=True), True, 25),
        ]:
            sample = await driver.apply(lamp, change)
            assert (sample.state.power, sample.state.brightness) == (power, brightness)
    assert bulb.commands == [
        {"state": "ON"},
        {"state": "ON", "brightness": 128},
        {"state": "ON", "brightness": 64},
        {"state": "OFF"},
        {"state": "ON"},
    ]


@dataclass(frozen=True)
class Shine:
    """A colour, or a white, as drivers are asked for it."""

    hue: float = 0.0
    saturation: float = 1.0
    kelvin: int | None = None

    def applied_to(self, state: LampState) -> LampState:
        if self.kelvin is not None:
            return state._replace(power=True, mode="white", kelvin=self.kelvin)
        return state._replace(power=True, mode="color", hue=self.hue, saturation=self.saturation)


class Plugged:
    """A lamp of any firmware, on the broker until it is unplugged; `slow` seconds until it obeys."""

    def __init__(self, broker: Broker, firmware: Firmware, slow: float = 0.0) -> None:
        self.broker, self.firmware, self.slow = broker, firmware, slow
        self.commands: list[tuple[str, str]] = []
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    @property
    def lamp(self) -> Lamp:
        return Lamp(f"lamp-{uuid.uuid4().hex}", "u1", "Bulb", "mqtt", self.firmware.options)

    async def __aenter__(self) -> "Plugged":
        self._task = asyncio.create_task(self._run())
        await asyncio.wait_for(self._ready.wait(), 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        await end(self._task)

    async def _run(self) -> None:
        away = self.firmware.away
        will = aiomqtt.Will(away.topic, away.payload, qos=1, retain=True) if away else None
        async with aiomqtt.Client(self.broker.host, self.broker.port, will=will) as client:
            await client.subscribe([(topic, 1) for topic in self.firmware.listens_to])
            for said in self.firmware.birth():
                await client.publish(said.topic, said.payload, qos=1, retain=said.retain)
            self._ready.set()
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                assert not message.retain, "a command that the broker keeps switches the lamp again at its next start"
                payload = message.payload.decode()
                self.commands.append((message.topic.value, payload))
                for said in self.firmware.obey(message.topic.value, payload):
                    await asyncio.sleep(self.slow)
                    await client.publish(said.topic, said.payload, qos=1, retain=said.retain)

    async def say(self, topic: str, payload: str) -> None:
        async with aiomqtt.Client(self.broker.host, self.broker.port) as client:
            await client.publish(topic, payload, qos=1, retain=True)


every_firmware = pytest.mark.parametrize("firmware", FIRMWARES.values(), ids=FIRMWARES)


@pytest.mark.spec("alexa 6.1", "alexa 6.2", "S06")
@every_firmware
@pytest.mark.parametrize("slow", [0.0, 0.05], ids=["quick", "slow"])
async def test_S06_a_lamp_of_every_dialect_does_and_says_what_was_asked(
    driver: MqttDriver, mosquitto: Broker, firmware: type[Firmware], slow: float
) -> None:
    async with Plugged(mosquitto, firmware(), slow) as plugged:
        lamp = plugged.lamp
        found = (await driver.sample(lamp, None)).state
        assert (found.power, found.last_brightness in (100, None)) == (False, True)
        plugged.commands.clear()
        expected = LampState(power=False, last_brightness=100)
        changes: list[Change] = [
            Power(on=True),
            Brightness(50),
            BrightnessStep(-10),
            Shine(hue=120.0, saturation=1.0),
            Shine(hue=33.0, saturation=0.5),
            Brightness(0),
            Power(on=True),
            Shine(kelvin=2700),
            Shine(kelvin=4000),
            BrightnessStep(30),
            Power(on=False),
        ]
        for count, change in enumerate(changes, 1):
            state = (await driver.apply(lamp, change)).state
            expected = change.applied_to(expected)
            assert state.power == expected.power
            if count > 3:  # until then it shines as it came
                assert state.mode == expected.mode
            if count > 1:
                assert state.last_brightness == expected.last_brightness
            if expected.mode == "color":
                assert (state.hue, state.saturation) == (expected.hue, expected.saturation)
            elif count > 3:
                assert state.kelvin == expected.kelvin
        async with asyncio.timeout(20):
            while len(plugged.commands) < len(changes):
                await asyncio.sleep(0.02)
        assert len(plugged.commands) == len(changes), "one message for each"


@pytest.mark.spec("alexa 6.1", "alexa 2.6", "S14")
@pytest.mark.parametrize("dialect", [name for name, each in FIRMWARES.items() if each().away is not None])
async def test_S14_a_lamp_of_every_dialect_that_lost_its_current_is_unreachable_at_once(
    driver: MqttDriver, mosquitto: Broker, dialect: str
) -> None:
    async with Plugged(mosquitto, FIRMWARES[dialect]()) as plugged:
        lamp = plugged.lamp
        assert (await driver.apply(lamp, Brightness(42))).state.online is True
        away = plugged.firmware.away
        assert away is not None
        await plugged.say(away.topic, away.payload)
        async with asyncio.timeout(20):
            while (await driver.sample(lamp, None)).state.online:
                await asyncio.sleep(0.02)
        started = time.monotonic()
        with pytest.raises(EndpointUnreachable):
            await driver.apply(lamp, Power(on=True))
        assert time.monotonic() - started < 1, "a silent one is waited for longer"


@pytest.mark.spec("alexa 6.2")
async def test_a_colour_that_a_lamp_cannot_show_is_said_as_it_is(driver: MqttDriver, mosquitto: Broker) -> None:
    class Faded(FIRMWARES["json_light"]):  # type: ignore[misc, name-defined]
        def obey(self, topic: str, payload: str) -> list[Any]:
            command = json.loads(payload)
            if "color" in command:
                command["color"] = {"r": 255, "g": 64, "b": 64}
            return super().obey(topic, json.dumps(command))  # type: ignore[no-any-return]

    async with Plugged(mosquitto, Faded()) as plugged:
        state = (await driver.apply(plugged.lamp, Shine(hue=0.0, saturation=1.0))).state
    assert (state.power, state.mode) == (True, "color")
    assert state.saturation == pytest.approx(0.749, abs=0.001)


@pytest.mark.spec("alexa 6.2")
async def test_a_colour_is_sent_again_though_the_lamp_is_thought_to_have_it(
    driver: MqttDriver, mosquitto: Broker
) -> None:
    async with Plugged(mosquitto, FIRMWARES["json_light"]()) as plugged:
        lamp = plugged.lamp
        for _ in range(2):
            await driver.apply(lamp, Shine(kelvin=2700))
            await driver.apply(lamp, Brightness(50))
        async with asyncio.timeout(20):
            while len(plugged.commands) < 4:
                await asyncio.sleep(0.02)
    dimmed = {"state": "ON", "brightness": 128}
    warm = {"state": "ON", "brightness": 128, "color_temp": 370}
    assert [json.loads(payload) for _, payload in plugged.commands] == [
        warm | {"brightness": 255},
        dimmed,
        warm,
        dimmed,
    ]


@pytest.mark.spec("alexa 6.2")
async def test_an_echo_within_one_step_is_reported_as_requested(driver: MqttDriver, mosquitto: Broker) -> None:
    def rounds_down(state: dict[str, Any], command: dict[str, Any]) -> dict[str, Any]:
        return state | command | {"brightness": command.get("brightness", 255) - 1}

    async with Bulb(mosquitto, rounds_down) as bulb:
        assert (await driver.apply(bulb.lamp(), Brightness(50))).state.brightness == 50


@pytest.mark.spec("alexa 2.6", "S14")
async def test_S14_a_lamp_whose_last_will_came_is_unreachable_at_once(driver: MqttDriver, mosquitto: Broker) -> None:
    async with Bulb(mosquitto) as bulb:
        lamp = bulb.lamp()
        await driver.apply(lamp, Brightness(42))
        await bulb.say("status", "offline")
        async with asyncio.timeout(20):
            while (await driver.sample(lamp, None)).state.online:
                await asyncio.sleep(0.02)
        started = time.monotonic()
        with pytest.raises(EndpointUnreachable):
            await driver.apply(lamp, Power(on=True))
        assert time.monotonic() - started < 1, "a silent one is waited for longer"
        sample = await driver.sample(lamp, None)
        assert (sample.state.online, sample.state.brightness) == (False, 42)


@pytest.mark.spec("alexa 2.6", "S16")
async def test_S16_a_silent_lamp_is_unreachable_within_the_budget(driver: MqttDriver, mosquitto: Broker) -> None:
    async with Bulb(mosquitto, lambda *_: None) as bulb:
        started = time.monotonic()
        with pytest.raises(EndpointUnreachable):
            await driver.apply(bulb.lamp(), Brightness(42))
        assert 1.5 < time.monotonic() - started < 4
        optimistic = await driver.apply(bulb.lamp(confirm="optimistic"), Brightness(42))
        assert optimistic.state.brightness == 42
        without_state = await driver.apply(bulb.lamp(state_topic=""), Brightness(43))
        assert without_state.state.brightness == 43


async def test_a_lamp_that_passes_through_other_values_is_waited_for(driver: MqttDriver, mosquitto: Broker) -> None:
    async with Bulb(mosquitto, lambda *_: None) as bulb:
        change = asyncio.create_task(driver.apply(bulb.lamp(), Brightness(60)))
        async with asyncio.timeout(20):
            while not bulb.commands:
                await asyncio.sleep(0.02)
        for brightness in (10, 80, 120, 153):
            await bulb.say("state", json.dumps({"state": "ON", "brightness": brightness}))
        assert (await change).state.brightness == 60


@pytest.mark.spec("alexa 6.2", "S24")
async def test_S24_two_steps_at_once_for_one_lamp_follow_each_other(driver: MqttDriver, mosquitto: Broker) -> None:
    async with Bulb(mosquitto) as bulb:
        lamp = bulb.lamp()
        await driver.apply(lamp, Brightness(10))
        await asyncio.gather(*(driver.apply(lamp, BrightnessStep(20)) for _ in range(3)))
        assert (await driver.sample(lamp, None)).state.brightness == 70


async def test_nonsense_from_a_lamp_changes_nothing(driver: MqttDriver, mosquitto: Broker) -> None:
    async with Bulb(mosquitto) as bulb:
        lamp = bulb.lamp()
        before = (await driver.apply(lamp, Brightness(30))).state
        for payload in ("", "{", "[]", '"ON"', '{"state":"MAYBE"}', '{"brightness":"x"}', '{"brightness":0}', "\xff"):
            await bulb.say("state", payload)
        await bulb.say("status", "perhaps")
        await asyncio.sleep(0.2)
        assert (await driver.sample(lamp, None)).state == before


async def until_away(command: Callable[[], Awaitable[object]]) -> None:
    """The lamp is silent until the end of the connection was noticed."""
    async with asyncio.timeout(20):
        while True:
            try:
                await command()
            except BridgeUnreachable:
                return
            except EndpointUnreachable:
                await asyncio.sleep(0.02)


@pytest.mark.spec("alexa 2.6", "S15")
async def test_S15_a_broker_that_is_away_is_said_and_comes_back(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    driver = MqttDriver(SecretStr(broker.url), time.time)
    running = asyncio.create_task(driver.run())
    bulb = Bulb(broker)
    lamp = bulb.lamp()
    with pytest.raises(BridgeUnreachable):
        await driver.apply(lamp, Power(on=True))
    broker.start()
    for _ in range(100):
        try:
            await driver.sample(lamp, None)
            break
        except BridgeUnreachable:
            await asyncio.sleep(0.1)
    async with bulb:
        assert (await driver.apply(lamp, Brightness(20))).state.brightness == 20
        broker.stop()
        await until_away(lambda: driver.apply(lamp, Power(on=False)))
    broker.start()
    async with bulb:
        for _ in range(150):
            try:
                sample = await driver.apply(lamp, Brightness(30))
                break
            except BridgeUnreachable:
                await asyncio.sleep(0.1)
        assert sample.state.brightness == 30
    await end(running)
    broker.stop()


async def test_without_a_broker_set_up_a_lamp_cannot_be_reached_at_once() -> None:
    driver, lamp = AbsentDriver("No broker."), Lamp("lamp-1", "u1", "Bulb", "mqtt", {"command_topic": "a"})
    with pytest.raises(BridgeUnreachable):
        await driver.sample(lamp, None)
    with pytest.raises(BridgeUnreachable):
        await driver.apply(lamp, Power(on=True))


@pytest.mark.spec("alexa 6.2", "S06", "S14", "S15")
async def test_S06_a_lamp_behind_the_broker_obeys_directives(
    new_database: NewDatabase, issuer: Issuer, mosquitto: Broker, tmp_path: Path
) -> None:
    """The whole way, through a real process; without its broker the lamp is beyond a bridge that is away."""
    port = free_port()
    settings = skill_settings(new_database("sqlite"), port, issuer.url, CLIENT_ID, SKILL_MQTT_URL=mosquitto.url)
    skill = Service("skill", settings, tmp_path, port)
    skill.migrate()
    alexa = Alexa(Bridge(skill.url, settings["SKILL_BRIDGE_SECRET"]), issuer)
    async with Bulb(mosquitto) as bulb:
        wiring = {"command": "set", "state": "state", "availability": "status"}
        topics = [f"--{option}-topic={bulb.base}/{topic}" for option, topic in wiring.items()]
        lamp = add_lamp(skill, PERSON, "Bulb", "mqtt", *topics)
        with skill:
            (found,) = await alexa.discover()
            assert (found["endpointId"], found["description"]) == (lamp, "Lamp via MQTT")
            answer = await alexa.send("Alexa.BrightnessController", "SetBrightness", lamp, brightness=42)
            assert values(answer) == {"powerState": "ON", "brightness": 42, "connectivity": {"value": "OK"}}
            assert bulb.commands == [{"state": "ON", "brightness": 107}]
            await bulb.say("status", "offline")
            async with asyncio.timeout(20):
                while (await alexa.state(lamp))["connectivity"] != {"value": "UNREACHABLE"}:
                    await asyncio.sleep(0.02)
            assert await alexa.refused("Alexa.PowerController", "TurnOff", lamp) == "ENDPOINT_UNREACHABLE"
            assert (await alexa.state(lamp))["connectivity"] == {"value": "UNREACHABLE"}
            mosquitto.stop()
            async with asyncio.timeout(20):
                while await alexa.refused("Alexa.PowerController", "TurnOff", lamp) != "BRIDGE_UNREACHABLE":
                    await asyncio.sleep(0.02)
            mosquitto.start()
