"""What every firmware has in common."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from skill.simulator.firmware.light import Light


class Said(NamedTuple):
    """A message of the lamp's, or of the gateway's in front of it."""

    topic: str
    payload: str
    retain: bool = True


class Firmware(ABC):
    """One lamp. `options` are those of a registered lamp; `away` is its last will, None where the dialect has none."""

    dialect: ClassVar[str]

    def __init__(self, options: Mapping[str, Any], light: Light, away: Said | None) -> None:
        self.options, self.light, self.away = dict(options), light, away

    @staticmethod
    @abstractmethod
    def usual(name: str) -> dict[str, Any]:
        """Options as such a lamp comes, for one called `name` (letters, digits and `-`)."""

    @property
    @abstractmethod
    def listens_to(self) -> list[str]:
        """Filters to subscribe to."""

    @abstractmethod
    def birth(self) -> list[Said]:
        """What it says when it has connected."""

    @abstractmethod
    def obey(self, topic: str, payload: str) -> list[Said]:
        """Take a message as the lamp would, and give its answer. What the lamp does not understand raises whatever
        reading it raises; see `take`."""

    def take(self, topic: str, payload: str) -> list[Said]:
        """As `obey`; where the message is not understood, ValueError, and the lamp shines as before."""
        before = replace(self.light)
        try:
            return self.obey(topic, payload)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            self.light = before
            raise ValueError(f"{type(error).__name__}: {error}") from error

    @abstractmethod
    def told(self) -> list[Said]:
        """How it stands, as it says that by itself."""

    def press(self, change: Callable[[Light], None]) -> list[Said]:
        """Somebody is at its own switch."""
        change(self.light)
        return self.told()

    def unplugged(self) -> list[Said]:
        """What is heard once its current is gone: of the broker its last will, unless a gateway knows better."""
        return [] if self.away is None else [self.away]


def json_object(payload: str) -> dict[str, Any]:
    """Raises ValueError."""
    message = json.loads(payload)
    if not isinstance(message, dict):
        raise ValueError("not an object")
    return message


def switched(value: object, now: bool) -> bool:
    """`ON`, `OFF`, `TOGGLE`, in any case. Raises ValueError."""
    word = str(value).upper()
    if word not in ("ON", "OFF", "TOGGLE"):
        raise ValueError("neither ON, OFF nor TOGGLE")
    return not now if word == "TOGGLE" else word == "ON"
