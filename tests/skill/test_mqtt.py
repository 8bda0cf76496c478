"""Lamps behind a real mosquitto: confirmation, last will, outage. The lamp in these tests is a client of its own; the
dialects have their tests in `test_dialects`."""

import asyncio
import json
import signal
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import uvloop
from paho.mqtt import publish
from pydantic import SecretStr

from skill.canonical import Brightness, BrightnessStep, Color, Lamp, Power, Temperature
from skill.drivers import connection
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
from tests.skill.firmware import FIRMWARES
from tests.skill.issuer import CLIENT_ID, PERSON, Issuer
from tests.skill.plugged import Bulb, Plugged, until_away
from tests.skill.talking import Alexa, values


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


@pytest.mark.spec("alexa 6.2")
async def test_a_colour_that_a_lamp_cannot_show_is_said_as_it_is(driver: MqttDriver, mosquitto: Broker) -> None:
    class Faded(FIRMWARES["json_light"]):  # type: ignore[misc, name-defined]
        def obey(self, topic: str, payload: str) -> list[Any]:
            command = json.loads(payload)
            if "color" in command:
                command["color"] = {"r": 255, "g": 64, "b": 64}
            return super().obey(topic, json.dumps(command))  # type: ignore[no-any-return]

    async with Plugged(mosquitto, Faded()) as plugged:
        state = (await driver.apply(plugged.lamp, Color(0.0, 1.0, 1.0))).state
    assert (state.power, state.mode) == (True, "color")
    assert state.saturation == pytest.approx(0.749, abs=0.001)


@pytest.mark.spec("alexa 6.2")
async def test_a_colour_is_sent_again_though_the_lamp_is_thought_to_have_it(
    driver: MqttDriver, mosquitto: Broker
) -> None:
    async with Plugged(mosquitto, FIRMWARES["json_light"]()) as plugged:
        lamp = plugged.lamp
        for _ in range(2):
            await driver.apply(lamp, Temperature(2700))
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
        assert time.monotonic() - started < 1, "the lamp's two seconds are not waited for"
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


