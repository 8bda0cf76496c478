"""`authserver serve` and `authserver migrate`."""

import asyncio
import functools
import logging
import time
from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli import logs, printing
from authserver.cli.printing import Json
from authserver.cli.running import REFUSED, WRONG, database_url, existing_database, fail, settings_of

if TYPE_CHECKING:
    from authserver.storage.database import DatabaseUrl, StorageError

log = logging.getLogger(__name__)

PAUSE = 0.5  # seconds between two looks at a database that is away


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [AUTHSERVER_HOST, 127.0.0.1]")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen on. [AUTHSERVER_PORT, 8000]")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes, one for each core; more than one need PostgreSQL.")
    ] = 1,
) -> None:
    """Serve until SIGTERM or SIGINT; drains what is in flight and ends within ten seconds."""
    from authserver import serve as processes  # only here: they load the whole service
    from authserver.app import build, look_of
    from authserver.settings import Settings, SettingsError

    settings = settings_of(Settings)
    url = database_url(settings)
    if workers > 1 and url.kind == "sqlite":
        fail(
            "--workers needs PostgreSQL: SQLite has one writer at a time, and a second process would wait for its lock "
            "inside requests. Set AUTHSERVER_DATABASE_URL=postgresql://… or leave --workers out",
            WRONG,
        )
    existing_database(settings)
    logs.set_up(settings.log_level)
    try:
        look_of(settings)
    except SettingsError as error:
        fail(str(error), WRONG)
    at = (host or settings.host, port or settings.port)
    try:
        processes.claim(*at)
    except processes.PortBusyError as error:
        fail(str(error))
    log.info("listening on %s port %d with %d worker(s)", *at, workers)
    begin = functools.partial(build, settings)
    if workers > 1:
        raise typer.Exit(processes.supervise(begin, *at, workers))
    try:
        processes.worker(begin, *at)
    except SystemExit as ended:
        raise typer.Exit(WRONG if ended.code == processes.REFUSED else REFUSED) from ended


def migrate(json: Json = False) -> None:
    """Bring the database to the present schema, once it is there; needs AUTHSERVER_DATABASE_URL alone."""
    from authserver.settings import DatabaseSettings
    from authserver.storage.database import StorageError

    settings = settings_of(DatabaseSettings)
    try:
        before, after = asyncio.run(_migrate(database_url(settings), settings.database_wait))
    except StorageError as error:
        fail(f"not migrated: {_reason(error)}. Is AUTHSERVER_DATABASE_URL right?")
    if json:
        printing.as_json({"before": before, "after": after})
    else:
        typer.echo(f"schema {after} (was {'current' if before == after else before or 'empty'})")


async def _migrate(url: "DatabaseUrl", wait: int) -> tuple[str | None, str | None]:
    """The revisions before and after. A server that does not answer is waited for; a file need not be."""
    from authserver.storage import migrations, schema  # only here: Alembic is large
    from authserver.storage.database import StorageError

    deadline = time.monotonic() + (wait if url.kind == "postgresql" else 0)
    said = ""
    while True:
        try:
            before = None if url.missing_file is not None else await schema.revision_of(url)
            break
        except StorageError as error:
            if time.monotonic() >= deadline:
                raise
            if (reason := _reason(error)) != said:
                said = reason
                typer.echo(f"authserver: waiting for the database: {reason}", err=True)
        await asyncio.sleep(PAUSE)
    return before, await migrations.upgrade(url)


def _reason(error: "StorageError") -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
