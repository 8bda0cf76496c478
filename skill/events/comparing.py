"""Whether a lamp stands otherwise than Alexa believes. Pure.

Scales differ: a lamp that was told 50 % may come back with 49 at another replica. What is within a step of what Alexa
was told counts as that.
"""

import orjson

from skill.abilities import Abilities
from skill.canonical import LampState, Sample
from skill.responses import properties

_PERCENT = 1
_DEGREES = 2.0
_SATURATION = 0.015
_MIRED = 1.5


def encoded(state: LampState) -> str:
    """For `known_state`; the same state is the same text."""
    return orjson.dumps(state._asdict()).decode()


def decoded(text: str) -> LampState | None:
    """None where another version wrote what this one cannot read."""
    try:
        return LampState(**orjson.loads(text))
    except (orjson.JSONDecodeError, TypeError):
        return None


def as_told(heard: LampState, told: LampState) -> LampState:
    """`heard`, with what it does not say, and what is as good as told, taken from `told`."""
    if heard.power is None:
        heard = told._replace(online=heard.online)
    if heard.online is None:
        heard = heard._replace(online=told.online)
    if heard.last_brightness is None or _near(heard.last_brightness, told.last_brightness, _PERCENT):
        heard = heard._replace(last_brightness=told.last_brightness)
    if _same_colour(heard, told):
        # Brightness is not the colour's, and only who asked for a colour knows the value in it.
        heard = heard._replace(hue=told.hue, saturation=told.saturation, value=told.value)
    if heard.kelvin and told.kelvin and abs(1e6 / heard.kelvin - 1e6 / told.kelvin) <= _MIRED:
        heard = heard._replace(kelvin=told.kelvin)
    return heard


def _near(one: int, other: int | None, step: int) -> bool:
    return other is not None and abs(one - other) <= step


def _same_colour(one: LampState, other: LampState) -> bool:
    turn = abs(one.hue - other.hue) % 360
    pale = max(one.saturation, other.saturation) <= _SATURATION  # where a hue cannot be seen
    return abs(one.saturation - other.saturation) <= _SATURATION and (pale or min(turn, 360 - turn) <= _DEGREES)


def differences(before: LampState, after: LampState, abilities: Abilities) -> list[str]:
    """The names of the properties that Alexa would see otherwise."""
    was, now = _values(before, abilities), _values(after, abilities)
    return [name for name, value in now.items() if name not in was or was[name] != value]


def reportable(state: LampState, abilities: Abilities) -> frozenset[str]:
    """The names of the properties that there are now: what shows a colour has no colour temperature."""
    return frozenset(_values(state, abilities))


def _values(state: LampState, abilities: Abilities) -> dict[str, object]:
    return {each["name"]: each["value"] for each in properties(Sample(state, 0.0, 0), abilities)}
