"""Jobs beside the requests end with the service, also where a cancellation is lost on its way."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from authserver import background
from authserver.background import end, is_ending, keep_going, together


async def swallows(times: int) -> None:
    """As a mail server's farewell does in a library."""
    while times:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            times -= 1


async def begun(job: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
    task = asyncio.ensure_future(job())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task  # type: ignore[return-value]


@pytest.mark.spec("decision 13")
async def test_what_jobs_use_stays_open_until_the_last_of_them_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "AGAIN", 0.01)
    closed, used_after = False, []

    async def slow() -> None:
        try:
            await swallows(3)
        finally:
            used_after.append(closed)

    async def live() -> None:
        nonlocal closed
        try:
            await together(slow, lambda: swallows(1), asyncio.Event().wait)  # type: ignore[arg-type]
        finally:
            closed = True

    task = await begun(live)
    await end(task)
    assert task.cancelled()
    assert closed
    assert used_after == [False]


async def test_a_job_that_lost_its_cancellation_to_an_error_does_not_begin_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "PAUSE", 0.0)
    rounds = []

    async def job() -> None:
        rounds.append(is_ending())
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise LookupError("pool is closed") from None

    task = await begun(lambda: keep_going(job))
    task.cancel()
    with pytest.raises(LookupError):
        await task
    assert rounds == [False]


async def test_a_job_that_fails_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PAUSE", 0.0)
    rounds = []

    async def job() -> None:
        rounds.append(1)
        if len(rounds) < 3:
            raise LookupError

    await keep_going(job)
    assert len(rounds) == 3


async def test_who_was_cancelled_long_ago_knows_it() -> None:
    async def job() -> None:
        await swallows(1)
        assert is_ending()

    task = await begun(job)
    task.cancel()
    await task
    assert not is_ending()
