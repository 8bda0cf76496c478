"""What the service keeps of pages that listen."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from skill.canonical import Lamp, LampState, Sample
from skill.companion.sessions import Sessions
from skill.companion.stream import Live
from skill.lamps import Lamps
from skill.news import Cause, Happening, News
from skill.storage.cold import Cold
from skill.storage.registry import open_registry
from skill.storage.store import Store, open_store
from tests.running.tasks import end


class Slow:
    """A driver whose lamps can be waited for."""

    def __init__(self) -> None:
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()

    async def sample(self, lamp: Lamp, stored: LampState | None) -> Sample:
        self.asked.set()
        await self.go_on.wait()
        if lamp.name == "Broken lamp":
            raise RuntimeError
        return Sample(LampState(power=True, last_brightness=100), 1.0, 0)

    async def apply(self, *_: Any) -> Sample:
        raise NotImplementedError


@dataclass
class Parts:
    """Of a service, those that streams use."""

    lamps: Lamps
    store: Store
    news: News


@pytest.fixture
def url(database_kind: str, migrated_database) -> str:  # type: ignore[no-untyped-def]
    return str(migrated_database("skill", database_kind))


async def test_a_page_that_goes_while_lamps_are_looked_at_is_forgotten(url: str) -> None:
    async with open_registry(url) as registry:
        await registry.add("anna", "Slow lamp", "slow", {})
    store, driver, cold = await open_store(url), Slow(), Cold(url)
    sessions = Sessions(cold, [secrets.token_bytes(32)], lambda: 1_900_000_000.0)
    live = Live(Parts(Lamps(store, {"slow": driver}), store, News()), sessions)  # type: ignore[arg-type]
    try:
        session = await sessions.begin("anna", "Anna", None, "id-token", None)
        page, other = live.events(session), live.events(session)
        for each in (page, other):
            assert await anext(each) == b"retry: 1000\n\n"
            assert b"Slow lamp" in await anext(each)
        driver.go_on.clear()
        driver.asked.clear()
        look = asyncio.create_task(live.look())
        await driver.asked.wait()
        await page.aclose()
        driver.go_on.set()
        await look
        assert [len(streams) for streams in live._showing.values()] == [1]
        await other.aclose()
        assert live._showing == {}
        assert live._streams == set()
    finally:
        await store.close()
        await cold.close()


async def test_a_slow_look_does_not_take_back_what_was_told_meanwhile(url: str) -> None:
    async with open_registry(url) as registry:
        lamp = (await registry.add("anna", "Slow lamp", "slow", {})).endpoint_id
    store, driver, cold, news = await open_store(url), Slow(), Cold(url), News()
    sessions = Sessions(cold, [secrets.token_bytes(32)], lambda: 1_900_000_000.0)
    live = Live(Parts(Lamps(store, {"slow": driver}), store, news), sessions)  # type: ignore[arg-type]
    running = asyncio.create_task(live.run())
    try:
        page = live.events(await sessions.begin("anna", "Anna", None, "id-token", None))
        await anext(page)
        assert b'"on":true' in await anext(page)
        driver.go_on.clear()
        driver.asked.clear()
        look = asyncio.create_task(live.look())
        await driver.asked.wait()
        news.tell(
            Happening(
                lamp,
                LampState(power=True, last_brightness=100),
                LampState(power=False, last_brightness=100),
                2.0,
                Cause.lamp,
            )
        )
        assert b'"on":false' in await anext(page)
        driver.go_on.set()
        await look
        (stream,) = live._streams
        assert stream.take() is None
        await page.aclose()
    finally:
        await end(running)
        await store.close()
        await cold.close()


async def test_a_lamp_that_cannot_be_asked_hides_nobody_elses(url: str) -> None:
    async with open_registry(url) as registry:
        await registry.add("anna", "Broken lamp", "slow", {})
        bens = (await registry.add("ben", "Quiet lamp", "slow", {})).endpoint_id
    store, driver, cold = await open_store(url), Slow(), Cold(url)
    sessions = Sessions(cold, [secrets.token_bytes(32)], lambda: 1_900_000_000.0)
    live = Live(Parts(Lamps(store, {"slow": driver}), store, News()), sessions)  # type: ignore[arg-type]
    try:
        streams = [await sessions.begin(owner, owner, None, "id-token", None) for owner in ("anna", "ben")]
        pages = [live.events(session) for session in streams]
        for each in pages:
            await anext(each)
        with pytest.raises(RuntimeError):
            await anext(pages[0])
        pages[0] = live.events(streams[0])
        await anext(pages[0])
        assert b"Quiet lamp" in await anext(pages[1])
        async with open_registry(url) as registry:
            await registry.rename(bens, "Louder lamp", "ben")
        await live.look()
        assert b"Louder lamp" in await anext(pages[1])
        for each in pages:
            await each.aclose()
    finally:
        await store.close()
        await cold.close()
