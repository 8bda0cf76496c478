"""`authserver grant …`: what people have linked."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import administration
from authserver.cli import printing
from authserver.cli.clients import named
from authserver.cli.printing import Json
from authserver.cli.running import WRONG, NotFoundError, commands, fail, on_database
from authserver.oauth import granted

app = commands()

OfUser = Annotated[str | None, typer.Option("--user", help="Of this person: e-mail address, sub or user name.")]
OfClient = Annotated[str | None, typer.Option("--client", help="Of this client: its id.")]


async def _which(session: AsyncSession, user: str | None, client: str | None) -> tuple[str | None, str | None]:
    """`sub` and `client_id` of what the operator named."""
    sub = None
    if user is not None:
        person = await administration.find(session, user)
        if person is None:
            raise NotFoundError(f"no account {user}")
        sub = person.sub
    return sub, None if client is None else (await named(session, client)).client_id


@app.command("list")
def list_grants(
    user: OfUser = None,
    client: OfClient = None,
    ended: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    json: Json = False,
) -> None:
    """List links, oldest first; `origin_jti` names each, here and in its access tokens."""

    async def work(session: AsyncSession, now: int) -> list[dict[str, Any]]:
        sub, client_id = await _which(session, user, client)
        found = await granted.granted(session, now, ended=ended, sub=sub, client_id=client_id)
        return [asdict(grant) for grant in found]

    columns = ("origin_jti", "email", "client_name", "scope", "state", "created_at", "last_used_at")
    printing.table(on_database(work), columns, json)


@app.command()
def revoke(
    grant: Annotated[str | None, typer.Argument(metavar="GRANT", help="The `origin_jti` of one link.")] = None,
    user: OfUser = None,
    client: OfClient = None,
    json: Json = False,
) -> None:
    """End one link, or all of a person, of a client, or of both together. Refreshes are refused from now on."""
    if (grant is None) == (user is None and client is None):
        fail("name one link, or --user, --client or both", WRONG)

    async def work(session: AsyncSession, now: int) -> int:
        if grant is not None and not await granted.exists(session, grant):
            raise NotFoundError(f"no link {grant}")
        sub, client_id = await _which(session, user, client)
        return await granted.revoke(session, now, origin_jti=grant, sub=sub, client_id=client_id)

    revoked = on_database(work)
    if json:
        printing.as_json({"revoked": revoked})
    else:
        typer.echo("1 link ended" if revoked == 1 else f"{revoked} links ended")
