"""A lamp as a page shows it: plain values for templates, scripts and streams."""

from typing import TypedDict

from skill.companion.languages import N_
from skill.drawing import draw
from skill.lamps import LampView

STATES = {"on": N_("On"), "off": N_("Off"), "offline": N_("Offline"), "unknown": N_("No answer yet")}


class Shown(TypedDict):
    """In no language: a page has the words for each `state`. `colour` and `core` as `#rrggbb`; `light`, `lit` 0-1 as in
    `skill.drawing`; `hue` 0-360, `saturation` 0-100."""

    name: str
    on: bool
    online: bool
    known: bool
    state: str
    brightness: int
    mode: str
    hue: int
    saturation: int
    kelvin: int
    colour: str
    core: str
    light: float
    lit: float


def shown(view: LampView) -> Shown:
    drawing = draw(view)
    known = view.sampled_at > 0
    return Shown(
        name=view.name,
        on=drawing.on,
        online=drawing.online,
        known=known,
        state=_state(view, drawing.online, known),
        brightness=view.brightness if view.power else 0,
        mode=view.mode,
        hue=round(view.hue) % 360,
        saturation=round(view.saturation * 100),
        kelvin=view.kelvin,
        colour=drawing.colour,
        core=drawing.core,
        light=drawing.light,
        lit=drawing.lit,
    )


def _state(view: LampView, online: bool, known: bool) -> str:
    """One of `STATES`."""
    if not online:
        return "offline"
    if not known:
        return "unknown"
    return "on" if view.power else "off"
