"""Lamps that announce themselves by Home Assistant's MQTT discovery. Pure functions: a topic and a payload in, options
of a lamp out.

Sources: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery (retained
`<prefix>/<component>/[<node_id>/]<object_id>/config`, an empty payload removes; device-based `<prefix>/device/…/config`
with `components`, a component with nothing but its `platform` is removed; the abbreviations; the base topic `~`),
https://www.home-assistant.io/integrations/light.mqtt/ ("JSON schema"), and `homeassistant/components/mqtt` of
home-assistant/core (`abbreviations.py`, `discovery.py`: the topic, not `unique_id`, is what an update is known by).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any

from skill.abilities import COLDEST, WARMEST
from skill.broker.words import expanded
from skill.discovery import LONGEST_NAME, NotDescribable, friendly_name
from skill.drivers.codecs import BadOption
from skill.drivers.codecs.codec import json_object, number
from skill.drivers.codecs.home_assistant import COLOUR_MODES, MODES
from skill.drivers.wiring import checked

PREFIX = "homeassistant"
KELVIN = (2000, 6535)
"""Home Assistant's limits where a lamp names none (500 and 153 mired)."""
LONGEST_DETAIL = 128
LONGEST_KNOWN_AS = 512
_ID = r"[a-zA-Z0-9_-]+"
_CONFIG = re.compile(f"(light|device)/(?:{_ID}/)?({_ID})/config")
_STATE_OF_JSON = re.compile(r"\{\{\s*value_json(\.state|\[['\"]state['\"]\])\s*\}\}")
_DETAILS = {
    "manufacturer": "manufacturer",
    "model": "model",
    "serial_number": "serial_number",
    "firmware_version": "sw_version",
}


