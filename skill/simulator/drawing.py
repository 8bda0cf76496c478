"""How a lamp looks: its state as colours and opacities that an SVG takes as attributes. Pure."""

import colorsys
import math
import re
from dataclasses import dataclass
from typing import Literal

from skill.lamps import LampView

Kind = Literal["desk", "floor", "pendant", "table"]

_KINDS: list[tuple[Kind, frozenset[str]]] = [
    ("desk", frozenset({"desk", "reading", "office", "work", "study", "schreibtisch"})),
    ("floor", frozenset({"floor", "standing", "corner", "sofa", "living", "stehlampe"})),
    ("pendant", frozenset({"ceiling", "pendant", "hanging", "kitchen", "dining", "table", "hall", "deckenlampe"})),
]


@dataclass(frozen=True, slots=True)
class Drawing:
    """`colour` of the light and `core` of its bright middle as `#rrggbb`; `light` 0-1, how much of it is seen."""

    on: bool
    online: bool
    brightness: int
    colour: str
    core: str
    light: float
    label: str


def kind_of(name: str) -> Kind:
    """Which lamp is drawn for a name: people call a lamp by its place."""
    words = set(re.findall(r"\w+", name.casefold()))
    return next((kind for kind, places in _KINDS if words & places), "table")


def draw(lamp: LampView | None) -> Drawing:
    """The lamp as it stands; None where the skill no longer knows it."""
    if lamp is None:
        return Drawing(False, False, 0, "#ffd9a8", "#fff3e0", 0.0, "Gone: discover again")
    red, green, blue = _hue(lamp) if lamp.mode == "color" else _white(lamp.kelvin)
    online = lamp.online is not False
    on = lamp.power and online
    return Drawing(
        on=on,
        online=online,
        brightness=lamp.brightness,
        colour=_hex(red, green, blue),
        core=_hex(*(0.35 * part + 0.65 for part in (red, green, blue))),
        light=round(0.22 + 0.78 * (max(1, lamp.brightness) / 100) ** 0.75, 3) if on else 0.0,
        label=_label(lamp, online),
    )


def _label(lamp: LampView, online: bool) -> str:
    if not online:
        return "Not responding"
    return f"On · {lamp.brightness} %" if lamp.power else "Off"


def _hue(lamp: LampView) -> tuple[float, float, float]:
    return colorsys.hsv_to_rgb(lamp.hue % 360 / 360, min(1.0, max(0.0, lamp.saturation)), 1.0)


def _white(kelvin: int) -> tuple[float, float, float]:
    """A black body's colour (Tanner Helland's fit), a third paler: an eye in the lamp's own light sees it so."""
    heat = min(10_000, max(1_000, kelvin)) / 100
    red = 255.0 if heat <= 66 else 329.7 * (heat - 60) ** -0.1332
    green = 99.47 * math.log(heat) - 161.12 if heat <= 66 else 288.12 * (heat - 60) ** -0.0755
    blue = 255.0 if heat >= 66 else 0.0 if heat <= 19 else 138.52 * math.log(heat - 10) - 305.04
    red, green, blue = (min(255.0, max(0.0, part)) / 255 for part in (red, green, blue))
    return (red * 0.67 + 0.33, green * 0.67 + 0.33, blue * 0.67 + 0.33)


def _hex(*parts: float) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
