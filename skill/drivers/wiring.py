"""The topics of an `mqtt` lamp: read once, refused where they reach further than one lamp. No client is loaded here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class BadTopic(ValueError):
    """A topic that a lamp may not have; the text says why."""


def check_topic(topic: str) -> str:
    """Contract 6.2: no wildcards, no broker internals. Raises BadTopic."""
    if not topic or len(topic.encode()) > 1024 or topic.startswith("$") or any(c in "#+\0" for c in topic):
        raise BadTopic("a topic is not empty, has no # + or NUL and does not begin with $")
    return topic


@dataclass(frozen=True, slots=True)
class Wiring:
    """The topics of a lamp, from its options. Without a state topic nothing confirms: the command is taken for done."""

    command: str
    state: str | None
    availability: str | None
    scale: int
    wait_for_echo: bool

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Wiring":
        """Raises BadTopic, ValueError or KeyError."""
        state, availability = options.get("state_topic"), options.get("availability_topic")
        return cls(
            command=check_topic(options["command_topic"]),
            state=check_topic(state) if state else None,
            availability=check_topic(availability) if availability else None,
            scale=max(1, int(options.get("brightness_scale", 255))),
            wait_for_echo=bool(state) and options.get("confirm", "echo") == "echo",
        )

    @property
    def listens_to(self) -> list[str]:
        return [topic for topic in (self.state, self.availability) if topic]
