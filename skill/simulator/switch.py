"""What is typed at a simulated lamp: its own switch, dimmer, colour wheel and plug. Pure."""

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

from skill.simulator.colours import colour_of, kelvin_of
from skill.simulator.firmware import Light

HELP = (
    "on, off, toggle (or an empty line), brightness 40, color 120 1 (hue 0-360, saturation 0-1), color red, "
    "color #ff8800, white 2700, white warm, unplug, plug, quit; with several lamps a number says which: 2 off"
)


class NotUnderstood(ValueError):
    """The text says why."""


class Typed(NamedTuple):
    """`lamp` is its number, None all of them. `change` is what a switch does, otherwise `word` says what to do."""

    lamp: int | None
    word: Literal["press", "plug", "unplug", "quit", "help"]
    change: Callable[[Light], None] | None = None


def typed(line: str) -> Typed:
    """Raises NotUnderstood."""
    words = line.lower().split()
    lamp = int(words.pop(0)) if len(words) > 1 and words[0].isdecimal() and len(words[0]) < 7 else None
    if not words:
        return Typed(None, "press", _toggle)
    verb, said = words[0], words[1:]
    match verb:
        case "plug" | "unplug" | "quit" | "help" if not said:
            return Typed(lamp, verb)
        case "exit" | "q" if not said:
            return Typed(lamp, "quit")
        case "on" | "off" if not said:
            return Typed(lamp, "press", _on if verb == "on" else _off)
        case "toggle" if not said:
            return Typed(lamp, "press", _toggle)
        case "brightness" if len(said) == 1:
            return Typed(lamp, "press", _dim(percent_of(said[0])))
        case "color" | "colour" if said:
            return Typed(lamp, "press", _colour(" ".join(said)))
        case "white" if said:
            return Typed(lamp, "press", _white(" ".join(said)))
    raise NotUnderstood(f"not understood; {HELP}")


def percent_of(text: str) -> int:
    """Raises NotUnderstood."""
    if (match := re.fullmatch(r"(\d{1,3})%?", text)) is None or int(match[1]) > 100:
        raise NotUnderstood("a brightness is 0 to 100")
    return int(match[1])


def _on(light: Light) -> None:
    light.on = True


def _off(light: Light) -> None:
    light.on = False


def _toggle(light: Light) -> None:
    light.on = not light.on


def _dim(percent: int) -> Callable[[Light], None]:
    return lambda light: light.dim(percent)


def _colour(text: str) -> Callable[[Light], None]:
    try:
        hue, saturation, _ = colour_of(text)
    except ValueError as error:
        raise NotUnderstood(str(error)) from error
    return lambda light: light.colour(hue, saturation)


def _white(text: str) -> Callable[[Light], None]:
    try:
        kelvin = kelvin_of(text)
    except ValueError as error:
        raise NotUnderstood(str(error)) from error
    return lambda light: light.white(kelvin)
