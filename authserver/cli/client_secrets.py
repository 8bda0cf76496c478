"""`authserver client secret …`: changing a secret without an outage. Add the second, tell the application, remove the
first."""

from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.cli import printing
from authserver.cli.clients import ClientId, named
from authserver.cli.clients import app as clients
from authserver.cli.printing import Json
from authserver.cli.running import commands, on_database
from authserver.oauth import registration

app = commands("Secrets of a client: at most two at a time.")
clients.add_typer(app, name="secret")


@app.command()
def add(client_id: ClientId, json: Json = False) -> None:
    """Make a second secret, printed this once; both are accepted."""

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        client = await named(session, client_id)
        secret, row = await registration.add_secret(session, client, now)
        return {
            "client_id": client.client_id,
            "secret_id": row.secret_id,
            "client_secret": secret,
            "created_at": row.created_at,
        }

    printing.record(on_database(work), json)


@app.command()
def remove(
    client_id: ClientId,
    secret_id: Annotated[str, typer.Argument(metavar="SECRET_ID", help="As `client show` lists it.")],
    json: Json = False,
) -> None:
    """Remove a secret; it is refused within a second."""

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        client = await named(session, client_id)
        await registration.remove_secret(session, client, secret_id, now)
        return {"client_id": client.client_id, "secret_id": secret_id, "removed": True}

    printing.record(on_database(work), json)
