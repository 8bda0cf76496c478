"""How an `mqtt` lamp is spoken to: its options, read once. No client is loaded here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skill.drivers.codecs import DEFAULT, DIALECTS, BadOption, Codec, codec
from skill.drivers.codecs.aws_shadow import AwsShadow
from skill.drivers.codecs.home_assistant import HomeAssistant
from skill.drivers.codecs.tasmota import Tasmota
from skill.drivers.codecs.wled import Wled
from skill.drivers.codecs.zigbee2mqtt import Zigbee2Mqtt
from skill.drivers.topics import BELOW, covers

LONGEST = 1024
"""Bytes of a topic, also of one that is made of another."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """Without a topic for the state nothing confirms: the command is taken for done."""

    codec: Codec
    wait_for_echo: bool

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Wiring":
        """Raises BadOption."""
        speaks = codec(options)
        return cls(speaks, bool(speaks.state_topics) and options.get("confirm", "echo") == "echo")

    @property
    def listens_to(self) -> tuple[str, ...]:
        return (*self.codec.state_topics, *self.codec.availability_topics)

    @property
    def own_topics(self) -> tuple[str, ...]:
        """What no other lamp may have; where one ends with `/#`, all that is below it. Not where it is told whether the
        lamp is there: a gateway says that for all of its lamps in one place."""
        found = (*self._ways_in, *self.codec.command_topics, *self.codec.state_topics)
        areas = [topic for topic in found if topic.endswith(BELOW)]
        return tuple(
            dict.fromkeys(topic for topic in found if not any(area != topic and covers(area, topic) for area in areas))
        )

    @property
    def _ways_in(self) -> tuple[str, ...]:
        """Where the firmware obeys or speaks beside the topics that are used here: its other commands (Tasmota does
        not even mind their case), one attribute alone (`/set/brightness`), the plain level."""
        codec = self.codec
        if isinstance(codec, Tasmota):
            return tuple(prefix + BELOW[1:] for prefix in (codec.command, codec.result, codec.telemetry))
        if isinstance(codec, Zigbee2Mqtt):
            return (f"{codec.lamp}/set{BELOW}", f"{codec.lamp}/get{BELOW}")
        if isinstance(codec, Wled):
            return (codec.device, f"{codec.device}/col", f"{codec.device}/v")
        if isinstance(codec, AwsShadow):
            return tuple(f"{codec.prefix}/{way}{BELOW}" for way in ("update", "get", "delete"))
        return ()


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a lamp that is being added, as they are stored. Raises BadOption, also for one that the dialect
    has no use for: it would be thought to work."""
    wiring = Wiring.of(given)
    dialect = given.get("dialect", DEFAULT)
    known = DIALECTS[dialect].takes() | {"dialect", "confirm"}
    if unknown := sorted(set(given) - known):
        raise BadOption(unknown[0], f"the dialect {dialect} has no use for it")
    if any(len(topic.encode()) > LONGEST for topic in (*wiring.own_topics, *wiring.listens_to)):
        raise BadOption("topic", f"what is made of it has more than {LONGEST} bytes")
    options = dict(given)
    if isinstance(wiring.codec, HomeAssistant):
        options.pop("dialect", None)
        options.setdefault("brightness_scale", wiring.codec.scale)
    if isinstance(modes := options.get("supported_color_modes"), str):
        options["supported_color_modes"] = [mode.strip() for mode in modes.split(",")]
    return options
