"""Commands of the operator. Exit status: 0 done, 1 it failed, 2 the command or the settings are wrong."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import orjson
import typer

from skill.abilities import chosen
from skill.bridge.commands import bridge_app
from skill.discovery import NotDescribable, friendly_name
from skill.drivers.codecs import BadOption
from skill.drivers.wiring import checked, implied
from skill.log import set_up
from skill.settings import DatabaseSettings, Settings, SettingsError, read
from skill.simulator.commands import simulate_app

if TYPE_CHECKING:
    from skill.models import LampRow
    from skill.storage.registry import Registry

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Alexa smart-home skill service for lamps.")
lamp_app = typer.Typer(no_args_is_help=True, help="Register, show and change lamps.")
app.add_typer(lamp_app, name="lamp")
app.add_typer(bridge_app, name="bridge")
app.add_typer(simulate_app, name="simulate")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT_ID", help="The id that `lamp add` printed.")]


class DriverName(StrEnum):
    simulated = "simulated"
    mqtt = "mqtt"


class Dialect(StrEnum):
    home_assistant = "home_assistant"
    zigbee2mqtt = "zigbee2mqtt"
    tasmota = "tasmota"
    wled = "wled"
    esphome = "esphome"
    aws_shadow = "aws_shadow"


class PowerKey(StrEnum):
    power = "power"
    powerState = "powerState"


class Confirm(StrEnum):
    echo = "echo"
    optimistic = "optimistic"


def _fail(message: str, status: int) -> NoReturn:
    typer.echo(f"skill: {message}", err=True)
    raise typer.Exit(status)


def _database() -> DatabaseSettings:
    try:
        settings = read(DatabaseSettings)
    except SettingsError as error:
        _fail(str(error), 2)
    set_up("WARNING")
    return settings


def _on_lamps(work: Callable[["Registry"], Awaitable[T]]) -> T:
    from skill.storage.registry import open_registry  # only here: `serve` has no use for the cold path

    url = _database().database_url.get_secret_value()

    async def run() -> T:
        async with open_registry(url) as registry:
            return await work(registry)

    try:
        return asyncio.run(run())
    except Exception as error:
        _fail(f"the database refused ({type(error).__name__}); is it there, and migrated with `skill migrate`?", 1)


def _as_dict(lamp: "LampRow") -> dict[str, Any]:
    names = ("endpoint_id", "owner", "name", "driver", "options", "created_at")
    return {name: getattr(lamp, name) for name in names}


def _print(value: object) -> None:
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def _print_lamps(lamps: Sequence["LampRow"], as_json: bool) -> None:
    if as_json:
        _print([_as_dict(lamp) for lamp in lamps])
        return
    for lamp in lamps:
        typer.echo(f"{lamp.endpoint_id}  {lamp.driver:<9}  {lamp.owner}  {lamp.name}")


def _print_lamp(lamp: "LampRow | None", as_json: bool) -> None:
    if lamp is None:
        _fail("no such lamp", 1)
    if as_json:
        _print(_as_dict(lamp))
        return
    for name, value in _as_dict(lamp).items():
        typer.echo(f"{name:<12} {value}")


def _checked_name(name: str) -> str:
    try:
        friendly_name(name)
    except NotDescribable as error:
        raise typer.BadParameter(str(error), param_hint="--name") from error
    if len(name) > 128 or not name.isprintable():
        raise typer.BadParameter("at most 128 printable characters", param_hint="--name")
    return name


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [SKILL_HOST, default 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [SKILL_PORT, default 8001]")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes; more than one needs PostgreSQL. [SKILL_WORKERS, default 1]")
    ] = None,
) -> None:
    """Serve until SIGTERM or SIGINT; drains what is in flight and ends within ten seconds."""
    from skill.serving import serve as run  # only here: it loads the whole service

    try:
        status = run(read(Settings, host=host, port=port, workers=workers))
    except SettingsError as error:
        _fail(str(error), 2)
    raise typer.Exit(status)


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the database to the current schema, once it is there; needs SKILL_DATABASE_URL alone."""
    from skill.storage import migrations  # only here: Alembic takes a fifth of a second to load

    settings = _database()
    url = settings.database_url.get_secret_value()

    async def run() -> tuple[str | None, str]:
        await migrations.wait_until_there(url, settings.database_wait)
        return await migrations.migrate(url)

    try:
        before, after = asyncio.run(run())
    except Exception as error:
        _fail(f"not migrated: {type(error).__name__}: {error}", 1)
    if as_json:
        _print({"before": before, "after": after})
    else:
        typer.echo(f"schema {after}" + (" (was current)" if before == after else f" (was {before or 'empty'})"))


