"""`authserver client add-alexa`: an Alexa skill's client, and what to paste into Amazon's developer console."""

from typing import Annotated, Any

import orjson
import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.cli import printing
from authserver.cli.clients import RedirectUris, Scopes, app, ensure_keys, shown
from authserver.cli.policy import takes_policy
from authserver.cli.printing import Json
from authserver.cli.running import WRONG, fail, on_database, settings_of
from authserver.models import Client
from authserver.oauth import presets, registration, token_rules
from authserver.oauth.alexa_console import account_linking_request, console_fields, vendor_id_problem
from authserver.oauth.clients import registered
from authserver.oauth.presets import ALEXA_SHORTEST_ACCESS_TOKEN
from authserver.settings import Settings, is_loopback


@app.command("add-alexa")
@takes_policy
def add_alexa(
    policy: dict[str, Any],
    vendor_id: Annotated[
        list[str], typer.Option(help="The end of the Alexa Redirect URLs in the developer console; repeat for each.")
    ],
    name: Annotated[str, typer.Option(help="Shown to people on the consent page and in mails.")] = "Alexa",
    redirect_uri: RedirectUris = None,
    scope: Scopes = None,
    json: Json = False,
) -> None:
    """Register an Alexa skill; prints every field of the developer console and the document for Amazon's API.

    For each vendor id the redirect URLs of all three regions are registered: the customer's country decides which one
    comes. Refresh tokens do not rotate and hold for ten years, 400 days without use.
    """
    settings = settings_of(Settings)
    for given in vendor_id:
        if problem := vendor_id_problem(given):
            raise typer.BadParameter(f"{given!r} {problem}", param_hint="--vendor-id")
    uris = [uri for given in vendor_id for uri in presets.alexa_redirect_uris(given)] + (redirect_uri or [])
    columns = presets.ALEXA | {"redirect_uris": uris} | ({"scopes": scope} if scope else {}) | policy
    if settings.access_token_lifetime < ALEXA_SHORTEST_ACCESS_TOKEN and not columns.get("access_token_lifetime"):
        fail(
            f"AUTHSERVER_ACCESS_TOKEN_LIFETIME is {settings.access_token_lifetime} s; Alexa demands at least "
            f"{ALEXA_SHORTEST_ACCESS_TOKEN}. Raise it, or give --access-token-lifetime",
            WRONG,
        )

    async def work(session: AsyncSession, now: int) -> tuple[Client, str, dict[str, Any]]:
        client, secret = await registration.register(session, name, columns, now)
        if token_rules.algorithms(client) != {"RS256"}:
            await ensure_keys(session, settings, client, now)
        return client, secret or "", await shown(session, client, secret)

    client, secret, made = on_database(work, settings)
    of_client = registered(client, (), settings)
    fields = console_fields(settings.issuer, of_client, secret)
    request = account_linking_request(settings.issuer, of_client, secret)
    if json:
        printing.as_json(made | {"console": fields, "smapi": request})
    else:
        _explain(fields, request)
    if is_loopback(settings.issuer):
        typer.echo(f"note: Amazon cannot reach {settings.issuer}; the simulator can", err=True)


def _explain(fields: dict[str, Any], request: dict[str, Any]) -> None:
    """The secret stands here and nowhere else: only its digest is kept."""
    typer.echo("Developer console, Build > Account Linking:\n")
    printing.record({field: "(leave empty)" if value == [] else value for field, value in fields.items()}, False)
    typer.echo("\nCompare the Alexa Redirect URLs with those that the console shows. The secret is not shown again.")
    typer.echo("\nOr as a file for: ask smapi update-account-linking-info --account-linking-request file:…\n")
    typer.echo(orjson.dumps(request, option=orjson.OPT_INDENT_2).decode())
