"""Whatever a broker delivers: nothing raises, and no state is made that no lamp can be in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skill.canonical import LampState
from skill.drivers.codecs import Codec
from tests.skill.codecs.lamps import CODECS, OFF, ON, RED, UNKNOWN, WARM, every_lamp

KEYS = [
    "state",
    "brightness",
    "color",
    "color_temp",
    "color_mode",
    "white",
    "POWER",
    "Dimmer",
    "CT",
    "HSBColor",
    "White",
]
KEYS += [
    "reported",
    "desired",
    "power",
    "powerState",
    "colorTemperatureInKelvin",
    "r",
    "g",
    "b",
    "h",
    "s",
    "x",
    "y",
    "hue",
]
VALUES = ["ON", "off", "hs", "rgbww", "color_temp", "120,100,50", "999,999,999", "-1,0,0", "online", "\x00", "٣"]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(VALUES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)
payloads = (
    values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from(KEYS), values).map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from(KEYS), values).map(lambda v: json.dumps({"state": {"reported": v}}).encode())
    | st.binary(max_size=40)
    | st.from_regex(rb"#?[0-9A-Fa-f]{0,9}", fullmatch=True)
)


def sound(state: LampState) -> bool:
    level, in_range = state.last_brightness, 0 <= state.hue <= 360 and 0 <= state.saturation <= 1
    return in_range and 1000 <= state.kelvin <= 10000 and (level is None or 1 <= level <= 100)


@pytest.mark.spec("alexa 6.1", "alexa 6.2")
@every_lamp
@given(payload=payloads, requested=st.sampled_from([None, RED, WARM, OFF]))
def test_junk_never_raises_and_never_makes_a_state_that_is_none(
    lamp: str, payload: bytes, requested: LampState | None
) -> None:
    speaks: Codec = CODECS[lamp]
    for topic in speaks.state_topics:
        heard = speaks.decode(topic, payload, UNKNOWN, requested)
        assert heard is None or sound(heard)
    for topic in speaks.availability_topics:
        assert speaks.availability(topic, payload) in (True, False, None)


@every_lamp
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"state":"ON","brightness":128,"x":"' + b"x" * 10_000_000 + b'"}',
        b"1" * 1_000_000,
        b"#" + b"f" * 1_000_000,
        b'{"brightness":1e999,"color_temp":1e-300}',
        b'{"brightness":' + b"9" * 5000 + b"}",
    ],
    ids=[
        "empty",
        "not text",
        "deep list",
        "deep object",
        "huge",
        "huge number",
        "huge colour",
        "infinite",
        "long integer",
    ],
)
def test_a_payload_made_to_hurt_changes_nothing(lamp: str, payload: bytes) -> None:
    speaks = CODECS[lamp]
    for topic in speaks.state_topics:
        assert speaks.decode(topic, payload, ON, RED) in (None, ON)
    for topic in speaks.availability_topics:
        assert speaks.availability(topic, payload) is None
