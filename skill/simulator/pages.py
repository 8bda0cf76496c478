"""The page, from what a browser's Alexa knows and how its lamps stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from skill.drawing import Drawing, Kind, draw, kind_of, swatch
from skill.lamps import LampView
from skill.simulator.browsers import Browser, Device
from skill.simulator.colours import COLOURS
from skill.simulator.speech import suggestions

FOLDER = Path(__file__).parent

_templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
_templates.filters["clock"] = lambda at: datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")

_templates.filters["typeset"] = lambda text: text.replace("'", "’")


SWATCHES = {
    name: swatch(*COLOURS[name][:2])
    for name in ("red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink")
}
"""The colours that can be pressed, a few of those that can be said."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """A discovered device with its live drawing."""

    device: Device
    kind: Kind
    drawing: Drawing


def page(browser: Browser, lamps: list[LampView], *, configured: bool, issuer: str) -> HTMLResponse:
    """The whole page; a script, where one runs, takes from it the parts that changed."""
    by_id = {lamp.endpoint_id: lamp for lamp in lamps}
    devices = browser.devices or ()
    step = 1 if browser.link is None else 2 if not devices else 3
    return HTMLResponse(
        _templates.get_template("simulator.html").render(
            browser=browser,
            lamps=[Lamp(device, kind_of(device.name), draw(by_id.get(device.endpoint_id))) for device in devices],
            undiscovered=len(by_id.keys() - {device.endpoint_id for device in devices}) if devices else 0,
            step=step,
            configured=configured,
            issuer=issuer,
            swatches=SWATCHES,
            suggestions=suggestions(
                [device.name for device in devices],
                _that_take(devices, "Alexa.ColorController"),
                _that_take(devices, "Alexa.ColorTemperatureController"),
            ),
        )
    )


def _that_take(devices: Sequence[Device], interface: str) -> list[str]:
    return [device.name for device in devices if interface in device.interfaces]


def refusal(title: str, text: str, status: int) -> HTMLResponse:
    """A page for a person who did not come from where they should."""
    return HTMLResponse(_templates.get_template("refusal.html").render(title=title, text=text), status)
