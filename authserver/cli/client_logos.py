"""`authserver client logo …`: the picture that people see beside an application's name."""

from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.cli import printing
from authserver.cli.clients import ClientId, named
from authserver.cli.clients import app as clients
from authserver.cli.printing import Json
from authserver.cli.running import NotFoundError, commands, fail, on_database
from authserver.oauth import logos

app = commands("The picture of a client on the consent page. It is stored here and never fetched from elsewhere.")
clients.add_typer(app, name="logo")


@app.command("set")
def set_logo(
    client_id: ClientId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="PNG, JPEG or WebP, 64 to 2048 pixels, 256 KiB.")],
    json: Json = False,
) -> None:
    """Give the client a picture, in the place of the one that it has."""
    try:
        with file.open("rb") as opened:
            content = opened.read(logos.LARGEST + 1)
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        client = await named(session, client_id)
        logo, picture = await logos.put(session, client, content, now)
        return {
            "client_id": client.client_id,
            "media_type": picture.media_type,
            "width": picture.width,
            "height": picture.height,
            "version": logo.version,
        }

    printing.record(on_database(work), json)


@app.command()
def remove(client_id: ClientId, json: Json = False) -> None:
    """Take the picture away; the first letter of the name stands in its place."""

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        client = await named(session, client_id)
        if not await logos.remove(session, client):
            raise NotFoundError(f"the client {client_id} has no picture")
        return {"client_id": client.client_id, "removed": True}

    printing.record(on_database(work), json)
