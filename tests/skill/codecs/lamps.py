"""A lamp of every dialect, with the options that change what it is told, and states for it to be in."""

from typing import Any

import pytest

from skill.canonical import LampState
from skill.drivers.codecs import codec

OFF = LampState(power=False, last_brightness=80)
ON = LampState(power=True, last_brightness=80)
UNKNOWN = LampState(power=None, last_brightness=None)
DIMMED = ON._replace(last_brightness=50)
RED = ON._replace(last_brightness=50, mode="color", hue=0.0, saturation=1.0)
WARM = ON._replace(last_brightness=50, kelvin=2200)

LAMPS: dict[str, dict[str, Any]] = {
    "home_assistant": {"command_topic": "a/set", "state_topic": "a/state", "availability_topic": "a/status"},
    "home_assistant hs": {
        "command_topic": "a/set",
        "state_topic": "a/state",
        "supported_color_modes": ["hs", "color_temp"],
        "color_temp_kelvin": True,
        "brightness_scale": 1000,
    },
    "home_assistant xy": {"command_topic": "a/set", "state_topic": "a/state", "supported_color_modes": "xy,color_temp"},
    "home_assistant rgbww": {
        "command_topic": "a/set",
        "state_topic": "a/state",
        "supported_color_modes": ["rgbww", "white"],
    },
    "zigbee2mqtt": {"dialect": "zigbee2mqtt", "topic": "zigbee2mqtt/hall/desk"},
    "zigbee2mqtt xy": {"dialect": "zigbee2mqtt", "topic": "zigbee2mqtt/desk", "supported_color_modes": ["xy"]},
    "tasmota": {"dialect": "tasmota", "topic": "desk"},
    "tasmota full": {"dialect": "tasmota", "topic": "desk", "full_topic": "home/%topic%/%prefix%"},
    "wled": {"dialect": "wled", "topic": "wled/desk"},
    "wled white": {"dialect": "wled", "topic": "wled/desk", "supported_color_modes": ["rgb", "color_temp"]},
    "esphome": {"dialect": "esphome", "topic": "desk/light/lamp"},
    "aws_shadow": {"dialect": "aws_shadow", "thing": "ratchet"},
    "aws_shadow state": {"dialect": "aws_shadow", "thing": "ratchet", "shadow": "s", "power_key": "powerState"},
    "aws_shadow alone": {"dialect": "aws_shadow", "thing": "ratchet", "shadow_service": False},
}
CODECS = {name: codec(options) for name, options in LAMPS.items()}
every_lamp = pytest.mark.parametrize("lamp", CODECS)
SHADOW = "$aws/things/ratchet/shadow"
