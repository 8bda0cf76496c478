"""`authserver client …`: the applications that people link their accounts to."""

from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.cli import printing
from authserver.cli.policy import ALGORITHM_COLUMNS, REMEMBERED, takes_policy
from authserver.cli.printing import All, Json, Yes
from authserver.cli.running import WRONG, NotFoundError, commands, fail, on_database, secret_keys_of, settings_of
from authserver.models import Client, ClientRegistration
from authserver.oauth import keys, logos, presets, registration, token_rules
from authserver.oauth.dynamic import registrations
from authserver.settings import DatabaseSettings, Settings

app = commands()

ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="As `client add` printed it.")]
RedirectUris = Annotated[
    list[str] | None, typer.Option("--redirect-uri", help="Compared character by character; repeat for each.")
]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="Repeat for each. By default: openid.")]

#: of most clients; of those that are not listed, an operator always wants to know
USUAL = {
    "registered_itself": False,
    "consent": REMEMBERED,
    **{
        name: field.default
        for name, field in Client.model_fields.items()
        if isinstance(field.default, (bool, int, str)) and name not in ("active", "signing_alg")
    },
}


async def shown(session: AsyncSession, client: Client, secret: str | None = None) -> dict[str, Any]:
    """A client; of its secrets the ids and dates, and `secret` the one time that it is told."""
    secrets = await registration.secrets_of(session, client.client_id)
    columns = {name: getattr(client, name) for name in Client.model_fields}
    columns["consent"] = client.consent or REMEMBERED
    logo = await logos.find(session, client.client_id)
    itself = await registrations.of(session, client.client_id)
    return {
        "client_id": columns.pop("client_id"),
        **({"client_secret": secret} if secret else {}),
        **columns,
        "logo": {"media_type": logo.media_type, "version": logo.version} if logo else None,
        "registered_itself": itself is not None,
        **({"registration": _registration(itself)} if itself is not None else {}),
        "secrets": [{"secret_id": row.secret_id, "created_at": row.created_at} for row in secrets],
    }


def _registration(row: ClientRegistration) -> dict[str, Any]:
    """What a client that registered itself said of itself, and with whose leave."""
    return {name: getattr(row, name) for name in ("token_id", "limits", "told", "used_at")}


async def named(session: AsyncSession, client_id: str) -> Client:
    client = await registration.find(session, client_id)
    if client is None:
        raise NotFoundError(f"no client {client_id}")
    return client


async def ensure_keys(session: AsyncSession, settings: DatabaseSettings, client: Client, now: int) -> None:
    """The first key of another algorithm than RS256, which every start provides for. Raises `SettingsError` when the
    secret key is not this database's."""
    if isinstance(settings, Settings):
        secret_keys = secret_keys_of(settings)
        await keys.prepare(session, settings, secret_keys, now)
        for alg in sorted(token_rules.algorithms(client)):
            await keys.ensure(session, secret_keys.current, alg, now)


def settings_for(policy: dict[str, Any]) -> DatabaseSettings:
    """Signing with another algorithm may need a new key, and that the secret key; all else the database alone."""
    named = [policy.get(name) for name in ("signing_alg", *ALGORITHM_COLUMNS)]
    return settings_of(Settings if any(alg not in (None, "RS256") for alg in named) else DatabaseSettings)


@app.command()
@takes_policy
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Shown to people on the consent page and in mails.")],
    policy: dict[str, Any],
    redirect_uri: RedirectUris = None,
    scope: Scopes = None,
    public: Annotated[
        bool, typer.Option("--public", help="An app that can keep no secret: PKCE, rotating refresh tokens, no secret.")
    ] = False,
    machine: Annotated[
        bool, typer.Option("--machine", help="A program in its own name, at resource servers: nobody signs in.")
    ] = False,
    json: Json = False,
) -> None:
    """Register an application; prints its client id and, this once, its secret."""
    if public and machine:
        fail("--public or --machine: a program in its own name has a secret", WRONG)
    settings = settings_for(policy)
    preset = presets.PUBLIC if public else presets.MACHINE if machine else presets.CONFIDENTIAL
    columns = preset | {"redirect_uris": redirect_uri or []} | ({"scopes": scope} if scope else {}) | policy

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        client, secret = await registration.register(session, name, columns, now)
        await ensure_keys(session, settings, client, now)
        return await shown(session, client, secret)

    printing.record(on_database(work, settings), json, usual=USUAL)


@app.command("list")
def list_clients(json: Json = False) -> None:
    """List clients, oldest first."""

    async def work(session: AsyncSession, _now: int) -> list[dict[str, Any]]:
        return [await shown(session, client) for client in await registration.every(session)]

    printing.table(
        on_database(work),
        ("client_id", "client_name", "preset", "active", "registered_itself", "scopes", "created_at"),
        json,
    )


@app.command()
def show(client_id: ClientId, everything: All = False, json: Json = False) -> None:
    """Show one client. Empty lifetimes follow the server's settings."""

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        return await shown(session, await named(session, client_id))

    printing.record(on_database(work), json, usual=USUAL, everything=everything)


@app.command()
@takes_policy
def update(
    client_id: ClientId,
    policy: dict[str, Any],
    name: Annotated[str | None, typer.Option(help="What people see.")] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="An inactive client is refused like an unknown one.")
    ] = None,
    redirect_uri: Annotated[
        list[str] | None, typer.Option("--redirect-uri", help="The whole list anew; repeat for each.")
    ] = None,
    add_redirect_uri: Annotated[list[str] | None, typer.Option(help="One more.")] = None,
    remove_redirect_uri: Annotated[list[str] | None, typer.Option(help="One less.")] = None,
    scope: Annotated[list[str] | None, typer.Option("--scope", help="The whole list anew; repeat for each.")] = None,
    json: Json = False,
) -> None:
    """Change what is named, and nothing else. Holds in running servers within a second."""
    uris_named = redirect_uri or add_redirect_uri or remove_redirect_uri
    if not (policy or uris_named or scope) and name is None and active is None:
        fail("name what shall change; see: authserver client update --help", WRONG)
    settings = settings_for(policy)
    columns = dict(policy)
    if name is not None:
        columns["client_name"] = name
    if active is not None:
        columns["active"] = active
    if scope:
        columns["scopes"] = scope

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        client = await named(session, client_id)
        if uris_named:
            uris = [*(redirect_uri or client.redirect_uris), *(add_redirect_uri or [])]
            for uri in remove_redirect_uri or []:
                if uri not in uris:
                    raise NotFoundError(f"redirect URI {uri!r} is not registered")
                uris = [other for other in uris if other != uri]
            columns["redirect_uris"] = uris
        await registration.change(session, client, columns, now)
        await registrations.narrow(session, client, columns)
        await ensure_keys(session, settings, client, now)
        return await shown(session, client)

    printing.record(on_database(work, settings), json, usual=USUAL)


@app.command()
def remove(client_id: ClientId, yes: Yes = False, json: Json = False) -> None:
    """Remove a client; everybody's link to it ends."""
    printing.ask(f"Remove the client {client_id} and end everybody's link to it?", yes)

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        client = await named(session, client_id)
        await registration.remove(session, client)
        return {"client_id": client.client_id, "client_name": client.client_name, "removed": True}

    printing.record(on_database(work), json)
