"""What lamps behind the broker do by themselves, told as it happens: once, with its cause, on every replica."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from skill.canonical import Brightness, Color, Lamp, Power
from skill.drivers.mqtt import MqttDriver
from skill.errors import BridgeUnreachable, EndpointUnreachable
from skill.news import Cause, Happening, News
from tests.running.broker import Broker
from tests.running.tasks import end
from tests.skill.firmware import Firmware, JsonLight
from tests.skill.plugged import Bulb, Plugged, every_firmware


class Replica:
    """A driver with all that it tells."""

    def __init__(self, broker: Broker) -> None:
        news = News()
        self.told: list[Happening] = []
        news.listen(self.told.append)
        self.driver = MqttDriver(SecretStr(broker.url), time.time, news)
        self.running = asyncio.create_task(self.driver.run())

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.told) < count:
                await asyncio.sleep(0.01)

    async def knows(self, lamp: Lamp) -> None:
        """Listening, and over with what the broker kept."""
        await self.driver.watch([lamp])
        await self.driver.sample(lamp, None)
        await asyncio.sleep(0.1)
        self.told.clear()

    def levels(self) -> list[int | None]:
        return [each.after.brightness for each in self.told]


@pytest.fixture
async def replicas(mosquitto: Broker) -> AsyncIterator[list[Replica]]:
    made = [Replica(mosquitto), Replica(mosquitto)]
    yield made
    for each in made:
        await end(each.running)


async def quiet() -> None:
    """Long enough for a message that should not lead to anything."""
    await asyncio.sleep(0.2)


def chained(told: list[Happening]) -> bool:
    """Each begins where the one before it ended."""
    return all(later.before == earlier.after for earlier, later in itertools.pairwise(told))


@pytest.mark.spec("alexa 6.2", "S25")
async def test_S25_a_lamp_that_fades_by_itself_is_told_on_every_replica_and_repetitions_are_not(
    replicas: list[Replica], mosquitto: Broker
) -> None:
    async with Bulb(mosquitto) as bulb:
        lamp = bulb.lamp()
        for replica in replicas:
            await replica.knows(lamp)
        for level in (51, 102, 153):
            for _ in range(3):  # as amqtt sends retained ones, and QoS 1 any
                await bulb.say("state", json.dumps({"state": "ON", "brightness": level}))
        await asyncio.gather(*(replica.until(3) for replica in replicas))
        await quiet()
        for replica in replicas:
            assert replica.levels() == [20, 40, 60]
            assert {each.cause for each in replica.told} == {Cause.lamp}
            assert replica.told[0].before is not None
            assert chained(replica.told)
            assert abs(replica.told[0].at - time.time()) < 10
        assert bulb.commands == [], "nobody answers news with a command"


@pytest.mark.spec("alexa 6.2", "S25")
async def test_S25_what_is_known_already_is_not_told_again_by_retained_copies_or_after_an_outage(
    replicas: list[Replica], mosquitto: Broker
) -> None:
    replica = replicas[0]
    async with Bulb(mosquitto) as bulb:
        lamp = bulb.lamp()
        await replica.knows(lamp)
        await lose(replica)
        assert replica.driver._heard[lamp.endpoint_id].state.online is None
        async with asyncio.timeout(20):
            while (await sampled(replica, lamp)) is not True:
                await asyncio.sleep(0.05)
        await quiet()
        assert replica.told == []
        await bulb.say("state", json.dumps({"state": "ON", "brightness": 204}))
        await replica.until(1)
        assert replica.levels() == [80]


async def lose(replica: Replica) -> None:
    """The connection alone, with nothing wrong at either end."""
    assert replica.driver._client is not None
    await replica.driver._client.__aexit__(None, None, None)
    async with asyncio.timeout(20):
        while replica.driver._client is not None:
            await asyncio.sleep(0.005)


async def sampled(replica: Replica, lamp: Lamp) -> bool | None:
    try:
        return (await replica.driver.sample(lamp, None)).state.online
    except BridgeUnreachable:
        return None


@pytest.mark.spec("alexa 6.2", "S25")
async def test_S25_a_lamp_that_is_away_is_told_even_where_it_never_told_a_state(
    replicas: list[Replica], mosquitto: Broker
) -> None:
    class Mute(JsonLight):
        def birth(self) -> list[Any]:
            return super().birth()[1:]  # that it is there, and nothing of its state

    replica = replicas[0]
    async with Plugged(mosquitto, Mute()) as plugged:
        await replica.driver.watch([plugged.lamp])
        await replica.until(1)
        for payload in ("online", "online", "offline", "offline", "offline", "online"):
            await plugged.say(plugged.firmware.status, payload)  # type: ignore[attr-defined]
        await replica.until(3)
        await quiet()
        assert [each.after.online for each in replica.told] == [True, False, True]
        assert chained(replica.told)


@pytest.mark.spec("alexa 2.5", "S25")
@pytest.mark.parametrize("cause", list(Cause))
async def test_S25_a_lamp_that_fades_to_what_was_asked_is_told_once_and_with_who_asked(
    replicas: list[Replica], mosquitto: Broker, cause: Cause
) -> None:
    one, other = replicas
    async with Bulb(mosquitto, lambda *_: None) as bulb:
        lamp = bulb.lamp()
        for replica in replicas:
            await replica.knows(lamp)
        asked = asyncio.create_task(one.driver.apply(lamp, Brightness(60), cause=cause))
        async with asyncio.timeout(20):
            while not bulb.commands:
                await asyncio.sleep(0.01)
        for level in (26, 51, 102):
            await bulb.say("state", json.dumps({"state": "ON", "brightness": level}))
        await quiet()
        assert one.told == [], "not while it is being obeyed"
        await bulb.say("state", json.dumps({"state": "ON", "brightness": 153}))
        assert (await asked).state.brightness == 60
        await quiet()
        assert [(each.after.brightness, each.cause) for each in one.told] == [(60, cause)]
        assert other.levels() == [10, 20, 40, 60], "whoever was not asked hears what the lamp does"
        assert {each.cause for each in other.told} == {Cause.lamp}
        await bulb.say("state", json.dumps({"state": "ON", "brightness": 77}))
        await one.until(2)
        assert [(each.after.brightness, each.cause) for each in one.told[1:]] == [(30, Cause.lamp)]
        assert len(bulb.commands) == 1


@pytest.mark.spec("alexa 2.5", "S25")
async def test_S25_a_lamp_that_stops_half_way_is_told_as_its_own_doing(
    replicas: list[Replica], mosquitto: Broker
) -> None:
    """Alexa heard of an error: what the lamp did is news to her."""
    replica = replicas[0]
    async with Bulb(mosquitto, lambda state, _: state | {"state": "ON", "brightness": 26}) as bulb:
        lamp = bulb.lamp()
        await replica.knows(lamp)
        with pytest.raises(EndpointUnreachable):
            await replica.driver.apply(lamp, Brightness(60))
        assert [(each.after.brightness, each.cause) for each in replica.told] == [(10, Cause.lamp)]


@pytest.mark.spec("alexa 6.2", "S25")
@every_firmware
async def test_S25_a_lamp_of_every_dialect_tells_each_change_once(
    replicas: list[Replica], mosquitto: Broker, firmware: type[Firmware]
) -> None:
    """On the replica that was asked with who asked it, and the other hears the lamp; neither commands it again."""
    one, other = replicas
    async with Plugged(mosquitto, firmware()) as plugged:
        lamp = plugged.lamp
        for replica in replicas:
            await replica.driver.watch([lamp])
            await replica.driver.apply(lamp, Brightness(50))
        await quiet()
        plugged.commands.clear()
        for replica in replicas:
            replica.told.clear()
        for change in (Brightness(40), Color(120.0, 1.0, 1.0), Power(on=False)):
            await one.driver.apply(lamp, change)
        await quiet()
        assert [each.cause for each in one.told] == [Cause.alexa] * 3
        assert chained(one.told)
        assert {each.cause for each in other.told} == {Cause.lamp}
        ends = [
            each.told[-1].after._replace(value=1.0, kelvin=0) for each in replicas
        ]  # no white while it shows a colour
        assert ends[0] == ends[1]
        assert len(plugged.commands) == 3


@pytest.mark.spec("alexa 6.2")
async def test_lamps_are_watched_and_no_more_without_a_restart_and_over_outages(
    replicas: list[Replica], mosquitto: Broker
) -> None:
    replica = replicas[0]

    async def say(bulb: Bulb, level: int) -> None:
        await bulb.say("state", json.dumps({"state": "ON", "brightness": level}))

    async def hears(lamp: Lamp, percent: int) -> None:
        async with asyncio.timeout(20):
            while (lamp.endpoint_id, percent) not in {(t.endpoint_id, t.after.brightness) for t in replica.told}:
                await asyncio.sleep(0.01)

    async with Bulb(mosquitto) as first, Bulb(mosquitto) as second:
        one, two = first.lamp(), second.lamp()
        await replica.driver.watch([one])
        await say(first, 51)
        await hears(one, 20)
        await replica.driver.watch([one, two])
        await say(second, 102)
        await hears(two, 40)
        await replica.driver.watch([two])
        replica.told.clear()
        await say(first, 26)
        await say(second, 128)
        await hears(two, 50)
        await quiet()
        assert {each.endpoint_id for each in replica.told} == {two.endpoint_id}, "nobody listens to the first"
        await lose(replica)
        await replica.driver.watch([one, two])
        await say(first, 204)
        await say(second, 230)
        await hears(one, 80)
        await hears(two, 90)
