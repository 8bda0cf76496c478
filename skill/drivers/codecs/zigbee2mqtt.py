"""Zigbee2MQTT: a lamp or a group under its friendly name, which may hold `/`.

Sources: https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html (`FRIENDLY_NAME`, `/set`, `/get`,
`/availability`, `bridge/state`), https://www.zigbee2mqtt.io/guide/configuration/mqtt.html (`base_topic`) and a lamp's
own page, such as https://www.zigbee2mqtt.io/devices/TS0505B_4.html (brightness 0-254, `color_temp` mired, `color` as
`hue` and `saturation` or `x` and `y`). `topic` is the lamp's, base included; `base_topic` is the base, which may hold
`/` as well: the first level of `topic` unless said. States are retained only where the device's `retain` says so:
therefore `/get`. A bridge that is offline takes every lamp with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from skill.canonical import LampState
from skill.drivers.codecs import colour
from skill.drivers.codecs.codec import (
    BadOption,
    Message,
    choices,
    json_object,
    optional_topic,
    present,
    topic_option,
    wanted,
)
from skill.drivers.codecs.colour import HueSaturation
from skill.drivers.codecs.home_assistant import read_json_light
from skill.drivers.codecs.levels import to_device, to_mired

SCALE = 254
MODES = frozenset({"hs", "xy", "color_temp"})


@dataclass(frozen=True, slots=True)
class Zigbee2Mqtt:
    lamp: str
    base: str
    xy: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Raises BadOption."""
        lamp = topic_option(options, "topic")
        if "/" not in lamp.strip("/") or lamp.endswith("/"):
            raise BadOption("topic", "the base and the friendly name, such as zigbee2mqtt/desk")
        base = optional_topic(options, "base_topic") or lamp.partition("/")[0]
        if not lamp.startswith(f"{base}/"):
            raise BadOption("base_topic", "the topic begins with it, such as home/zigbee2mqtt of home/zigbee2mqtt/desk")
        modes = choices(options, "supported_color_modes", MODES)
        return cls(lamp, base, "xy" in modes and "hs" not in modes)

    @classmethod
    def takes(cls) -> frozenset[str]:
        return frozenset({"topic", "base_topic", "supported_color_modes"})

    @property
    def command_topics(self) -> tuple[str, ...]:
        return (f"{self.lamp}/set", f"{self.lamp}/get")

    @property
    def state_topics(self) -> tuple[str, ...]:
        return (self.lamp,)

    @property
    def availability_topics(self) -> tuple[str, ...]:
        return (f"{self.lamp}/availability", f"{self.base}/bridge/state")

    @property
    def question(self) -> Message | None:
        return Message(f"{self.lamp}/get", b'{"state":""}')

    def encode(self, target: LampState, before: LampState) -> Message:
        want = wanted(target, before)
        message: dict[str, object] = {"state": "ON" if want.power else "OFF"}
        if want.brightness is not None:
            message["brightness"] = to_device(want.brightness, SCALE)
        if want.colour is not None:
            asked = HueSaturation(*want.colour)
            message["color"] = (
                colour.xy_of(asked)._asdict()
                if self.xy
                else {"hue": round(asked.hue, 2), "saturation": round(asked.saturation * 100, 2)}
            )
        if want.kelvin is not None:
            message["color_temp"] = to_mired(want.kelvin)
        return Message(f"{self.lamp}/set", orjson.dumps(message))

    def decode(self, topic: str, payload: bytes, before: LampState, requested: LampState | None) -> LampState | None:
        if (message := json_object(payload)) is None:
            return None
        return read_json_light(message, before, requested, SCALE)

    def availability(self, topic: str, payload: bytes) -> bool | None:
        return present(payload)
