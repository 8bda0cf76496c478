"""What shines, and the arithmetic of colour that lamps do themselves.

The matrix of xy is the one that Philips published for Hue's wide gamut, both ways as printed there and in Home
Assistant's `util/color.py`; the colour of a white on red, green and blue is Tanner Helland's fit, as WLED's
`colorKtoRGB` has it.
"""

import colorsys
import math
from dataclasses import dataclass

Rgb = tuple[int, int, int]
WARMEST, COLDEST = 1000, 40_000
"""Kelvin of whatever may be called white."""


@dataclass(slots=True)
class Light:
    """`level` is 1 to `scale`, in the device's own steps, and outlives being switched off. `hue` 0-360, `saturation`
    0-1; `coloured` says whether the colour or the white of `kelvin` shines."""

    scale: int
    level: int = 0
    on: bool = False
    coloured: bool = False
    hue: float = 0.0
    saturation: float = 0.0
    kelvin: float = 2700.0

    def __post_init__(self) -> None:
        self.level = self.level or self.scale

    @property
    def percent(self) -> int:
        """1-100, also while off."""
        return max(1, round(self.level * 100 / self.scale))

    @property
    def mired(self) -> int:
        return round(1e6 / self.kelvin)

    @property
    def rgb(self) -> Rgb:
        """The colour at full value."""
        return rgb_of(self.hue, self.saturation)

    @property
    def xy(self) -> tuple[float, float]:
        return xy_of(self.hue, self.saturation)

    def dim(self, percent: int) -> None:
        """0 is off, and leaves the level to come back to. Raises ValueError."""
        if not 0 <= percent <= 100:
            raise ValueError("a brightness is 0 to 100")
        self.on = percent > 0
        if percent:
            self.level = max(1, round(percent * self.scale / 100))

    def colour(self, hue: float, saturation: float) -> None:
        """Raises ValueError."""
        if not (math.isfinite(hue) and math.isfinite(saturation)):
            raise ValueError("no colour")
        self.on = self.coloured = True
        self.hue, self.saturation = hue % 360 if hue != 360 else 360.0, min(1.0, max(0.0, saturation))

    def white(self, kelvin: float) -> None:
        """Raises ValueError."""
        if not WARMEST <= kelvin <= COLDEST:
            raise ValueError("no white")
        self.on, self.coloured, self.kelvin = True, False, kelvin


def rgb_of(hue: float, saturation: float) -> Rgb:
    red, green, blue = colorsys.hsv_to_rgb(hue / 360 % 1, saturation, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def of_rgb(red: float, green: float, blue: float) -> tuple[float, float]:
    """Hue and saturation, whatever the value."""
    hue, saturation, _ = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    return hue * 360, saturation


def xy_of(hue: float, saturation: float) -> tuple[float, float]:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in colorsys.hsv_to_rgb(hue / 360 % 1, saturation, 1.0)
    )
    x = red * 0.664511 + green * 0.154324 + blue * 0.162028
    y = red * 0.283881 + green * 0.668433 + blue * 0.047685
    z = red * 0.000088 + green * 0.072310 + blue * 0.986039
    return x / (x + y + z), y / (x + y + z)


def of_xy(x: float, y: float) -> tuple[float, float]:
    """Hue and saturation; what lies outside the gamut is cut off."""
    big_x, big_z = x / y, (1 - x - y) / y
    linear = (
        big_x * 1.656492 - 0.354851 - big_z * 0.255038,
        -big_x * 0.707196 + 1.655397 + big_z * 0.036152,
        big_x * 0.051713 - 0.121364 + big_z * 1.011530,
    )
    most = max(*linear, 1e-9)
    parts = [max(0.0, part) / most for part in linear]
    red, green, blue = (12.92 * p if p <= 0.0031308 else 1.055 * p ** (1 / 2.4) - 0.055 for p in parts)
    return of_rgb(255 * red, 255 * green, 255 * blue)


def rgb_of_white(kelvin: float) -> Rgb:
    """A white on a strip that has red, green and blue alone."""
    hundreds = kelvin / 100
    if hundreds <= 66:
        red, green = 255.0, 99.4708025861 * math.log(hundreds) - 161.1195681661
        blue = 138.5177312231 * math.log(hundreds - 10) - 305.0447927307 if hundreds > 19 else 0.0
        blue = blue if hundreds < 66 else 255.0
    else:
        red = 329.698727446 * (hundreds - 60) ** -0.1332047592
        green, blue = 288.1221695283 * (hundreds - 60) ** -0.0755148492, 255.0
    red, green, blue = (round(min(255.0, max(0.0, part))) for part in (red, green, blue))
    return int(red), int(green), int(blue)
