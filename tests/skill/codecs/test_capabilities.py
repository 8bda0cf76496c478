"""What a lamp is said to be able to, against the colour modes that it is spoken to in."""

from typing import Any

import pytest

from skill.abilities import Abilities, chosen
from skill.canonical import BrightnessStep, LampState
from skill.drivers.codecs import BadOption
from skill.drivers.codecs.levels import percent_of
from skill.drivers.wiring import checked, implied

HA: dict[str, Any] = {"command_topic": "a/set", "state_topic": "a/state"}
Z2M: dict[str, Any] = {"dialect": "zigbee2mqtt", "topic": "z/desk"}
WLED: dict[str, Any] = {"dialect": "wled", "topic": "wled/a"}
ESPHOME: dict[str, Any] = {"dialect": "esphome", "topic": "a/light/b"}
TASMOTA: dict[str, Any] = {"dialect": "tasmota", "topic": "a"}


@pytest.mark.spec("alexa 6.1", "alexa 2.2")
@pytest.mark.parametrize(
    ("options", "modes", "words"),
    [
        (HA, "onoff", ["power"]),
        (HA, "brightness", ["power", "brightness"]),
        (HA, "white", ["power", "brightness"]),
        (HA, "color_temp", ["power", "brightness", "temperature"]),
        (HA, "hs,color_temp", ["power", "brightness", "color", "temperature"]),
        (HA, ["rgbww"], ["power", "brightness", "color"]),
        (Z2M, "xy,color_temp", ["power", "brightness", "color", "temperature"]),
        (WLED, "rgb", ["power", "brightness", "color"]),
        (ESPHOME, "rgbww", ["power", "brightness", "color"]),
        (ESPHOME, "rgbww,color_temp", ["power", "brightness", "color", "temperature"]),
    ],
)
def test_capabilities_that_are_not_said_follow_from_the_colour_modes(
    options: dict[str, Any], modes: Any, words: list[str]
) -> None:
    kept = checked(options | {"supported_color_modes": modes})
    assert kept["capabilities"] == words == implied(options | {"supported_color_modes": modes})
    assert Abilities.of("mqtt", kept).color == ("color" in words)


def test_where_no_modes_are_said_a_lamp_has_what_lamps_had() -> None:
    assert "capabilities" not in checked(HA)
    assert "capabilities" not in checked(HA | {"supported_color_modes": ""})
    assert implied(TASMOTA) is None


@pytest.mark.spec("alexa 6.1")
@pytest.mark.parametrize(
    ("options", "modes", "words", "says"),
    [
        (HA, "brightness", ["color"], "color, but"),
        (HA, "color_temp", ["brightness", "color"], "color, but"),
        (HA, "hs", ["temperature"], "temperature, but"),
        (HA, "white", ["temperature"], "temperature, but"),
        (HA, "onoff", ["brightness"], "brightness, but"),
        (Z2M, "color_temp", ["color"], "color, but"),
        (ESPHOME, "rgbw", ["temperature"], "temperature, but"),
        (WLED, "color_temp", ["color"], "color, but"),
        (HA, "hs", ["heat"], "capabilities are"),
    ],
)
def test_a_lamp_that_could_not_be_told_what_it_is_said_to_be_able_to_is_refused(
    options: dict[str, Any], modes: str, words: list[str], says: str
) -> None:
    with pytest.raises(BadOption, match=says) as refused:
        checked(options | {"supported_color_modes": modes, "capabilities": words})
    assert refused.value.option == "capabilities"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (HA | {"supported_color_modes": "hs,color_temp"}, ["power", "brightness"]),
        (HA, ["color", "temperature"]),
        (WLED | {"supported_color_modes": "rgb"}, ["color", "temperature"]),
        (TASMOTA, ["color"]),
    ],
)
def test_what_a_lamp_can_be_told_may_be_said_or_left_out(options: dict[str, Any], words: list[str]) -> None:
    assert checked(options | {"capabilities": words})["capabilities"] == words


def test_tasmotas_whites_end_where_its_commands_do() -> None:
    """A white beyond them would come back as another, and Alexa would hear of a lamp that is broken."""
    assert checked(TASMOTA | {"capabilities": ["temperature"]})["kelvin_range"] == [2000, 6500]
    given = TASMOTA | {"capabilities": ["temperature"], "kelvin_range": [2700, 4000]}
    assert checked(given)["kelvin_range"] == [2700, 4000]
    assert "kelvin_range" not in checked(TASMOTA)


def test_a_range_of_whites_may_be_typed_for_a_lamp_whose_modes_have_them() -> None:
    assert chosen("mqtt", None, "2200-6500", ["power", "temperature"]) == {"kelvin_range": [2200, 6500]}
    with pytest.raises(ValueError, match="temperature"):
        chosen("mqtt", None, "2200-6500", ["power", "color"])


def test_a_lamp_whose_commands_come_back_as_its_state_is_refused() -> None:
    """Each command would confirm itself, though no lamp is there."""
    for option in ("state_topic", "availability_topic"):
        with pytest.raises(BadOption, match="where commands go"):
            checked({"command_topic": "a", option: "a"})


@pytest.mark.parametrize("modes", [7, True, {"hs": 1}])
def test_modes_that_are_no_list_are_named(modes: Any) -> None:
    with pytest.raises(BadOption) as refused:
        checked(HA | {"supported_color_modes": modes})
    assert refused.value.option == "supported_color_modes"


@pytest.mark.spec("alexa 6.2")
def test_a_step_of_a_coarse_scale_is_not_rounded_away() -> None:
    """On ten steps the one beside is ten percent away: whoever turns the lamp's own knob sees it."""
    assert [percent_of(level, 10, 50) for level in (4, 5, 6)] == [40, 50, 60]
    assert percent_of(6, 10, 55) == 55


@pytest.mark.spec("alexa 2.3")
@pytest.mark.parametrize(
    ("power", "known", "delta", "after"),
    [
        (True, None, -25, (True, 75)),
        (True, None, 10, (True, 100)),
        (False, None, 25, (True, 25)),
        (None, None, 25, (True, 25)),
        (None, 80, 25, (True, 25)),
        (False, 80, -25, (False, 80)),
    ],
)
def test_a_bit_darker_does_not_switch_off_a_lamp_that_never_told_its_brightness(
    power: bool | None, known: int | None, delta: int, after: tuple[bool, int]
) -> None:
    state = BrightnessStep(delta).applied_to(LampState(power, known))
    assert (state.power, state.last_brightness) == after
