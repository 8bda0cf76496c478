"""`authserver group …`: groups of people, whose names stand in tokens."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import groups
from authserver.cli import printing
from authserver.cli.printing import All, Json, Yes
from authserver.cli.running import NotFoundError, commands, on_database
from authserver.cli.users import Name as User
from authserver.cli.users import named as account
from authserver.models import Group

app = commands()

Name = Annotated[str, typer.Argument(metavar="GROUP", help="The group's name, as tokens tell it.")]
Description = Annotated[str | None, typer.Option(help="For operators.")]
NONE = "none"
Precedence = Annotated[
    str | None, typer.Option(metavar="NUMBER", help=f"The lowest comes first in tokens; `{NONE}` comes last.")
]


def shown(group: Group, members: int) -> dict[str, Any]:
    return {
        "name": group.name,
        "description": group.description,
        "precedence": group.precedence,
        "members": members,
        "created_at": group.created_at,
        "updated_at": group.updated_at,
    }


async def named(session: AsyncSession, name: str) -> Group:
    group = await groups.find(session, name)
    if group is None:
        raise NotFoundError(f"no group {name}")
    return group


def _number(precedence: str | None) -> int | None:
    if precedence is None or precedence.lower() == NONE:
        return None
    if not (precedence.isdecimal() and len(precedence) <= 10):
        raise typer.BadParameter(f"{precedence!r} is neither a number nor {NONE}", param_hint="--precedence")
    return int(precedence)


@app.command()
def add(name: Name, description: Description = None, precedence: Precedence = None, json: Json = False) -> None:
    """Make a group."""
    number = _number(precedence)

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        return shown(await groups.add(session, name, description or "", number, now), 0)

    printing.record(on_database(work), json)


@app.command("list")
def list_groups(json: Json = False) -> None:
    """List groups in the order of tokens."""

    async def work(session: AsyncSession, _now: int) -> list[dict[str, Any]]:
        return [shown(listed.group, listed.members) for listed in await groups.every(session)]

    printing.table(on_database(work), ("name", "precedence", "members", "description", "created_at"), json)


@app.command()
def show(name: Name, everything: All = False, json: Json = False) -> None:
    """Show one group and who is in it."""

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        group = await named(session, name)
        members = await groups.members_of(session, group)
        return shown(group, len(members)) | {"people": [asdict(member) for member in members]}

    printing.record(on_database(work), json, everything=everything)


@app.command()
def update(name: Name, description: Description = None, precedence: Precedence = None, json: Json = False) -> None:
    """Change what is named, and nothing else."""
    number = _number(precedence)

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        group = await named(session, name)
        await groups.change(
            session, group, now, description=description, precedence=number, ordered=precedence is not None
        )
        return shown(group, len(await groups.members_of(session, group)))

    printing.record(on_database(work), json)


@app.command()
def remove(name: Name, yes: Yes = False, json: Json = False) -> None:
    """Remove a group; the people in it stay."""
    printing.ask(f"Remove the group {name}?", yes)

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        await groups.remove(session, await named(session, name))
        return {"name": name, "removed": True}

    printing.record(on_database(work), json)


@app.command("add-member")
def add_member(name: Name, user: User, json: Json = False) -> None:
    """Put a person into a group; their next token, also by a refresh, names it."""

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        group, person = await named(session, name), await account(session, user)
        await groups.join(session, group, person, now)
        return {"sub": person.sub, "email": person.email, "groups": list(await groups.of_person(session, person))}

    printing.record(on_database(work), json)


@app.command("remove-member")
def remove_member(name: Name, user: User, json: Json = False) -> None:
    """Take a person out of a group; their next token does not name it."""

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        group, person = await named(session, name), await account(session, user)
        if not await groups.leave(session, group, person):
            raise NotFoundError(f"{person.email} is not in the group {name}")
        return {"sub": person.sub, "email": person.email, "groups": list(await groups.of_person(session, person))}

    printing.record(on_database(work), json)
