"""`authserver user …`: accounts."""

import asyncio
import sys
from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import administration, second_factor
from authserver.accounts.names import Email, NotAnAddressError, read_email
from authserver.accounts.password_policy import SHORTEST, Weakness, weakness
from authserver.accounts.passwords import LONGEST, Passwords
from authserver.cli import printing
from authserver.cli.printing import Json, Yes
from authserver.cli.running import WRONG, NotFoundError, commands, fail, on_database
from authserver.models import User

app = commands("Accounts of people.")

Name = Annotated[str, typer.Argument(metavar="USER", help="E-mail address, sub or user name.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
]

WHY = {
    Weakness.TOO_SHORT: f"a password has at least {SHORTEST} characters",
    Weakness.TOO_LONG: f"a password has at most {LONGEST} characters",
    Weakness.COMMON: "this password is one of those that are tried first; take another one",
    Weakness.OWN_WORDS: "this password is hardly more than the e-mail address; take another one",
}


def shown(user: User) -> dict[str, Any]:
    """An account without its password."""
    return {
        "sub": user.sub,
        "username": user.username,
        "email": user.email,
        "email_verified": user.email_verified,
        "active": user.active,
        "attributes": user.attributes,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


async def named(session: AsyncSession, name: str) -> User:
    user = await administration.find(session, name)
    if user is None:
        raise NotFoundError(f"no account {name}")
    return user


def _password(from_stdin: bool) -> str:
    """As given, without the line break at its end."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        fail("give --password-stdin and the password on standard input", WRONG)
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _hashed(password: str, email: Email) -> str:
    """Ends the command when the policy refuses the password. Outside every unit of work: a hash takes its time."""
    weak = weakness(password, (email.address, email.canonical))
    if weak is not None:
        fail(WHY[weak])
    passwords = Passwords(queue=1, threads=1)
    try:
        return asyncio.run(passwords.hash(password))
    finally:
        passwords.close()


@app.command()
def add(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The address that the person signs in with.")],
    password_stdin: PasswordStdin = False,
    verified: Annotated[
        bool, typer.Option("--verified", help="The address is known to be the person's; otherwise a code is asked for.")
    ] = False,
    username: Annotated[
        str | None, typer.Option(help="The `username` claim; by default the sub, as in Cognito.")
    ] = None,
    json: Json = False,
) -> None:
    """Make an account; prints its sub, which never changes."""
    try:
        address = read_email(email)
    except NotAnAddressError as error:
        raise typer.BadParameter(str(error), param_hint="EMAIL") from error
    password_hash = _hashed(_password(password_stdin), address)

    async def work(session: AsyncSession, now: int) -> User:
        return await administration.add(
            session, address, password_hash, now, verified=verified, username=username or None
        )

    printing.record(shown(on_database(work)), json)


@app.command("list")
def list_users(json: Json = False) -> None:
    """List accounts, oldest first."""

    async def work(session: AsyncSession, _now: int) -> list[dict[str, Any]]:
        return [shown(user) for user in await administration.every(session)]

    printing.table(on_database(work), ("sub", "email", "email_verified", "active", "created_at"), json)


@app.command()
def show(user: Name, json: Json = False) -> None:
    """Show one account, with how many sessions and linked applications it has."""

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        found = await named(session, user)
        held = await administration.holdings(session, found, now)
        factors = await second_factor.set_up(session, found)
        return shown(found) | {"sessions": held.sessions, "grants": held.grants, "second_factors": factors}

    printing.record(on_database(work), json)


@app.command()
def disable(user: Name, json: Json = False) -> None:
    """Keep a person out: ends sessions and linked applications for good; enabling does not bring them back."""

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        found = await named(session, user)
        await administration.disable(session, found, now)
        return shown(found)

    printing.record(on_database(work), json)


@app.command()
def enable(user: Name, json: Json = False) -> None:
    """Let a disabled person sign in, and link, again."""

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        found = await named(session, user)
        await administration.enable(session, found, now)
        return shown(found)

    printing.record(on_database(work), json)


@app.command()
def delete(user: Name, yes: Yes = False, json: Json = False) -> None:
    """Delete an account and everything that belongs to it. Its linked applications end; its sub never comes back."""
    printing.ask(f"Delete the account {user} with its sessions and linked applications?", yes)

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        found = await named(session, user)
        await administration.remove(session, found)
        return {"sub": found.sub, "email": found.email, "deleted": True}

    printing.record(on_database(work), json)


@app.command("set-password")
def set_password(user: Name, password_stdin: PasswordStdin = False, json: Json = False) -> None:
    """Give a person a new password. Ends browser sessions and linked applications; Alexa stays linked."""
    account = on_database(lambda session, _now: named(session, user))
    password_hash = _hashed(_password(password_stdin), Email(account.email, account.email_canonical))

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        found = await named(session, account.sub)
        ended = await administration.set_password(session, found, password_hash, now)
        return {"sub": found.sub, "email": found.email, "sessions_ended": ended.sessions, "grants_ended": ended.grants}

    printing.record(on_database(work), json)
