"""Simulated lamps in a terminal, as they shine. Pure: text for a lamp, a screen, a line, a JSON line."""

import math
import shutil
import textwrap
from collections.abc import Sequence

from skill.drawing import light_colour
from skill.simulator.plugged import Lamp
from skill.simulator.printable import printable

Colour = tuple[float, float, float]

WIDTH, HEIGHT = 26, 18
"""Of one picture: columns, and half rows (a character shows two of them)."""
NOTE = 3  # lines
ROOM: Colour = (0.063, 0.051, 0.043)
SHADE: Colour = (0.30, 0.25, 0.21)
BRASS: Colour = (0.42, 0.33, 0.22)
RESET = "\x1b[0m"


def colour_of(lamp: Lamp) -> Colour:
    light = lamp.light
    return light_colour(light.coloured, light.hue, light.saturation, light.kelvin)


def hex_of(lamp: Lamp) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour_of(lamp))


def words(lamp: Lamp, short: bool = False) -> str:
    """How it stands."""
    light = lamp.light
    if not lamp.plugged:
        return "unplugged"
    if not light.on:
        return f"off (last {light.percent} %)"
    shade = (
        f"hue {light.hue:.0f}, saturation {light.saturation:.2f}" if light.coloured else f"white {light.kelvin:.0f} K"
    )
    return f"on, {light.percent} %, {shade.partition(',')[0] if short else shade}"


def facts(lamp: Lamp) -> dict[str, object]:
    """The same for programs; brightness is the last one while off."""
    light = lamp.light
    state: dict[str, object] = {"plugged": lamp.plugged, "on": light.on, "brightness": light.percent}
    if light.coloured:
        return state | {
            "mode": "color", "hue": round(light.hue, 2), "saturation": round(light.saturation, 4), "rgb": hex_of(lamp),
        }  # fmt: skip
    return state | {"mode": "white", "kelvin": round(light.kelvin), "rgb": hex_of(lamp)}


def dot(lamp: Lamp) -> str:
    """One lamp among many: a dot in its colour."""
    if not lamp.plugged:
        return f"{_ink(SHADE)}×{RESET}"
    if not lamp.light.on:
        return f"{_ink(SHADE)}○{RESET}"
    strength = 0.35 + 0.65 * (lamp.light.percent / 100) ** 0.7
    red, green, blue = (part * strength for part in colour_of(lamp))
    return f"{_ink((red, green, blue))}●{RESET}"


def picture(lamp: Lamp) -> list[str]:
    """A table lamp in the evening: its shade, its foot, and its light in the air."""
    colour = colour_of(lamp)
    level = (0.2 + 0.8 * (lamp.light.percent / 100) ** 0.75) if lamp.shines else 0.0
    grid = [[_pixel(column, row, colour, level) for column in range(WIDTH)] for row in range(HEIGHT)]
    return [
        "".join(f"{_ink(upper)}{_paper(lower)}▀" for upper, lower in zip(grid[row], grid[row + 1], strict=True)) + RESET
        for row in range(0, HEIGHT, 2)
    ]


def _pixel(column: int, row: int, colour: Colour, level: float) -> Colour:
    across, down = abs(column - (WIDTH - 1) / 2), row - 6.5
    if 3 <= row <= 9 and across <= 2.6 + (row - 3) * 0.62:
        lit = 0.55 + 0.45 * level if level else 0.0
        middle = 0.45 * max(0.0, 1 - across / 6)
        return _mixed(SHADE, _mixed(colour, (1.0, 0.98, 0.94), middle), lit)
    if (10 <= row <= 14 and across < 1) or (row == 15 and across < 4.2):
        return _mixed(BRASS, colour, 0.35 * level)
    glow = level * math.exp(-(((across / 8.5) ** 2) + (down / 7.5) ** 2))
    if row >= 16:
        return _mixed((0.15, 0.115, 0.085), colour, min(1.0, 0.6 * level * math.exp(-((across / 7.5) ** 2))))
    return _mixed(ROOM, colour, min(1.0, 0.75 * glow))


def screen(lamps: Sequence[Lamp], status: str, note: str) -> list[str]:
    """The lines above the prompt: pictures while they fit, then a line for each lamp, then dots."""
    size = shutil.get_terminal_size()
    columns, rows = max(20, size.columns), max(8, size.lines)
    side = max(1, columns // (WIDTH + 2))
    blocks = -(-len(lamps) // side)
    notes = textwrap.wrap(printable(note), columns - 1)[:NOTE]
    rows -= len(notes) + 2
    lines: list[str] = []
    if blocks * (HEIGHT // 2 + 3) <= rows:
        for start in range(0, len(lamps), side):
            group = lamps[start : start + side]
            for parts in zip(*(picture(lamp) for lamp in group), strict=True):
                lines.append("  ".join(parts))
            width = WIDTH if len(group) > 1 else columns - 1
            lines.append("  ".join(_cut(_title(lamp, len(lamps)), width).ljust(width) for lamp in group))
            lines.append("  ".join(_cut(words(lamp, short=len(group) > 1), width).ljust(width) for lamp in group))
            lines.append("")
    elif len(lamps) <= rows:
        lines += [f"{dot(lamp)} {_cut(f'{_title(lamp, len(lamps)):<24} {words(lamp)}', columns - 3)}" for lamp in lamps]
    else:
        row = max(1, columns // 2)
        shown = lamps[: row * max(1, rows)]
        lines += [" ".join(dot(lamp) for lamp in shown[start : start + row]) for start in range(0, len(shown), row)]
    shining = sum(lamp.shines for lamp in lamps)
    counted = f" · {shining} of {len(lamps)} on" if len(lamps) > 1 else ""
    return [*lines, _cut(f"{status}{counted}", columns - 1), *notes]


def _title(lamp: Lamp, count: int) -> str:
    return f"{lamp.number} {lamp.name}" if count > 1 else lamp.name


def _cut(text: str, width: int) -> str:
    text = printable(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


def _ink(colour: Colour) -> str:
    return "\x1b[38;2;" + ";".join(str(round(255 * part)) for part in colour) + "m"


def _paper(colour: Colour) -> str:
    return "\x1b[48;2;" + ";".join(str(round(255 * part)) for part in colour) + "m"
