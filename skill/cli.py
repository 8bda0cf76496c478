"""Commands of the operator. Exit status: 0 done, 1 it failed, 2 the command or the settings are wrong."""

import asyncio
import sys
from typing import Annotated

import typer

from skill.commands.nouns import Program

app = typer.Typer(
    cls=Program,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Alexa smart-home skill service for lamps.",
)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [SKILL_HOST, default 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [SKILL_PORT, default 8001]")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes; more than one needs PostgreSQL. [SKILL_WORKERS, default 1]")
    ] = None,
) -> None:
    """Serve until SIGTERM or SIGINT; drains what is in flight and ends within ten seconds."""
    from skill.commands.working import fail  # these only here: they load the whole service, and help needs none
    from skill.serving import serve as run
    from skill.settings import Settings, SettingsError, read
    from skill.storage.database import missing_file, no_database

    try:
        settings = read(Settings, host=host, port=port, workers=workers)
        if (file := missing_file(settings.database_url.get_secret_value())) is not None:
            fail(no_database(file), 1)
        status = run(settings)
    except SettingsError as error:
        fail(str(error), 2)
    raise typer.Exit(status)


@app.command()
def migrate(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Bring the database to the current schema, once it is there; needs SKILL_DATABASE_URL alone."""
    from skill.commands.shown import print_json
    from skill.commands.working import fail, settings_of
    from skill.settings import DatabaseSettings
    from skill.storage import migrations  # only here: Alembic takes a fifth of a second to load

    settings = settings_of(DatabaseSettings)
    url = settings.database_url.get_secret_value()

    async def run() -> tuple[str | None, str]:
        await migrations.wait_until_there(url, settings.database_wait)
        return await migrations.migrate(url)

    try:
        before, after = asyncio.run(run())
    except Exception as error:
        fail(f"not migrated: {type(error).__name__}: {error}", 1)
    if as_json:
        print_json({"before": before, "after": after})
    else:
        typer.echo(f"schema {after}" + (" (was current)" if before == after else f" (was {before or 'empty'})"))


def main() -> None:
    sys.exit(app())
