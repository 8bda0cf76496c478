"""How a command runs: settings, one unit of work, and what goes wrong in the operator's words.

Exit status: 0 done, 1 refused or not found or the database is away, 2 the command or the settings are wrong.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:  # else where it is used: help needs none of it
    from sqlmodel.ext.asyncio.session import AsyncSession

    from authserver.secret_values import SecretKeys
    from authserver.settings import DatabaseSettings, Settings, SettingsKind
    from authserver.storage.database import DatabaseUrl

REFUSED, WRONG = 1, 2

Result = TypeVar("Result")
Work = Callable[["AsyncSession", int], Awaitable[Result]]
"""What a command does in its one unit of work, at one moment (Unix seconds)."""


def commands(words: str = "", **options: Any) -> typer.Typer:
    """An empty set of commands. Help is plain text, so that no option is cut short; a traceback shows no values."""
    return typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        help=words,
        **options,
    )


class NotFoundError(Exception):
    """What the command names is not there."""


def fail(message: str, status: int = REFUSED) -> NoReturn:
    for line in message.splitlines():
        typer.echo(f"authserver: {line}", err=True)
    raise typer.Exit(status)


def settings_of(kind: "type[SettingsKind]") -> "SettingsKind":
    from authserver.settings import SettingsError, read_settings

    try:
        return read_settings(kind)
    except SettingsError as error:
        fail(str(error), WRONG)


def database_url(settings: "DatabaseSettings") -> "DatabaseUrl":
    from authserver.storage.database import DatabaseUrl

    try:
        return DatabaseUrl.parse(settings.database_url.get_secret_value())
    except ValueError as error:
        fail(f"AUTHSERVER_DATABASE_URL: {error}", WRONG)


def existing_database(settings: "DatabaseSettings") -> "DatabaseUrl":
    """Ends the command where there is no SQLite file: a mistyped path is none to wait at, nor to make anything at. A
    server is asked later."""
    url = database_url(settings)
    if url.missing_file is not None:
        fail(
            f"there is no database at {url.missing_file}. Is AUTHSERVER_DATABASE_URL right? A new database is made "
            "with: authserver migrate"
        )
    return url


def secret_keys_of(settings: "Settings") -> "SecretKeys":
    from authserver.secret_values import SecretKey, SecretKeys

    previous = settings.secret_key_previous
    return SecretKeys(
        SecretKey.of(settings.secret_key.get_secret_value()),
        SecretKey.of(previous.get_secret_value()) if previous else None,
    )


def on_database(work: Work[Result], settings: "DatabaseSettings | None" = None) -> Result:
    """Runs `work` in one unit of work and returns what it returns; every failure ends the command."""
    from authserver.accounts.administration import AccountError
    from authserver.oauth.registration import RegistrationError
    from authserver.settings import DatabaseSettings, SettingsError
    from authserver.storage.database import StorageError

    url = existing_database(settings or settings_of(DatabaseSettings))
    try:
        return asyncio.run(_in_one_unit(url, work))
    except (AccountError, RegistrationError, NotFoundError) as error:
        fail(str(error))
    except SettingsError as error:
        fail(str(error), WRONG)
    except StorageError as error:
        cause = str(error.__cause__ or error).strip().splitlines()
        fail(f"the database does not answer: {cause[0] if cause else error}. Is AUTHSERVER_DATABASE_URL right?")


async def _in_one_unit(url: "DatabaseUrl", work: Work[Result]) -> Result:
    from authserver.storage import schema
    from authserver.storage.database import Database

    database = Database(url)
    try:
        async with database.unit() as session:
            at = await (await session.connection()).run_sync(schema.current)
            if at != schema.REVISION:
                raise NotFoundError(
                    f"the database is at schema {at or 'none'}, this program needs {schema.REVISION}; bring it there "
                    "with: authserver migrate"
                )
            return await work(session, int(time.time()))
    finally:
        await database.close()
