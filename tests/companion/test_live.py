"""What a page hears: its person's lamps, at once, and nobody else's."""

import asyncio
import html
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomqtt
import orjson
import pytest

from skill.companion.choosing import PAGE
from skill.storage.registry import open_registry
from tests.running.broker import Broker
from tests.running.companion import Companion, Visitor
from tests.running.linking import Person

JSON = {"accept": "application/json"}


class Heard:
    """The events of one stream as they come."""

    def __init__(self) -> None:
        self.events: list[dict[str, dict[str, object] | None]] = []
        self.more = asyncio.Event()
        self.changed = asyncio.Event()
        self.ended = False

    async def read(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            if line == "event: changed":
                self.changed.set()
            if line.startswith("data: "):
                self.events.append(orjson.loads(line[6:]))
                self.more.set()
        self.ended = True
        self.more.set()

    async def until(self, lamp: str, within: float = 5.0, **wanted: object) -> None:
        """Until it was told that the lamp stands so."""
        async with asyncio.timeout(within):
            while not any(
                (state := event.get(lamp)) is not None
                and all(state.get(name) == value for name, value in wanted.items())
                for event in self.events
            ):
                self.more.clear()
                await self.more.wait()


@asynccontextmanager
async def listening(visitor: Visitor, path: str = "/live") -> AsyncIterator[Heard]:
    heard = Heard()
    async with visitor.client.stream("GET", f"{visitor.url}{path}", timeout=60) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        reading = asyncio.create_task(heard.read(answer.aiter_lines()))
        async with asyncio.timeout(5):
            await heard.more.wait()
        try:
            yield heard
        finally:
            reading.cancel()
            await asyncio.wait([reading])


def live_of(visitor: Visitor) -> str:
    """Where the page that was read last hears of its lamps."""
    found = re.search('data-live="([^"]+)"', visitor.page)
    assert found
    return html.unescape(found[1])


async def test_a_command_is_heard_by_the_other_pages_of_its_person_and_by_no_others(
    companion: Companion, anna: Person, ben: Person
) -> None:
    lamp, bens = await companion.lamp(anna.sub, "Heard lamp"), await companion.lamp(ben.sub, "Bens lamp")
    async with Visitor(companion.url) as one, Visitor(companion.url) as two, Visitor(companion.url) as other:
        await one.sign_in(anna)
        await two.sign_in(anna)
        await other.sign_in(ben)
        async with listening(two) as heard, listening(other) as elsewhere:
            await one.post(f"/lamps/{lamp}", JSON, do="brightness", brightness="33")
            await heard.until(lamp, 1.0, on=True, brightness=33)
            await asyncio.sleep(2.5)  # past the slow look
            assert bens in elsewhere.events[0]
            assert all(set(event) <= set(elsewhere.events[0]) and lamp not in event for event in elsewhere.events)


async def test_a_page_hears_of_what_it_shows_whatever_a_lamp_is_set_up_as(companion: Companion) -> None:
    """A lamp that is told of and not shown, or shown and not told of, would have the page loaded again for ever."""
    person = companion.person()
    plain = await companion.lamp(person.sub, "Plain lamp")
    topics = {"command_topic": "broken/set", "state_topic": "broken/state"}
    setups: list[tuple[str, dict[str, object]]] = [
        ("simulated", {"capabilities": ["heat"]}),
        ("mqtt", topics | {"capabilities": ["temperature"], "kelvin_range": [9000, 1]}),
        ("mqtt", {"command_topic": "bro/#/ken"}),
        ("heliograph", {}),
    ]
    broken = [await companion.lamp(person.sub, f"Broken {number}", driver="heliograph") for number in range(4)]
    async with open_registry(companion.skill.settings["SKILL_DATABASE_URL"]) as registry:
        for lamp, (driver, options) in zip(broken, setups, strict=True):
            row = await registry.lamp(lamp)
            assert row is not None
            row.driver, row.options = driver, options
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(person)
        shown = set(re.findall('data-lamp="([^"]+)"', visitor.page))
        assert shown == {plain, *broken}
        async with listening(visitor, live_of(visitor)) as heard:
            assert set(heard.events[0]) == shown
        for lamp in broken:
            assert (await visitor.get(f"/lamps/{lamp}")).status_code == 200
            async with listening(visitor, live_of(visitor)) as heard:
                assert set(heard.events[0]) == {lamp}
            assert (await visitor.post(f"/lamps/{lamp}", JSON, do="on")).status_code >= 400
        await visitor.act(f"/lamps/{lamp}/name", name="Set up anew", room="")


async def test_what_another_replica_does_to_a_simulated_lamp_is_seen_soon(companion: Companion, anna: Person) -> None:
    lamp = await companion.lamp(anna.sub, "Replicas lamp")
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        async with listening(visitor) as heard:
            await companion.unplug(lamp)
            await heard.until(lamp, 5.0, online=False)


async def test_a_lamp_that_changes_hands_leaves_the_stream(companion: Companion, anna: Person, ben: Person) -> None:
    lamp = await companion.lamp(anna.sub, "Leaving lamp")
    async with Visitor(companion.url) as visitor, Visitor(companion.url) as other:
        await visitor.sign_in(anna)
        await other.sign_in(ben)
        async with listening(visitor) as heard:
            assert lamp in heard.events[0]
            page = await visitor.act(f"/lamps/{lamp}/unclaim")
            code = page.split("<code>")[1].split("</code>")[0]
            await other.act("/claim", code=code)
            await other.post(f"/lamps/{lamp}", JSON, do="on")
            await asyncio.sleep(2.5)
            told = [event[lamp] for event in heard.events[1:] if lamp in event]
            assert told == [None]


@pytest.mark.parametrize("how", ["added", "moved", "added to another page"])
async def test_a_page_of_some_lamps_hears_that_it_is_another_by_now(companion: Companion, how: str) -> None:
    person, by_pages = companion.person(), how == "added to another page"
    async with open_registry(companion.skill.settings["SKILL_DATABASE_URL"]) as registry:
        for number in range(PAGE + 1 if by_pages else 3):
            row = await registry.add(person.sub, f"Lamp {number}", "simulated", {})
            row.room = "Attic" if number else None
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(person)
        await visitor.get("/" if by_pages else "/?find=attic")
        async with listening(visitor, live_of(visitor)) as heard:
            async with open_registry(companion.skill.settings["SKILL_DATABASE_URL"]) as registry:
                if how == "moved":
                    await registry.move(row.endpoint_id, None, person.sub)
                else:
                    await registry.add(person.sub, "Attic lamp", "simulated", {})
            async with asyncio.timeout(20):
                await heard.changed.wait()


async def test_a_stream_ends_with_its_session(companion: Companion, anna: Person) -> None:
    async with Visitor(companion.url) as visitor:
        await companion.lamp(anna.sub, "Any lamp")
        await visitor.sign_in(anna)
        async with listening(visitor) as heard:
            began = time.monotonic()
            await visitor.post("/sign-out")
            async with asyncio.timeout(3):
                while not heard.ended:
                    await asyncio.sleep(0.02)
            assert time.monotonic() - began < 2


async def test_a_page_hears_that_there_are_no_lamps(companion: Companion) -> None:
    """It may show some that went while it did not listen."""
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(companion.person())
        async with listening(visitor) as heard:
            assert heard.events == [{}]


async def test_nobody_listens_without_a_session(companion: Companion) -> None:
    async with Visitor(companion.url) as visitor:
        answer = await visitor.client.get(f"{companion.url}/live", headers={"accept": "text/event-stream"})
        assert answer.status_code == 401
        # a stream does not tell a script why it was refused; this does, and opens none
        assert (await visitor.get("/live", accept="application/json")).status_code == 401
        await visitor.sign_in(companion.person())
        assert (await visitor.get("/live", accept="application/json")).status_code == 204


async def test_streams_of_one_person_are_bounded(companion: Companion) -> None:
    person = companion.person()
    await companion.lamp(person.sub, "Crowded lamp")
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(person)
        streams = [visitor.client.stream("GET", f"{companion.url}/live", timeout=60) for _ in range(12)]
        try:
            for stream in streams:
                assert (await stream.__aenter__()).status_code == 200
            await asyncio.sleep(0.2)
            assert (await visitor.client.get(f"{companion.url}/live")).status_code == 204
        finally:
            for stream in streams:
                await stream.__aexit__(None, None, None)


@pytest.mark.alone
class TestTheClock:
    async def test_a_lamp_behind_the_broker_is_heard_of_at_once(
        self, companion: Companion, anna: Person, mosquitto: Broker
    ) -> None:
        lamp = await companion.lamp(anna.sub, "MQTT lamp", "mqtt", command_topic="live/set", state_topic="live/state")
        await asyncio.sleep(1.5)  # the lamp is new: it is listened to within a second
        async with Visitor(companion.url) as visitor, aiomqtt.Client(mosquitto.host, mosquitto.port) as broker:
            await visitor.sign_in(anna)
            async with listening(visitor) as heard:
                took = []
                for at in range(1, 8):
                    heard.events.clear()
                    began = time.monotonic()
                    state = {"state": "ON" if at % 2 else "OFF", "brightness": 128}
                    await broker.publish("live/state", orjson.dumps(state), qos=1)
                    await heard.until(lamp, 5.0, on=bool(at % 2))
                    took.append(time.monotonic() - began)
                assert sorted(took)[len(took) // 2] < 0.3, took


async def test_a_stream_does_not_hold_up_the_servers_end(companion: Companion, anna: Person) -> None:
    await companion.lamp(anna.sub, "Last lamp")
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        async with listening(visitor) as heard:
            began = time.monotonic()
            await asyncio.to_thread(companion.skill.stop)
            assert time.monotonic() - began < 4
            assert heard.ended
    await asyncio.to_thread(companion.skill.start)
