"""Colour and white between their spaces: known values, and round trips within a step of a device."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skill.drivers.codecs import colour, levels
from skill.drivers.codecs.colour import HueSaturation, Rgb, Xy

hues = st.floats(0, 360)
saturations = st.floats(0, 1)
channels = st.integers(0, 255)


@pytest.mark.spec("alexa 6.2")
@pytest.mark.parametrize(
    ("asked", "rgb", "xy"),
    [
        (HueSaturation(0, 1), Rgb(255, 0, 0), Xy(0.7006, 0.2993)),
        (HueSaturation(120, 1), Rgb(0, 255, 0), Xy(0.1724, 0.7468)),
        (HueSaturation(240, 1), Rgb(0, 0, 255), Xy(0.1355, 0.0399)),
        (HueSaturation(60, 1), Rgb(255, 255, 0), Xy(0.4442, 0.5166)),
        (HueSaturation(0, 0), Rgb(255, 255, 255), Xy(0.3227, 0.329)),
        (HueSaturation(360, 1), Rgb(255, 0, 0), Xy(0.7006, 0.2993)),
    ],
)
def test_known_colours(asked: HueSaturation, rgb: Rgb, xy: Xy) -> None:
    """The corners are those that Zigbee2MQTT and Home Assistant show; yellow is red and green added in XYZ."""
    assert colour.rgb_of(asked) == rgb
    assert colour.xy_of(asked) == pytest.approx(xy, abs=0.0011)


@given(hues, saturations)
def test_a_colour_survives_xy(hue: float, saturation: float) -> None:
    asked = HueSaturation(hue, saturation)
    assert colour.same_hue_and_saturation(colour.of_xy(colour.xy_of(asked)), asked)


@given(hues, saturations)
def test_a_colour_survives_rgb(hue: float, saturation: float) -> None:
    rgb = colour.rgb_of(HueSaturation(hue, saturation))
    assert colour.rgb_of(colour.of_rgb(rgb)) == rgb


@given(channels, channels, channels)
def test_every_rgb_has_a_colour(red: int, green: int, blue: int) -> None:
    found = colour.of_rgb(Rgb(red, green, blue))
    assert 0 <= found.hue <= 360
    assert 0 <= found.saturation <= 1


@given(st.floats(0, 1), st.floats(0.001, 1))
def test_every_xy_has_a_colour(x: float, y: float) -> None:
    found = colour.of_xy(Xy(x, y))
    assert 0 <= found.hue <= 360
    assert 0 <= found.saturation <= 1


def test_every_kelvin_survives_a_black_body_within_a_step_of_its_channels() -> None:
    for kelvin in range(1000, 10001):
        rgb = colour.black_body(kelvin)
        found = colour.of_black_body(rgb)
        assert found is not None
        assert colour.same_rgb(colour.black_body(found), rgb)


@pytest.mark.parametrize("rgb", [Rgb(255, 0, 0), Rgb(0, 255, 0), Rgb(0, 0, 255), Rgb(255, 0, 255), Rgb(0, 0, 0)])
def test_a_colour_is_no_black_body(rgb: Rgb) -> None:
    assert colour.of_black_body(rgb) is None


@pytest.mark.parametrize(("kelvin", "mired"), [(2200, 455), (2700, 370), (4000, 250), (5500, 182), (7000, 143)])
def test_alexas_whites_in_mired(kelvin: int, mired: int) -> None:
    assert levels.to_mired(kelvin) == mired
    assert levels.kelvin_of(mired, kelvin) == kelvin


@pytest.mark.spec("alexa 6.2", "S26")
def test_every_kelvin_survives_mired() -> None:
    for kelvin in range(1000, 10001):
        for step in (-1, 0, 1):
            assert levels.kelvin_of(levels.to_mired(kelvin) + step, kelvin) == kelvin
        assert levels.to_mired(levels.to_kelvin(levels.to_mired(kelvin))) == levels.to_mired(kelvin)


@pytest.mark.spec("alexa 6.2", "S26")
@pytest.mark.parametrize("scale", [100, 254, 255, 1000])
def test_S26_every_percentage_survives_the_way_to_the_lamp_and_back(scale: int) -> None:
    for percent in range(1, 101):
        level = levels.to_device(percent, scale)
        assert levels.to_percent(level, scale) == percent
        for step in (-1, 0, 1):
            assert levels.percent_of(level + step, scale, percent) == percent
