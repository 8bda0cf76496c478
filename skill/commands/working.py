"""What every command does: read the settings, open the database, fail in one line."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

from skill.log import set_up
from skill.settings import DatabaseSettings, RegistrySettings, SettingsError, read
from skill.storage.database import refused

if TYPE_CHECKING:
    from skill.storage.registry import Registry

T = TypeVar("T")
S = TypeVar("S", bound=DatabaseSettings)


class Undone(Exception):
    """Ends a unit of work in which nothing is to have happened; `result` is what it found out."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result


def fail(message: str, status: int) -> NoReturn:
    typer.echo(f"skill: {message}", err=True)
    raise typer.Exit(status)


def settings_of(kind: type[S]) -> S:
    try:
        settings = read(kind)
    except SettingsError as error:
        fail(str(error), 2)
    set_up("WARNING")
    return settings


def on_lamps(work: Callable[["Registry"], Awaitable[T]]) -> T:
    """In one unit of work, which ends with the block: what is printed afterwards holds."""
    from skill.storage.registry import TopicTaken, open_registry  # only here: `serve` has no use for the cold path

    url = settings_of(RegistrySettings).database_url.get_secret_value()

    async def run() -> T:
        async with open_registry(url) as registry:
            return await work(registry)

    try:
        return asyncio.run(run())
    except Undone as undone:
        result: T = undone.result
        return result
    except TopicTaken as taken:
        fail(f"{taken.endpoint_id} has the topic {taken.topic}", 1)
    except Exception as error:
        fail(refused(url, error), 1)
