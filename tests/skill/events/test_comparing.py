"""Whether a lamp stands otherwise than Alexa believes: tables, without a database."""

import pytest

from skill.abilities import EVERYTHING
from skill.canonical import LampState
from skill.events.comparing import as_told, decoded, differences, encoded

WHITE = LampState(True, 50, kelvin=2700, online=True)
RED = LampState(True, 50, mode="color", hue=10.0, saturation=0.8, value=0.6, online=True)
UNKNOWN = LampState(None, None)


@pytest.mark.spec("S25", "S22")
@pytest.mark.parametrize(
    ("told", "heard", "changed"),
    [
        (WHITE, WHITE, []),
        (WHITE, WHITE._replace(last_brightness=51), []),
        (WHITE, WHITE._replace(last_brightness=49), []),
        (WHITE, WHITE._replace(last_brightness=52), ["brightness"]),
        (WHITE, WHITE._replace(kelvin=2703), []),
        (WHITE, WHITE._replace(kelvin=2800), ["colorTemperatureInKelvin"]),
        (WHITE, WHITE._replace(power=False), ["powerState", "brightness"]),
        (
            WHITE._replace(power=False),
            WHITE._replace(power=False, last_brightness=80, kelvin=4000),
            ["colorTemperature"],
        ),
        (WHITE, WHITE._replace(online=None), []),
        (WHITE, WHITE._replace(online=False), ["connectivity"]),
        (WHITE._replace(online=False), WHITE._replace(online=None), []),
        (WHITE._replace(online=None), WHITE, []),
        (WHITE, UNKNOWN, []),
        (WHITE, UNKNOWN._replace(online=False), ["connectivity"]),
        (RED, RED._replace(value=1.0), []),
        (RED, RED._replace(hue=11.5, saturation=0.79), []),
        (RED, RED._replace(hue=14.0), ["color"]),
        (RED._replace(hue=359.5), RED._replace(hue=0.5), []),
        (RED._replace(saturation=0.0), RED._replace(saturation=0.0, hue=200.0), []),
        (RED, WHITE, ["color", "colorTemperatureInKelvin"]),
        (WHITE, RED, ["color"]),
    ],
)
def test_S25_what_is_as_good_as_told_is_no_change(told: LampState, heard: LampState, changed: list[str]) -> None:
    found = differences(told, as_told(heard, told), EVERYTHING)
    assert [name.removesuffix("InKelvin") for name in found] == [name.removesuffix("InKelvin") for name in changed]


@pytest.mark.spec("S22")
def test_S22_small_steps_add_up_to_a_change() -> None:
    """What is compared with is what Alexa was told, not what was heard last."""
    state = WHITE
    for brightness in (51, 52, 53):
        state = state._replace(last_brightness=brightness)
    assert differences(WHITE, as_told(state, WHITE), EVERYTHING) == ["brightness"]


def test_a_known_state_is_read_back_as_it_was() -> None:
    for state in (WHITE, RED, UNKNOWN):
        assert decoded(encoded(state)) == state
        assert len(encoded(state)) <= 512
    for strange in ("", "[]", "{}", '{"power":true,"last_brightness":1,"smell":2}'):
        assert decoded(strange) is None
