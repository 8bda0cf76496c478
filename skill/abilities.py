"""What a lamp can do beside being switched. Pure values.

It is a property of the lamp and stands in its `options`: `capabilities`, a list of the words of `WORDS`, and
`kelvin_range`, two integers. Where nothing stands, a simulated lamp can everything, and any other what lamps could
before there was a choice: power and brightness.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

WARMEST, COLDEST = 1000, 10_000
"""Kelvin that `Alexa.ColorTemperatureController` can say (contract 2.3)."""

SIMULATED = "simulated"
POWER, BRIGHTNESS, COLOR, TEMPERATURE = WORDS = ("power", "brightness", "color", "temperature")


class KelvinRange(NamedTuple):
    """The whites of a lamp, both ends included."""

    warmest: int
    coldest: int

    def nearest(self, kelvin: int) -> int:
        """Contract 2.3: what the lamp cannot do becomes the nearest that it can."""
        return max(self.warmest, min(self.coldest, kelvin))


NAMED_WHITES = KelvinRange(2200, 7000)
"""From "warm white" to "cool white" as Alexa calls them."""


class Abilities(NamedTuple):
    """Every lamp can be switched. `kelvin` is None where its white has one temperature."""

    brightness: bool
    color: bool
    kelvin: KelvinRange | None

    @classmethod
    def of(cls, driver: str, options: Mapping[str, Any]) -> "Abilities":
        """Raises ValueError where the options say what no lamp can."""
        words, limits = options.get("capabilities"), options.get("kelvin_range")
        if words is None and limits is None:
            return EVERYTHING if driver == SIMULATED else DIMMABLE
        if words is None:
            words = list(WORDS) if driver == SIMULATED else [POWER, BRIGHTNESS]
        if not isinstance(words, list) or not all(word in WORDS for word in words):
            raise ValueError(f"capabilities are {', '.join(WORDS)}")
        kelvin = NAMED_WHITES if limits is None else _range(limits)
        return cls(
            brightness=bool({BRIGHTNESS, COLOR, TEMPERATURE} & set(words)),
            color=COLOR in words,
            kelvin=kelvin if TEMPERATURE in words else None,
        )


EVERYTHING = Abilities(brightness=True, color=True, kelvin=NAMED_WHITES)
DIMMABLE = Abilities(brightness=True, color=False, kelvin=None)


def _range(limits: Any) -> KelvinRange:
    if (
        not isinstance(limits, list)
        or len(limits) != 2
        or not all(type(limit) is int for limit in limits)
        or not WARMEST <= limits[0] <= limits[1] <= COLDEST
    ):
        raise ValueError(f"a range of kelvin goes up and lies within {WARMEST}-{COLDEST}")
    return KelvinRange(*limits)


def chosen(driver: str, words: str | None, limits: str | None, implied: Sequence[str] | None = None) -> dict[str, Any]:
    """The options that stand for `color,temperature` and `2200-6500` as typed; nothing where nothing was said.
    `implied` is what the lamp can where its capabilities were not typed. Raises ValueError."""
    options: dict[str, Any] = {}
    if words is not None:
        said = set(words.lower().replace(",", " ").split())
        if not said or not said <= set(WORDS):
            raise ValueError(f"one or more of {', '.join(WORDS)}, with commas between them")
        options["capabilities"] = [word for word in WORDS if word in said]
    if limits is not None:
        if (match := re.fullmatch(r"(\d{4,5})-(\d{4,5})", limits.strip())) is None:
            raise ValueError("a range of kelvin is written as 2200-6500")
        options["kelvin_range"] = [int(match[1]), int(match[2])]
    can = options if implied is None else {"capabilities": list(implied)} | options
    if limits is not None and Abilities.of(driver, can).kelvin is None:
        raise ValueError("a range of kelvin belongs to a lamp with the capability temperature")
    return options
