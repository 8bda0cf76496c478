"""The colours and whites that the simulated Alexa knows by name (contract 2.3). A few of those that Amazon knows."""

import colorsys
import re

COLOURS = {
    "red": (0.0, 1.0, 1.0), "crimson": (348.0, 0.9, 0.86), "orange": (39.0, 1.0, 1.0), "gold": (50.0, 1.0, 1.0),
    "yellow": (60.0, 1.0, 1.0), "green": (120.0, 1.0, 1.0), "turquoise": (174.0, 0.71, 0.88), "cyan": (180.0, 1.0, 1.0),
    "sky blue": (197.0, 0.43, 0.92), "blue": (240.0, 1.0, 1.0), "purple": (277.0, 0.86, 0.94),
    "violet": (300.0, 0.45, 0.93), "magenta": (300.0, 1.0, 1.0), "pink": (348.0, 0.25, 1.0),
}  # fmt: skip
"""Hue 0-360, saturation and brightness 0-1."""

WHITES = {
    "warm white": 2200, "warm": 2200, "soft white": 2700, "incandescent": 2700, "white": 4000, "daylight": 5500,
    "daylight white": 5500, "cool white": 7000, "cool": 7000,
}  # fmt: skip
"""Kelvin."""


def colour_of(text: str) -> tuple[float, float, float]:
    """Hue 0-360, saturation and brightness 0-1 of `red`, `#ff8800` or `120 0.5`. Raises ValueError."""
    words = text.lower().split()
    if (name := " ".join(words)) in COLOURS:
        return COLOURS[name]
    if match := re.fullmatch(r"#?([0-9a-f]{6})", name):
        value = int(match[1], 16)
        hue, saturation, brightness = colorsys.rgb_to_hsv(*((value >> shift & 255) / 255 for shift in (16, 8, 0)))
        return round(hue * 360, 2), round(saturation, 4), round(brightness, 4)
    try:
        hue, saturation = (float(word.rstrip(",")) for word in (*words, "1")[:2] if len(words) < 3)
    except ValueError:
        hue = saturation = -1.0
    if not (0 <= hue <= 360 and 0 <= saturation <= 1):
        raise ValueError(f"a colour is #rrggbb, hue 0-360 and saturation 0-1, or one of {', '.join(COLOURS)}")
    return hue, saturation, 1.0


def kelvin_of(text: str) -> int:
    """Of `2700`, `2700K` or `warm white`. Raises ValueError."""
    name = " ".join(text.lower().split())
    if name in WHITES:
        return WHITES[name]
    if (match := re.fullmatch(r"(\d{4,5}) ?k?(?:elvin)?", name)) and 1000 <= int(match[1]) <= 10000:
        return int(match[1])
    raise ValueError(f"a white is 1000 to 10000 kelvin, or one of {', '.join(WHITES)}")
