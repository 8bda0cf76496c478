"""What a directive's payload holds, read strictly: Alexa sends numbers, never text, `true` or null."""

from collections.abc import Mapping
from typing import Any

from skill.errors import InvalidValue, ValueOutOfRange


def integer(payload: Mapping[str, Any], name: str) -> int:
    """Raises InvalidValue."""
    value = payload.get(name)
    if type(value) is not int:
        raise InvalidValue(f"{name} must be an integer.")
    return value


def integer_within(payload: Mapping[str, Any], name: str, lowest: int, highest: int) -> int:
    """Raises InvalidValue, ValueOutOfRange."""
    value = integer(payload, name)
    if not lowest <= value <= highest:
        raise ValueOutOfRange(f"{name} must be {lowest} to {highest}.", lowest, highest)
    return value


def number_within(payload: Mapping[str, Any], name: str, lowest: int, highest: int) -> float:
    """Raises InvalidValue, ValueOutOfRange."""
    value = payload.get(name)
    if type(value) is not int and type(value) is not float:
        raise InvalidValue(f"{name} must be a number.")
    if not lowest <= value <= highest:
        raise ValueOutOfRange(f"{name} must be {lowest} to {highest}.", lowest, highest)
    return value + 0.0  # a float, and never -0.0
