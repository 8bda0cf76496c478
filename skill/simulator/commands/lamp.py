"""`skill simulate lamp`: lamps of any dialect on a real broker."""

import asyncio
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import urlsplit

import typer
from pydantic import SecretStr

from skill.abilities import Abilities, chosen
from skill.drivers.codecs import BadOption
from skill.drivers.wiring import checked
from skill.settings import DatabaseSettings, SettingsError, read, read_one
from skill.storage.database import refused

EVERYTHING = "power,brightness,color,temperature"
SHARED = 50
"""Lamps from which on one connection serves all of them, unless said otherwise."""


def _fail(message: str, status: int) -> NoReturn:
    typer.echo(f"skill: {message}", err=True)
    raise typer.Exit(status)


def simulate_lamp(
    broker: Annotated[
        str | None, typer.Option(help="mqtt://[USER:PASSWORD@]HOST[:PORT], or mqtts://… for TLS. [SKILL_MQTT_URL]")
    ] = None,
    dialect: Annotated[
        Literal["home_assistant", "zigbee2mqtt", "tasmota", "wled", "esphome", "aws_shadow"] | None,
        typer.Option(help="What it speaks. [home_assistant]"),
    ] = None,
    name: Annotated[str, typer.Option(help="What it is called.")] = "Simulated lamp",
    endpoint: Annotated[
        list[str] | None,
        typer.Option(help="Be this registered lamp, as the registry has it (SKILL_DATABASE_URL); may be repeated."),
    ] = None,
    topic: Annotated[str | None, typer.Option(help="As for `lamp add`; {n} is the lamp's number.")] = None,
    full_topic: Annotated[str | None, typer.Option(help="tasmota: its FullTopic.")] = None,
    thing: Annotated[str | None, typer.Option(help="aws_shadow: the thing's name.")] = None,
    shadow: Annotated[str | None, typer.Option(help="aws_shadow: a named shadow.")] = None,
    power_key: Annotated[Literal["power", "powerState"] | None, typer.Option(help="aws_shadow: [power]")] = None,
    shadow_service: Annotated[
        bool | None, typer.Option(help="aws_shadow: play the shadow service, too, which AWS IoT has. [yes]")
    ] = None,
    command_topic: Annotated[str | None, typer.Option(help="home_assistant: where commands come.")] = None,
    state_topic: Annotated[str | None, typer.Option(help="home_assistant: where it tells its state.")] = None,
    availability_topic: Annotated[str | None, typer.Option(help="home_assistant: where online/offline stands.")] = None,
    brightness_scale: Annotated[int | None, typer.Option(min=1, max=65535, help="home_assistant: [255]")] = None,
    supported_color_modes: Annotated[
        str | None, typer.Option(help="With commas: hs, rgb, rgbw, rgbww, xy, color_temp, white.")
    ] = None,
    color_temp_kelvin: Annotated[bool | None, typer.Option(help="home_assistant: in kelvin, not mired. [no]")] = None,
    capabilities: Annotated[str, typer.Option(help="What it can, for registering and discovery.")] = EVERYTHING,
    kelvin_range: Annotated[str | None, typer.Option(help="Its warmest and coldest white. [2200-7000]")] = None,
    discoverable: Annotated[
        bool, typer.Option("--discoverable", help="home_assistant: present itself with a discovery message.")
    ] = False,
    delay: Annotated[float, typer.Option(min=0, max=60, help="Seconds that it takes to obey.")] = 0.0,
    count: Annotated[int, typer.Option(min=1, max=10000, help="Several lamps, numbered.")] = 1,
    share_connection: Annotated[
        bool | None,
        typer.Option(help=f"One connection for all, without last wills. [from {SHARED} lamps on]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """A lamp that speaks over a broker as its firmware does, with a switch to press; Ctrl-C unplugs it."""
    given = {
        "dialect": dialect, "topic": topic, "full_topic": full_topic, "thing": thing, "shadow": shadow,
        "power_key": power_key, "shadow_service": shadow_service, "command_topic": command_topic,
        "state_topic": state_topic, "availability_topic": availability_topic, "brightness_scale": brightness_scale,
        "supported_color_modes": supported_color_modes, "color_temp_kelvin": color_temp_kelvin,
    }  # fmt: skip
    options = {key: value for key, value in given.items() if value is not None}
    for option, value in ({"name": name} | options).items():
        if isinstance(value, str) and not value.isprintable():  # bytes that are no UTF-8 are neither
            raise typer.BadParameter("cannot be printed", param_hint=f"--{option.replace('_', '-')}")
    url = _broker(broker)
    if endpoint and (options or count > 1):
        raise typer.BadParameter("a registered lamp has its options in the registry", param_hint="--endpoint")
    wanted = _registered(endpoint) if endpoint else _described(name, options, capabilities, kelvin_range, count)
    if discoverable and any(each.get("dialect", "home_assistant") != "home_assistant" for _, each in wanted):
        raise typer.BadParameter("discovery messages are home_assistant's", param_hint="--discoverable")
    shared = len(wanted) >= SHARED if share_connection is None else share_connection
    raise typer.Exit(_run(url, wanted, delay=delay, shared=shared, discoverable=discoverable, as_json=as_json))


def _broker(given: str | None) -> SecretStr:
    try:
        url = given or read_one("mqtt_url")
    except SettingsError as error:
        _fail(str(error), 2)
    if url is None:
        raise typer.BadParameter("which broker? Or set SKILL_MQTT_URL", param_hint="--broker")
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("mqtt", "mqtts") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise typer.BadParameter("mqtt://[USER:PASSWORD@]HOST[:PORT] or mqtts://…", param_hint="--broker")
    return SecretStr(url)


def _described(
    name: str, options: Mapping[str, Any], capabilities: str, kelvin_range: str | None, count: int
) -> list[tuple[str, dict[str, Any]]]:
    """Name and options of each lamp. Topics that are not given are made of the name."""
    from skill.simulator.firmware import DEFAULT, FIRMWARES

    try:
        abilities = chosen("mqtt", capabilities, kelvin_range)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--capabilities, --kelvin-range") from error
    kind = FIRMWARES[options.get("dialect", DEFAULT)]
    places = [key for key in options if key.endswith("topic") or key in ("thing", "shadow")]
    if count > 1 and places and not any("{n}" in str(options[key]) for key in places):
        raise typer.BadParameter(
            "several lamps need {n} in it: lamps/{n}/set", param_hint=f"--{places[0].replace('_', '-')}"
        )
    lamps = []
    for number in range(1, count + 1):
        called = f"{name} {number}" if count > 1 else name
        slug = re.sub(r"[^a-z0-9]+", "-", called.lower()).strip("-") or "lamp"
        own = {key: value.replace("{n}", str(number)) if key in places else value for key, value in options.items()}
        usual = kind.usual(slug)
        if "command_topic" in own:  # topics of one's own: none is added to them
            usual = {key: value for key, value in usual.items() if not key.endswith("_topic")}
        try:
            lamps.append((called, checked(usual | own) | abilities))
        except BadOption as error:
            raise typer.BadParameter(str(error), param_hint=f"--{error.option.replace('_', '-')}") from error
    return lamps


def _registered(endpoints: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    from skill.storage.registry import open_registry

    try:
        database = read(DatabaseSettings).database_url.get_secret_value()
    except SettingsError as error:
        _fail(str(error), 2)

    async def look() -> list[Any]:
        async with open_registry(database) as registry:
            return [await registry.lamp(each) for each in endpoints]

    try:
        rows = asyncio.run(look())
    except Exception as error:
        _fail(refused(database, error), 1)
    for endpoint, row in zip(endpoints, rows, strict=True):
        if row is None:
            _fail(f"no such lamp: {endpoint}", 1)
        if row.driver != "mqtt":
            _fail(f"{endpoint} is no mqtt lamp but {row.driver}", 1)
    return [(row.name, dict(row.options)) for row in rows]


def _run(
    url: SecretStr,
    wanted: Sequence[tuple[str, dict[str, Any]]],
    *,
    delay: float,
    shared: bool,
    discoverable: bool,
    as_json: bool,
) -> int:
    from skill.simulator.console import Console
    from skill.simulator.firmware import firmware
    from skill.simulator.plugged import Connection, Lamp

    lamps = [Lamp(number, name, firmware(options)) for number, (name, options) in enumerate(wanted, 1)]
    if discoverable:
        from skill.simulator.firmware import JsonLight

        for lamp in lamps:
            assert isinstance(lamp.firmware, JsonLight)
            abilities = Abilities.of("mqtt", lamp.firmware.options)
            kelvin = abilities.kelvin or (2200, 7000)
            words = lamp.firmware.options.get("capabilities", ["power", "brightness"])
            lamp.discovery = lamp.firmware.discovery(lamp.name, words, (kelvin[0], kelvin[1]))
    drawn = not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    parts = urlsplit(url.get_secret_value())
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    console = Console("json" if as_json else "drawn" if drawn else "lines", sys.stdout, where)
    if not as_json:
        typer.echo(f"To register {'it' if len(wanted) == 1 else 'the first'}: {how_to_register(*wanted[0])}", err=drawn)
    groups = [lamps] if shared else [[lamp] for lamp in lamps]
    connections = [Connection(url, group, console.report, delay) for group in groups]
    return asyncio.run(console.run(connections))


def how_to_register(name: str, options: Mapping[str, Any]) -> str:
    """The command that makes the skill know this lamp."""
    words = ["skill", "lamp", "add", "--owner", "SUB", "--name", name, "--driver", "mqtt"]
    for key, value in options.items():
        option = "--" + key.replace("_", "-")
        if isinstance(value, bool):
            words.append(option if value else f"--no-{option[2:]}")
        elif key == "kelvin_range":
            words += [option, f"{value[0]}-{value[1]}"]
        elif isinstance(value, list):
            words += [option, ",".join(map(str, value))]
        elif (key, value) != ("brightness_scale", 255):
            words += [option, str(value)]
    return shlex.join(words)
