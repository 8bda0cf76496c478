"""How the service ends."""

import asyncio
import time
from pathlib import Path

import pytest

from skill.service import Service
from skill.settings import Settings


@pytest.mark.spec("alexa 6.2")
async def test_a_job_that_loses_a_cancellation_is_ended_all_the_same(tmp_path: Path) -> None:
    """`asyncio.wait_for` of Python 3.11, under the broker's client, forgets one that comes with the answer."""
    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/none.db",  # type: ignore[arg-type]
        issuer="http://localhost:8000",
        client_ids=("alexa",),
        development=True,
    )
    service = Service(settings)
    rounds = []

    async def deaf() -> None:
        while True:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                rounds.append(1)
                if len(rounds) > 2:
                    raise

    service._spawn(deaf())
    await asyncio.sleep(0)
    began = time.monotonic()
    async with asyncio.timeout(8):
        await service.close()
    assert len(rounds) == 3
    assert time.monotonic() - began < 5
