"""Colour at full value between hue and saturation, 8-bit sRGB, CIE 1931 xy and the colour of a black body.

Hue is in degrees (0-360), saturation 0-1; brightness is not part of it. HSV after A. R. Smith (1978), as `colorsys`
has it. xy through the transfer function of sRGB (IEC 61966-2-1) and the wide-gamut D65 matrix that Philips published
for Hue, which Home Assistant and Zigbee2MQTT use as well; the way back is the matrix's exact inverse. Black bodies:
Tanner Helland's fit of Planck's law in sRGB, which WLED uses.
"""

import colorsys
import math
from typing import NamedTuple


class Rgb(NamedTuple):
    """0-255 each."""

    red: int
    green: int
    blue: int


class Xy(NamedTuple):
    x: float
    y: float


class HueSaturation(NamedTuple):
    hue: float
    saturation: float


_TO_XYZ = ((0.664511, 0.154324, 0.162028), (0.283881, 0.668433, 0.047685), (0.000088, 0.072310, 0.986039))


def _inverse(m: tuple[tuple[float, float, float], ...]) -> tuple[tuple[float, float, float], ...]:
    """By cofactors."""
    (a, b, c), (d, e, f), (g, h, i) = m
    det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    rows = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    return tuple((p / det, q / det, r / det) for p, q, r in rows)


_FROM_XYZ = _inverse(_TO_XYZ)


def rgb_of(colour: HueSaturation) -> Rgb:
    red, green, blue = colorsys.hsv_to_rgb(colour.hue % 360 / 360, colour.saturation, 1.0)
    return Rgb(round(red * 255), round(green * 255), round(blue * 255))


def of_rgb(rgb: Rgb) -> HueSaturation:
    """Black has no colour and counts as white."""
    hue, saturation, _ = colorsys.rgb_to_hsv(rgb.red / 255, rgb.green / 255, rgb.blue / 255)
    return HueSaturation(hue * 360, saturation)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _encoded(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def _product(m: tuple[tuple[float, float, float], ...], v: tuple[float, float, float]) -> tuple[float, float, float]:
    x, y, z = (sum(a * b for a, b in zip(row, v, strict=True)) for row in m)
    return x, y, z


def xy_of(colour: HueSaturation) -> Xy:
    """Four digits, as lamps have it (their step is 1/65536)."""
    red, green, blue = colorsys.hsv_to_rgb(colour.hue % 360 / 360, colour.saturation, 1.0)
    x, y, z = _product(_TO_XYZ, (_linear(red), _linear(green), _linear(blue)))
    return Xy(round(x / (x + y + z), 4), round(y / (x + y + z), 4))


def of_xy(xy: Xy) -> HueSaturation:
    """The nearest colour of the gamut by cutting off what is below 0. `y` is above 0."""
    x, z = xy.x / xy.y, (1 - xy.x - xy.y) / xy.y
    parts = [max(0.0, part) for part in _product(_FROM_XYZ, (x, 1.0, z))]
    most = max(parts)
    if most <= 0:
        return HueSaturation(0.0, 0.0)
    red, green, blue = (_encoded(part / most) for part in parts)
    hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
    return HueSaturation(hue * 360, saturation)


def same_hue_and_saturation(one: HueSaturation, other: HueSaturation) -> bool:
    """Within what a lamp can tell apart: one part in 254 of the circle (Zigbee's step) or one degree, one percent of
    saturation. Near white a hue means nothing."""
    turn = abs(one.hue - other.hue) % 360
    near = min(turn, 360 - turn) <= 1.5 or max(one.saturation, other.saturation) <= 0.015
    return near and abs(one.saturation - other.saturation) <= 0.0151


def same_rgb(one: Rgb, other: Rgb) -> bool:
    """Within one step of each channel."""
    return all(abs(a - b) <= 1 for a, b in zip(one, other, strict=True))


def same_xy(one: Xy, other: Xy) -> bool:
    """Within a thousandth, which is below what an eye tells apart (MacAdam's ellipses)."""
    return abs(one.x - other.x) <= 0.001 and abs(one.y - other.y) <= 0.001


def black_body(kelvin: float) -> Rgb:
    t = kelvin / 100
    red = 255.0 if t <= 66 else 329.698727446 * (t - 60) ** -0.1332047592
    green = 99.4708025861 * math.log(t) - 161.1195681661 if t <= 66 else 288.1221695283 * (t - 60) ** -0.0755148492
    blue = 255.0 if t >= 66 else 0.0 if t <= 19 else 138.5177312231 * math.log(t - 10) - 305.0447927307
    red, green, blue = (max(0.0, min(255.0, part)) for part in (red, green, blue))
    return Rgb(round(red), round(green), round(blue))


def of_black_body(rgb: Rgb) -> int | None:
    """The kelvin (1000-10000) whose colour it is within one step of each channel; None where it is no white. Found by
    bisection: from warm to cold blue rises and red falls; where both stand still, green rises up to 6600 K and falls
    beyond."""
    low, high = 1000, 10000
    while low < high:
        middle = (low + high) // 2
        tried, green = black_body(middle), 1 if middle < 6600 else -1
        if (tried.blue - tried.red, green * tried.green) < (rgb.blue - rgb.red, green * rgb.green):
            low = middle + 1
        else:
            high = middle
    return low if same_rgb(black_body(low), rgb) else None
