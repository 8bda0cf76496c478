"""`authserver key …`: the signing keys, and the secret key that seals them."""

from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts.second_factor import totp
from authserver.cli import printing
from authserver.cli.printing import Json
from authserver.cli.running import NotFoundError, commands, on_database, secret_keys_of, settings_of
from authserver.oauth import key_states, keys
from authserver.settings import Settings

app = commands()

COLUMNS = ("kid", "alg", "state", "created_at", "signs_from", "expires_at", "revoked_at")


@app.command("list")
def list_keys(json: Json = False) -> None:
    """List signing keys: next (published, signs later), current, retired (published until its last token has ended),
    expired, revoked."""

    async def work(session: AsyncSession, now: int) -> list[dict[str, Any]]:
        return await key_states.listed(session, now)

    printing.table(on_database(work), COLUMNS, json)


@app.command()
def rotate(
    alg: Annotated[str, typer.Option(help="RS256, ES256 or EdDSA.")] = "RS256",
    json: Json = False,
) -> None:
    """Make a successor now; it signs when all verifiers have seen it: after AUTHSERVER_SIGNING_KEY_LEAD seconds."""
    if alg not in keys.ALGORITHMS:
        raise typer.BadParameter(f"one of {', '.join(keys.ALGORITHMS)}", param_hint="--alg")
    settings = settings_of(Settings)

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        secret_keys = secret_keys_of(settings)
        await keys.prepare(session, settings, secret_keys, now)
        made = await keys.rotate(session, settings, secret_keys.current, alg, now)
        await session.flush()
        return next(row for row in await key_states.listed(session, now) if row["kid"] == made.kid)

    printing.record(on_database(work, settings), json)


@app.command(context_settings={"ignore_unknown_options": True})  # a kid may begin with a dash
def revoke(
    kid: Annotated[str, typer.Argument(metavar="KID", help="As `key list` shows it.")],
    json: Json = False,
) -> None:
    """Drop a stolen key at once: it is not published, and tokens that it signed are refused as soon as verifiers fetch
    the key set. Another key signs from now on."""
    settings = settings_of(Settings)

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        secret_keys = secret_keys_of(settings)
        await keys.prepare(session, settings, secret_keys, now)
        if not await keys.revoke(session, secret_keys.current, kid, now):
            raise NotFoundError(f"no key {kid}")
        await session.flush()
        return next(row for row in await key_states.listed(session, now) if row["kid"] == kid)

    printing.record(on_database(work, settings), json)


@app.command()
def rewrap(json: Json = False) -> None:
    """Seal signing keys and authenticator apps with the present AUTHSERVER_SECRET_KEY, after it was changed.

    AUTHSERVER_SECRET_KEY_PREVIOUS must still be given, and must stay as long as links live that were not refreshed
    since the change: their refresh tokens are derived from it. `grant list` shows when each was last used.
    """
    settings = settings_of(Settings)

    async def work(session: AsyncSession, now: int) -> tuple[int, int]:
        secret_keys = secret_keys_of(settings)
        await keys.prepare(session, settings, secret_keys, now)
        return await keys.rewrap(session, secret_keys), await totp.rewrap(session, secret_keys)

    count, apps = on_database(work, settings)
    if json:
        printing.as_json({"rewrapped": count, "authenticator_apps": apps})
    else:
        typer.echo(f"{count} signing keys and {apps} authenticator apps are sealed with the present secret key")
