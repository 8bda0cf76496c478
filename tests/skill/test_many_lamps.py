"""Ten thousand lamps on one broker, and a flood of messages: directives go on meanwhile, and memory stays bounded."""

import asyncio
import gc
import json
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from pydantic import SecretStr

from skill.canonical import Brightness, Lamp
from skill.drivers import mqtt
from skill.drivers.mqtt import MqttDriver
from skill.news import News
from tests.running.broker import Broker
from tests.running.tasks import end
from tests.skill.plugged import Bulb

pytestmark = pytest.mark.alone

MANY = 10_000


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """One of its own: what is retained here is nobody else's to hear."""
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def lamps(count: int) -> list[Lamp]:
    """Each tells its state and whether it is there."""
    topics = {"command_topic": "set", "state_topic": "state", "availability_topic": "status"}
    return [
        Lamp(f"lamp-{n}", "u1", "Lamp", "mqtt", {option: f"home/{n}/{topic}" for option, topic in topics.items()})
        for n in range(count)
    ]


async def retain(broker: Broker, count: int) -> None:
    async with aiomqtt.Client(broker.host, broker.port) as client:
        for n in range(count):
            await client.publish(f"home/{n}/state", '{"state":"ON","brightness":128}', qos=0, retain=True)
            await client.publish(f"home/{n}/status", "online", qos=0, retain=True)


async def ask(driver: MqttDriver, lamp: Lamp, until: asyncio.Event) -> list[float]:
    """Seconds of each directive, one after another, until the event."""
    took = []
    while not until.is_set():
        started = time.monotonic()
        await driver.apply(lamp, Brightness(len(took) % 100 + 1))
        took.append(time.monotonic() - started)
        await asyncio.sleep(0.01)
    return took


async def heard(driver: MqttDriver, count: int) -> None:
    async with asyncio.timeout(60):
        while sum(each.state.online is True and each.at > 0 for each in driver._heard.values()) < count:
            await asyncio.sleep(0.05)


class Measured(mqtt._Newest):
    longest = 0

    def put_nowait(self, item: aiomqtt.Message) -> None:
        super().put_nowait(item)
        Measured.longest = max(Measured.longest, self.qsize())


@pytest.mark.spec("alexa 6.2", "S25")
async def test_ten_thousand_lamps_are_listened_to_and_a_reconnect_holds_up_no_directive(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "_Newest", Measured)
    await retain(broker, MANY)
    told: list[Any] = []
    news = News()
    news.listen(told.append)
    driver = MqttDriver(SecretStr(broker.url), time.time, news)
    running = asyncio.create_task(driver.run())
    many = lamps(MANY)
    gc.collect()
    tracemalloc.start()
    started = time.monotonic()
    await driver.watch(many)
    await heard(driver, MANY)
    first = time.monotonic() - started
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len({each.endpoint_id for each in told}) == MANY
    told.clear()
    async with Bulb(broker) as bulb:
        lamp = bulb.lamp()
        await driver.watch([*many, lamp])
        await driver.apply(lamp, Brightness(50))
        done = asyncio.Event()
        assert driver._client is not None
        await driver._client.__aexit__(None, None, None)  # the connection alone is lost
        async with asyncio.timeout(20):
            while not driver._connected.is_set() or driver._client is None:
                await asyncio.sleep(0.01)
        started = time.monotonic()
        asking = asyncio.create_task(ask(driver, lamp, done))
        await heard(driver, MANY)
        again = time.monotonic() - started
        done.set()
        took = sorted(await asking)
    await end(running)
    assert {each.endpoint_id for each in told} == {lamp.endpoint_id}, "what was known is not told again"
    print(f"\n{MANY} lamps: heard in {first:.1f} s (traced), {size / MANY:.0f} bytes each; again in {again:.1f} s")
    print(f"{len(took)} directives meanwhile: median {took[len(took) // 2]:.3f} s, slowest {took[-1]:.3f} s")
    assert len(took) > 3, "directives went on while the lamps were subscribed"
    assert took[-1] < 2
    print(f"at most {Measured.longest} messages stood before an echo")
    assert Measured.longest < 200, "whatever the machine: its speed makes seconds of them"
    assert size / MANY < 8192


@pytest.mark.spec("alexa 6.2")
async def test_a_flood_of_messages_neither_grows_without_bound_nor_holds_up_directives(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest go: what comes last is how the lamps stand."""
    most = 500
    monkeypatch.setattr(mqtt, "MOST_WAITING", most)
    driver = MqttDriver(SecretStr(broker.url), time.time)
    running = asyncio.create_task(driver.run())
    flooding, sent = lamps(1)[0], 20_000
    async with Bulb(broker) as bulb:
        lamp = bulb.lamp()
        await driver.watch([flooding, lamp])
        await driver.apply(lamp, Brightness(50))
        done, longest = asyncio.Event(), 0

        async def watch_queue() -> None:
            nonlocal longest
            while True:
                assert driver._client is not None
                longest = max(longest, len(driver._client.messages))
                await asyncio.sleep(0)

        async def flood() -> None:
            async with aiomqtt.Client(broker.host, broker.port) as client:
                for n in range(sent):
                    payload = json.dumps({"state": "ON", "brightness": n % 255 + 1, "x": "y" * 200})
                    await client.publish("home/0/state", payload, qos=0)
                    if n % 50 == 0:
                        await asyncio.sleep(0)
                await client.publish("home/0/state", '{"state":"ON","brightness":51}', qos=1)

        watching = asyncio.create_task(watch_queue())
        asking = asyncio.create_task(ask(driver, lamp, done))
        started = time.monotonic()
        await flood()
        async with asyncio.timeout(60):
            while driver._heard[flooding.endpoint_id].state.last_brightness != 20:
                await asyncio.sleep(0.02)
        flooded = time.monotonic() - started
        done.set()
        took = sorted(await asking)
        await end(watching)
    await end(running)
    print(
        f"\n{sent} messages in {flooded:.1f} s: at most {longest} waited, {len(took)} directives meanwhile, slowest"
        f" {took[-1] * 1000:.0f} ms"
    )
    assert longest <= most
    assert took[-1] < 2


async def test_a_full_queue_drops_its_oldest() -> None:
    queue = mqtt._Newest(maxsize=2)
    messages: list[Any] = ["first", "second", "third"]
    for message in messages:
        queue.put_nowait(message)
    assert [queue.get_nowait(), queue.get_nowait()] == messages[1:]
