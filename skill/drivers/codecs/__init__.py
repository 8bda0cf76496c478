"""One file for each dialect that lamps speak: pure functions between the canonical state and payloads.

They send and hear nothing themselves; `skill.drivers.mqtt` does.
"""

from collections.abc import Mapping
from typing import Any

from skill.drivers.codecs.aws_shadow import AwsShadow
from skill.drivers.codecs.codec import BadOption, Codec, Message
from skill.drivers.codecs.esphome import Esphome
from skill.drivers.codecs.home_assistant import HomeAssistant
from skill.drivers.codecs.tasmota import Tasmota
from skill.drivers.codecs.wled import Wled
from skill.drivers.codecs.zigbee2mqtt import Zigbee2Mqtt

__all__ = ["DEFAULT", "DIALECTS", "BadOption", "Codec", "Message", "codec"]

DIALECTS: Mapping[str, type[Codec]] = {
    "home_assistant": HomeAssistant,
    "zigbee2mqtt": Zigbee2Mqtt,
    "tasmota": Tasmota,
    "wled": Wled,
    "esphome": Esphome,
    "aws_shadow": AwsShadow,
}

DEFAULT = "home_assistant"


def codec(options: Mapping[str, Any]) -> Codec:
    """Of the lamp's `dialect`. Raises BadOption."""
    name = options.get("dialect", DEFAULT)
    if not isinstance(name, str) or (dialect := DIALECTS.get(name)) is None:
        raise BadOption("dialect", f"one of {', '.join(DIALECTS)}")
    return dialect.of(options)
