"""`authserver user second-factor …`: for somebody who lost what they sign in with."""

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts.second_factor import changes
from authserver.cli import printing
from authserver.cli.printing import Json, Yes
from authserver.cli.running import commands, on_database, settings_of
from authserver.cli.users import Name, named
from authserver.cli.users import app as users
from authserver.settings import Settings

app = commands("Second factors of a person.")
users.add_typer(app, name="second-factor")


@app.callback()
def second_factor() -> None:
    """Second factors of a person."""


@app.command()
def reset(user: Name, yes: Yes = False, json: Json = False) -> None:
    """End all second factors and recovery codes of somebody who lost them; a mail says so.

    The password stays, and so do sessions and linked applications. Be sure that it is the person who asks.
    """
    printing.ask(f"End the second factors of {user}? Then the password alone signs in.", yes)
    settings = settings_of(Settings)

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        found = await named(session, user)
        ended = await changes.reset(settings, session, found, now)
        return {"sub": found.sub, "email": found.email, "ended": ended}

    printing.record(on_database(work, settings), json)
