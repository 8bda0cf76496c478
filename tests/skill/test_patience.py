"""How long something may take."""

import asyncio

import pytest

from skill.patience import Patience


async def test_what_takes_too_long_ends_in_a_timeout_error() -> None:
    with pytest.raises(TimeoutError), Patience(0.01):
        await asyncio.sleep(5)


async def test_what_ends_in_time_is_left_alone_ever_after() -> None:
    with Patience(0.02):
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    async def work() -> None:
        with Patience(5):
            await asyncio.sleep(5)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_from_elsewhere_wins_over_the_end_of_patience() -> None:
    """A service that ends must not wait for tasks that take its wish for a timeout."""

    async def work() -> None:
        with Patience(0.01):
            try:
                await asyncio.sleep(5)
            finally:
                task.cancel()

    task = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_inner_of_two_patiences_ends_alone() -> None:
    with Patience(5):
        with pytest.raises(TimeoutError), Patience(0.01):
            await asyncio.sleep(5)
        await asyncio.sleep(0.02)
