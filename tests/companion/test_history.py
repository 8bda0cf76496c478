"""Who switched what."""

import asyncio
import itertools
import re
import time

import pytest

from skill.canonical import LampState
from skill.companion import history
from skill.companion.history import History, did
from skill.models import HistoryRow
from skill.news import Cause, Happening
from skill.storage.cold import Cold
from skill.storage.registry import Registry
from tests.running.companion import Companion, Visitor
from tests.running.linking import Person
from tests.running.tasks import end

OFF = LampState(False, 80, online=True)
ON = OFF._replace(power=True)
WITHIN = 8.0  # seconds


async def shown(visitor: Visitor, path: str, text: str) -> str:
    """The page once it says so."""
    deadline = time.monotonic() + WITHIN
    while text not in (page := (await visitor.get(path)).text):
        assert time.monotonic() < deadline, page
        await asyncio.sleep(0.1)
    return page


async def test_what_this_page_did_is_told_by_day_for_one_lamp_and_for_all(companion: Companion, anna: Person) -> None:
    lamp = await companion.lamp(anna.sub, "Historic lamp")
    async with Visitor(companion.url) as visitor:
        await visitor.sign_in(anna)
        await visitor.act(f"/lamps/{lamp}", do="on", back="/")
        page = await shown(visitor, f"/history?lamp={lamp}", "Switched on")
        assert "Today" in page
        assert "This page" in page
        assert "Historic lamp" in await shown(visitor, "/history", "Switched on")


async def test_a_new_owner_never_sees_the_former_owners_history(
    companion: Companion, anna: Person, ben: Person
) -> None:
    lamp = await companion.lamp(anna.sub, "Travelling lamp")
    async with Visitor(companion.url) as visitor, Visitor(companion.url) as other:
        await visitor.sign_in(anna)
        await visitor.act(f"/lamps/{lamp}", do="on", back="/")
        await shown(visitor, f"/history?lamp={lamp}", "Switched on")
        page = await visitor.act(f"/lamps/{lamp}/offer")
        code = re.search(r"<code>([-0-9A-Z]{19})</code>", page)
        assert code
        await other.sign_in(ben)
        await other.act("/claim", code=code[1])
        await other.act(f"/lamps/{lamp}/name", name="Bens lamp", room="")
        for path in (f"/history?lamp={lamp}", "/history", f"/lamps/{lamp}"):
            assert "Switched on" not in (await other.get(path)).text
        page = (await visitor.get("/history")).text
        assert "Travelling lamp" in page  # under the name that it had
        assert "Bens lamp" not in page
        assert f'href="/lamps/{lamp}"' not in page


async def test_a_person_deletes_all_of_their_history_and_nobody_elses(companion: Companion, ben: Person) -> None:
    anna = companion.person()
    mine, others = await companion.lamp(anna.sub, "Mine"), await companion.lamp(ben.sub, "Bens own")
    async with Visitor(companion.url) as visitor, Visitor(companion.url) as other:
        await visitor.sign_in(anna)
        await other.sign_in(ben)
        await visitor.act(f"/lamps/{mine}", do="on", back="/")
        await other.act(f"/lamps/{others}", do="on", back="/")
        await shown(visitor, "/history", "Switched on")
        await shown(other, f"/history?lamp={others}", "Switched on")
        assert "Switched on" in await visitor.act("/history/delete")  # not without the tick
        await visitor.get("/history")
        assert "Your history is deleted." in await visitor.act("/history/delete", sure="yes")
        assert "Switched on" not in (await visitor.get("/history")).text
        assert "Switched on" in (await other.get("/history")).text


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (OFF, ON, "on"),
        (ON, OFF, "off"),
        (ON, ON._replace(online=None), None),
        (ON, ON, None),
        (OFF, OFF._replace(last_brightness=10), None),
        (ON, ON._replace(last_brightness=10), "brightness"),
        (ON, ON._replace(mode="color", hue=10.0, saturation=1.0), "color"),
        (ON, ON._replace(kelvin=4000), "white"),
        (ON, ON._replace(power=None), None),
    ],
)
def test_only_what_a_person_would_call_a_change_is_one(before: LampState, after: LampState, what: str | None) -> None:
    assert did(before, after) == what


class Told:
    """A history over a real database, told of happenings as drivers tell them."""

    def __init__(self, url: str) -> None:
        self.cold = Cold(url)
        self.now = 1_900_000_000.0
        self.history = History(self, self.cold)  # type: ignore[arg-type]

    def clock(self) -> float:
        return self.now

    async def lamp(self, owner: str = "anna", claimed_at: int | None = None) -> str:
        async with self.cold.unit() as session:
            row = await Registry(session).add(owner, "Lamp", "simulated", {})
            row.claimed_at = claimed_at
        return row.endpoint_id

    def tell(self, lamp: str, *states: LampState, cause: Cause = Cause.lamp, apart: float = 0.2) -> None:
        for before, after in itertools.pairwise(states):
            self.history.hear(Happening(lamp, before, after, self.now, cause))
            self.now += apart

    async def written(self, owner: str = "anna") -> list[tuple[str, str]]:
        """What was done and why, oldest first, after a write."""
        await self.history._write_quietly(float("inf"))
        rows: list[HistoryRow] = list(await self.history.of(owner, None, None, 100))
        return [(str(row.state["did"]), row.cause) for row in reversed(rows)]