@dataclass(frozen=True, slots=True)
class Announced:
    """A lamp as it described itself: checked options of the driver `mqtt`. `known_as` is what it is found again by.
    `notes` say what of it is not obeyed."""

    known_as: str
    name: str
    options: Mapping[str, Any]
    details: Mapping[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    known_as: str
    reason: str


def subscriptions(prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}/{kind}{levels}/config" for kind in ("light", "device") for levels in ("/+", "/+/+"))


def read(prefix: str, topic: str, payload: bytes) -> list[Announced | Skipped]:
    """What one retained message announces; nothing where it is of no lamp. Never raises, whatever it holds."""
    match = _CONFIG.fullmatch(topic.removeprefix(f"{prefix}/"))
    if match is None or not topic.startswith(f"{prefix}/"):
        return []
    if not payload.strip():
        return [Skipped(topic, "it was removed")]
    if (message := json_object(payload)) is None:
        return [Skipped(topic, "it is no JSON object")]
    whole = expanded(message)
    if match[1] == "light":
        return [_lamp(topic, match[2], whole, whole)]
    components = whole.get("components")
    if not isinstance(components, dict):
        return [Skipped(topic, "the device has no components")]
    return list(_lamps_of_device(topic, match[2], whole, components))


def _lamps_of_device(
    topic: str, object_id: str, whole: Mapping[str, Any], components: Mapping[str, Any]
) -> Iterator[Announced | Skipped]:
    shared = {key: whole[key] for key in _SHARED & whole.keys()}
    for key, component in components.items():
        if not isinstance(component, dict) or not key.isprintable():  # it is printed, and kept to know the lamp by
            continue
        own = expanded({"~": whole["base"], **component} if "base" in whole else component)
        if own.get("platform") != "light":
            continue
        known_as = f"{topic}#{key}"
        if own.keys() <= {"platform", "base"}:
            yield Skipped(known_as, "it was removed")
        else:
            yield _lamp(known_as, f"{object_id} {key}", whole, shared | own)


_SHARED = {
    "command_topic",
    "state_topic",
    "availability",
    "availability_mode",
    "availability_topic",
    "availability_template",
    "payload_available",
    "payload_not_available",
}


@dataclass(slots=True)
class _Told:
    """What is found out on the way."""

    notes: list[str] = field(default_factory=list)


def _lamp(known_as: str, fallback: str, whole: Mapping[str, Any], own: Mapping[str, Any]) -> Announced | Skipped:
    schema = own.get("schema", "default")
    if schema != "json":
        return Skipped(known_as, f"its schema is {_short(schema)}, and only json is spoken")
    if len(known_as) > LONGEST_KNOWN_AS:
        return Skipped(known_as[:LONGEST_KNOWN_AS], "the topic is too long")
    device = whole.get("device")
    device = device if isinstance(device, dict) else {}
    told = _Told()
    modes = _modes(own, told)
    options = _of_gateway(whole, own, modes) or _of_json_light(own, modes, told)
    if own.get("optimistic") is True:
        options["confirm"] = "optimistic"
    try:
        options = checked({"confirm": "echo"} | options)
    except BadOption as error:
        return Skipped(known_as, f"{error.option}: {error}")
    options["capabilities"] = _capabilities(own, modes)
    if "color_temp" in modes:
        options["kelvin_range"] = _kelvin_range(own)
    details = {name: text for name, key in _DETAILS.items() if (text := _short(device.get(key)))}
    return Announced(known_as, _name(own, device, fallback), options, details, tuple(told.notes))


def _of_gateway(whole: Mapping[str, Any], own: Mapping[str, Any], modes: Iterable[str]) -> dict[str, Any] | None:
    """A lamp behind Zigbee2MQTT, which keeps no states unless told to: in its own dialect it can be asked."""
    origin, state, command = whole.get("origin"), own.get("state_topic"), own.get("command_topic")
    if not isinstance(origin, dict) or origin.get("name") != "Zigbee2MQTT" or not isinstance(state, str):
        return None
    if command != f"{state}/set":
        return None
    known = [mode for mode in modes if mode in ("hs", "xy", "color_temp")]
    options = {"dialect": "zigbee2mqtt", "topic": state} | ({"supported_color_modes": known} if known else {})
    bases = (
        topic.removesuffix("/bridge/state") for topic in _availability(own, _Told()) if topic.endswith("/bridge/state")
    )
    base = next((base for base in bases if state.startswith(f"{base}/") and "/" in base), None)
    return options if base is None else options | {"base_topic": base}


def _of_json_light(own: Mapping[str, Any], modes: list[str], told: _Told) -> dict[str, Any]:
    options: dict[str, Any] = {"command_topic": own.get("command_topic")}
    if own.get("state_topic"):
        options["state_topic"] = own["state_topic"]
    topics = _availability(own, told)
    if len(topics) == 1:
        options["availability_topic"] = topics[0]
    elif topics:
        options["availability_topics"] = topics
    scale = number(own.get("brightness_scale"))
    if scale is not None and 1 <= scale <= 65535:
        options["brightness_scale"] = int(scale)
    if "white" in modes and number(own.get("white_scale", 255)) != options.get("brightness_scale", 255):
        told.notes.append("its white has another scale than its brightness: white is not set apart")
        modes.remove("white")
    if modes:
        options["supported_color_modes"] = modes
    if own.get("color_temp_kelvin") is True:
        options["color_temp_kelvin"] = True
    return options


def _modes(own: Mapping[str, Any], told: _Told) -> list[str]:
    value = own.get("supported_color_modes")
    given = [mode for mode in value if isinstance(mode, str)] if isinstance(value, list) else []
    if unknown := [mode for mode in given if mode not in MODES]:
        told.notes.append(f"unknown colour modes: {', '.join(map(_short, unknown))}")
    return list(dict.fromkeys(mode for mode in given if mode in MODES))


def _capabilities(own: Mapping[str, Any], modes: list[str]) -> list[str]:
    dims = own.get("brightness") is True or any(mode != "onoff" for mode in modes)
    told = {
        "brightness": dims,
        "color": any(mode in COLOUR_MODES for mode in modes),
        "temperature": "color_temp" in modes,
    }
    return ["power", *(word for word, able in told.items() if able)]


def _kelvin_range(own: Mapping[str, Any]) -> list[int]:
    """Within what Alexa can say; mired are rounded inwards, so that every white of the range is one of the lamp's."""
    warmest, coldest = number(own.get("min_kelvin")), number(own.get("max_kelvin"))
    most, least = number(own.get("max_mireds")), number(own.get("min_mireds"))
    low = ceil(warmest) if warmest else ceil(1e6 / most) if most and most > 0 else KELVIN[0]
    high = floor(coldest) if coldest else floor(1e6 / least) if least and least > 0 else KELVIN[1]
    low, high = max(WARMEST, min(COLDEST, low)), max(WARMEST, min(COLDEST, high))
    return [low, high] if low <= high else list(KELVIN)


def _availability(own: Mapping[str, Any], told: _Told) -> list[str]:
    """The topics that say `online` and `offline`, plainly or as `{"state": …}`; others are left out, and said."""
    value = own.get("availability")
    listed = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
    if not listed and own.get("availability_topic"):
        listed = [
            {
                "topic": own["availability_topic"],
                "value_template": own.get("availability_template"),
                "payload_available": own.get("payload_available", "online"),
                "payload_not_available": own.get("payload_not_available", "offline"),
            }
        ]
    topics = []
    for entry in listed:
        if not isinstance(entry, dict) or not isinstance(topic := entry.get("topic"), str):
            continue
        words = (entry.get("payload_available", "online"), entry.get("payload_not_available", "offline"))
        template = entry.get("value_template")
        if [str(word).lower() for word in words] != ["online", "offline"]:
            told.notes.append(f"{_short(topic)} says {_short(words[0])} and {_short(words[1])}: it is not listened to")
        elif template and not _STATE_OF_JSON.fullmatch(str(template).strip()):
            told.notes.append(f"{_short(topic)} needs a template: it is not listened to")
        else:
            topics.append(topic)
    topics = list(dict.fromkeys(topics))
    if len(topics) > 1 and own.get("availability_mode") == "any":
        told.notes.append("one of several topics is enough to be there (availability_mode any): none is listened to")
        return []
    return topics


def _name(own: Mapping[str, Any], device: Mapping[str, Any], fallback: str) -> str:
    """As Home Assistant shows it: the device's name, and the lamp's own where it has one."""
    parts = [text for text in (_short(device.get("name")), _short(own.get("name"))) if text]
    if len(parts) == 2 and parts[1].lower().startswith(parts[0].lower()):
        parts = parts[1:]
    for candidate in (" ".join(parts)[:LONGEST_NAME], re.sub("[_-]+", " ", fallback)):
        try:
            return friendly_name(candidate)
        except NotDescribable:
            continue
    return "Lamp"


def _short(value: object) -> str:
    """Printable, on one line, for a name, a detail or a word to the operator; empty where it is no text."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    plain = "".join(character if character.isprintable() else " " for character in str(value))
    return " ".join(plain.split())[:LONGEST_DETAIL]
