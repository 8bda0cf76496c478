"""How an `mqtt` lamp is spoken to: its options, read once. No client is loaded here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skill.drivers.codecs import Codec, codec


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
