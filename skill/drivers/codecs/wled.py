"""WLED: JSON in, brightness and colour out on topics of their own.

Sources: https://kno.wled.ge/interfaces/mqtt/ (`<t>/api`, `<t>/g` brightness 0-255, `<t>/c` colour as hex,
`<t>/status` `online`/`offline`, retained), https://kno.wled.ge/interfaces/json-api/ (`on`, `bri`, `seg` without an id
is every selected segment, `col`, `cct` in kelvin from 1900 to 10091), `mqtt.cpp` of the firmware (`#%06X` of white,
red, green, blue, without leading zeros; brightness 0 is off). `topic` is the device topic (at most 32 characters
there). It does not tell its state when asked: "Retain brightness & color messages" in its settings lets a restart
know it.

White is made of red, green and blue; of the strip's own white where `supported_color_modes` holds `color_temp`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from skill.canonical import LampState
from skill.drivers.codecs import colour
from skill.drivers.codecs.codec import Message, choices, present, topic_option, wanted
from skill.drivers.codecs.colour import HueSaturation, Rgb
from skill.drivers.codecs.levels import percent_of, to_device

SCALE = 255
WARMEST, COLDEST = 1900, 10091
MODES = frozenset({"rgb", "color_temp"})
SOLID = 0  # the effect without movement: a colour is seen
_LEVEL, _COLOUR = re.compile(rb"\d{1,3}"), re.compile(rb"#[0-9A-Fa-f]{6,8}")


@dataclass(frozen=True, slots=True)
class Wled:
    device: str
    own_white: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Raises BadOption."""
        device = topic_option(options, "topic")
        return cls(device, "color_temp" in choices(options, "supported_color_modes", MODES))

    @classmethod
    def takes(cls) -> frozenset[str]:
        return frozenset({"topic", "supported_color_modes"})

    @property
    def command_topics(self) -> tuple[str, ...]:
        return (f"{self.device}/api",)

    @property
    def state_topics(self) -> tuple[str, ...]:
        return (f"{self.device}/g", f"{self.device}/c")

    @property
    def availability_topics(self) -> tuple[str, ...]:
        return (f"{self.device}/status",)

    @property
    def question(self) -> Message | None:
        return None

    def encode(self, target: LampState, before: LampState) -> Message:
        want = wanted(target, before)
        message: dict[str, object] = {"on": want.power}
        if want.brightness is not None:
            message["bri"] = to_device(want.brightness, SCALE)
        if want.colour is not None:
            message["seg"] = {"fx": SOLID, "col": [[*colour.rgb_of(HueSaturation(*want.colour)), 0]]}
        if want.kelvin is not None and self.own_white:
            kelvin = max(WARMEST, min(COLDEST, want.kelvin))
            message["seg"] = {"fx": SOLID, "col": [[0, 0, 0, 255]], "cct": kelvin}
        elif want.kelvin is not None:
            message["seg"] = {"fx": SOLID, "col": [[*colour.black_body(want.kelvin), 0]]}
        return Message(f"{self.device}/api", orjson.dumps(message))

    def decode(self, topic: str, payload: bytes, before: LampState, requested: LampState | None) -> LampState | None:
        if topic == f"{self.device}/g":
            if _LEVEL.fullmatch(payload) is None or (level := int(payload)) > SCALE:
                return None
            if level == 0:
                return before._replace(power=False)
            asked = requested.last_brightness if requested is not None else None
            return before._replace(power=True, last_brightness=percent_of(level, SCALE, asked))
        if _COLOUR.fullmatch(payload) is None:
            return None
        value = int(payload[1:], 16)
        white, rgb = value >> 24, Rgb(value >> 16 & 255, value >> 8 & 255, value & 255)
        if not any(rgb):
            if not white:  # black: off by another name, no colour
                return before
            asks_white = requested is not None and requested.mode == "white"
            return before._replace(mode="white", kelvin=requested.kelvin if asks_white and requested else before.kelvin)
        if requested is not None and requested.mode == "color":
            if colour.same_rgb(rgb, colour.rgb_of(HueSaturation(requested.hue, requested.saturation))):
                return before._replace(mode="color", hue=requested.hue, saturation=requested.saturation)
        elif requested is not None and colour.same_rgb(rgb, colour.black_body(requested.kelvin)):
            return before._replace(mode="white", kelvin=requested.kelvin)
        if (kelvin := colour.of_black_body(rgb)) is not None:
            return before._replace(mode="white", kelvin=kelvin)
        said = colour.of_rgb(rgb)
        return before._replace(mode="color", hue=said.hue, saturation=said.saturation)

    def availability(self, topic: str, payload: bytes) -> bool | None:
        return present(payload)
