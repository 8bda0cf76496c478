"""How an `mqtt` lamp is spoken to: its options, read once. No client is loaded here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skill.abilities import BRIGHTNESS, COLOR, POWER, TEMPERATURE, Abilities, KelvinRange
from skill.drivers.codecs import DEFAULT, DIALECTS, BadOption, Codec, codec
from skill.drivers.codecs.aws_shadow import AwsShadow
from skill.drivers.codecs.codec import choices
from skill.drivers.codecs.home_assistant import COLOUR_MODES, MODES, HomeAssistant
from skill.drivers.codecs.tasmota import Tasmota
from skill.drivers.codecs.wled import Wled
from skill.drivers.codecs.zigbee2mqtt import Zigbee2Mqtt
from skill.drivers.topics import BELOW, covers

LONGEST = 1024
"""Bytes of a topic, also of one that is made of another."""

COLOURED, WARM = frozenset(COLOUR_MODES), frozenset({"color_temp"})
_MIXED = {"wled": frozenset({"rgb"})}
"""The modes that make whites of colours."""
TASMOTAS_WHITES = KelvinRange(2000, 6500)
"""500 to 153 mired."""


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
    has no use for (it would be thought to work) and for capabilities that the lamp has no words for.

    Where `capabilities` are not said, they follow from `supported_color_modes`; where those are not said either, the
    lamp has what `Abilities` gives it."""
    wiring = Wiring.of(given)
    dialect = given.get("dialect", DEFAULT)
    known = DIALECTS[dialect].takes() | {"dialect", "confirm", "capabilities", "kelvin_range"}
    if unknown := sorted(set(given) - known):
        raise BadOption(unknown[0], f"the dialect {dialect} has no use for it")
    if any(len(topic.encode()) > LONGEST for topic in (*wiring.own_topics, *wiring.listens_to)):
        raise BadOption("topic", f"what is made of it has more than {LONGEST} bytes")
    if shared := set(wiring.codec.command_topics) & set(wiring.listens_to):
        raise BadOption("state_topic", f"{min(shared)} is where commands go: the lamp would seem to obey each")
    options = dict(given)
    if isinstance(wiring.codec, HomeAssistant):
        options.pop("dialect", None)
        options.setdefault("brightness_scale", wiring.codec.scale)
    if isinstance(modes := options.get("supported_color_modes"), str):
        options["supported_color_modes"] = [mode.strip() for mode in modes.split(",") if mode.strip()]
    if (words := implied(options)) is not None:
        options.setdefault("capabilities", words)
    return _able(options)


def implied(options: Mapping[str, Any]) -> list[str] | None:
    """The capabilities that follow from `supported_color_modes`; None where they say nothing."""
    if not (modes := _modes(options)):
        return None
    able = {BRIGHTNESS: modes != {"onoff"}, COLOR: modes & COLOURED, TEMPERATURE: modes & WARM}
    return [POWER, *(word for word, holds in able.items() if holds)]


def _modes(options: Mapping[str, Any]) -> frozenset[str]:
    return choices(options, "supported_color_modes", MODES)


def _able(options: dict[str, Any]) -> dict[str, Any]:
    """Raises BadOption where the lamp could not be told what it is said to be able to."""
    dialect, modes = options.get("dialect", DEFAULT), _modes(options)
    try:
        abilities = Abilities.of("mqtt", options)
    except ValueError as error:
        raise BadOption("capabilities", str(error)) from error
    if modes:
        whites = WARM | _MIXED.get(dialect, frozenset())
        if abilities.color and not modes & COLOURED:
            raise BadOption("capabilities", "color, but supported_color_modes name none that shows one")
        if abilities.kelvin is not None and not modes & whites:
            raise BadOption("capabilities", "temperature, but supported_color_modes lack color_temp")
        if abilities.brightness and modes == {"onoff"}:
            raise BadOption("capabilities", "brightness, but supported_color_modes are onoff alone")
    if abilities.kelvin is not None and dialect == "tasmota":
        options.setdefault("kelvin_range", list(TASMOTAS_WHITES))
    return options
