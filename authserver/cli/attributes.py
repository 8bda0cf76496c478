"""`authserver attribute …`: attributes of people that are the operator's own."""

from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import attributes
from authserver.cli import printing
from authserver.cli.printing import Json, Yes
from authserver.cli.running import NotFoundError, commands, on_database
from authserver.models import CustomAttribute

app = commands()

Name = Annotated[str, typer.Argument(metavar="NAME", help="With or without `custom:` in front.")]
NONE = "none"
Least = Annotated[
    str | None, typer.Option("--min", metavar="NUMBER", help="Of a String: characters. Of a Number: the value.")
]
Most = Annotated[str | None, typer.Option("--max", metavar="NUMBER", help=f"The same; `{NONE}` for no bound.")]


def shown(attribute: CustomAttribute) -> dict[str, Any]:
    return {
        "name": attribute.name,
        "kind": attribute.kind,
        "min": attribute.least,
        "max": attribute.most,
        "created_at": attribute.created_at,
    }


async def named(session: AsyncSession, name: str) -> CustomAttribute:
    found = await attributes.find(session, attributes.full_name(name))
    if found is None:
        raise NotFoundError(f"no attribute {attributes.full_name(name)}")
    return found


def _bound(text: str | None, option: str) -> int | None:
    if text is None or text.lower() == NONE:
        return None
    try:
        return int(text[:12])
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is neither a number nor {NONE}", param_hint=option) from error


@app.command()
def add(
    name: Name,
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(attributes.KINDS)}.")] = "String",
    least: Least = None,
    most: Most = None,
    json: Json = False,
) -> None:
    """Define an attribute. In claims it is a text, whatever its kind, as in Cognito."""
    low, high = _bound(least, "--min"), _bound(most, "--max")

    async def work(session: AsyncSession, now: int) -> dict[str, Any]:
        return shown(await attributes.define(session, name, kind, low, high, now))

    printing.record(on_database(work), json)


@app.command("list")
def list_attributes(json: Json = False) -> None:
    """List attributes by name."""

    async def work(session: AsyncSession, _now: int) -> list[dict[str, Any]]:
        return [shown(attribute) for attribute in await attributes.every(session)]

    printing.table(on_database(work), ("name", "kind", "min", "max", "created_at"), json)


@app.command()
def update(name: Name, least: Least = None, most: Most = None, json: Json = False) -> None:
    """Change the bounds that are named. Values that people already have stay."""
    given = {"least": (least, "--min"), "most": (most, "--max")}
    bounds = {column: _bound(text, option) for column, (text, option) in given.items() if text is not None}

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        attribute = await named(session, name)
        await attributes.change(session, attribute, bounds)
        return shown(attribute)

    printing.record(on_database(work), json)


@app.command()
def remove(name: Name, yes: Yes = False, json: Json = False) -> None:
    """Remove an attribute, and everybody's value of it."""
    printing.ask(f"Remove the attribute {name} and everybody's value of it?", yes)

    async def work(session: AsyncSession, _now: int) -> dict[str, Any]:
        attribute = await named(session, name)
        await attributes.remove(session, attribute)
        return {"name": attribute.name, "removed": True}

    printing.record(on_database(work), json)