@pytest.fixture
async def told(database_kind: str, migrated_database) -> Told:  # type: ignore[no-untyped-def]
    return Told(migrated_database("skill", database_kind))


async def test_a_lamp_that_fades_is_one_entry(told: Told) -> None:
    lamp = await told.lamp()
    told.tell(lamp, *(ON._replace(last_brightness=percent) for percent in range(80, 20, -5)))
    assert await told.written() == [("brightness", "lamp")]
    assert (await told.history.of("anna", None, None, 1))[0].state["last_brightness"] == 25


async def test_switching_on_and_off_again_is_two(told: Told) -> None:
    lamp = await told.lamp()
    told.tell(lamp, OFF, ON, OFF, apart=1.2)
    assert await told.written() == [("on", "lamp"), ("off", "lamp")]


async def test_the_first_that_is_heard_of_a_lamp_is_none(told: Told) -> None:
    lamp = await told.lamp()
    told.history.hear(Happening(lamp, None, ON, told.now, Cause.lamp))
    told.tell(lamp, ON, ON._replace(online=None), ON)
    there = LampState(power=None, last_brightness=None, online=True)
    told.tell(lamp, there, OFF)
    assert await told.written() == []
    told.tell(lamp, there, ON, cause=Cause.companion)
    assert await told.written() == [("on", "companion")]


async def test_two_replicas_that_hear_of_one_change_write_one_entry_with_its_cause(told: Told) -> None:
    lamp = await told.lamp()
    other = Told.__new__(Told)
    other.cold, other.now, other.history = told.cold, told.now, History(told, told.cold)  # type: ignore[arg-type]
    other.tell(lamp, OFF, ON, cause=Cause.lamp)
    await other.history._write_quietly(float("inf"))
    told.tell(lamp, OFF, ON, cause=Cause.alexa)
    assert await told.written() == [("on", "alexa")]
    other.tell(lamp, OFF, ON, cause=Cause.lamp)
    assert await told.written() == [("on", "alexa")]


async def test_a_change_from_before_the_claim_is_not_the_new_owners(told: Told) -> None:
    lamp = await told.lamp("ben", claimed_at=int(told.now))
    told.tell(lamp, OFF, ON)
    assert await told.written("ben") == []
    told.now += 3
    told.tell(lamp, ON, OFF)
    assert await told.written("ben") == [("off", "lamp")]
    nobodys = await told.lamp("")
    told.tell(nobodys, OFF, ON)
    assert await told.written("") == []


async def test_old_entries_are_pruned(told: Told) -> None:
    lamp = await told.lamp()
    told.tell(lamp, OFF, ON)
    assert len(await told.written()) == 1
    told.now += 89 * 86_400
    await told.history._prune()
    assert len(await told.written()) == 1
    told.now += 2 * 86_400
    await told.history._prune()
    assert await told.written() == []


@pytest.mark.parametrize("by", ["writing", "the hourly look"])
async def test_of_each_lamp_the_newest_entries_alone_are_kept(
    told: Told, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """Whoever it belonged to; other lamps keep theirs."""
    monkeypatch.setattr(history, "MOST_OF_LAMP", 3)
    monkeypatch.setattr(history, "PRUNE_BATCH", 2)
    if by == "writing":
        monkeypatch.setattr(history, "SLACK", 2)
    busy, calm = await told.lamp(), await told.lamp()
    told.tell(calm, OFF, ON, apart=3.0)
    for _ in range(5):
        told.tell(busy, OFF, ON, OFF, apart=3.0)
    assert len(await told.written()) == (1 + 3 if by == "writing" else 1 + 10)
    await told.history._prune()
    assert len(await told.written()) == 1 + 3
    rows = await told.history.of("anna", busy, None, 100)
    assert [row.state["did"] for row in rows] == ["off", "on", "off"]
    assert max(row.at for row in rows) == round((told.now - 3.0) * 1000)


async def test_what_waits_is_written_at_the_end(told: Told) -> None:
    from skill.news import News

    told.news = News()  # type: ignore[attr-defined]
    lamp = await told.lamp()
    task = asyncio.create_task(told.history.run())
    await asyncio.sleep(0.05)
    told.news.tell(Happening(lamp, OFF, ON, told.now, Cause.alexa))  # type: ignore[attr-defined]
    await end(task)
    assert await told.written() == [("on", "alexa")]
