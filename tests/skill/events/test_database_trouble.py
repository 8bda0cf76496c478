"""The database in trouble while Amazon is well: what was given is kept, and the end comes."""

import asyncio
import socket
import time

import pytest
from sqlalchemy import text

from skill.events import sending as sending_module
from skill.events.amazon import Amazon
from skill.events.sending import Sending
from skill.models import EventGrantRow
from skill.settings import Settings
from skill.storage.cold import Cold
from skill.storage.migrations import migrate
from skill.storage.outbox import LEFT, Waiting, registry_changed
from tests.running.alexa_events import AlexaEvents
from tests.skill.events.conftest import grants_in


@pytest.mark.spec("S21", "alexa 1.8")
async def test_S21_a_moment_of_trouble_with_the_database_fails_no_linking(
    postgres_url: str, at_amazon: AlexaEvents, settings: Settings, amazon: Amazon
) -> None:
    """The code is used up by then, so that asking Alexa to try again would not help."""
    await migrate(postgres_url)
    others = Cold(postgres_url)
    async with others.unit() as session:
        (name,) = (await session.execute(text("SELECT current_database()"))).one()
        await session.execute(text(f'ALTER DATABASE "{name}" SET lock_timeout = 200'))
    cold = Cold(postgres_url)
    async with others.unit() as session:
        await registry_changed(session)
        accepting = asyncio.create_task(grants_in(cold, settings, amazon).accept("u1", "NA", at_amazon.new_code()))
        await asyncio.sleep(0.5)
    await accepting
    async with cold.unit(write=False) as session:
        assert await session.get(EventGrantRow, ("u1", "NA")) is not None
    await others.close()
    await cold.close()


@pytest.mark.spec("S22")
async def test_S22_the_end_does_not_wait_for_a_database_that_is_silent(
    settings: Settings, amazon: Amazon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending_module, "LAST_ANSWERS", 0.3)
    monkeypatch.setattr(sending_module, "LAST_WORDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cold = Cold(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing")
        sending = Sending(cold, grants_in(cold, settings, amazon), amazon, time.time)
        tasks = [asyncio.create_task(asyncio.sleep(60)) for _ in range(3)]
        for number, task in enumerate(tasks):
            about = f"lamp-{number}"
            sending._under_way[task] = Waiting(number, "u1", "NA", LEFT, about, "id", {"lamps": [about]}, 1, 0, 1)
        await sending.close()
        await cold.close()
        assert not any(task.done() and not task.cancelled() for task in tasks), "a minute has gone by"
    await asyncio.wait(tasks, timeout=1)
    assert all(task.cancelled() for task in tasks)
