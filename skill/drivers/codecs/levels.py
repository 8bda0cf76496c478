"""Percent here, a scale of the device there; mired and kelvin. A value that comes back within one step of the device
of the requested one is the requested one (contract 6.2), so that 50 percent does not come back as 49."""


def to_device(percent: int, scale: int) -> int:
    """Never 0: that would be off."""
    return max(1, round(percent * scale / 100))


def to_percent(level: float, scale: int) -> int:
    """1 to 100."""
    return max(1, min(100, round(level * 100 / scale)))


def percent_of(level: float, scale: int, requested: int | None) -> int:
    """A scale of fewer than 100 steps is not rounded to one beside: its step can be seen."""
    if requested is not None and abs(level - to_device(requested, scale)) <= (1 if scale >= 100 else 0):
        return requested
    return to_percent(round(level), scale)


WARMEST, COLDEST = 1000, 10000
"""Kelvin that Alexa can speak of (contract 2.3)."""


def to_mired(kelvin: float) -> int:
    """Reciprocal megakelvin: 10^6 / K."""
    return round(1e6 / kelvin)


def to_kelvin(mired: float) -> int:
    return max(WARMEST, min(COLDEST, round(1e6 / mired)))


def kelvin_of(mired: float, requested: int | None) -> int:
    """`mired` is above 0; one mired is the device's step."""
    if requested is not None and abs(mired - 1e6 / requested) <= 1.5:
        return requested
    return to_kelvin(mired)
