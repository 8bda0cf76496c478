"""How an `mqtt` lamp is spoken to: its options, read once. No client is loaded here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skill.drivers.codecs import DEFAULT, DIALECTS, BadOption, Codec, codec
from skill.drivers.codecs.home_assistant import HomeAssistant


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
        """What no other lamp may have. Not where it is told whether the lamp is there: a gateway says that for all of
        its lamps in one place."""
        return tuple(dict.fromkeys((*self.codec.command_topics, *self.codec.state_topics)))


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a lamp that is being added, as they are stored. Raises BadOption, also for one that the dialect
    has no use for: it would be thought to work."""
    wiring = Wiring.of(given)
    dialect = given.get("dialect", DEFAULT)
    known = DIALECTS[dialect].takes() | {"dialect", "confirm"}
    if unknown := sorted(set(given) - known):
        raise BadOption(unknown[0], f"the dialect {dialect} has no use for it")
    options = dict(given)
    if isinstance(wiring.codec, HomeAssistant):
        options.pop("dialect", None)
        options.setdefault("brightness_scale", wiring.codec.scale)
    if isinstance(modes := options.get("supported_color_modes"), str):
        options["supported_color_modes"] = [mode.strip() for mode in modes.split(",")]
    return options
