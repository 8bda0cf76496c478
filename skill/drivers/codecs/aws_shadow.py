"""An AWS IoT device shadow: `desired` out, `reported` in.

Source: https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html (`$aws/things/<thing>/shadow`,
named ones under `/name/<shadow>`: `/update`, `/update/accepted`, `/update/delta`, `/get`, `/get/accepted`). The keys
are free. Power is `power` in the workshop's lamps, or `powerState` in some of their versions (contract section 5):
both are read, and the one that `power_key` names is written. Not both: what a lamp does not report stays in the
delta, and the workshop's lamp answers every delta with an update, which makes the next delta. The others are Alexa's
own words: `brightness` (percent), `colorTemperatureInKelvin`, `color` with `hue`, `saturation` and `brightness`.

A broker without a shadow service (`shadow_service` off) makes no deltas: then the command is the delta that the lamp
waits for, and what the lamp sends to `/update` is its state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from skill.canonical import LampState
from skill.drivers.codecs import colour
from skill.drivers.codecs.codec import BadOption, Message, json_object, number, present, switched, wanted
from skill.drivers.codecs.colour import HueSaturation
from skill.drivers.codecs.levels import COLDEST, WARMEST, kelvin_of, percent_of
from skill.drivers.topics import BadTopic, shadow_prefix

SCALE = 100
POWER_KEYS = ("power", "powerState")
_OF_STATE = frozenset({*POWER_KEYS, "brightness", "color", "colorTemperatureInKelvin"})


@dataclass(frozen=True, slots=True)
class AwsShadow:
    prefix: str
    power_key: str = "power"
    service: bool = True

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Raises BadOption."""
        if options.get("thing") is None:
            raise BadOption("thing", "the dialect needs it")
        try:
            prefix = shadow_prefix(options["thing"], options.get("shadow"))
        except BadTopic as reason:
            raise BadOption("thing", str(reason)) from reason
        if (key := options.get("power_key", POWER_KEYS[0])) not in POWER_KEYS:
            raise BadOption("power_key", "power or powerState")
        return cls(prefix, key, bool(options.get("shadow_service", True)))

    @classmethod
    def takes(cls) -> frozenset[str]:
        return frozenset({"thing", "shadow", "power_key", "shadow_service"})

    @property
    def command_topics(self) -> tuple[str, ...]:
        if not self.service:
            return (f"{self.prefix}/update/delta",)
        return (f"{self.prefix}/update", f"{self.prefix}/get")

    @property
    def state_topics(self) -> tuple[str, ...]:
        if not self.service:
            return (f"{self.prefix}/update",)
        return (f"{self.prefix}/update/accepted", f"{self.prefix}/get/accepted")

    @property
    def availability_topics(self) -> tuple[str, ...]:
        return ()

    @property
    def question(self) -> Message | None:
        return Message(f"{self.prefix}/get", b"") if self.service else None

    def encode(self, target: LampState, before: LampState) -> Message:
        want = wanted(target, before)
        state: dict[str, object] = {self.power_key: "ON" if want.power else "OFF"}
        if want.brightness is not None:
            state["brightness"] = want.brightness
        if want.colour is not None:
            state["color"] = {"hue": want.colour[0], "saturation": want.colour[1], "brightness": target.value}
        if want.kelvin is not None:
            state["colorTemperatureInKelvin"] = want.kelvin
        if not self.service:
            return Message(f"{self.prefix}/update/delta", orjson.dumps({"state": state}))
        return Message(f"{self.prefix}/update", orjson.dumps({"state": {"desired": state}}))

    def decode(self, topic: str, payload: bytes, before: LampState, requested: LampState | None) -> LampState | None:
        """What is only desired says nothing of the lamp; neither does our own command, which comes back accepted."""
        message = json_object(payload)
        state = message.get("state") if message is not None else None
        reported = state.get("reported") if isinstance(state, dict) else None
        if not isinstance(reported, dict) or not reported.keys() & _OF_STATE:
            return None
        after = before
        for key in (self.power_key, *POWER_KEYS):
            if (power := switched(reported.get(key))) is not None:
                after = after._replace(power=power)
                break
        level = number(reported.get("brightness"))
        if level is not None and level > 0:
            asked = requested.last_brightness if requested is not None else None
            after = after._replace(last_brightness=percent_of(level, SCALE, asked))
        return _with_light(after, reported, requested)

    def availability(self, topic: str, payload: bytes) -> bool | None:
        return present(payload)


def _with_light(after: LampState, reported: Mapping[str, Any], requested: LampState | None) -> LampState:
    """A lamp that keeps both reports both: then what was asked for holds, otherwise what held before."""
    said, kelvin = _colour(reported.get("color"), requested), _kelvin(reported, requested)
    mode = requested.mode if requested is not None else after.mode
    if said is not None and (kelvin is None or mode == "color"):
        return after._replace(mode="color", hue=said.hue, saturation=said.saturation)
    return after if kelvin is None else after._replace(mode="white", kelvin=kelvin)


def _colour(value: object, requested: LampState | None) -> HueSaturation | None:
    if not isinstance(value, dict):
        return None
    hue, saturation = number(value.get("hue")), number(value.get("saturation"))
    if hue is None or saturation is None or not (0 <= hue <= 360 and 0 <= saturation <= 1):
        return None
    said = HueSaturation(hue, saturation)
    if requested is not None and requested.mode == "color":
        asked = HueSaturation(requested.hue, requested.saturation)
        return asked if colour.same_hue_and_saturation(said, asked) else said
    return said


def _kelvin(reported: Mapping[str, Any], requested: LampState | None) -> int | None:
    said = number(reported.get("colorTemperatureInKelvin"))
    if said is None or not WARMEST <= said <= COLDEST:
        return None
    asked = requested.kelvin if requested is not None and requested.mode == "white" else None
    return asked if asked is not None and kelvin_of(1e6 / said, asked) == asked else round(said)
