"""The colours and whites that the simulated Alexa knows by name (contract 2.3). A few of those that Amazon knows."""

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
