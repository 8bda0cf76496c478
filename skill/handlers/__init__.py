"""One function for each (namespace, name). The token is verified before, failures are rendered after: `boundary`."""

from collections.abc import Awaitable, Callable, Mapping

from skill.access_token import Caller
from skill.directives import ACCEPT_GRANT, DISCOVER, Directive
from skill.handlers.authorization import accept_grant
from skill.handlers.brightness import adjust_brightness, set_brightness
from skill.handlers.color import set_color
from skill.handlers.color_temperature import (
    decrease_color_temperature,
    increase_color_temperature,
    set_color_temperature,
)
from skill.handlers.discovery import discover
from skill.handlers.power import turn_off, turn_on
from skill.handlers.report_state import report_state
from skill.lamps import Lamps
from skill.responses import Message

Handler = Callable[[Directive, Caller, Lamps], Awaitable[Message]]

HANDLERS: Mapping[tuple[str, str], Handler] = {
    DISCOVER: discover,
    ACCEPT_GRANT: accept_grant,
    ("Alexa", "ReportState"): report_state,
    ("Alexa.PowerController", "TurnOn"): turn_on,
    ("Alexa.PowerController", "TurnOff"): turn_off,
    ("Alexa.BrightnessController", "SetBrightness"): set_brightness,
    ("Alexa.BrightnessController", "AdjustBrightness"): adjust_brightness,
    ("Alexa.ColorController", "SetColor"): set_color,
    ("Alexa.ColorTemperatureController", "SetColorTemperature"): set_color_temperature,
    ("Alexa.ColorTemperatureController", "IncreaseColorTemperature"): increase_color_temperature,
    ("Alexa.ColorTemperatureController", "DecreaseColorTemperature"): decrease_color_temperature,
}
