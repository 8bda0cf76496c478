"""`authserver registration-token …`: leave for applications to register themselves (RFC 7591)."""

from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.cli import printing
from authserver.cli.policy import DEFAULT, GRANT_TYPES_BY_WORD, seconds, word_of
from authserver.cli.printing import Json
from authserver.cli.running import NotFoundError, commands, on_database
from authserver.models import InitialAccessToken
from authserver.oauth.dynamic import initial_access
from authserver.oauth.dynamic.initial_access import Limits

app = commands()

DAY = 86_400


def shown(row: InitialAccessToken, now: int, value: str | None = None) -> dict[str, Any]:
    """`value`: the token, the one time that it is told."""
    columns = {name: getattr(row, name) for name in InitialAccessToken.model_fields if name != "digest"}
    return {
        "token_id": columns.pop("token_id"),
        **({"initial_access_token": value} if value else {}),
        "usable": initial_access.is_usable(row, now),
        **columns,
    }


@app.command()
def issue(
    uses: Annotated[int, typer.Option(help="How many applications may register with it.")] = 1,
    lifetime: Annotated[
        str, typer.Option(parser=seconds, metavar="SECONDS", help="How long it holds. Also 15m, 1h, 7d.")
    ] = "1d",
    about: Annotated[str, typer.Option(metavar="TEXT", help="For yourself: whom it is for.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope", help=f"One that they may have; repeat for each. By default: {', '.join(initial_access.SCOPES)}."
        ),
    ] = None,
    grant_type: Annotated[
        list[str] | None,
        typer.Option(
            "--grant-type",
            metavar="NAME",
            help=f"One of {', '.join(map(word_of, initial_access.GRANT_TYPES))}; repeat for each. By default: "
            "authorization_code, refresh_token.",
        ),
    ] = None,
    redirect_host: Annotated[
        list[str] | None,
        typer.Option(
            "--redirect-host",
            metavar="HOST",
            help="Where people may be sent, and where every other address that they name must lie (logouts, keys, "
            "pages); repeat for each. By default anywhere.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Make an initial access token, printed this once. While one holds, metadata names the registration endpoint."""
    of_types = [GRANT_TYPES_BY_WORD.get(name, name) for name in grant_type or []]
    plain = Limits()
    limits = Limits(
        tuple(dict.fromkeys(scope or plain.scopes)),
        tuple(dict.fromkeys(of_types or plain.grant_types)),
        tuple(dict.fromkeys(host.lower() for host in redirect_host or ())),
    )

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        held = DAY if lifetime == DEFAULT else int(lifetime)
        value, row = await initial_access.issue(session, limits, uses, held, about, now)
        return shown(row, now, value)

    printing.record(on_database(work), json)


@app.command("list")
def list_tokens(json: Json = False) -> None:
    """List them, oldest first; those that are over stay for a month."""

    async def work(session: AsyncSession, now: int) -> list[dict[str, Any]]:
        return [shown(row, now) for row in await initial_access.every(session)]

    printing.table(on_database(work), ("token_id", "usable", "uses", "most_uses", "about", "expires_at"), json)


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN_ID", help="As `registration-token list` shows it.")],
    json: Json = False,
) -> None:
    """End one at once. Applications that registered with it stay; `client remove` ends one."""

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        row = await initial_access.revoke(session, token_id, now)
        if row is None:
            raise NotFoundError(f"no registration token {token_id}")
        return shown(row, now)

    printing.record(on_database(work), json)
