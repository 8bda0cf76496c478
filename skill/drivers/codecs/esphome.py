"""ESPHome's MQTT lights: Home Assistant's JSON schema under topics of the node.

Sources: https://esphome.io/components/mqtt (`<node>/light/<id>/command`, `/state`, retained, `<node>/status` as birth
and last will) and `light_json_schema.cpp` of the firmware: brightness and channels 0-255, `color_temp` whole mired,
`color` only as `r`, `g`, `b`, read at full value; modes of its own (`rgbct`, `cwww`) whose colour is black while
white shines. `topic` is `<node>/light/<id>`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from skill.canonical import LampState
from skill.drivers.codecs.codec import BadOption, Message, choices, json_object, present, topic_option, wanted
from skill.drivers.codecs.home_assistant import json_light, read_json_light

SCALE = 255
MODES = frozenset({"rgb", "rgbw", "rgbww", "color_temp", "white", "brightness", "onoff"})


@dataclass(frozen=True, slots=True)
class Esphome:
    light: str
    modes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Raises BadOption."""
        light = topic_option(options, "topic")
        node, middle, name = light.rpartition("/light/")
        if not (node and middle and name) or "/" in name:
            raise BadOption("topic", "<node>/light/<id>, such as desk/light/lamp")
        modes = choices(options, "supported_color_modes", MODES)
        return cls(light, modes)

    @classmethod
    def takes(cls) -> frozenset[str]:
        return frozenset({"topic", "supported_color_modes"})

    @property
    def command_topics(self) -> tuple[str, ...]:
        return (f"{self.light}/command",)

    @property
    def state_topics(self) -> tuple[str, ...]:
        return (f"{self.light}/state",)

    @property
    def availability_topics(self) -> tuple[str, ...]:
        return (f"{self.light.rpartition('/light/')[0]}/status",)

    @property
    def question(self) -> Message | None:
        return None

    def encode(self, target: LampState, before: LampState) -> Message:
        message = json_light(wanted(target, before), SCALE, self.modes, in_kelvin=False)
        if "white" in message:  # the schema's `white` key is not the firmware's: a lamp without warmth has one white
            message["brightness"] = message.pop("white")
            message["color"] = {"w": 255}
        return Message(f"{self.light}/command", orjson.dumps(message))

    def decode(self, topic: str, payload: bytes, before: LampState, requested: LampState | None) -> LampState | None:
        if (message := json_object(payload)) is None:
            return None
        return read_json_light(message, before, requested, SCALE)

    def availability(self, topic: str, payload: bytes) -> bool | None:
        return present(payload)
