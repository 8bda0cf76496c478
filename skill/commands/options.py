"""What a lamp may be told about on the command line, and the options that it makes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from skill.abilities import Abilities, chosen
from skill.drivers.codecs import DEFAULT, DIALECTS, BadOption
from skill.drivers.wiring import checked, implied


class DriverName(StrEnum):
    simulated = "simulated"
    mqtt = "mqtt"


class DialectName(StrEnum):
    home_assistant = "home_assistant"
    zigbee2mqtt = "zigbee2mqtt"
    tasmota = "tasmota"
    wled = "wled"
    esphome = "esphome"
    aws_shadow = "aws_shadow"


class PowerKeyName(StrEnum):
    power = "power"
    powerState = "powerState"


class ConfirmName(StrEnum):
    echo = "echo"
    optimistic = "optimistic"


Dialect = Annotated[DialectName | None, typer.Option(help="mqtt: what the lamp speaks. [home_assistant]")]
Topic = Annotated[
    str | None,
    typer.Option(
        help="mqtt: where the lamp is. zigbee2mqtt: BASE/NAME; tasmota: its %topic%; wled: its device topic; "
        "esphome: NODE/light/ID."
    ),
]
BaseTopic = Annotated[str | None, typer.Option(help="zigbee2mqtt: its base_topic. [the first level of --topic]")]
FullTopic = Annotated[str | None, typer.Option(help="tasmota: its FullTopic. [%prefix%/%topic%/]")]
Thing = Annotated[str | None, typer.Option(help="aws_shadow: the thing's name.")]
Shadow = Annotated[str | None, typer.Option(help="aws_shadow: a named shadow.")]
PowerKey = Annotated[PowerKeyName | None, typer.Option(help="aws_shadow: the lamp's key for power. [power]")]
ShadowService = Annotated[
    bool | None, typer.Option(help="aws_shadow: whether the broker keeps shadows, as AWS IoT does. [yes]")
]
CommandTopic = Annotated[str | None, typer.Option(help="home_assistant: where commands go.")]
StateTopic = Annotated[str | None, typer.Option(help="home_assistant: where the lamp tells its state (retained).")]
AvailabilityTopic = Annotated[
    str | None, typer.Option(help="home_assistant: where online/offline stands (retained, last will).")
]
BrightnessScale = Annotated[
    int | None, typer.Option(min=1, max=65535, help="home_assistant: full brightness on the wire. [255]")
]
ColorModes = Annotated[str | None, typer.Option(help="mqtt: with commas: hs, rgb, rgbw, rgbww, xy, color_temp, white.")]
ColorTempKelvin = Annotated[bool | None, typer.Option(help="home_assistant: color_temp is in kelvin, not mired. [no]")]
Confirm = Annotated[
    ConfirmName | None, typer.Option(help="mqtt: wait for the lamp's echo, or take a command for done. [echo]")
]
Capabilities = Annotated[
    str | None,
    typer.Option(
        help="What the lamp can, with commas: power, brightness, color, temperature. Unless said, a simulated lamp "
        "can all of it, an mqtt lamp what its color modes say, power,brightness where it says none."
    ),
]
KelvinRange = Annotated[
    str | None, typer.Option(help="Its warmest and coldest white, for lamps with temperature. Unless said, 2200-7000.")
]

ABILITIES = ("capabilities", "kelvin_range")


def given(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Those of the options that were typed, as they are stored."""
    found = {name: values[name] for name in names if values[name] is not None}
    return {name: value.value if isinstance(value, StrEnum) else value for name, value in found.items()}


WIRING = (
    *("dialect", "topic", "base_topic", "full_topic", "thing", "shadow", "power_key", "shadow_service"),
    *("command_topic", "state_topic", "availability_topic", "brightness_scale"),
    *("supported_color_modes", "color_temp_kelvin", "confirm"),
)


def made(driver: str, typed: Mapping[str, Any], words: str | None, limits: str | None) -> dict[str, Any]:
    """The options of a new lamp. Raises typer.BadParameter, which names the option."""
    options = dict(typed)
    if driver != DriverName.mqtt:
        if options:
            raise typer.BadParameter("it belongs to --driver mqtt", param_hint=f"--{min(options).replace('_', '-')}")
        return _abilities(driver, words, limits)
    options |= _abilities(driver, words, limits, options)
    return _checked({"confirm": ConfirmName.echo.value} | options)


def changed(
    driver: str,
    before: Mapping[str, Any],
    typed: Mapping[str, Any],
    dropped: set[str],
    words: str | None,
    limits: str | None,
) -> dict[str, Any]:
    """The options of a lamp that had those `before`. With another dialect, what that has no use for goes. Raises
    typer.BadParameter."""
    kept = {name: value for name, value in before.items() if name not in dropped}
    abilities = {name: kept.pop(name) for name in ABILITIES if name in kept}
    if driver != DriverName.mqtt and typed:
        raise typer.BadParameter("it belongs to --driver mqtt", param_hint=f"--{min(typed).replace('_', '-')}")
    if driver == DriverName.mqtt:
        if (dialect := typed.get("dialect")) not in (None, kept.get("dialect", DEFAULT)):
            takes = DIALECTS[dialect].takes() | {"confirm"}
            kept = {name: value for name, value in kept.items() if name in takes}
        if "availability_topic" in typed:
            kept.pop("availability_topics", None)
        kept = {"confirm": ConfirmName.echo.value} | kept | dict(typed)
    if words is None and limits is not None and "capabilities" in abilities:
        words = ",".join(abilities["capabilities"])
    abilities |= _abilities(driver, words, limits, kept if driver == DriverName.mqtt and not abilities else None)
    if (
        words is not None
        and limits is None
        and Abilities.of(driver, {"capabilities": abilities["capabilities"]}).kelvin is None
    ):
        abilities.pop("kelvin_range", None)
    return _checked(kept | abilities) if driver == DriverName.mqtt else kept | abilities


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return checked(options)
    except BadOption as error:
        raise typer.BadParameter(str(error), param_hint=f"--{error.option.replace('_', '-')}") from error


def _abilities(
    driver: str, words: str | None, limits: str | None, wired: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    try:
        return chosen(driver, words, limits, None if wired is None else implied(wired))
    except BadOption as error:
        raise typer.BadParameter(str(error), param_hint=f"--{error.option.replace('_', '-')}") from error
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--capabilities, --kelvin-range") from error
