"""What counts as a lamp's answer to a command, and what is only an old word of it."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from skill.canonical import Brightness, Lamp
from skill.drivers import echo, mqtt
from skill.drivers.heard import Heard
from skill.drivers.mqtt import MqttDriver
from skill.drivers.wiring import Wiring
from skill.errors import EndpointUnreachable
from tests.running.broker import Broker
from tests.running.tasks import end
from tests.skill.plugged import Bulb

LONG = 60.0  # seconds, which no test waits for


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is waited for would be noticed."""
    for module, name in ((echo, "CONFIRMATION"), (echo, "BESIDE"), (echo, "SETTLING"), (mqtt, "WHOLE")):
        monkeypatch.setattr(module, name, LONG)


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not what():
            await asyncio.sleep(0.01)


async def standing_at(bulb: Bulb, driver: MqttDriver, level: int) -> Lamp:
    """A lamp of a hundred steps that has said so itself."""
    lamp = bulb.lamp()
    lamp = lamp._replace(options={**lamp.options, "brightness_scale": 100})
    await driver.sample(lamp, None)
    await bulb.say("state", json.dumps({"state": "ON", "brightness": level}))
    await until(lambda: driver._heard[lamp.endpoint_id].state.brightness == level)
    return lamp


@pytest.mark.spec("alexa 6.2")
@pytest.mark.parametrize("then", ["obeys", "goes"])
async def test_an_old_word_one_step_beside_what_is_asked_is_no_echo(
    driver: MqttDriver, mosquitto: Broker, patient: None, then: str
) -> None:
    async with Bulb(mosquitto, lambda *_: None) as bulb:
        lamp = await standing_at(bulb, driver, 70)
        heard = driver._heard[lamp.endpoint_id]
        messages = heard.messages
        asked = asyncio.create_task(driver.apply(lamp, Brightness(71)))
        await until(lambda: bulb.commands)
        await bulb.say("state", json.dumps({"state": "ON", "brightness": 70}))
        await until(lambda: heard.messages > messages)
        assert not asked.done()
        if then == "obeys":
            await bulb.say("state", json.dumps({"state": "ON", "brightness": 71}))
            assert (await asked).state.brightness == 71
        else:
            await bulb.say("status", "offline")
            with pytest.raises(EndpointUnreachable):
                await asked


@pytest.mark.spec("alexa 6.2")
@pytest.mark.parametrize(("asked", "answers"), [(75, 74), (75, 75), (71, 71)], ids=["beside", "exactly", "a step on"])
async def test_an_answer_that_is_none_of_before_is_taken_at_once(
    driver: MqttDriver, mosquitto: Broker, patient: None, asked: int, answers: int
) -> None:
    async with Bulb(mosquitto, lambda state, command: state | command | {"brightness": answers}) as bulb:
        lamp = await standing_at(bulb, driver, 70)
        async with asyncio.timeout(20):
            assert (await driver.apply(lamp, Brightness(asked))).state.brightness == asked


@pytest.mark.spec("alexa 6.2")
async def test_a_lamp_of_coarse_steps_that_stays_where_it_is_has_obeyed(
    driver: MqttDriver, mosquitto: Broker, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can answer nothing nearer; and what it answers to the same words needs no second thought."""
    async with Bulb(mosquitto, lambda state, command: state | command | {"brightness": 70}) as bulb:
        lamp = await standing_at(bulb, driver, 70)
        monkeypatch.setattr(echo, "BESIDE", 0.05)
        async with asyncio.timeout(20):
            assert (await driver.apply(lamp, Brightness(71))).state.brightness == 71
        monkeypatch.setattr(echo, "BESIDE", LONG)
        async with asyncio.timeout(20):
            assert (await driver.apply(lamp, Brightness(71))).state.brightness == 71
            assert (await driver.apply(lamp, Brightness(70))).state.brightness == 70
    async with Bulb(mosquitto) as bulb:
        lamp = bulb.lamp()
        lamp = lamp._replace(options={**lamp.options, "brightness_scale": 10})
        async with asyncio.timeout(20):
            for percent in (70, 71, 72):
                assert (await driver.apply(lamp, Brightness(percent))).state.brightness == percent


@pytest.mark.spec("alexa 6.2", "S15")
async def test_S15_what_a_broker_kept_over_its_own_crash_confirms_nothing(tmp_path: Path) -> None:
    """It kept an older state, which is what is asked now; the lamp is not there."""
    broker = Broker(tmp_path, keeps=True)
    broker.start()
    driver = MqttDriver(SecretStr(broker.url), time.time)
    running = asyncio.create_task(driver.run())
    async with Bulb(broker) as bulb:
        lamp = bulb.lamp()
        await until(lambda: driver._client)
        assert (await driver.apply(lamp, Brightness(18))).state.brightness == 18
        broker.save()
        assert (await driver.apply(lamp, Brightness(96))).state.brightness == 96
        before = driver._client
        broker.kill()
        broker.start()
        await until(lambda: driver._client not in (None, before))
    heard = driver._heard[lamp.endpoint_id]
    await until(lambda: heard.state.last_brightness == 18 and heard.state.online)  # as it kept
    with pytest.raises(EndpointUnreachable):
        await driver.apply(lamp, Brightness(18))
    async with bulb:
        assert (await driver.apply(lamp, Brightness(18))).state.brightness == 18
        assert bulb.state["brightness"] == 46
    await end(running)
    broker.stop()


@pytest.mark.spec("alexa 6.2")
def test_what_the_broker_had_kept_is_a_state_and_no_echo() -> None:
    options = {"command_topic": "a/set", "state_topic": "a/state"}
    heard = Heard("lamp-1", options, Wiring.of(options))
    on, off = b'{"state":"ON"}', b'{"state":"OFF"}'
    for _ in range(2):
        heard.take("a/state", on, 1.0, retained=True)
        assert (heard.state.power, heard.messages, heard.said) == (True, 0, False)
    heard.take("a/state", off, 2.0)
    heard.take("a/state", off, 3.0, retained=True)  # subscribed once more
    assert (heard.state.power, heard.messages, heard.said, heard.at) == (False, 1, True, 2.0)
    heard.take("a/state", on, 4.0, retained=True)  # a broker that marks all that is to be kept
    assert (heard.state.power, heard.messages, heard.said) == (True, 2, True)


@pytest.mark.spec("alexa 6.2", "S09")
async def test_S09_the_first_question_waits_for_what_the_broker_kept_though_the_lamp_is_listened_to(
    driver: MqttDriver, mosquitto: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else "a bit darker" begins at nothing, and switches off."""
    monkeypatch.setattr(mqtt, "RETAINED", LONG)
    bulb = Bulb(mosquitto)
    lamp = bulb.lamp(availability_topic="")
    await driver.watch([lamp])
    await until(lambda: driver._client and driver._heard[lamp.endpoint_id].over is driver._client)
    question = asyncio.create_task(driver.sample(lamp, None))
    await asyncio.sleep(0.05)
    driver._take(f"{bulb.base}/state", b'{"state":"ON","brightness":128}', True)
    assert (await question).state.brightness == 50
