"""Home Assistant's MQTT JSON light schema (contract 6.1), the native language of `mqtt` lamps.

Source: https://www.home-assistant.io/integrations/light.mqtt/ ("JSON schema"); the topics are free, each lamp names
its own. `brightness` is `1..brightness_scale` (255 unless the lamp says otherwise), `color_temp` mired, or kelvin
with `color_temp_kelvin`. `color` has `h`, `s` (percent), `r`, `g`, `b` or `x`, `y`, whichever `supported_color_modes`
names first of hs, rgb, rgbw, rgbww, xy; rgb where it names none. A lamp may tell its `color_mode`; where it does not,
the keys of the message tell.
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
    Wanted,
    choices,
    json_object,
    number,
    optional_topic,
    present,
    switched,
    topic_option,
    wanted,
)
from skill.drivers.codecs.colour import HueSaturation, Rgb, Xy
from skill.drivers.codecs.levels import COLDEST, WARMEST, kelvin_of, percent_of, to_device, to_mired

COLOUR_MODES = ("hs", "rgb", "rgbw", "rgbww", "xy")
MODES = frozenset({*COLOUR_MODES, "onoff", "brightness", "color_temp", "white"})
MOST_ONLINE = 8
_WHITE = frozenset({"color_temp", "white", "cwww"})
_COLOUR = frozenset({"hs", "xy", "rgb"})
_OF_STATE = frozenset({"state", "brightness", "color", "color_temp", "color_mode"})


@dataclass(frozen=True, slots=True)
class HomeAssistant:
    command: str
    state: str | None
    online: tuple[str, ...]
    scale: int = 255
    modes: frozenset[str] = frozenset()
    kelvin: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Raises BadOption."""
        try:
            scale = max(1, int(options.get("brightness_scale", 255)))
        except (TypeError, ValueError, OverflowError) as error:
            raise BadOption("brightness_scale", "a whole number") from error
        return cls(
            topic_option(options, "command_topic"),
            optional_topic(options, "state_topic"),
            _online(options),
            scale,
            choices(options, "supported_color_modes", MODES),
            bool(options.get("color_temp_kelvin", False)),
        )

    @classmethod
    def takes(cls) -> frozenset[str]:
        topics = {"command_topic", "state_topic", "availability_topic", "availability_topics"}
        return frozenset(topics | {"brightness_scale", "supported_color_modes", "color_temp_kelvin"})

    @property
    def command_topics(self) -> tuple[str, ...]:
        return (self.command,)

    @property
    def state_topics(self) -> tuple[str, ...]:
        return (self.state,) if self.state else ()

    @property
    def availability_topics(self) -> tuple[str, ...]:
        return self.online

    @property
    def question(self) -> Message | None:
        return None

    def encode(self, target: LampState, before: LampState) -> Message:
        message = json_light(wanted(target, before), self.scale, self.modes, self.kelvin)
        return Message(self.command, orjson.dumps(message))

    def decode(self, topic: str, payload: bytes, before: LampState, requested: LampState | None) -> LampState | None:
        if (message := json_object(payload)) is None:
            return None
        return read_json_light(message, before, requested, self.scale, self.kelvin)

    def availability(self, topic: str, payload: bytes) -> bool | None:
        return present(payload)


def _online(options: Mapping[str, Any]) -> tuple[str, ...]:
    """One topic, or a list under another name: the lamp is there when none of them says that it is away. Raises
    BadOption."""
    listed = options.get("availability_topics") or []
    if not isinstance(listed, list) or len(listed) > MOST_ONLINE:
        raise BadOption("availability_topics", f"a list of at most {MOST_ONLINE} topics")
    one = optional_topic(options, "availability_topic")
    found = [topic_option({"availability_topics": topic}, "availability_topics") for topic in listed]
    return tuple(dict.fromkeys([*([one] if one else []), *found]))


def json_light(want: Wanted, scale: int, modes: frozenset[str], in_kelvin: bool) -> dict[str, object]:
    message: dict[str, object] = {"state": "ON" if want.power else "OFF"}
    if want.brightness is not None:
        message["brightness"] = to_device(want.brightness, scale)
    if want.colour is not None:
        message["color"] = _colour(HueSaturation(*want.colour), next((m for m in COLOUR_MODES if m in modes), "rgb"))
    if want.kelvin is not None:
        if "white" in modes and "color_temp" not in modes:
            message["white"] = message.pop("brightness", scale)
        else:
            message["color_temp"] = want.kelvin if in_kelvin else to_mired(want.kelvin)
    return message


def _colour(asked: HueSaturation, mode: str) -> dict[str, float]:
    if mode == "hs":
        return {"h": round(asked.hue, 3), "s": round(asked.saturation * 100, 3)}
    if mode == "xy":
        return colour.xy_of(asked)._asdict()
    red, green, blue = colour.rgb_of(asked)
    white = {"rgbw": {"w": 0}, "rgbww": {"c": 0, "w": 0}}.get(mode, {})
    return {"r": red, "g": green, "b": blue, **white}