@lamp_app.command("add")
def add(
    owner: Annotated[str, typer.Option(help="The `sub` of the user whose lamp it is.")],
    name: Annotated[str, typer.Option(help="What the user calls it: letters, digits, spaces.")],
    driver: Annotated[DriverName, typer.Option(help="How the lamp is reached.")],
    dialect: Annotated[Dialect | None, typer.Option(help="mqtt: what the lamp speaks. [home_assistant]")] = None,
    topic: Annotated[
        str | None,
        typer.Option(
            help="mqtt: where the lamp is. zigbee2mqtt: BASE/NAME; tasmota: its %topic%; wled: its device topic; "
            "esphome: NODE/light/ID."
        ),
    ] = None,
    full_topic: Annotated[str | None, typer.Option(help="tasmota: its FullTopic. [%prefix%/%topic%/]")] = None,
    thing: Annotated[str | None, typer.Option(help="aws_shadow: the thing's name.")] = None,
    shadow: Annotated[str | None, typer.Option(help="aws_shadow: a named shadow.")] = None,
    power_key: Annotated[PowerKey | None, typer.Option(help="aws_shadow: the lamp's key for power. [power]")] = None,
    shadow_service: Annotated[
        bool | None, typer.Option(help="aws_shadow: whether the broker keeps shadows, as AWS IoT does. [yes]")
    ] = None,
    command_topic: Annotated[str | None, typer.Option(help="home_assistant: where commands go.")] = None,
    state_topic: Annotated[
        str | None, typer.Option(help="home_assistant: where the lamp tells its state (retained).")
    ] = None,
    availability_topic: Annotated[
        str | None, typer.Option(help="home_assistant: where online/offline stands (retained, last will).")
    ] = None,
    brightness_scale: Annotated[
        int | None, typer.Option(min=1, max=65535, help="home_assistant: full brightness on the wire. [255]")
    ] = None,
    supported_color_modes: Annotated[
        str | None, typer.Option(help="mqtt: with commas: hs, rgb, rgbw, rgbww, xy, color_temp, white.")
    ] = None,
    color_temp_kelvin: Annotated[
        bool | None, typer.Option(help="home_assistant: color_temp is in kelvin, not mired. [no]")
    ] = None,
    confirm: Annotated[
        Confirm | None, typer.Option(help="mqtt: wait for the lamp's echo, or take a command for done. [echo]")
    ] = None,
    capabilities: Annotated[
        str | None,
        typer.Option(
            help="What the lamp can, with commas: power, brightness, color, temperature. Unless said, a simulated lamp "
            "can all of it, an mqtt lamp what its color modes say, power,brightness where it says none."
        ),
    ] = None,
    kelvin_range: Annotated[
        str | None,
        typer.Option(help="Its warmest and coldest white, for lamps with temperature. Unless said, 2200-7000."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Register a lamp; prints its endpoint id, which never changes."""
    if not owner.strip() or len(owner) > 256:
        raise typer.BadParameter("1 to 256 characters", param_hint="--owner")
    given: dict[str, Any] = {
        "dialect": dialect and dialect.value,
        "topic": topic,
        "full_topic": full_topic,
        "thing": thing,
        "shadow": shadow,
        "power_key": power_key and power_key.value,
        "shadow_service": shadow_service,
        "command_topic": command_topic,
        "state_topic": state_topic,
        "availability_topic": availability_topic,
        "brightness_scale": brightness_scale,
        "supported_color_modes": supported_color_modes,
        "color_temp_kelvin": color_temp_kelvin,
        "confirm": confirm and confirm.value,
    }
    options = {key: value for key, value in given.items() if value is not None}
    mqtt = driver is DriverName.mqtt
    if options and not mqtt:
        raise typer.BadParameter("it belongs to --driver mqtt", param_hint=f"--{min(options).replace('_', '-')}")
    try:
        options |= chosen(driver.value, capabilities, kelvin_range, implied(options) if mqtt else None)
        if mqtt:
            options = checked({"confirm": Confirm.echo.value} | options)
    except BadOption as error:
        raise typer.BadParameter(str(error), param_hint=f"--{error.option.replace('_', '-')}") from error
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--capabilities, --kelvin-range") from error
    plain = _checked_name(name)
    _print_lamp(_on_lamps(lambda lamps: lamps.add(owner, plain, driver.value, options)), as_json)


@lamp_app.command("list")
def list_lamps(
    owner: Annotated[str | None, typer.Option(help="Only the lamps of this `sub`.")] = None, as_json: Json = False
) -> None:
    """List lamps, oldest first."""
    _print_lamps(_on_lamps(lambda lamps: lamps.lamps(owner)), as_json)


@lamp_app.command()
def show(endpoint_id: EndpointId, as_json: Json = False) -> None:
    """Show one lamp."""
    _print_lamp(_on_lamps(lambda lamps: lamps.lamp(endpoint_id)), as_json)


@lamp_app.command()
def rename(
    endpoint_id: EndpointId,
    name: Annotated[str, typer.Option(help="The new name. Ask Alexa to discover devices afterwards.")],
    as_json: Json = False,
) -> None:
    """Rename a lamp; its endpoint id stays."""
    checked = _checked_name(name)
    _print_lamp(_on_lamps(lambda lamps: lamps.rename(endpoint_id, checked)), as_json)


@lamp_app.command()
def remove(endpoint_id: EndpointId, as_json: Json = False) -> None:
    """Remove a lamp; its endpoint id is never given again."""
    _print_lamp(_on_lamps(lambda lamps: lamps.remove(endpoint_id)), as_json)


@lamp_app.command()
def plug(
    endpoint_id: EndpointId,
    online: Annotated[bool, typer.Option("--in/--out", help="Whether the lamp has current.")] = True,
    as_json: Json = False,
) -> None:
    """Plug a simulated lamp in or out, to see what Alexa says of a lamp that is offline."""
    plugged = _on_lamps(lambda lamps: lamps.plug(endpoint_id, online))
    if plugged is None:
        _fail("no such simulated lamp", 1)
    if as_json:
        _print({"endpoint_id": endpoint_id, "online": plugged.online})
    else:
        typer.echo("online" if plugged.online else "offline")


def main() -> None:
    sys.exit(app())
