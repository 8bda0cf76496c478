"""Tasmota lights: commands with percent and mired, several of them in one `Backlog`.

Sources: https://tasmota.github.io/docs/MQTT/ and https://tasmota.github.io/docs/Commands/ (`cmnd/<t>/Backlog`,
`NoDelay`, `POWER`, `Dimmer` 0-100, `CT` 153-500 mired, `HSBColor` 0-360,0-100,0-100; `tele/<t>/LWT`
`Online`/`Offline`, retained); `xdrv_04_light.ino` for what `stat/<t>/RESULT` and `tele/<t>/STATE` hold: `White` is 0
while a colour shines. `topic` is the device's `%topic%`, `full_topic` its pattern where it is not Tasmota's own.
States are not retained: therefore `State`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from skill.canonical import LampState
from skill.drivers.codecs import colour
from skill.drivers.codecs.codec import BadOption, Message, json_object, number, present, switched, topic_option, wanted
from skill.drivers.codecs.colour import HueSaturation
from skill.drivers.codecs.levels import kelvin_of, percent_of, to_mired
from skill.drivers.topics import BadTopic, check_topic

SCALE = 100
COLDEST, WARMEST = 153, 500
"""Mired; beyond them a command is not obeyed."""
FULL_TOPIC = "%prefix%/%topic%/"
_HSB = re.compile(r"(\d{1,3}),(\d{1,3}),(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Tasmota:
    """Prefixes end with `/`."""

    command: str
    result: str
    telemetry: str

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Raises BadOption."""
        topic, pattern = topic_option(options, "topic"), options.get("full_topic") or FULL_TOPIC
        if not isinstance(pattern, str) or "%prefix%" not in pattern or "%topic%" not in pattern:
            raise BadOption("full_topic", f"it holds %prefix% and %topic%, such as {FULL_TOPIC}")
        pattern = pattern if pattern.endswith("/") else pattern + "/"
        made = [pattern.replace("%prefix%", prefix).replace("%topic%", topic) for prefix in ("cmnd", "stat", "tele")]
        try:
            return cls(*(check_topic(each) for each in made))
        except BadTopic as reason:
            raise BadOption("full_topic", str(reason)) from reason

    @classmethod
    def takes(cls) -> frozenset[str]:
        return frozenset({"topic", "full_topic"})

    @property
    def command_topics(self) -> tuple[str, ...]:
        return (f"{self.command}POWER", f"{self.command}Backlog", f"{self.command}State")

    @property
    def state_topics(self) -> tuple[str, ...]:
        return (f"{self.result}RESULT", f"{self.telemetry}STATE")

    @property
    def availability_topics(self) -> tuple[str, ...]:
        return (f"{self.telemetry}LWT",)

    @property
    def question(self) -> Message | None:
        return Message(f"{self.command}State", b"")

    def encode(self, target: LampState, before: LampState) -> Message:
        """Power comes last, for a lamp whose power does not follow its colour (`SetOption20`)."""
        want = wanted(target, before)
        if want.brightness is None and want.colour is None and want.kelvin is None:
            return Message(f"{self.command}POWER", b"ON" if want.power else b"OFF")
        steps = []
        if want.colour is not None:
            hue, saturation = want.colour
            steps.append(f"HSBColor {round(hue) % 360},{round(saturation * 100)},{want.brightness or 100}")
        else:
            if want.kelvin is not None:
                steps.append(f"CT {max(COLDEST, min(WARMEST, to_mired(want.kelvin)))}")
            if want.brightness is not None:
                steps.append(f"Dimmer {want.brightness}")
        steps.append("POWER ON")
        return Message(f"{self.command}Backlog", ";".join(f"NoDelay;{step}" for step in steps).encode())

    def decode(self, topic: str, payload: bytes, before: LampState, requested: LampState | None) -> LampState | None:
        """Answers to other commands say nothing of the lamp."""
        if (message := json_object(payload)) is None:
            return None
        after, told = before, False
        if (power := switched(message.get("POWER", message.get("POWER1")))) is not None:
            after, told = after._replace(power=power), True
        level = number(message.get("Dimmer", message.get("Dimmer1")))
        if level is not None and level > 0:
            asked = requested.last_brightness if requested is not None else None
            after, told = after._replace(last_brightness=percent_of(level, SCALE, asked)), True
        said, kelvin, white = _colour(message, requested), _kelvin(message, requested), number(message.get("White"))
        if said is not None and not white:
            return after._replace(mode="color", hue=said.hue, saturation=said.saturation)
        if kelvin is not None or white:
            return after._replace(mode="white", kelvin=after.kelvin if kelvin is None else kelvin)
        return after if told else None

    def availability(self, topic: str, payload: bytes) -> bool | None:
        return present(payload)


def _colour(message: Mapping[str, Any], requested: LampState | None) -> HueSaturation | None:
    value = message.get("HSBColor")
    if not isinstance(value, str) or (found := _HSB.fullmatch(value)) is None:
        return None
    hue, saturation, _ = (int(part) for part in found.groups())
    if hue > 360 or saturation > 100:
        return None
    said = HueSaturation(float(hue), saturation / 100)
    if requested is not None and requested.mode == "color":
        asked = HueSaturation(requested.hue, requested.saturation)
        return asked if colour.same_hue_and_saturation(said, asked) else said
    return said


def _kelvin(message: Mapping[str, Any], requested: LampState | None) -> int | None:
    said = number(message.get("CT"))
    if said is None or not COLDEST <= said <= WARMEST:
        return None
    return kelvin_of(said, requested.kelvin if requested is not None and requested.mode == "white" else None)