def read_json_light(
    message: Mapping[str, Any], before: LampState, requested: LampState | None, scale: int, in_kelvin: bool = False
) -> LampState | None:
    """`state: null` is unknown, brightness 0 is ignored. Also Zigbee2MQTT's and ESPHome's."""
    if not message.keys() & _OF_STATE:  # how well it is received, what its firmware is
        return None
    after = before
    if "state" in message:
        power = switched(message["state"])
        if power is None and message["state"] is not None:
            return None
        after = after._replace(power=power)
    level = number(message.get("brightness"))
    if level is not None and level > 0:
        asked = requested.last_brightness if requested is not None else None
        after = after._replace(last_brightness=percent_of(level, scale, asked))
    said, black = read_colour(message.get("color"), message.get("color_mode"), requested)
    kelvin = _kelvin(message.get("color_temp"), requested, in_kelvin)
    mode = message.get("color_mode")
    white = mode in _WHITE if isinstance(mode, str) else False
    coloured = mode in _COLOUR if isinstance(mode, str) else False
    if not white and not coloured:
        if black:  # a lamp with channels for colour and for white, whose colour is dark
            white = True
        elif said is not None and kelvin is not None:
            white = _means_white(said, kelvin, before, requested)
            coloured = not white
        else:
            white, coloured = kelvin is not None, said is not None
    if coloured and said is not None:
        return after._replace(mode="color", hue=said.hue, saturation=said.saturation)
    if white:
        return after._replace(mode="white", kelvin=after.kelvin if kelvin is None else kelvin)
    return after


def _means_white(said: HueSaturation, kelvin: int, before: LampState, requested: LampState | None) -> bool:
    """Both are told and nothing says which one holds: the one that was asked for, otherwise the one that held."""
    if requested is not None and requested.mode == "color" and said == (requested.hue, requested.saturation):
        return False
    if requested is not None and requested.mode == "white" and kelvin == requested.kelvin:
        return True
    return before.mode == "white"


def _kelvin(value: object, requested: LampState | None, in_kelvin: bool) -> int | None:
    """0, null and what no lamp can be are no colour temperature (contract 2.3)."""
    said = number(value)
    if said is None or said <= 0:
        return None
    asked = requested.kelvin if requested is not None and requested.mode == "white" else None
    mired = 1e6 / said if in_kelvin else said
    if not 1e6 / (COLDEST * 2) <= mired <= 1e6 / WARMEST * 2:
        return None
    found = kelvin_of(mired, asked)
    return found if found == asked or not in_kelvin else max(WARMEST, min(COLDEST, round(said)))


def read_colour(value: object, mode: object, requested: LampState | None) -> tuple[HueSaturation | None, bool]:
    """The colour, and whether it is black. A message may tell it in several ways: `mode` says which one holds,
    otherwise the most exact one; but where any of them is what was asked for, that is it."""
    if not isinstance(value, dict):
        return None, False
    asked = None
    if requested is not None and requested.mode == "color":
        asked = HueSaturation(requested.hue, requested.saturation)
    found: dict[str, HueSaturation] = {}
    rgb = _channels(value)
    if rgb is not None and not any(rgb):
        return None, True
    h, s = number(value.get("h", value.get("hue"))), number(value.get("s", value.get("saturation")))
    if h is not None and s is not None and -360 <= h <= 720 and 0 <= s <= 100:
        hs = HueSaturation(h if 0 <= h <= 360 else h % 360, s / 100)
        if asked is not None and colour.same_hue_and_saturation(hs, asked):
            return asked, False
        found["hs"] = hs
    if rgb is not None:
        if asked is not None and colour.same_rgb(_full(rgb), colour.rgb_of(asked)):
            return asked, False
        found["rgb"] = colour.of_rgb(rgb)
    x, y = number(value.get("x")), number(value.get("y"))
    if x is not None and y is not None and 0 <= x <= 1 and 0.001 <= y <= 1:
        xy = Xy(x, y)
        if asked is not None and colour.same_xy(xy, colour.xy_of(asked)):
            return asked, False
        found["xy"] = colour.of_xy(xy)
    named = found.get(mode) if isinstance(mode, str) else None
    return named or next(iter(found.values()), None), False


def _channels(value: Mapping[str, Any]) -> Rgb | None:
    parts = [number(value.get(name)) for name in "rgb"]
    if any(part is None or not 0 <= part <= 255 for part in parts):
        return None
    red, green, blue = (round(part) for part in parts if part is not None)
    return Rgb(red, green, blue)


def _full(rgb: Rgb) -> Rgb:
    """The same colour at full value: some lamps dim the channels."""
    most = max(rgb)
    return Rgb(*(round(part * 255 / most) for part in rgb))
