"""`skill lamp …`: registered, shown and changed by the operator."""

from typing import TYPE_CHECKING, Annotated

import typer

from skill.commands import options as typed
from skill.commands.options import WIRING, changed, given, made
from skill.commands.shown import (
    EndpointId,
    Json,
    Svg,
    as_dict,
    checked_name,
    checked_owner,
    checked_room,
    code_as_dict,
    print_code,
    print_json,
    print_lamp,
    print_lamps,
    write_svg,
)
from skill.commands.working import fail, on_lamps

if TYPE_CHECKING:
    from skill.models import LampRow
    from skill.storage.registry import Registry

lamp_app = typer.Typer(rich_markup_mode=None)


@lamp_app.command("add")
def add(
    name: Annotated[str, typer.Option(help="What the user calls it: letters, digits, spaces.")],
    driver: Annotated[typed.DriverName, typer.Option(help="How the lamp is reached.")],
    owner: Annotated[
        str | None,
        typer.Option(help="The `sub` of the user whose lamp it is; without it the lamp is nobody's, and has a code."),
    ] = None,
    dialect: typed.Dialect = None,
    topic: typed.Topic = None,
    base_topic: typed.BaseTopic = None,
    full_topic: typed.FullTopic = None,
    thing: typed.Thing = None,
    shadow: typed.Shadow = None,
    power_key: typed.PowerKey = None,
    shadow_service: typed.ShadowService = None,
    command_topic: typed.CommandTopic = None,
    state_topic: typed.StateTopic = None,
    availability_topic: typed.AvailabilityTopic = None,
    brightness_scale: typed.BrightnessScale = None,
    supported_color_modes: typed.ColorModes = None,
    color_temp_kelvin: typed.ColorTempKelvin = None,
    confirm: typed.Confirm = None,
    capabilities: typed.Capabilities = None,
    kelvin_range: typed.KelvinRange = None,
    svg: Svg = None,
    as_json: Json = False,
) -> None:
    """Register a lamp; prints its endpoint id, which never changes. Without --owner also the code that claims it, once,
    with the address to claim it at as a QR code."""
    whose = "" if owner is None else checked_owner(owner)
    if svg is not None and whose:
        raise typer.BadParameter("a lamp that has an owner has no code", param_hint="--svg")
    options = made(driver.value, given(locals(), WIRING), capabilities, kelvin_range)
    plain = checked_name(name)

    async def work(lamps: "Registry") -> "tuple[LampRow, str | None]":
        lamp = await lamps.add(whose, plain, driver.value, options)
        return lamp, None if whose else await lamps.code(lamp.endpoint_id)

    lamp, code = on_lamps(work)
    if as_json:
        print_json(as_dict(lamp) | (code_as_dict(code) if code is not None else {}))
    else:
        print_lamp(lamp, False)
        if code is not None:
            print_code(code)
    if code is not None and svg is not None:
        write_svg(svg, code)


@lamp_app.command("list")
def list_lamps(
    owner: Annotated[str | None, typer.Option(help="Only the lamps of this `sub`.")] = None,
    unclaimed: Annotated[bool, typer.Option("--unclaimed", help="Only the lamps that nobody has.")] = False,
    as_json: Json = False,
) -> None:
    """List lamps, oldest first."""
    if unclaimed and owner is not None:
        raise typer.BadParameter("a lamp that somebody has is not unclaimed", param_hint="--unclaimed")
    whose = "" if unclaimed else owner
    print_lamps(on_lamps(lambda lamps: lamps.lamps(whose)), as_json)


@lamp_app.command()
def show(endpoint_id: EndpointId, as_json: Json = False) -> None:
    """Show one lamp."""
    print_lamp(on_lamps(lambda lamps: lamps.lamp(endpoint_id)), as_json)


@lamp_app.command()
def rename(
    endpoint_id: EndpointId,
    name: Annotated[str, typer.Option(help="The new name. Ask Alexa to discover devices afterwards.")],
    as_json: Json = False,
) -> None:
    """Rename a lamp; its endpoint id stays."""
    checked = checked_name(name)
    print_lamp(on_lamps(lambda lamps: lamps.rename(endpoint_id, checked)), as_json)


@lamp_app.command()
def move(
    endpoint_id: EndpointId,
    room: Annotated[str, typer.Option(help="The room that it stands in, as its owner says; empty for none.")],
    as_json: Json = False,
) -> None:
    """Say which room a lamp stands in. The companion pages show lamps by room; Alexa has groups of her own."""
    where = checked_room(room)
    print_lamp(on_lamps(lambda lamps: lamps.move(endpoint_id, where)), as_json)


@lamp_app.command()
def change(
    endpoint_id: EndpointId,
    dialect: typed.Dialect = None,
    topic: typed.Topic = None,
    base_topic: typed.BaseTopic = None,
    full_topic: typed.FullTopic = None,
    thing: typed.Thing = None,
    shadow: typed.Shadow = None,
    power_key: typed.PowerKey = None,
    shadow_service: typed.ShadowService = None,
    command_topic: typed.CommandTopic = None,
    state_topic: typed.StateTopic = None,
    availability_topic: typed.AvailabilityTopic = None,
    brightness_scale: typed.BrightnessScale = None,
    supported_color_modes: typed.ColorModes = None,
    color_temp_kelvin: typed.ColorTempKelvin = None,
    confirm: typed.Confirm = None,
    capabilities: typed.Capabilities = None,
    kelvin_range: typed.KelvinRange = None,
    default: Annotated[
        str | None, typer.Option(help="Options that go back to what they are unless said, with commas: state-topic.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change what a lamp can and how it is reached; what is not named stays. Let Alexa discover devices afterwards."""
    wiring = given(locals(), WIRING)
    dropped = {word.strip().removeprefix("--").replace("-", "_") for word in (default or "").split(",") if word.strip()}
    if unknown := sorted(dropped - {*WIRING, *typed.ABILITIES, "availability_topics"}):
        raise typer.BadParameter(f"no option of a lamp: {', '.join(unknown)}", param_hint="--default")
    if not wiring and not dropped and capabilities is None and kelvin_range is None:
        raise typer.BadParameter("nothing to change", param_hint="options")
    refused: list[typer.BadParameter] = []

    async def work(lamps: "Registry") -> "LampRow | None":
        if (lamp := await lamps.lamp(endpoint_id)) is None:
            return None
        try:
            options = changed(lamp.driver, lamp.options, wiring, dropped, capabilities, kelvin_range)
        except typer.BadParameter as error:
            refused.append(error)
            return lamp
        return await lamps.change(endpoint_id, options)

    lamp = on_lamps(work)
    if refused:
        raise refused[0]
    print_lamp(lamp, as_json)


@lamp_app.command()
def remove(endpoint_id: EndpointId, as_json: Json = False) -> None:
    """Remove a lamp; its endpoint id is never given again."""
    print_lamp(on_lamps(lambda lamps: lamps.remove(endpoint_id)), as_json)


@lamp_app.command()
def plug(
    endpoint_id: EndpointId,
    online: Annotated[bool, typer.Option("--in/--out", help="Whether the lamp has current.")] = True,
    as_json: Json = False,
) -> None:
    """Plug a simulated lamp in or out, to see what Alexa says of a lamp that is offline."""
    plugged = on_lamps(lambda lamps: lamps.plug(endpoint_id, online))
    if plugged is None:
        fail("no such simulated lamp", 1)
    if as_json:
        print_json({"endpoint_id": endpoint_id, "online": plugged.online})
    else:
        typer.echo("online" if plugged.online else "offline")
