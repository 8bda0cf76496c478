"""Whose turn it is: pages among themselves, and pages beside programs."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from authserver.turns import AT_ONCE, CURRENT, QUIET, SHARE, SLOW, State, Turn, Turns, aside, timed
from tests.running.fair import Watch


def turns(waiting: int = 8, heavy: int = 2) -> Turns:
    return Turns(waiting=waiting, heavy=heavy)


def begun(asked: Turn) -> bool:
    return asked.decided.done() and asked.decided.result()


def sent_away(asked: Turn) -> bool:
    return asked.decided.done() and not asked.decided.result()


def fill(all_turns: Turns) -> list[Turn]:
    """As many at work as there may be."""
    return [all_turns.ask("at work", heavy=False) for _ in range(AT_ONCE)]


def is_unused(all_turns: Turns) -> bool:
    """Nobody waits, nothing is taken: as many as ever may begin."""
    again = fill(all_turns)
    heavy = [all_turns.ask("heavy", heavy=True) for _ in range(2)]
    everybody = all(begun(turn) for turn in again) and len(all_turns) == 2
    for turn in again:
        turn.leave()
    everybody = everybody and all(begun(turn) for turn in heavy)
    for turn in heavy:
        turn.leave()
    return everybody and len(all_turns) == 0


async def test_a_handful_of_people_begin_at_once() -> None:
    assert all(begun(turn) for turn in fill(turns()))


async def test_who_came_first_begins_first() -> None:
    some = turns()
    working = fill(some)
    waiting = [some.ask("home", heavy=False) for _ in range(5)]
    for turn in waiting:
        assert not turn.decided.done()
        working.pop(0).leave()
        assert begun(turn)
        working.append(turn)


async def test_networks_take_turns_so_that_a_storm_is_not_before_everybody() -> None:
    some = turns()
    working = fill(some)
    storm = [some.ask("storm", heavy=True) for _ in range(6)]
    owner = some.ask("home", heavy=True)
    working[0].leave()
    assert begun(storm[0])
    storm[0].leave()
    assert begun(owner)


async def test_where_too_many_wait_the_last_of_the_largest_crowd_is_sent_away() -> None:
    some = turns(waiting=4)
    fill(some)
    storm = [some.ask("storm", heavy=True) for _ in range(4)]
    assert sent_away(some.ask("storm", heavy=True))
    owner = some.ask("home", heavy=True)
    assert not owner.decided.done()
    assert sent_away(storm[3])
    assert not any(turn.decided.done() for turn in storm[:3])
    assert len(some) == 4


async def test_one_who_waits_for_a_page_without_a_password_is_no_better_than_a_crowd() -> None:
    some = turns(waiting=3)
    fill(some)
    crowd = [some.ask("storm", heavy=False) for _ in range(3)]
    assert not some.ask("home", heavy=True).decided.done()
    assert [sent_away(turn) for turn in crowd] == [False, False, True]


async def test_no_more_begin_than_there_are_places_for_hashes_and_others_pass_them() -> None:
    some = turns(heavy=2)
    signing_in = [some.ask("home", heavy=True) for _ in range(3)]
    assert [begun(turn) for turn in signing_in] == [True, True, False]
    assert begun(some.ask("home", heavy=False))
    signing_in[0].leave()
    assert begun(signing_in[2])


async def test_pages_with_and_without_a_password_alternate() -> None:
    some = turns()
    working = fill(some)
    signing_in = [some.ask("home", heavy=True) for _ in range(2)]
    looking = [some.ask("home", heavy=False) for _ in range(2)]
    order = []
    for _ in range(4):
        working.pop().leave()
        (now,) = [turn for turn in [*signing_in, *looking] if begun(turn) and turn not in order]
        order.append(now)
        working.append(now)
    assert order == [signing_in[0], looking[0], signing_in[1], looking[1]]


async def test_while_a_password_is_hashed_others_have_their_turn_and_afterwards_it_goes_on_first() -> None:
    some = turns()
    working = fill(some)[1:]
    first = some.ask("home", heavy=True)
    hashing: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    CURRENT.set(first)
    assert not first.decided.done()
    working.pop().leave()
    waits = asyncio.create_task(aside(hashing))
    waiting = [some.ask("home", heavy=False) for _ in range(3)]
    await asyncio.sleep(0)
    assert [begun(turn) for turn in waiting] == [True, False, False]
    hashing.set_result("hash")
    await asyncio.sleep(0.01)
    assert not waits.done()
    working.pop().leave()
    assert await waits == "hash"
    assert not waiting[1].decided.done()


async def test_work_that_fails_fails_and_leaves_no_place_taken() -> None:
    some = turns()

    async def fails() -> None:
        raise ZeroDivisionError

    turn = some.ask("home", heavy=True)
    CURRENT.set(turn)
    with pytest.raises(ZeroDivisionError):
        await aside(fails())
    assert turn.state is State.WORKING
    turn.leave()
    assert is_unused(some)


async def at_work(some: Turns) -> Turn:
    return some.ask("home", heavy=True)


async def waiting(some: Turns) -> Turn:
    working = fill(some)
    turn = some.ask("home", heavy=True)
    assert not turn.decided.done()
    asyncio.get_running_loop().call_soon(lambda: [each.leave() for each in working])
    return turn


async def sent_off(some: Turns) -> Turn:
    working = fill(some)
    for _ in range(9):
        turn = some.ask("home", heavy=True)
    assert sent_away(turn)
    for each in [*working, *some._heavy_line._networks["home"]]:
        asyncio.get_running_loop().call_soon(each.leave)
    return turn


async def hashing(some: Turns) -> Turn:
    turn = some.ask("home", heavy=True)
    some._step_aside(turn)
    return turn


async def coming_back(some: Turns) -> Turn:
    turn = await hashing(some)
    working = fill(some)
    task = asyncio.create_task(some._come_back(turn))
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    asyncio.get_running_loop().call_soon(lambda: [each.leave() for each in working])
    return turn


@pytest.mark.parametrize("state", [at_work, waiting, sent_off, hashing, coming_back], ids=lambda f: f.__name__)
async def test_whoever_leaves_leaves_no_place_taken(state: Callable[[Turns], Awaitable[Turn]]) -> None:
    """In any state, and a second time."""
    some = turns()
    turn = await state(some)
    turn.leave()
    turn.leave()
    await asyncio.sleep(0.01)
    assert is_unused(some)


@pytest.mark.spec("performance 3.7", "decision 3a")
async def test_beside_programs_pages_go_one_at_a_time_and_pay_for_their_time_by_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("authserver.turns.QUIET", 1.0)  # a busy machine is not taken for the end of the programs
    some = turns()
    async with tokens_served(some):
        first, second, third = (some.ask("home", heavy=False) for _ in range(3))
        assert [begun(turn) for turn in (first, second, third)] == [True, False, False]
        some.spent(0.002)
        first.leave()
        since = time.monotonic()
        assert not second.decided.done()
        assert await asyncio.wait_for(second.decided, 2)
        assert time.monotonic() - since >= 0.9 * 0.002 * (1 - SHARE) / SHARE
        assert not third.decided.done()


@asynccontextmanager
async def tokens_served(some: Turns) -> AsyncIterator[None]:
    """One a millisecond."""

    async def serve() -> None:
        while True:
            some.program_served()
            await asyncio.sleep(0.001)

    serving = asyncio.create_task(serve())
    await asyncio.sleep(0)
    yield
    serving.cancel()


async def test_a_page_that_ends_soon_lets_the_next_begin_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authserver.turns.QUIET", 1.0)
    monkeypatch.setattr("authserver.turns.SLOW", 1.0)  # else that would let it begin as well
    some = turns()
    async with tokens_served(some):
        first, second = (some.ask("home", heavy=False) for _ in range(2))
        some.spent(0.0001)
        first.leave()
        async with Watch() as watch:
            assert await asyncio.wait_for(second.decided, 2)
        assert watch.seconds < 0.5


async def test_when_no_program_asks_any_more_nobody_waits_for_its_sake() -> None:
    some = turns()
    some.program_served()
    first = some.ask("home", heavy=False)
    some.spent(1.0)
    first.leave()
    async with Watch() as watch:
        assert await asyncio.wait_for(some.ask("home", heavy=False).decided, 10)
    assert watch.seconds < QUIET + 0.05


async def test_a_page_that_waits_for_the_database_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authserver.turns.QUIET", 1.0)  # a busy machine is not taken for the end of the programs
    some = turns()
    async with tokens_served(some):
        stuck, *others = (some.ask("home", heavy=False) for _ in range(AT_ONCE + 1))
        assert begun(stuck)
        assert not others[0].decided.done()
        for turn in others[:-1]:
            assert await asyncio.wait_for(turn.decided, 2)
        await asyncio.sleep(2 * SLOW)
        assert not others[-1].decided.done()


async def test_a_step_that_took_long_by_accident_does_not_stop_pages_for_long() -> None:
    some = turns()
    async with tokens_served(some):
        first = some.ask("home", heavy=False)
        some.spent(60.0)
        first.leave()
        assert await asyncio.wait_for(some.ask("home", heavy=False).decided, 2)


async def test_only_the_time_of_its_own_steps_is_counted() -> None:
    spent: list[float] = []

    async def work() -> str:
        time.sleep(0.02)
        await asyncio.sleep(1)
        time.sleep(0.02)
        return "done"

    assert await timed(work(), spent.append) == "done"  # type: ignore[arg-type]
    assert len(spent) == 2
    assert 0.04 <= sum(spent) < 0.5


async def test_what_is_timed_fails_and_is_cancelled_as_ever() -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            seen.append("ended")

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await timed(fails(), lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(timed(work(), lambda _: None), 0.02)  # type: ignore[arg-type]
    assert seen == ["cancelled", "ended"]