@pytest.mark.spec("alexa 6.2")
async def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1(mosquitto: Broker) -> None:
    """In front of a real one stands one that refuses the newer version, as older brokers do."""
    versions: list[int] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1024)
        versions.append(first[first.index(b"MQTT") + 4])
        if versions[-1] > 4:
            writer.write(b"\x20\x02\x00\x01")  # CONNACK: unacceptable protocol version
            writer.close()
            return
        back, forth = await asyncio.open_connection(mosquitto.host, mosquitto.port)
        forth.write(first)
        await asyncio.gather(pump(reader, forth), pump(back, writer))

    server = await asyncio.start_server(old, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    driver = MqttDriver(SecretStr(f"mqtt://127.0.0.1:{port}"), time.time)
    running = asyncio.create_task(driver.run())
    async with Bulb(mosquitto) as bulb:
        lamp = bulb.lamp()
        await driver.watch([lamp])
        async with asyncio.timeout(20):
            while True:
                try:
                    assert (await driver.apply(lamp, Brightness(42))).state.brightness == 42
                    break
                except BridgeUnreachable:
                    await asyncio.sleep(0.05)
    assert versions == [5, 4]
    await end(running)
    server.close()


class Listening(MqttDriver):
    """Keeps what the broker delivers."""

    def __init__(self, url: str) -> None:
        super().__init__(SecretStr(url), time.time)
        self.delivered: list[str] = []

    def _take(self, topic: str, payload: object, retained: bool) -> None:
        self.delivered.append(topic)
        super()._take(topic, payload, retained)

    async def hears(self, broker: Broker, *topics: str) -> set[str]:
        """Which of these are delivered: all that were said before the last one, which is listened to."""
        self.delivered.clear()
        async with aiomqtt.Client(broker.host, broker.port) as client:
            for topic in topics:
                await client.publish(topic, '{"state":"ON"}', qos=1)
        async with asyncio.timeout(20):
            while topics[-1] not in self.delivered:
                await asyncio.sleep(0.01)
        return set(self.delivered)

    async def until_left(self, broker: Broker, left: str, *topics: str) -> None:
        deadline = time.monotonic() + 20
        while left in await self.hears(broker, left, *topics):
            assert time.monotonic() < deadline, "it is still delivered"


@pytest.fixture
async def listening(mosquitto: Broker) -> AsyncIterator[Listening]:
    driver = Listening(mosquitto.url)
    running = asyncio.create_task(driver.run())
    async with asyncio.timeout(20):
        await driver._connected.wait()
    yield driver
    await end(running)


@pytest.mark.parametrize("noticed_by", ["a directive", "the registry", "a lamp that is gone"])
async def test_topics_that_nobody_listens_to_any_more_are_left(
    listening: Listening, mosquitto: Broker, noticed_by: str
) -> None:
    """Another lamp that listens to one of them goes on; one that begins to is heard."""
    base = f"left/{uuid.uuid4().hex}"

    def lamp(name: str, state: str) -> Lamp:
        topics = {"command_topic": f"{base}/{name}/set", "state_topic": f"{base}/{state}"}
        return Lamp(f"lamp-{name}", "u1", "Lamp", "mqtt", topics | {"availability_topic": f"{base}/gateway"})

    old, new, gateway, other = (f"{base}/{name}" for name in ("old", "new", "gateway", "other"))
    driver, there = listening, [lamp("one", "old"), lamp("two", "other")]
    await driver.watch(there)
    for each in there:
        await driver.sample(each, None)
    assert await driver.hears(mosquitto, old, gateway, other) == {old, gateway, other}
    changed = lamp("one", "new")
    if noticed_by == "a directive":
        await driver.sample(changed, None)
    elif noticed_by == "the registry":
        await driver.watch([changed, there[1]])
    else:
        await driver.watch([there[1]])
    await driver.until_left(mosquitto, old, gateway, other)
    assert await driver.hears(mosquitto, old, gateway, other) == {gateway, other}
    await asyncio.gather(driver.sample(there[0], None), driver.sample(changed, None))
    await driver.sample(there[0], None)  # to and fro: the last one is what holds
    assert await driver.hears(mosquitto, old, gateway, other) == {old, gateway, other}
    await driver.until_left(mosquitto, new, old)


@pytest.mark.spec("alexa 2.3")
async def test_a_black_lamp_that_somebody_switches_on_is_no_black(driver: MqttDriver, mosquitto: Broker) -> None:
    async with Plugged(mosquitto, FIRMWARES["json_light"]()) as plugged:
        lamp, topic = plugged.lamp, plugged.firmware.options["state_topic"]
        await driver.apply(lamp, Brightness(100))
        black = (await driver.apply(lamp, Color(240.0, 1.0, 0.0))).state
        assert (black.power, black.hue, black.value) == (False, 240.0, 0.0)
        blue = {"state": "ON", "brightness": 255, "color_mode": "rgb", "color": {"r": 0, "g": 0, "b": 255}}
        await plugged.say(topic, json.dumps(blue))
        async with asyncio.timeout(20):
            while not (state := (await driver.sample(lamp, None)).state).power:
                await asyncio.sleep(0.02)
        assert (state.mode, state.hue, state.saturation, state.value) == ("color", 240.0, 1.0, 1.0)


@pytest.mark.spec("alexa 2.6", "S15")
async def test_S15_a_broker_that_is_lost_before_the_lamp_confirms_is_said_at_once(
    driver: MqttDriver, mosquitto: Broker
) -> None:
    async with Bulb(mosquitto, lambda *_: None) as bulb:
        asked = asyncio.create_task(driver.apply(bulb.lamp(), Brightness(42)))
        async with asyncio.timeout(20):
            while not bulb.commands:
                await asyncio.sleep(0.01)
        assert driver._client is not None
        started = time.monotonic()
        await driver._client.__aexit__(None, None, None)  # the connection alone is lost
        with pytest.raises(BridgeUnreachable):
            await asked
        assert time.monotonic() - started < 1, "the lamp's two seconds are not waited for"


@pytest.mark.spec("alexa 2.6", "S15")
def test_S15_a_broker_that_crashed_in_the_middle_of_talking_is_missed_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had not read all, so that its machine resets the connection; and the loop of the service says nothing of it to
    who has not read all either."""
    monkeypatch.setattr(connection, "KEEP_ALIVE", 600)

    async def crash() -> None:
        broker = Broker(tmp_path)
        broker.start()
        driver = MqttDriver(SecretStr(broker.url), time.time)
        running = asyncio.create_task(driver.run())
        lamp = Bulb(broker).lamp(availability_topic="")
        async with asyncio.timeout(20):
            await driver._connected.wait()
            await driver.sample(lamp, None)
        client = driver._client
        assert client is not None
        assert broker.process is not None
        topic, payload = lamp.options["state_topic"], b'{"state":"ON"}'
        publish.multiple([(topic, payload, 1, False)] * 50, broker.host, broker.port)  # nothing else happens meanwhile
        broker.process.send_signal(signal.SIGSTOP)
        client._client.socket().send(b"\xc0\x00")  # type: ignore[union-attr]
        broker.kill()
        broker.start()
        async with asyncio.timeout(20):
            while driver._client in (None, client):
                await asyncio.sleep(0.02)
        await end(running)
        broker.stop()

    uvloop.run(crash())


async def lose_the_broker(broker: Broker, driver: MqttDriver) -> None:
    """And nothing that it kept comes back."""
    client = driver._client
    broker.kill()
    broker.start()
    async with asyncio.timeout(20):
        while driver._client in (None, client):
            await asyncio.sleep(0.01)


@pytest.mark.spec("alexa 6.2", "S15")
async def test_S15_what_was_known_over_another_connection_confirms_nothing(tmp_path: Path) -> None:
    """The lamp stood as is asked now, and is not there to be asked: it may have been switched meanwhile."""
    broker = Broker(tmp_path)
    broker.start()
    driver = MqttDriver(SecretStr(broker.url), time.time)
    running = asyncio.create_task(driver.run())
    async with Bulb(broker) as bulb:
        lamp = bulb.lamp()
        await driver.apply(lamp, Brightness(96))
        await lose_the_broker(broker, driver)
    with pytest.raises(EndpointUnreachable):
        await driver.apply(lamp, Brightness(96))
    bulb.state["brightness"] = 18
    async with bulb:
        assert (await driver.apply(lamp, Brightness(96))).state.brightness == 96
        assert bulb.state["brightness"] == 245
    await end(running)
    broker.stop()


@pytest.mark.spec("alexa 6.2")
async def test_a_lamp_that_says_nothing_new_is_believed_to_stand_as_it_did(
    driver: MqttDriver, mosquitto: Broker
) -> None:
    """It keeps no state at the broker, never says that it is there, and answers only to what changes it."""

    def quietly(state: dict[str, Any], command: dict[str, Any]) -> dict[str, Any] | None:
        return state | command if state | command != state else None

    async with Bulb(mosquitto, quietly) as bulb:
        lamp = bulb.lamp(availability_topic="")
        await driver.apply(lamp, Brightness(96))
        async with aiomqtt.Client(mosquitto.host, mosquitto.port) as client:
            await client.publish(f"{bulb.base}/state", None, qos=1, retain=True)
        client_before = driver._client
        assert client_before is not None
        await client_before.__aexit__(None, None, None)  # the connection alone is lost
        async with asyncio.timeout(20):
            while driver._client in (None, client_before):
                await asyncio.sleep(0.01)
        assert (await driver.apply(lamp, Brightness(96))).state.brightness == 96
        assert len(bulb.commands) == 2
        assert (await driver.apply(lamp, Brightness(40))).state.brightness == 40
