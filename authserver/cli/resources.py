"""`authserver resource …`: programs that take our access tokens, and what clients may be allowed to do there."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.cli import printing
from authserver.cli.printing import Json, Yes
from authserver.cli.running import NotFoundError, commands, on_database
from authserver.oauth import resource_registration
from authserver.oauth.resource_registration import Registered

app = commands()
scopes = commands("Scopes of a resource server; in tokens each is IDENTIFIER/NAME.")
app.add_typer(scopes, name="scope")

Identifier = Annotated[
    str, typer.Argument(metavar="IDENTIFIER", help="Usually its URL, such as https://api.example.org.")
]
ScopeName = Annotated[str, typer.Argument(metavar="NAME", help="Without the identifier, such as read.")]


def shown(server: Registered) -> dict[str, Any]:
    return asdict(server) | {"scopes": dict(server.scopes)}


def printed(server: dict[str, Any], json: bool) -> None:
    """For people each scope as it stands in tokens, with its words."""
    if not json:
        lines = [f"{server['identifier']}/{name}  {words}".rstrip() for name, words in server["scopes"].items()]
        server = server | {"scopes": lines}
    printing.record(server, json)


@app.command()
def add(
    identifier: Identifier,
    name: Annotated[str, typer.Argument(metavar="NAME", help="For yourself.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="NAME=WORDS",
            help="A scope, and for the consent page what it lets an application do; repeat for each.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Register a resource server. Clients may then have its scopes, and ask for tokens that are for it alone."""
    described = {given.partition("=")[0]: given.partition("=")[2] for given in scope or []}

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        return shown(await resource_registration.add(session, identifier, name, described, now))

    printed(on_database(work), json)


@app.command("list")
def list_resources(json: Json = False) -> None:
    """List resource servers, oldest first."""

    async def work(session: AsyncSession, _now: int) -> list[dict[str, Any]]:
        return [shown(server) for server in await resource_registration.every(session)]

    found = on_database(work)
    if not json:
        found = [server | {"scopes": list(server["scopes"])} for server in found]
    printing.table(found, ("identifier", "name", "scopes", "created_at"), json)


@app.command()
def show(identifier: Identifier, json: Json = False) -> None:
    """Show one resource server with its scopes."""

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        server = await resource_registration.find(session, identifier)
        if server is None:
            raise NotFoundError(f"no resource server {identifier}")
        return shown(server)

    printed(on_database(work), json)


@app.command()
def update(
    identifier: Identifier,
    name: Annotated[str, typer.Option(help="For yourself.")],
    json: Json = False,
) -> None:
    """Change its name. The identifier stays: it stands in tokens."""

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        return shown(await resource_registration.rename(session, identifier, name))

    printed(on_database(work), json)


@app.command()
def remove(identifier: Identifier, yes: Yes = False, json: Json = False) -> None:
    """Remove a resource server with its scopes; refused while clients have one of them."""
    printing.ask(f"Remove the resource server {identifier} and its scopes?", yes)

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        await resource_registration.remove(session, identifier)
        return {"identifier": identifier, "removed": True}

    printing.record(on_database(work), json)


@scopes.command("add")
def add_scope(
    identifier: Identifier,
    name: ScopeName,
    words: Annotated[
        str, typer.Argument(metavar="WORDS", help="What it lets an application do, for the consent page.")
    ] = "",
    json: Json = False,
) -> None:
    """Add a scope, or say anew what it lets an application do."""

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        return shown(await resource_registration.describe(session, identifier, name, words))

    printed(on_database(work), json)


@scopes.command("remove")
def remove_scope(identifier: Identifier, name: ScopeName, json: Json = False) -> None:
    """Remove a scope; refused while clients have it. Links that have it keep it until they end."""

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        return shown(await resource_registration.remove_scope(session, identifier, name))

    printed(on_database(work), json)
