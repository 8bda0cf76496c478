"""`skill events …`: what an operator sees of events to Alexa. Needs the database alone."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import orjson
import typer

from skill.log import set_up
from skill.settings import DatabaseSettings, SettingsError, read
from skill.storage.database import refused

if TYPE_CHECKING:
    from sqlmodel.ext.asyncio.session import AsyncSession

T = TypeVar("T")

events_app = typer.Typer(rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _fail(message: str, status: int) -> NoReturn:
    typer.echo(f"skill: {message}", err=True)
    raise typer.Exit(status)


def _in_unit(work: Callable[["AsyncSession"], Awaitable[T]], write: bool) -> T:
    from skill.storage.cold import Cold  # only here: commands that need no database load none

    try:
        url = read(DatabaseSettings).database_url.get_secret_value()
    except SettingsError as error:
        _fail(str(error), 2)
    set_up("WARNING")

    async def run() -> T:
        cold = Cold(url)
        try:
            async with cold.unit(write) as session:
                return await work(session)
        finally:
            await cold.close()

    try:
        return asyncio.run(run())
    except Exception as error:
        _fail(refused(url, error), 1)


async def _status(session: "AsyncSession") -> dict[str, Any]:
    from sqlalchemy import func
    from sqlmodel import col, select

    from skill.models import EventGrantRow, EventRow

    grants = await session.exec(select(EventGrantRow.region, func.count()).group_by(EventGrantRow.region))
    waiting = await session.exec(select(EventRow.kind, func.count()).group_by(EventRow.kind))
    oldest = (await session.exec(select(func.min(EventRow.created_at)))).one()
    error = col(EventRow.last_error)
    errors = await session.exec(
        select(EventRow.region, EventRow.last_error, func.count())
        .where(error.is_not(None))
        .group_by(EventRow.region, error)
        .order_by(func.count().desc(), EventRow.region, error)
        .limit(20)
    )
    return {
        "grants": dict.fromkeys(("NA", "EU", "FE"), 0) | {region: int(count) for region, count in grants.all()},
        "waiting": {kind: int(count) for kind, count in waiting.all()},
        "oldest_seconds": None if oldest is None else max(0, int(time.time() - oldest / 1000)),
        "last_errors": [
            {"region": region, "error": said, "events": int(count)} for region, said, count in errors.all()
        ],
    }


@events_app.command("status")
def status(as_json: Json = False) -> None:
    """Show how many users have given a grant, what waits to be sent, how long, and why."""
    found = _in_unit(_status, write=False)
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    typer.echo("grants   " + ", ".join(f"{region} {count}" for region, count in found["grants"].items()))
    waiting = ", ".join(f"{kind} {count}" for kind, count in found["waiting"].items())
    typer.echo(f"waiting  {waiting or 'nothing'}")
    if found["oldest_seconds"] is not None:
        typer.echo(f"oldest   {found['oldest_seconds']} s")
    for each in found["last_errors"]:
        typer.echo(f"error    {each['region']}: {each['error']} ({each['events']} waiting)")


@events_app.command("drop-grant")
def drop_grant(
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="The `sub` of the user.")], as_json: Json = False
) -> None:
    """Forget a user's grant and what waits to be sent under it. Lamps obey as before; linking again gives a new one."""

    async def drop(session: "AsyncSession") -> int:
        from skill.events.grants import drop_grants

        return await drop_grants(session, owner)

    dropped = _in_unit(drop, write=True)
    if not dropped:
        _fail("no such grant", 1)
    if as_json:
        typer.echo(orjson.dumps({"owner": owner, "dropped": dropped}).decode())
    else:
        typer.echo(f"{dropped} dropped")
