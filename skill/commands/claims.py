"""`skill lamp code|unclaim|transfer`: whose a lamp is."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skill.commands.lamps import lamp_app
from skill.commands.shown import (
    EndpointId,
    Json,
    Svg,
    checked_owner,
    code_as_dict,
    print_code,
    print_json,
    print_lamp,
    write_svg,
)
from skill.commands.working import fail, on_lamps

if TYPE_CHECKING:
    from skill.models import LampRow
    from skill.storage.registry import Registry


def _show_code(endpoint_id: str, code: str, svg: Path | None, as_json: bool) -> None:
    if as_json:
        print_json({"endpoint_id": endpoint_id} | code_as_dict(code))
    else:
        print_code(code)
    if svg is not None:
        write_svg(svg, code)


def _there(lamp: "LampRow | None") -> "LampRow":
    if lamp is None:
        fail("no such lamp", 1)
    return lamp


@lamp_app.command("code")
def new_code(endpoint_id: EndpointId, svg: Svg = None, as_json: Json = False) -> None:
    """Make a new code for a lamp that nobody has, and print it once, with a QR code. The one before works no more."""

    async def work(lamps: "Registry") -> "tuple[LampRow | None, str | None]":
        return await lamps.lamp(endpoint_id), await lamps.code(endpoint_id)

    lamp, code = on_lamps(work)
    if code is None:
        fail(f"somebody has it: {_there(lamp).owner}; `skill lamp transfer` or `skill lamp unclaim`", 1)
    _show_code(endpoint_id, code, svg, as_json)


@lamp_app.command()
def unclaim(endpoint_id: EndpointId, svg: Svg = None, as_json: Json = False) -> None:
    """Take a lamp from its owner; it is nobody's then, and the code that claims it is printed once."""

    async def work(lamps: "Registry") -> "tuple[LampRow | None, str | None]":
        lamp = await lamps.lamp(endpoint_id)
        return lamp, None if lamp is None else await lamps.unclaim(endpoint_id, lamp.owner, int(time.time()))

    lamp, code = on_lamps(work)
    if code is None:
        _there(lamp)
        fail("nobody has it; `skill lamp code` makes a new code", 1)
    _show_code(endpoint_id, code, svg, as_json)


@lamp_app.command()
def transfer(
    endpoint_id: EndpointId,
    to: Annotated[
        str | None, typer.Option(help="The `sub` of the user who gets it at once; without it a code is printed, once.")
    ] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="The code that was given away works no more.")] = False,
    svg: Svg = None,
    as_json: Json = False,
) -> None:
    """Give a lamp to somebody else: to --to at once, or to who claims it with the printed code within seven days, its
    owner keeping it until then."""
    if (to is not None) + withdraw + (svg is not None) > 1:
        raise typer.BadParameter("only one of these", param_hint="--to, --withdraw, --svg")
    now = int(time.time())
    if to is not None:
        owner = checked_owner(to, "--to")
        print_lamp(on_lamps(lambda lamps: lamps.give(endpoint_id, owner, now)), as_json)
        return

    async def work(lamps: "Registry") -> "tuple[LampRow | None, str | bool | None]":
        if (lamp := await lamps.lamp(endpoint_id)) is None:
            return None, None
        if withdraw:
            return lamp, await lamps.withdraw(endpoint_id, lamp.owner)
        return lamp, await lamps.offer(endpoint_id, lamp.owner, now)

    lamp, done = on_lamps(work)
    _there(lamp)
    if isinstance(done, str):
        _show_code(endpoint_id, done, svg, as_json)
    elif withdraw and done:
        print_lamp(lamp, as_json)
    elif withdraw:
        fail("it was not given away", 1)
    else:
        fail("nobody has it; `skill lamp code` makes a code, --to gives it to somebody", 1)
