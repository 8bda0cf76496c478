"""What every dialect has in common: its shape, and how options and messages are read."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, Self

import orjson

from skill.canonical import LampState
from skill.drivers.topics import BadTopic, check_topic

LONGEST = 65536
"""Bytes of a message that is looked at; no lamp's state is longer."""


class BadOption(ValueError):
    """An option that a lamp of the dialect may not have, or lacks; `option` is its name."""

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(reason)
        self.option = option


class Message(NamedTuple):
    topic: str
    payload: bytes


class Codec(Protocol):
    """One lamp's dialect with its options, read once: a frozen value, equal where the options say the same.

    All of it is pure. `decode` and `availability` take whatever a broker delivers and never raise.
    """

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Raises BadOption."""

    @classmethod
    def takes(cls) -> frozenset[str]:
        """The options that the dialect knows, besides those of every mqtt lamp."""

    @property
    def command_topics(self) -> tuple[str, ...]:
        """Where this service publishes: every topic of `encode` and of `question`."""

    @property
    def state_topics(self) -> tuple[str, ...]:
        """Where the lamp tells its state; none, and commands are never confirmed."""

    @property
    def availability_topics(self) -> tuple[str, ...]:
        """Each may say that the lamp is away; it is there when none says so and one says that it is."""

    @property
    def question(self) -> Message | None:
        """What makes the lamp tell its state, where the broker may not have kept it."""

    def encode(self, target: LampState, before: LampState) -> Message:
        """The one message that brings a lamp at `before` to `target`: never ON first and the value after it. A field
        that is the same in both is not sent."""

    def decode(self, topic: str, payload: bytes, before: LampState, requested: LampState | None) -> LampState | None:
        """The state after a message of the lamp; None where it says nothing of it. What is missing, null or nonsense
        leaves its value. A value within one step of the device of the requested one is reported as requested
        (contract 6.2)."""

    def availability(self, topic: str, payload: bytes) -> bool | None:
        """Whether the lamp is there; None where the message does not tell."""


class Wanted(NamedTuple):
    """What a command must say. `brightness` is a percentage, `colour` hue (degrees) and saturation (0-1); None is not
    to be mentioned."""

    power: bool
    brightness: int | None = None
    colour: tuple[float, float] | None = None
    kelvin: int | None = None


def wanted(target: LampState, before: LampState) -> Wanted:
    """A plain TurnOn leaves brightness and colour to the lamp, which knows its last ones better; whatever else is set
    takes the brightness with it."""
    if not target.power:
        return Wanted(False)
    colour = kelvin = None
    if target.mode == "color":
        if (before.mode, before.hue, before.saturation) != ("color", target.hue, target.saturation):
            colour = (target.hue, target.saturation)
    elif (before.mode, before.kelvin) != ("white", target.kelvin):
        kelvin = target.kelvin
    dimmed = target.last_brightness != before.last_brightness
    return Wanted(True, target.last_brightness if dimmed or colour or kelvin else None, colour, kelvin)


def topic_option(options: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Raises BadOption."""
    value = options.get(name) or default
    if value is None:
        raise BadOption(name, "the dialect needs it")
    try:
        return check_topic(value)
    except BadTopic as reason:
        raise BadOption(name, str(reason)) from reason


def optional_topic(options: Mapping[str, Any], name: str) -> str | None:
    """Raises BadOption."""
    return topic_option(options, name) if options.get(name) else None


def choices(options: Mapping[str, Any], name: str, known: frozenset[str]) -> frozenset[str]:
    """A list, or text with commas; empty where the option is not there. Raises BadOption."""
    value = options.get(name) or ()
    if not isinstance(value, (str, list, tuple, set, frozenset)):
        raise BadOption(name, f"a list of {', '.join(sorted(known))}")
    found = frozenset(
        (part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else map(str, value)
    )
    if unknown := found - known:
        raise BadOption(name, f"{', '.join(sorted(unknown))}: not one of {', '.join(sorted(known))}")
    return found


def json_object(payload: bytes) -> dict[str, Any] | None:
    """None for anything else."""
    if len(payload) > LONGEST:
        return None
    try:
        message = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    return message if isinstance(message, dict) else None


def number(value: object) -> float | None:
    """A finite number, and not a boolean."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e12 and math.isfinite(value) else None


def switched(value: object) -> bool | None:
    """`ON`, `OFF`, in any case."""
    return {"ON": True, "OFF": False}.get(value.upper()) if isinstance(value, str) and len(value) < 4 else None


def present(payload: bytes) -> bool | None:
    """`online`, `offline`, in any case, plain or as `{"state": …}`; None where it is neither."""
    if len(payload) > LONGEST:
        return None
    said: object = payload.decode("utf-8", "replace")
    if (message := json_object(payload)) is not None:
        said = message.get("state")
    return {"online": True, "offline": False}.get(said.strip(' "\r\n\t').lower()) if isinstance(said, str) else None
