"""`authserver user …`: accounts."""

import asyncio
import sys
from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import administration, groups, invitations, second_factor, usernames
from authserver.accounts.administration import AccountError
from authserver.accounts.invitations import Temporary
from authserver.accounts.names import (
    Email,
    NotAnAddressError,
    NotAUsernameError,
    Username,
    read_email,
    read_username,
)
from authserver.accounts.password_policy import Policy, Weakness, weakness
from authserver.accounts.passwords import LONGEST, Passwords, UnusableHashError, check_foreign
from authserver.cli import printing
from authserver.cli.printing import All, Json, Yes
from authserver.cli.running import WRONG, NotFoundError, commands, fail, on_database, settings_of
from authserver.models import User
from authserver.secret_values import temporary_password
from authserver.settings import PeopleSettings, Settings

app = commands()

Name = Annotated[str, typer.Argument(metavar="USER", help="E-mail address, sub or user name.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
]
TemporaryPassword = Annotated[
    bool,
    typer.Option(
        "--temporary",
        help="The password must be replaced at the first sign-in, and in time "
        "(`AUTHSERVER_TEMPORARY_PASSWORD_LIFETIME`).",
    ),
]
NAME_RULES = (
    "a user name has letters of one script, digits, dots, hyphens and underscores, and begins with a letter or digit"
)


def why(reason: Weakness, policy: Policy) -> str:
    """What is wrong with a password, in the operator's words."""
    return {
        Weakness.TOO_SHORT: f"a password has at least {policy.shortest} characters",
        Weakness.TOO_LONG: f"a password has at most {LONGEST} characters",
        Weakness.NO_UPPER: "a password has an upper-case letter here",
        Weakness.NO_LOWER: "a password has a lower-case letter here",
        Weakness.NO_NUMBER: "a password has a digit here",
        Weakness.NO_SYMBOL: "a password has a symbol here",
        Weakness.COMMON: "this password is one of those that are tried first; take another one",
        Weakness.OWN_WORDS: "this password is hardly more than the e-mail address or the name; take another one",
        Weakness.TEMPORARY: "this is the temporary password",
    }[reason]


def shown(user: User, now: int) -> dict[str, Any]:
    """An account without its password."""
    return {
        "sub": user.sub,
        "username": user.username,
        "sign_in_name": usernames.shown(user),
        "email": user.email,
        "email_verified": user.email_verified,
        "active": user.active,
        "status": administration.status(user, now),
        "invitation_expires_at": user.password_expires_at,
        "attributes": user.attributes,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


async def named(session: AsyncSession, name: str) -> User:
    user = await administration.find(session, name)
    if user is None:
        raise NotFoundError(f"no account {name}")
    return user


def _address(text: str) -> Email:
    try:
        return read_email(text)
    except NotAnAddressError as error:
        raise typer.BadParameter(str(error), param_hint="EMAIL") from error


def _username(text: str | None) -> Username | None:
    return _read_username(text, "--username") if text else None


def _read_username(text: str, given_as: str) -> Username:
    try:
        return read_username(text)
    except NotAUsernameError as error:
        raise typer.BadParameter(NAME_RULES, param_hint=given_as) from error


def _password(from_stdin: bool) -> str:
    """As given, without the line break at its end."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        fail("give --password-stdin and the password on standard input", WRONG)
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _accepted(password: str, settings: PeopleSettings, *own_words: str) -> str:
    """Its hash. Ends the command when the policy refuses the password."""
    policy = Policy.of(settings)
    weak = weakness(password, own_words, policy)
    if weak is not None:
        fail("\n".join(why(reason, policy) for reason in weak.reasons))
    return _hashed(password)


def _hashed(password: str) -> str:
    """Outside every unit of work: a hash takes its time."""
    passwords = Passwords(queue=1, threads=1)
    try:
        return asyncio.run(passwords.hash(password))
    finally:
        passwords.close()


def _foreign_hash() -> str:
    """A hash that another system made, from standard input."""
    stored = sys.stdin.readline().strip()
    try:
        check_foreign(stored)
    except UnusableHashError as error:
        fail(str(error))
    return stored


@app.command()
def add(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The address that the person signs in with.")],
    password_stdin: PasswordStdin = False,
    verified: Annotated[
        bool, typer.Option("--verified", help="The address is known to be the person's; otherwise a code is asked for.")
    ] = False,
    username: Annotated[
        str | None,
        typer.Option(
            help="A name to sign in with, where `AUTHSERVER_SIGN_IN_WITH` says so, and for good the `username` claim; "
            "by default that is the sub, as in Cognito."
        ),
    ] = None,
    temporary: TemporaryPassword = False,
    hash_stdin: Annotated[
        bool,
        typer.Option(
            "--hash-stdin",
            help="Read a password hash that another system made (argon2, bcrypt, scrypt, PBKDF2 as in passlib or "
            "Django, SHA-crypt) from standard input; it is replaced at the first sign-in.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Make an account; prints its sub, which never changes."""
    settings = settings_of(PeopleSettings)
    address, chosen = _address(email), _username(username)
    if hash_stdin:
        password_hash = _foreign_hash()
    else:
        password_hash = _accepted(
            _password(password_stdin), settings, address.address, address.canonical, username or ""
        )

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        user = await administration.add(session, address, password_hash, now, verified=verified, username=chosen)
        if temporary:
            user.password_expires_at = now + settings.temporary_password_lifetime
        return shown(user, now)

    printing.record(on_database(work), json)


@app.command()
def invite(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Where the invitation goes.")],
    username: Annotated[str | None, typer.Option(help="As in `user add`.")] = None,
    days: Annotated[
        int | None,
        typer.Option(
            min=1, max=365, help="How long the temporary password lives; by default as the settings say, seven days."
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Send another temporary password to somebody who has not used theirs.")
    ] = False,
    json: Json = False,
) -> None:
    """Make an account and mail a temporary password to its owner, who replaces it at the first sign-in. Signing in with
    it confirms the address."""
    settings = settings_of(Settings)
    address, chosen = _address(email), _username(username)
    password = temporary_password()
    password_hash = _hashed(password)
    lifetime = days * 86_400 if days else settings.temporary_password_lifetime

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        made = Temporary(password, password_hash, now + lifetime)
        if again:
            user = await named(session, address.address)
            await invitations.invite_again(session, settings, user, made, now)
        else:
            try:
                user = await invitations.invite(session, settings, address, chosen, made, now)
            except AccountError as error:
                raise AccountError(f"{error}; --again sends another invitation") from error
        return shown(user, now)

    printing.record(on_database(work, settings), json)
    if settings.smtp_url is None:
        typer.echo("note: AUTHSERVER_SMTP_URL is not set: the invitation waits in the outbox", err=True)


@app.command("list")
def list_users(json: Json = False) -> None:
    """List accounts, oldest first."""

    async def work(session: AsyncSession, now: int) -> list[dict[str, Any]]:
        return [shown(user, now) for user in await administration.every(session)]

    columns = ("sub", "email", "email_verified", "active", "status", "sign_in_name", "created_at")
    printing.table(on_database(work), columns, json)


@app.command()
def show(user: Name, everything: All = False, json: Json = False) -> None:
    """Show one account, with how many sessions and linked applications it has."""

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        found = await named(session, user)
        held = await administration.holdings(session, found, now)
        factors = await second_factor.set_up(session, found)
        of_person = {"groups": list(await groups.of_person(session, found)), "second_factors": factors}
        return shown(found, now) | {"sessions": held.sessions, "grants": held.grants} | of_person

    printing.record(on_database(work), json, everything=everything)


@app.command()
def disable(user: Name, json: Json = False) -> None:
    """Keep a person out: ends sessions and linked applications for good; enabling does not bring them back."""

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        found = await named(session, user)
        await administration.disable(session, found, now)
        return shown(found, now)

    printing.record(on_database(work), json)


@app.command()
def enable(user: Name, json: Json = False) -> None:
    """Let a disabled person sign in, and link, again."""

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        found = await named(session, user)
        await administration.enable(session, found, now)
        return shown(found, now)

    printing.record(on_database(work), json)


@app.command()
def delete(user: Name, yes: Yes = False, json: Json = False) -> None:
    """Delete an account and everything that belongs to it. Its linked applications end; its sub never comes back."""
    printing.ask(f"Delete the account {user} with its sessions and linked applications?", yes)

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        found = await named(session, user)
        await administration.remove(session, found, now)
        return {"sub": found.sub, "email": found.email, "deleted": True}

    printing.record(on_database(work), json)


@app.command("set-username")
def set_username(
    user: Name,
    username: Annotated[str, typer.Argument(metavar="NAME", help="What they sign in with from now on.")],
    json: Json = False,
) -> None:
    """Give a person another user name to sign in with. The `username` claim stays as it is."""
    chosen = _read_username(username, "NAME")

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        found = await named(session, user)
        if not await usernames.give(session, found, chosen, now):
            raise AccountError("there is an account with this user name already")
        return shown(found, now)

    printing.record(on_database(work), json)


@app.command("set-password")
def set_password(
    user: Name, password_stdin: PasswordStdin = False, temporary: TemporaryPassword = False, json: Json = False
) -> None:
    """Give a person a new password. Ends browser sessions and linked applications; Alexa stays linked."""
    settings = settings_of(PeopleSettings)
    account = on_database(lambda session, _now: named(session, user))
    password_hash = _accepted(
        _password(password_stdin), settings, account.email, account.email_canonical, account.username_canonical or ""
    )

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        found = await named(session, account.sub)
        until = now + settings.temporary_password_lifetime if temporary else None
        ended = await administration.set_password(session, found, password_hash, now, temporary_until=until)
        return {"sub": found.sub, "email": found.email, "sessions_ended": ended.sessions, "grants_ended": ended.grants}

    printing.record(on_database(work), json)
