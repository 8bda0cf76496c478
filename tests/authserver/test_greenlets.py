"""Authlib runs in greenlets that are used again: nothing of one request may reach another, however it ends."""

import asyncio
import contextlib
import gc
import weakref
from contextvars import ContextVar

import pytest
from sqlalchemy.exc import MissingGreenlet
from sqlalchemy.util.concurrency import await_

from authserver import greenlets

WHO: ContextVar[str] = ContextVar("who", default="nobody")


async def later(value: str) -> str:
    await asyncio.sleep(0)
    return value


def both(first: str, second: str) -> str:
    return await_(later(first)) + await_(later(second))


@pytest.mark.spec("decision 3")
async def test_a_call_waits_for_what_is_asynchronous() -> None:
    assert await greenlets.run(both, "a", "b") == "ab"


async def test_many_at_once_each_get_their_own_answer() -> None:
    """More than rest, so that some are made and let go."""
    names = [str(number) for number in range(3 * greenlets.KEPT)]
    assert await asyncio.gather(*(greenlets.run(both, name, ".") for name in names)) == [f"{name}." for name in names]


async def test_what_is_more_than_can_rest_goes_away() -> None:
    """A burst of strangers must not stay in memory."""
    for _ in range(5):
        await asyncio.gather(*(greenlets.run(both, "a", "b") for _ in range(3 * greenlets.KEPT)))
    gc.collect()
    alive = [one for one in gc.get_objects() if isinstance(one, greenlets._Worker)]
    assert len(alive) <= greenlets.KEPT


class Secret:
    """What somebody was answered, or was on its way to."""


async def test_what_rests_keeps_nothing_of_whom_it_served() -> None:
    gone = []

    def answers() -> Secret:
        secret = Secret()
        gone.append(weakref.ref(secret))
        return secret

    def fails() -> None:
        secret = answers()
        raise LookupError(secret)

    await greenlets.run(answers)
    with contextlib.suppress(LookupError):
        await greenlets.run(fails)
    token = WHO.set("somebody")
    await greenlets.run(both, "a", "b")
    WHO.reset(token)
    gc.collect()
    assert [one() for one in gone] == [None, None]
    assert all(worker.gr_context is None for worker in greenlets._resting)


async def test_an_error_reaches_who_asked_and_the_next_call_begins_afresh() -> None:
    async def broken() -> str:
        raise LookupError("away")

    for _ in range(3):
        with pytest.raises(LookupError, match="away"):
            await greenlets.run(lambda: await_(broken()))
        with pytest.raises(ZeroDivisionError):
            await greenlets.run(lambda: 1 // 0)
        assert await greenlets.run(both, "a", "b") == "ab"


async def test_an_error_of_what_was_awaited_can_be_caught_in_the_call() -> None:
    async def broken() -> str:
        raise LookupError

    def careful() -> str:
        try:
            return await_(broken())
        except LookupError:
            return await_(later("caught"))

    assert await greenlets.run(careful) == "caught"


async def test_a_client_that_leaves_ends_its_call_and_the_greenlet_serves_the_next() -> None:
    ended = []
    begun = asyncio.Event()

    async def for_ever() -> None:
        begun.set()
        await asyncio.Event().wait()

    def call() -> None:
        try:
            await_(for_ever())
        finally:
            ended.append(True)

    task = asyncio.create_task(greenlets.run(call))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]
    assert await greenlets.run(both, "a", "b") == "ab"


async def test_each_call_has_the_context_of_its_own_task() -> None:
    async def as_somebody(name: str) -> str:
        WHO.set(name)
        return await greenlets.run(lambda: await_(later(WHO.get())) + WHO.get())

    names = ["ada", "grace", "edsger"]
    for _ in range(2):
        tasks = [asyncio.create_task(as_somebody(name)) for name in names]
        assert await asyncio.gather(*tasks) == [name * 2 for name in names]
    assert await greenlets.run(WHO.get) == "nobody"


async def test_outside_a_call_nothing_can_be_awaited_that_way() -> None:
    with pytest.raises(MissingGreenlet):
        both("a", "b")
