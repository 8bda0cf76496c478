"""Lamps as their firmware is documented, one file for each dialect: what `skill simulate lamp` puts on a broker.

Written from the pages that each file names and *without* `skill.drivers.codecs`, which are written from the same
pages: a misreading in one is found by the other, and import-linter keeps them apart. Pure: no broker, no clock.
"""

from collections.abc import Mapping
from typing import Any

from skill.simulator.firmware.aws_shadow import ShadowLamp
from skill.simulator.firmware.esphome import Esphome
from skill.simulator.firmware.firmware import Firmware, Said
from skill.simulator.firmware.home_assistant import JsonLight
from skill.simulator.firmware.light import Light
from skill.simulator.firmware.tasmota import Tasmota
from skill.simulator.firmware.wled import Wled
from skill.simulator.firmware.zigbee2mqtt import Zigbee2Mqtt

__all__ = [
    "DEFAULT", "FIRMWARES", "Esphome", "Firmware", "JsonLight", "Light", "Said", "ShadowLamp", "Tasmota", "Wled",
    "Zigbee2Mqtt", "firmware",
]  # fmt: skip

Kind = type[JsonLight | Zigbee2Mqtt | Tasmota | Wled | Esphome | ShadowLamp]

FIRMWARES: Mapping[str, Kind] = {
    "home_assistant": JsonLight,
    "zigbee2mqtt": Zigbee2Mqtt,
    "tasmota": Tasmota,
    "wled": Wled,
    "esphome": Esphome,
    "aws_shadow": ShadowLamp,
}

DEFAULT = "home_assistant"


def firmware(options: Mapping[str, Any]) -> Firmware:
    """The lamp that a registered lamp's options speak of; they were checked when it was registered."""
    return FIRMWARES[str(options.get("dialect", DEFAULT))](options)
