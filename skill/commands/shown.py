"""How lamps and codes are printed."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from skill.claiming import claim_url, qr_svg, qr_text
from skill.commands.working import fail, settings_of
from skill.discovery import NotDescribable, friendly_name
from skill.settings import RegistrySettings

if TYPE_CHECKING:
    from skill.models import LampRow

LONGEST_ROOM = 64

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT_ID", help="The id that `lamp add` printed.")]
Svg = Annotated[
    Path | None, typer.Option("--svg", metavar="FILE", help="Also write the QR code as a picture, for a sticker.")
]

_SHOWN = ("endpoint_id", "owner", "name", "driver", "options", "created_at")
_SHOWN_IF_THERE = ("room", "claimed_at", "claim_expires_at", "details", "discovered_as", "broker_user")


def print_json(value: object) -> None:
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def as_dict(lamp: "LampRow") -> dict[str, Any]:
    """Of what is secret, only whether it is there. `owner` is None for a lamp that nobody has."""
    shown = {name: getattr(lamp, name) for name in (*_SHOWN, *_SHOWN_IF_THERE)}
    return shown | {"owner": lamp.owner or None, "has_code": lamp.claim_digest is not None}


def print_lamps(lamps: Sequence["LampRow"], as_json: bool) -> None:
    if as_json:
        print_json([as_dict(lamp) for lamp in lamps])
        return
    if not lamps:
        typer.echo("skill: no lamps", err=True)
    for lamp in lamps:
        room = f"  [{lamp.room}]" if lamp.room else ""
        typer.echo(f"{lamp.endpoint_id}  {lamp.driver:<9}  {lamp.owner or '(unclaimed)'}  {lamp.name}{room}")


def print_lamp(lamp: "LampRow | None", as_json: bool) -> None:
    if lamp is None:
        fail("no such lamp", 1)
    if as_json:
        print_json(as_dict(lamp))
        return
    for name, value in as_dict(lamp).items():
        if name in _SHOWN or (value is not None and value is not False):
            typer.echo(f"{name:<16} {'(unclaimed)' if name == 'owner' and value is None else value}")


def code_as_dict(code: str) -> dict[str, Any]:
    public_url = settings_of(RegistrySettings).public_url
    return {"claim_code": code, "claim_url": claim_url(public_url, code) if public_url else None}


def print_code(code: str) -> None:
    """Once: the database keeps its digest alone."""
    shown = code_as_dict(code)
    typer.echo(f"{'claim_code':<16} {code}")
    if shown["claim_url"]:
        typer.echo(f"{'claim_url':<16} {shown['claim_url']}\n")
    else:
        typer.echo("skill: without SKILL_PUBLIC_URL there is no address; the QR code holds the code alone", err=True)
    drawn = qr_text(shown["claim_url"] or code)
    try:
        drawn.encode(sys.stdout.encoding or "ascii")
        typer.echo(drawn, nl=False)
    except UnicodeEncodeError:
        typer.echo("(this terminal cannot show the QR code; --svg writes it to a file)")
    typer.echo("Shown this once. Whoever has it can claim the lamp.")


def write_svg(path: Path, code: str) -> None:
    """Last of all: whatever becomes of the picture, the code was printed."""
    shown = code_as_dict(code)
    try:
        path.touch(mode=0o600)  # whoever can read it can have the lamp
        path.write_text(qr_svg(shown["claim_url"] or code))
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}", 1)


def checked_name(name: str) -> str:
    try:
        friendly_name(name)
    except NotDescribable as error:
        raise typer.BadParameter(str(error), param_hint="--name") from error
    if len(name) > 128 or not name.isprintable():
        raise typer.BadParameter("at most 128 printable characters", param_hint="--name")
    return name


def checked_owner(owner: str, option: str = "--owner") -> str:
    if not owner.strip() or len(owner) > 256 or not owner.isprintable():
        raise typer.BadParameter("1 to 256 characters", param_hint=option)
    return owner


def checked_room(room: str) -> str | None:
    room = " ".join(room.split())
    if len(room) > LONGEST_ROOM or not room.isprintable():
        raise typer.BadParameter(f"at most {LONGEST_ROOM} printable characters", param_hint="--room")
    return room or None
