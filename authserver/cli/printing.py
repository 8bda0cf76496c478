"""What commands print: JSON for programs (times are Unix seconds), lines and tables for people (times are UTC)."""

import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
All = Annotated[bool, typer.Option("--all", help="A line for every field, also where it is empty or as usual.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def as_json(value: object) -> None:
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def record(
    values: Mapping[str, Any], json: bool, *, usual: Mapping[str, Any] | None = None, everything: bool | None = None
) -> None:
    """One thing: a line for each of its fields that tells something; of the others, which are empty or as `usual`, the
    names. `everything`: a line for these too; None where the command has no such option."""
    if json:
        as_json(values)
        return
    empty = [name for name, value in values.items() if not everything and value in (None, "", [], {})]
    as_usual = [
        name for name, value in (usual or {}).items() if not everything and name not in empty and values[name] == value
    ]
    told = {name: value for name, value in values.items() if name not in empty and name not in as_usual}
    width = max(map(len, told), default=0)
    for name, value in told.items():
        first, *others = _parts(value)
        typer.echo(f"{name:<{width}}  {text_of(name, first)}".rstrip())
        for other in others:
            typer.echo(f"{'':<{width}}  {text_of(name, other)}")
    hint = "" if everything is None else " (--all shows each)"
    for words, names in (("empty", empty), ("as usual", as_usual)):
        if names:
            typer.echo(textwrap.fill(f"{words}{hint}: {', '.join(names)}", 100, subsequent_indent="  "))


def _parts(value: Any) -> list[Any]:
    """What gets a line each: the entries of a list, and of an object with their names, which tell what they are."""
    if isinstance(value, dict):
        return [f"{name}  {_inline(name, part)}" for name, part in value.items()] or [None]
    return value if isinstance(value, list) and value else [value]


def _inline(name: str, part: Any) -> str:
    return orjson.dumps(part).decode() if isinstance(part, (dict, list)) else text_of(name, part)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], json: bool) -> None:
    """Many things: JSON has all of each, the table the columns that tell them apart."""
    if json:
        as_json(rows)
        return
    lines = [[column.removesuffix("_at").replace("_", " ").upper() for column in columns]]
    lines += [[text_of(column, row[column]) or "-" for column in columns] for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    if not rows:
        typer.echo("none", err=True)  # what is piped on stays empty
    for line in lines if rows else []:
        typer.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def text_of(name: str, value: Any) -> str:
    """A value in words; what ends in `_at` or `_from` is a moment."""
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith(("_at", "_from")):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, list):
        return " ".join(text_of(name, part) for part in value)
    if isinstance(value, dict):
        return "  ".join(text_of(key, part) for key, part in value.items())
    return str(value)


def ask(question: str, yes: bool) -> None:
    """Ends the command with status 1 unless the operator agrees."""
    if not yes:
        typer.confirm(question, abort=True, err=True)
