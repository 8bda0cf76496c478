"""Whose lamp it is, and how it stands."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LampView:
    """One lamp as its owner may see it, for drawing.

    `online` is None where nothing is known. `brightness` is the effective percentage (0 while off), `hue` 0-360,
    `saturation` and `value` 0-1, `kelvin` an integer that holds in mode `white`, `sampled_at` Unix seconds (UTC).
    """

    endpoint_id: str
    name: str
    driver: str
    online: bool | None
    power: bool
    brightness: int
    mode: Literal["white", "color"]
    hue: float
    saturation: float
    value: float
    kelvin: int
    sampled_at: float
