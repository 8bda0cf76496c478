"""ChangeReport: what Alexa did not cause, once."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt
import pytest

from tests.running.broker import Broker
from tests.running.tasks import end
from tests.skill.events.conftest import User, until
from tests.skill.talking import values


class Bulb:
    """A lamp at the broker, which its owner registers and which obeys."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.base = f"home/{uuid.uuid4().hex}"
        self.state: dict[str, Any] = {"state": "OFF", "brightness": 255, "color_mode": "brightness"}
        self._client: aiomqtt.Client | None = None

    @property
    def options(self) -> dict[str, Any]:
        topics = {"command_topic": "set", "state_topic": "state", "availability_topic": "status"}
        return {name: f"{self.base}/{topic}" for name, topic in topics.items()}

    async def __aenter__(self) -> "Bulb":
        self._client = await aiomqtt.Client(self.broker.host, self.broker.port).__aenter__()
        await self._client.subscribe(f"{self.base}/set", qos=1)
        await self.say()
        await self.status("online")
        self._task = asyncio.create_task(self._obey())
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self._task)
        assert self._client is not None
        await self._client.__aexit__(None, None, None)

    async def _obey(self) -> None:
        assert self._client is not None
        async for message in self._client.messages:
            assert isinstance(message.payload, bytes)
            await self.say(**json.loads(message.payload))

    async def say(self, **state: Any) -> None:
        """As if by its own switch."""
        self.state |= state
        await self._publish("state", json.dumps(self.state))

    async def status(self, word: str) -> None:
        await self._publish("status", word)

    async def _publish(self, topic: str, payload: str) -> None:
        assert self._client is not None
        await self._client.publish(f"{self.base}/{topic}", payload, qos=1, retain=True)


class Mark:
    """Another lamp of a user, by which to know what has happened until now: whatever was heard before its change is
    judged with it or earlier, and sent by the time that nothing waits."""

    def __init__(self, user: User, bulb: Bulb, lamp: str) -> None:
        self._user, self._bulb, self.lamp = user, bulb, lamp

    async def all_judged(self) -> None:
        said = len(self._user.told(self.lamp))
        await self._bulb.say(state="OFF" if self._bulb.state["state"] == "ON" else "ON")
        await until(lambda: len(self._user.told(self.lamp)) > said)
        await self._user.nothing_waits()


async def registered(user: User, bulb: Bulb, name: str = "Bulb") -> str:
    """And known to Alexa as it stands."""
    lamp = await user.lamp(name, "mqtt", **bulb.options)
    await until(lambda: user.known(lamp))
    return lamp


@pytest.fixture
async def bulb(mosquitto: Broker) -> AsyncIterator[Bulb]:
    async with Bulb(mosquitto) as bulb:
        yield bulb


@pytest.fixture
async def mark(linked: User, mosquitto: Broker) -> AsyncIterator[Mark]:
    async with Bulb(mosquitto) as bulb:
        yield Mark(linked, bulb, await linked.lamp("Mark", "mqtt", **bulb.options))


@pytest.fixture
async def lamp(linked: User, mark: Mark, bulb: Bulb) -> str:
    """The bulb, registered, and known to Alexa as off; and the mark."""
    lamp = await registered(linked, bulb)
    await until(lambda: linked.told(lamp, "AddOrUpdateReport"))
    assert values(await linked.send("Alexa", "ReportState", lamp))["powerState"] == "OFF"
    await until(lambda: linked.known(mark.lamp))
    assert linked.told(lamp) == linked.told(mark.lamp) == []
    return lamp


@pytest.mark.spec("S22", "alexa 2.5")
async def test_S22_a_lamp_that_is_switched_by_hand_is_reported(linked: User, bulb: Bulb, lamp: str) -> None:
    await bulb.say(state="ON", brightness=128)
    (report,) = await until(lambda: linked.told(lamp))
    assert report.cause == "PHYSICAL_INTERACTION"
    assert report.changed == {"powerState": "ON", "brightness": 50}
    assert report.unchanged == {"connectivity": {"value": "OK"}}
    await bulb.say(brightness=64)
    report = (await until(lambda: linked.told(lamp)[1:]))[0]
    assert report.changed == {"brightness": 25}
    assert report.unchanged == {"powerState": "ON", "connectivity": {"value": "OK"}}


