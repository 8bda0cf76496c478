"""How a lamp looks: its state as colours and opacities that an SVG takes as attributes. Pure."""

import colorsys
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from skill.lamps import LampView

Kind = Literal["desk", "floor", "pendant", "table"]

_KINDS: list[tuple[Kind, frozenset[str]]] = [
    ("desk", frozenset({"desk", "reading", "office", "work", "study", "schreibtisch"})),
    ("floor", frozenset({"floor", "standing", "corner", "sofa", "living", "stehlampe"})),
    ("pendant", frozenset({"ceiling", "pendant", "hanging", "kitchen", "dining", "table", "hall", "deckenlampe"})),
]

_WHITES = [
    (1000, (255, 110, 30)), (2200, (255, 158, 66)), (2700, (255, 184, 104)), (4000, (255, 220, 178)),
    (5500, (255, 243, 230)), (7000, (226, 236, 255)), (10_000, (196, 216, 255)),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawing:
    """`colour` of the light and `core` of its bright middle as `#rrggbb`; `light` and `lit` 0-1: how much is seen of
    the light in the air, and of the shade that it falls on (an eye sees a dim lamp's shade as bright). `kelvin` is that
    of the white, which shines unless it is `coloured`."""

    on: bool
    online: bool
    brightness: int
    colour: str
    core: str
    light: float
    lit: float
    label: str
    coloured: bool = False
    kelvin: int = 2700


def kind_of(name: str) -> Kind:
    """Which lamp is drawn for a name: people call a lamp by its place."""
    words = set(re.findall(r"\w+", name.casefold()))
    return next((kind for kind, places in _KINDS if words & places), "table")


def draw(lamp: LampView | None) -> Drawing:
    """The lamp as it stands; None where the skill no longer knows it."""
    if lamp is None:
        return Drawing(False, False, 0, "#ffd9a8", "#fff3e0", 0.0, 0.0, "Gone: discover again")
    red, green, blue = light_colour(lamp.mode == "color", lamp.hue, lamp.saturation, lamp.kelvin)
    online = lamp.online is not False
    on = lamp.power and online
    level = max(1, lamp.brightness) / 100
    return Drawing(
        on=on,
        online=online,
        brightness=lamp.brightness,
        colour=_hex(red, green, blue),
        core=_hex(*(0.28 * part + 0.72 for part in (red, green, blue))),
        light=round(0.2 + 0.8 * level**0.75, 3) if on else 0.0,
        lit=round(0.6 + 0.4 * level**0.6, 3) if on else 0.0,
        label=_label(lamp, online),
        coloured=lamp.mode == "color",
        kelvin=lamp.kelvin,
    )


def swatch(hue: float, saturation: float) -> str:
    """The colour of a light as `draw` gives it."""
    return _hex(*light_colour(True, hue, saturation, 0))


def _label(lamp: LampView, online: bool) -> str:
    if not online:
        return "Not responding"
    return f"On · {lamp.brightness} %" if lamp.power else "Off"


def light_colour(coloured: bool, hue: float, saturation: float, kelvin: float) -> tuple[float, float, float]:
    """Red, green, blue 0-1 of the light at full brightness."""
    if not coloured:
        return _white(kelvin)
    return colorsys.hsv_to_rgb(hue % 360 / 360, min(1.0, max(0.0, saturation)), 1.0)


def _white(kelvin: float) -> tuple[float, float, float]:
    """Between the named whites, as a camera in a dark room sees them: a black body's colours are too orange."""
    kelvin = min(_WHITES[-1][0], max(_WHITES[0][0], kelvin))
    (below, warm), (above, cold) = next(pair for pair in pairwise(_WHITES) if kelvin <= pair[1][0])
    share = (kelvin - below) / (above - below)
    red, green, blue = (a + (b - a) * share for a, b in zip(warm, cold, strict=True))
    return red / 255, green / 255, blue / 255


def _hex(*parts: float) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
