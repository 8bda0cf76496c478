"""What a lamp can, from its options, and changes as plain values."""

from typing import Any

import pytest

from skill.abilities import DIMMABLE, EVERYTHING, NAMED_WHITES, Abilities, KelvinRange, chosen
from skill.canonical import (
    Brightness,
    BrightnessStep,
    Change,
    Color,
    LampState,
    Power,
    Sample,
    Temperature,
    TemperatureStep,
)
from skill.responses import properties


@pytest.mark.spec("alexa 2.2")
@pytest.mark.parametrize(
    ("driver", "options", "expected"),
    [
        ("simulated", {}, EVERYTHING),
        ("mqtt", {}, DIMMABLE),
        ("mqtt", {"command_topic": "a", "brightness_scale": 254}, DIMMABLE),
        ("simulated", {"kelvin_range": [2700, 6500]}, Abilities(True, True, KelvinRange(2700, 6500))),
        ("mqtt", {"kelvin_range": [2700, 6500]}, DIMMABLE),
        ("mqtt", {"capabilities": ["power"]}, Abilities(False, False, None)),
        ("mqtt", {"capabilities": ["color"]}, Abilities(True, True, None)),
        ("mqtt", {"capabilities": ["power", "temperature"]}, Abilities(True, False, NAMED_WHITES)),
    ],
)
def test_a_lamp_registered_before_keeps_what_it_had(driver: str, options: dict[str, Any], expected: Abilities) -> None:
    assert Abilities.of(driver, options) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"capabilities": "color"},
        {"capabilities": ["colour"]},
        {"capabilities": [["color"]]},
        {"capabilities": None, "kelvin_range": [6500, 2700]},
        {"kelvin_range": [0, 7000]},
        {"kelvin_range": [2200, 10_001]},
        {"kelvin_range": [2200]},
        {"kelvin_range": [2200.0, 7000]},
        {"kelvin_range": "2200-7000"},
    ],
)
def test_options_that_no_lamp_has_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"capabilities|kelvin"):
        Abilities.of("simulated", options)


@pytest.mark.parametrize(
    ("driver", "words", "limits", "expected"),
    [
        ("simulated", None, None, {}),
        ("mqtt", "temperature, Color", None, {"capabilities": ["color", "temperature"]}),
        ("mqtt", "temperature", "2000-6500", {"capabilities": ["temperature"], "kelvin_range": [2000, 6500]}),
        ("simulated", None, "2000-6500", {"kelvin_range": [2000, 6500]}),
    ],
)
def test_what_is_typed_becomes_options(
    driver: str, words: str | None, limits: str | None, expected: dict[str, Any]
) -> None:
    assert chosen(driver, words, limits) == expected


@pytest.mark.parametrize(
    ("driver", "words", "limits"),
    [
        ("simulated", "", None),
        ("simulated", "heat", None),
        ("simulated", None, "warm"),
        ("simulated", None, "6500-2000"),
        ("simulated", None, "0000-6500"),
        ("mqtt", None, "2000-6500"),
        ("mqtt", "color", "2000-6500"),
    ],
)
def test_what_is_mistyped_is_refused(driver: str, words: str | None, limits: str | None) -> None:
    with pytest.raises(ValueError, match=r"one or more|kelvin"):
        chosen(driver, words, limits)


OFF = LampState(False, 40, "white", 0.0, 0.0, 1.0, 2700, True)
BLUE = LampState(True, 40, "color", 240.0, 1.0, 0.5, 2700, True)


@pytest.mark.spec("alexa 2.3")
@pytest.mark.parametrize(
    ("before", "change", "changed"),
    [
        (OFF, Power(on=True), {"power": True}),
        (BLUE, Power(on=False), {"power": False}),
        (BLUE, Brightness(70), {"last_brightness": 70}),
        (BLUE, Brightness(0), {"power": False}),
        (BLUE, BrightnessStep(-15), {"last_brightness": 25}),
        (
            OFF,
            Color(120.0, 1.0, 0.25),
            {"power": True, "mode": "color", "hue": 120.0, "saturation": 1.0, "value": 0.25},
        ),
        (BLUE, Color(120.0, 0.5, 0.0), {"power": False, "hue": 120.0, "saturation": 0.5, "value": 0.0}),
        (BLUE._replace(power=False, value=0.0), Power(on=True), {"power": True, "value": 1.0}),
        (BLUE._replace(power=False, value=0.0), Power(on=False), {}),
        (OFF, Temperature(4000), {"power": True, "kelvin": 4000}),
        (BLUE, Temperature(4000), {"mode": "white", "kelvin": 4000}),
        (OFF, TemperatureStep(1, NAMED_WHITES), {"power": True, "kelvin": 3200}),
        (OFF, TemperatureStep(-1, NAMED_WHITES), {"power": True, "kelvin": 2200}),
        (OFF._replace(kelvin=0), TemperatureStep(1, NAMED_WHITES), {"power": True, "kelvin": 2700}),
        (OFF._replace(last_brightness=None), Temperature(4000), {"power": True, "kelvin": 4000}),
    ],
)
def test_a_change_touches_what_it_names_and_nothing_else(
    before: LampState, change: Change, changed: dict[str, Any]
) -> None:
    assert change.applied_to(before) == before._replace(**changed)


@pytest.mark.spec("alexa 2.3", "S10")
def test_S10_what_is_unknown_is_left_out_and_no_kelvin_beyond_the_lamps_limits_is_reported() -> None:
    nothing_heard = LampState(power=None, last_brightness=None)
    assert [each["name"] for each in properties(Sample(nothing_heard, 0.0, 0), EVERYTHING)] == ["connectivity"]
    (kelvin,) = [
        each["value"]
        for each in properties(Sample(OFF._replace(kelvin=0), 0.0, 0), EVERYTHING)
        if each["name"] == "colorTemperatureInKelvin"
    ]
    assert kelvin == 2200