@pytest.mark.spec("S22", "S25")
async def test_S22_what_Alexa_asked_for_is_not_reported_and_its_undoing_is(
    linked: User, bulb: Bulb, lamp: str, mark: Mark
) -> None:
    for name, payload in (("TurnOn", {}), ("TurnOff", {}), ("TurnOn", {})):
        await linked.send("Alexa.PowerController", name, lamp, **payload)
    await linked.send("Alexa.BrightnessController", "SetBrightness", lamp, brightness=41)
    await mark.all_judged()
    assert linked.told(lamp) == []
    await bulb.say(state="OFF")
    (report,) = await until(lambda: linked.told(lamp))
    assert report.changed == {"powerState": "OFF", "brightness": 0}


@pytest.mark.spec("S22", "S14")
async def test_S22_a_lamp_that_goes_away_and_comes_back_is_reported(linked: User, bulb: Bulb, lamp: str) -> None:
    await bulb.status("offline")
    (report,) = await until(lambda: linked.told(lamp))
    assert report.changed == {"connectivity": {"value": "UNREACHABLE"}}
    await bulb.status("online")
    report = (await until(lambda: linked.told(lamp)[1:]))[0]
    assert report.changed == {"connectivity": {"value": "OK"}}


@pytest.mark.spec("S25", "alexa 6.3")
async def test_S25_repeated_and_retained_messages_and_what_is_within_a_step_are_no_change(
    linked: User, bulb: Bulb, lamp: str, mark: Mark
) -> None:
    await bulb.say(state="ON", brightness=128)
    await until(lambda: linked.told(lamp))
    for brightness in (128, 128, 127, 129, 128):
        await bulb.say(brightness=brightness)
        await bulb.status("online")
    await mark.all_judged()
    assert len(linked.told(lamp)) == 1


@pytest.mark.spec("S25", "S22")
async def test_S25_a_fade_is_one_report_of_its_end(linked: User, bulb: Bulb, lamp: str, mark: Mark) -> None:
    """That goes on for longer than a lamp must rest."""
    for brightness in range(5, 255, 10):
        await bulb.say(state="ON", brightness=brightness)
        await asyncio.sleep(0.03)
    await bulb.say(brightness=204)
    (report,) = await until(lambda: linked.told(lamp))
    assert report.changed == {"powerState": "ON", "brightness": 80}
    await mark.all_judged()
    assert len(linked.told(lamp)) == 1


@pytest.mark.spec("S25")
async def test_S25_a_lamp_that_is_back_before_anybody_looked_did_not_change(
    linked: User, bulb: Bulb, lamp: str, mark: Mark
) -> None:
    await bulb.say(state="ON")
    await bulb.say(state="OFF")
    await mark.all_judged()
    assert linked.told(lamp) == []


@pytest.mark.spec("S22")
async def test_S22_a_user_without_a_grant_is_told_nothing(
    another_user: User, bulb: Bulb, linked: User, mark: Mark
) -> None:
    lamp = await another_user.lamp("Bulb", "mqtt", **bulb.options)
    await until(lambda: linked.known(mark.lamp))
    assert values(await another_user.send("Alexa", "ReportState", lamp))["powerState"] == "OFF"
    await bulb.say(state="ON")
    await mark.all_judged()
    assert [each for each in linked.at_amazon.received if lamp in each.about] == []
    assert await another_user.waiting() == []
    assert await another_user.known(lamp) is None


@pytest.mark.spec("S22", "S25")
async def test_S25_a_change_while_skill_was_down_is_reported_and_an_unchanged_lamp_is_not(
    linked: User, bulb: Bulb, lamp: str, mosquitto: Broker, mark: Mark
) -> None:
    async with Bulb(mosquitto) as unchanged:
        other = await registered(linked, unchanged, "Other")
        for each, of in ((bulb, lamp), (unchanged, other)):
            await each.say(state="ON", brightness=128)
            await until(lambda of=of: linked.told(of))  # type: ignore[misc]
        await linked.nothing_waits()  # what was just taken is noted: nobody else has its turn
        linked.skill.kill()
        await bulb.say(brightness=255)
        linked.skill.start()
        report = (await until(lambda: linked.told(lamp)[1:]))[0]
        assert report.changed == {"brightness": 100}
        await mark.all_judged()
        assert len(linked.told(other)) == 1
        assert len(linked.told(lamp)) == 2
