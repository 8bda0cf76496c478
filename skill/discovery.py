"""How a lamp describes itself to Alexa (contract 2.2). One endpoint that breaks a rule spoils the whole answer, so a
lamp that cannot be described is left out."""

import re
import unicodedata
from functools import lru_cache
from typing import Any

from skill.abilities import Abilities
from skill.canonical import Lamp

MANUFACTURER = "Self-hosted"
LONGEST_NAME = 128
_ENDPOINT_ID = re.compile(r"[A-Za-z0-9_\-=#;:?@&]{1,256}")
_CONNECTIONS = {"simulated": "Simulated lamp", "mqtt": "Lamp via MQTT"}


class NotDescribable(Exception):
    """The lamp cannot be an Alexa endpoint; the text says why."""


def friendly_name(name: str) -> str:
    """Letters, digits and spaces of any script; punctuation falls away, as nobody can say it. Raises NotDescribable."""
    plain = "".join(
        character if unicodedata.category(character)[0] in "LMN" else " "
        for character in unicodedata.normalize("NFC", name).replace("'", "").replace("\u2019", "")
    )
    words = " ".join(plain.split())
    if not 1 <= len(words) <= LONGEST_NAME:
        raise NotDescribable("the name needs 1 to 128 letters, digits or spaces")
    return words


def _capability(interface: str, proactive: bool, *supported: str) -> dict[str, Any]:
    capability: dict[str, Any] = {"type": "AlexaInterface", "interface": interface, "version": "3"}
    if supported:
        capability["properties"] = {
            "supported": [{"name": name} for name in supported],
            "proactivelyReported": proactive,
            "retrievable": True,
        }
    return capability


@lru_cache(maxsize=128)
def _capabilities(abilities: Abilities, proactive: bool) -> tuple[dict[str, Any], ...]:
    """What the lamp can do; exactly what `skill.handlers` obeys and `skill.responses` reports."""
    controllers = (
        (True, _capability("Alexa", proactive)),
        (True, _capability("Alexa.PowerController", proactive, "powerState")),
        (abilities.brightness, _capability("Alexa.BrightnessController", proactive, "brightness")),
        (abilities.color, _capability("Alexa.ColorController", proactive, "color")),
        (abilities.kelvin, _capability("Alexa.ColorTemperatureController", proactive, "colorTemperatureInKelvin")),
        (True, _capability("Alexa.EndpointHealth", proactive, "connectivity")),
    )
    return tuple(capability for able, capability in controllers if able)


_ATTRIBUTES = {
    "manufacturer": "manufacturer",
    "model": "model",
    "serial_number": "serialNumber",
    "firmware_version": "firmwareVersion",
}


def _attributes(lamp: Lamp, description: str) -> dict[str, str]:
    """What the lamp told of itself, as far as it did."""
    told = {} if lamp.details is None else lamp.details
    known = {"manufacturer": MANUFACTURER, "model": description}
    for detail, attribute in _ATTRIBUTES.items():
        if isinstance(text := told.get(detail), str) and text:
            known[attribute] = text[:LONGEST_NAME]
    return known


def endpoint(lamp: Lamp, proactive: bool = False) -> dict[str, Any]:
    """`proactive`: whether changes of the lamp are sent to Alexa, which then asks less. Raises NotDescribable."""
    if _ENDPOINT_ID.fullmatch(lamp.endpoint_id) is None:
        raise NotDescribable("the endpoint id holds characters that Alexa refuses")
    if (description := _CONNECTIONS.get(lamp.driver)) is None:
        raise NotDescribable("the driver is unknown")
    try:
        abilities = Abilities.of(lamp.driver, lamp.options)
    except ValueError as error:
        raise NotDescribable(str(error)) from error
    return {
        "endpointId": lamp.endpoint_id,
        "manufacturerName": MANUFACTURER,
        "friendlyName": friendly_name(lamp.name),
        "description": description,
        "displayCategories": ["LIGHT"],
        "cookie": {},
        "additionalAttributes": _attributes(lamp, description),
        "capabilities": list(_capabilities(abilities, proactive)),
    }
