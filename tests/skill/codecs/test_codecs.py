"""What each dialect sends and understands: tables, without a broker."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skill.canonical import LampState
from skill.cli import Dialect
from skill.drivers.codecs import DIALECTS, BadOption, Codec, codec
from skill.drivers.wiring import checked

OFF = LampState(power=False, last_brightness=80)
ON = LampState(power=True, last_brightness=80)
UNKNOWN = LampState(power=None, last_brightness=None)
DIMMED = ON._replace(last_brightness=50)
RED = ON._replace(last_brightness=50, mode="color", hue=0.0, saturation=1.0)
WARM = ON._replace(last_brightness=50, kelvin=2200)

LAMPS: dict[str, dict[str, Any]] = {
    "home_assistant": {"command_topic": "a/set", "state_topic": "a/state", "availability_topic": "a/status"},
    "home_assistant hs": {
        "command_topic": "a/set",
        "state_topic": "a/state",
        "supported_color_modes": ["hs", "color_temp"],
        "color_temp_kelvin": True,
        "brightness_scale": 1000,
    },
    "home_assistant xy": {"command_topic": "a/set", "state_topic": "a/state", "supported_color_modes": "xy,color_temp"},
    "home_assistant rgbww": {
        "command_topic": "a/set",
        "state_topic": "a/state",
        "supported_color_modes": ["rgbww", "white"],
    },
    "zigbee2mqtt": {"dialect": "zigbee2mqtt", "topic": "zigbee2mqtt/hall/desk"},
    "zigbee2mqtt xy": {"dialect": "zigbee2mqtt", "topic": "zigbee2mqtt/desk", "supported_color_modes": ["xy"]},
    "tasmota": {"dialect": "tasmota", "topic": "desk"},
    "tasmota full": {"dialect": "tasmota", "topic": "desk", "full_topic": "home/%topic%/%prefix%"},
    "wled": {"dialect": "wled", "topic": "wled/desk"},
    "wled white": {"dialect": "wled", "topic": "wled/desk", "supported_color_modes": ["rgb", "color_temp"]},
    "esphome": {"dialect": "esphome", "topic": "desk/light/lamp"},
    "aws_shadow": {"dialect": "aws_shadow", "thing": "ratchet"},
    "aws_shadow state": {"dialect": "aws_shadow", "thing": "ratchet", "shadow": "s", "power_key": "powerState"},
    "aws_shadow alone": {"dialect": "aws_shadow", "thing": "ratchet", "shadow_service": False},
}
CODECS = {name: codec(options) for name, options in LAMPS.items()}
every_lamp = pytest.mark.parametrize("lamp", CODECS)


def sent(lamp: str, target: LampState, before: LampState) -> tuple[str, Any]:
    topic, payload = CODECS[lamp].encode(target, before)
    try:
        return topic, json.loads(payload)
    except ValueError:
        return topic, payload.decode()


SHADOW = "$aws/things/ratchet/shadow"


@pytest.mark.spec("alexa 6.1", "alexa 6.2")
@pytest.mark.parametrize(
    ("lamp", "topic", "on", "dimmed", "red", "warm"),
    [
        (
            "home_assistant",
            "a/set",
            {"state": "ON"},
            {"state": "ON", "brightness": 128},
            {"state": "ON", "brightness": 128, "color": {"r": 255, "g": 0, "b": 0}},
            {"state": "ON", "brightness": 128, "color_temp": 455},
        ),
        (
            "home_assistant hs",
            "a/set",
            {"state": "ON"},
            {"state": "ON", "brightness": 500},
            {"state": "ON", "brightness": 500, "color": {"h": 0.0, "s": 100.0}},
            {"state": "ON", "brightness": 500, "color_temp": 2200},
        ),
        (
            "home_assistant xy",
            "a/set",
            {"state": "ON"},
            {"state": "ON", "brightness": 128},
            {"state": "ON", "brightness": 128, "color": {"x": 0.7006, "y": 0.2993}},
            {"state": "ON", "brightness": 128, "color_temp": 455},
        ),
        (
            "home_assistant rgbww",
            "a/set",
            {"state": "ON"},
            {"state": "ON", "brightness": 128},
            {"state": "ON", "brightness": 128, "color": {"r": 255, "g": 0, "b": 0, "c": 0, "w": 0}},
            {"state": "ON", "white": 128},
        ),
        (
            "zigbee2mqtt",
            "zigbee2mqtt/hall/desk/set",
            {"state": "ON"},
            {"state": "ON", "brightness": 127},
            {"state": "ON", "brightness": 127, "color": {"hue": 0.0, "saturation": 100.0}},
            {"state": "ON", "brightness": 127, "color_temp": 455},
        ),
        (
            "wled",
            "wled/desk/api",
            {"on": True},
            {"on": True, "bri": 128},
            {"on": True, "bri": 128, "seg": {"fx": 0, "col": [[255, 0, 0, 0]]}},
            {"on": True, "bri": 128, "seg": {"fx": 0, "col": [[255, 146, 39, 0]]}},
        ),
        (
            "wled white",
            "wled/desk/api",
            {"on": True},
            {"on": True, "bri": 128},
            {"on": True, "bri": 128, "seg": {"fx": 0, "col": [[255, 0, 0, 0]]}},
            {"on": True, "bri": 128, "seg": {"fx": 0, "col": [[0, 0, 0, 255]], "cct": 2200}},
        ),
        (
            "esphome",
            "desk/light/lamp/command",
            {"state": "ON"},
            {"state": "ON", "brightness": 128},
            {"state": "ON", "brightness": 128, "color": {"r": 255, "g": 0, "b": 0}},
            {"state": "ON", "brightness": 128, "color_temp": 455},
        ),
        (
            "aws_shadow",
            f"{SHADOW}/update",
            {"state": {"desired": {"power": "ON"}}},
            {"state": {"desired": {"power": "ON", "brightness": 50}}},
            {
                "state": {
                    "desired": {
                        "power": "ON",
                        "brightness": 50,
                        "color": {"hue": 0.0, "saturation": 1.0, "brightness": 1.0},
                    }
                }
            },
            {"state": {"desired": {"power": "ON", "brightness": 50, "colorTemperatureInKelvin": 2200}}},
        ),
        (
            "aws_shadow alone",
            f"{SHADOW}/update/delta",
            {"state": {"power": "ON"}},
            {"state": {"power": "ON", "brightness": 50}},
            {"state": {"power": "ON", "brightness": 50, "color": {"hue": 0.0, "saturation": 1.0, "brightness": 1.0}}},
            {"state": {"power": "ON", "brightness": 50, "colorTemperatureInKelvin": 2200}},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_asked_is_one_message_and_nothing_else(
    lamp: str, topic: str, on: object, dimmed: object, red: object, warm: object
) -> None:
    assert sent(lamp, ON, OFF) == (topic, on)
    assert sent(lamp, DIMMED, OFF) == (topic, dimmed)
    assert sent(lamp, RED, OFF) == (topic, red)
    assert sent(lamp, WARM, RED) == (topic, warm)


@pytest.mark.spec("alexa 6.1", "alexa 6.2")
def test_several_commands_to_tasmota_are_one_backlog() -> None:
    assert sent("tasmota", ON, OFF) == ("cmnd/desk/POWER", "ON")
    assert sent("tasmota", OFF, ON) == ("cmnd/desk/POWER", "OFF")
    assert sent("tasmota", DIMMED, OFF) == ("cmnd/desk/Backlog", "NoDelay;Dimmer 50;NoDelay;POWER ON")
    assert sent("tasmota", RED, OFF) == ("cmnd/desk/Backlog", "NoDelay;HSBColor 0,100,50;NoDelay;POWER ON")
    warm = "NoDelay;CT 455;NoDelay;Dimmer 50;NoDelay;POWER ON"
    assert sent("tasmota full", WARM, RED) == ("home/desk/cmnd/Backlog", warm)
    assert sent("tasmota", WARM._replace(kelvin=10000), RED)[1].startswith("NoDelay;CT 153;")
    assert sent("tasmota", WARM._replace(kelvin=1000), RED)[1].startswith("NoDelay;CT 500;")


def test_a_named_shadow_and_the_other_power_key() -> None:
    update = "$aws/things/ratchet/shadow/name/s/update"
    assert sent("aws_shadow state", OFF, ON) == (update, {"state": {"desired": {"powerState": "OFF"}}})


@every_lamp
def test_off_is_nothing_but_off(lamp: str) -> None:
    payload = CODECS[lamp].encode(RED._replace(power=False), UNKNOWN).payload.decode()
    assert "OFF" in payload or payload == '{"on":false}'
    assert "bri" not in payload


HEARD: list[tuple[str, str, str | bytes, dict[str, object]]] = [
    ("home_assistant", "a/state", '{"state":"ON","brightness":128}', {"power": True, "last_brightness": 50}),
    ("home_assistant", "a/state", '{"state":null}', {"power": None}),
    ("home_assistant", "a/state", '{"brightness":0}', {}),
    ("home_assistant", "a/state", '{"state":"ON","brightness":null,"color":null,"color_temp":null}', {}),
    ("home_assistant", "a/state", '{"color_temp":0,"color_mode":"color_temp"}', {}),
    ("home_assistant", "a/state", '{"color_temp":250}', {"kelvin": 4000}),
    (
        "home_assistant",
        "a/state",
        '{"color":{"r":0,"g":0,"b":255}}',
        {"mode": "color", "hue": 240.0, "saturation": 1.0},
    ),
    (
        "home_assistant",
        "a/state",
        '{"color_mode":"hs","color":{"h":30,"s":50,"r":1,"g":2,"b":3},"color_temp":250}',
        {"mode": "color", "hue": 30.0, "saturation": 0.5},
    ),
    (
        "home_assistant",
        "a/state",
        '{"color_mode":"color_temp","color":{"h":30,"s":50},"color_temp":250}',
        {"kelvin": 4000},
    ),
    ("home_assistant hs", "a/state", '{"color_temp":4321,"brightness":1000}', {"kelvin": 4321, "last_brightness": 100}),
    ("home_assistant rgbww", "a/state", '{"color_mode":"rgbww","color":{"r":0,"g":0,"b":0,"c":9,"w":9}}', {}),
    (
        "zigbee2mqtt",
        "zigbee2mqtt/hall/desk",
        '{"state":"OFF","brightness":254,"color":{"hue":120,"saturation":100,"x":0.17,"y":0.75},"color_mode":"hs"}',
        {"power": False, "last_brightness": 100, "mode": "color", "hue": 120.0, "saturation": 1.0},
    ),
    ("tasmota", "stat/desk/RESULT", '{"POWER":"OFF"}', {"power": False}),
    ("tasmota", "stat/desk/RESULT", '{"POWER1":"ON","Dimmer":33}', {"power": True, "last_brightness": 33}),
    (
        "tasmota",
        "tele/desk/STATE",
        '{"Time":"x","POWER":"ON","Dimmer":20,"HSBColor":"210,67,20","White":0,"CT":250,"Channel":[1]}',
        {"power": True, "last_brightness": 20, "mode": "color", "hue": 210.0, "saturation": 0.67},
    ),
    ("tasmota", "tele/desk/STATE", '{"HSBColor":"210,67,0","White":20,"CT":250}', {"kelvin": 4000}),
    ("wled", "wled/desk/g", "0", {"power": False}),
    ("wled", "wled/desk/g", "128", {"power": True, "last_brightness": 50}),
    ("wled", "wled/desk/c", "#0000FF", {"mode": "color", "hue": 240.0, "saturation": 1.0}),
    ("wled", "wled/desk/c", "#FF9227", {"kelvin": 2195}),
    ("wled", "wled/desk/c", "#FF000000", {}),
    ("wled", "wled/desk/c", "#5000000", {}),
    (
        "esphome",
        "desk/light/lamp/state",
        '{"color_mode":"rgbct","state":"ON","brightness":255,"color":{"r":0,"g":0,"b":0},"color_temp":250}',
        {"power": True, "last_brightness": 100, "kelvin": 4000},
    ),
    ("aws_shadow", f"{SHADOW}/update/accepted", '{"state":{"reported":{"power":"ON"}}}', {"power": True}),
    ("aws_shadow", f"{SHADOW}/update/accepted", '{"state":{"reported":{"powerState":"ON"}}}', {"power": True}),
    (
        "aws_shadow state",
        f"{SHADOW}/get/accepted",
        '{"state":{"reported":{"power":"ON","powerState":"OFF"}}}',
        {"power": False},
    ),
    (
        "aws_shadow",
        f"{SHADOW}/get/accepted",
        '{"state":{"desired":{"power":"ON"},"reported":{"power":"OFF","brightness":7,"colorTemperatureInKelvin":3000}}}',
        {"power": False, "last_brightness": 7, "kelvin": 3000},
    ),
]


@pytest.mark.spec("alexa 6.1")
@pytest.mark.parametrize(("lamp", "topic", "payload", "changed"), HEARD)
def test_what_a_lamp_says_is_understood(lamp: str, topic: str, payload: str, changed: dict[str, Any]) -> None:
    before = ON._replace(online=True)
    assert CODECS[lamp].decode(topic, payload.encode(), before, None) == before._replace(**({"power": True} | changed))


@pytest.mark.parametrize(
    ("lamp", "topic", "payload"),
    [
        ("tasmota", "stat/desk/RESULT", '{"Command":"Unknown"}'),
        ("aws_shadow", f"{SHADOW}/update/accepted", '{"state":{"desired":{"power":"ON"}}}'),
        ("aws_shadow", f"{SHADOW}/update/accepted", '{"state":{"reported":null}}'),
        ("wled", "wled/desk/g", "256"),
        ("wled", "wled/desk/c", "red"),
        ("home_assistant", "a/state", '{"state":"MAYBE"}'),
    ],
)
def test_what_says_nothing_of_the_lamp_is_nothing(lamp: str, topic: str, payload: str) -> None:
    assert CODECS[lamp].decode(topic, payload.encode(), ON, None) is None


@pytest.mark.spec("alexa 6.1")
@pytest.mark.parametrize(
    ("lamp", "payload", "there"),
    [
        ("home_assistant", "online", True),
        ("home_assistant", '{"state":"offline"}', False),
        ("home_assistant", '"online"', True),
        ("zigbee2mqtt", '{"state":"online"}', True),
        ("zigbee2mqtt", "offline", False),
        ("tasmota", "Online", True),
        ("tasmota", "Offline", False),
        ("wled", "offline", False),
        ("esphome", "online", True),
        ("esphome", "perhaps", None),
        ("esphome", '{"state":1}', None),
        ("esphome", '{"state":"on', None),
    ],
)
def test_whether_a_lamp_is_there(lamp: str, payload: str, there: bool | None) -> None:
    (topic, *_) = CODECS[lamp].availability_topics
    assert CODECS[lamp].availability(topic, payload.encode()) is there


def test_a_zigbee_lamp_is_away_with_its_bridge() -> None:
    topics = ("zigbee2mqtt/hall/desk/availability", "zigbee2mqtt/bridge/state")
    assert CODECS["zigbee2mqtt"].availability_topics == topics


def echo(lamp: str, target: LampState, shift: int) -> list[tuple[str, bytes]]:
    """The lamp says what it was sent, each value one step of the device beside it."""
    payload = CODECS[lamp].encode(target, UNKNOWN._replace(kelvin=0, hue=-1.0)).payload
    if lamp.startswith("tasmota"):
        found = dict(step.split(" ") for step in payload.decode().split(";") if " " in step)
        said: dict[str, Any] = {"POWER": "ON"}
        if "HSBColor" in found:
            hue, saturation, level = (int(part) for part in found["HSBColor"].split(","))
            said |= {"HSBColor": f"{(hue + shift) % 360},{max(0, saturation - 1)},{level}", "Dimmer": level, "White": 0}
        else:
            said |= {"CT": int(found["CT"]) + (shift if 153 < int(found["CT"]) < 500 else 0), "White": 5}
            said |= {"Dimmer": int(found["Dimmer"]) + (shift if found["Dimmer"] not in ("1", "100") else 0)}
        return [(CODECS[lamp].state_topics[0], json.dumps(said).encode())]
    message = json.loads(payload)
    if lamp.startswith("wled"):
        red, green, blue, white = message["seg"]["col"][0]
        shown = [part + shift if 0 < part < 255 else part for part in (red, green, blue)]
        colour = f"#{white << 24 | shown[0] << 16 | shown[1] << 8 | shown[2]:06X}"
        level = message["bri"] + (shift if 1 < message["bri"] < 255 else 0)
        return [("wled/desk/g", str(level).encode()), ("wled/desk/c", colour.encode())]
    if lamp.startswith("aws"):
        return [(CODECS[lamp].state_topics[0], json.dumps({"state": {"reported": _desired(message)}}).encode())]
    if "white" in message:
        message |= {"brightness": message.pop("white"), "color_mode": "white"}
    message["brightness"] += shift
    if "color_temp" in message:
        message["color_temp"] += shift
    for key in "rgb":
        if 0 < message.get("color", {}).get(key, 0) < 255:
            message["color"][key] += shift
    return [(CODECS[lamp].state_topics[0], json.dumps(message).encode())]


def _desired(message: dict[str, Any]) -> object:
    return message["state"].get("desired", message["state"])


@pytest.mark.spec("alexa 6.2", "S26")
@every_lamp
@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_S26_what_was_asked_comes_back_from_within_a_step(lamp: str, shift: int) -> None:
    """All 100 percentages that are on, all whites and a wheel of colours; 0 is off."""
    targets = [WARM._replace(last_brightness=percent) for percent in range(1, 101)]
    if lamp.startswith("tasmota"):
        targets += [WARM._replace(kelvin=kelvin) for kelvin in range(2000, 6501, 7)]
    else:
        targets += [WARM._replace(kelvin=kelvin) for kelvin in range(1900, 10001, 7)]
    targets += [RED._replace(hue=float(hue), saturation=s / 100) for hue in range(0, 361, 5) for s in (1, 33, 80, 100)]
    for target in targets:
        state = UNKNOWN
        for topic, payload in echo(lamp, target, shift):
            heard = CODECS[lamp].decode(topic, payload, state, target)
            assert heard is not None
            state = heard
        if lamp == "home_assistant rgbww" and target.mode == "white":
            state = state._replace(kelvin=target.kelvin)  # a lamp with one white does not tell which
        kept = target._replace(hue=state.hue, saturation=state.saturation) if target.mode == "white" else target
        assert state == kept._replace(kelvin=state.kelvin if target.mode == "color" else target.kelvin)


def test_what_is_further_away_is_said_as_it_is() -> None:
    heard = CODECS["home_assistant"].decode("a/state", b'{"state":"ON","brightness":140}', ON, DIMMED)
    assert heard is not None
    assert heard.last_brightness == 55
    heard = CODECS["home_assistant"].decode("a/state", b'{"color_temp":370}', ON, WARM)
    assert heard is not None
    assert heard.kelvin == 2703
    heard = CODECS["home_assistant"].decode("a/state", b'{"color":{"r":255,"g":90,"b":0}}', ON, RED)
    assert heard is not None
    assert heard.hue == pytest.approx(21.2, abs=0.1)


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


BAD_TOPICS = ["", "#", "home/#", "home/+/set", "$SYS/broker", "$aws/things/a/shadow", "a\0b", "x" * 1025, 7]


@pytest.mark.spec("alexa 6.2")
@pytest.mark.parametrize("topic", BAD_TOPICS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_topics_that_reach_further_than_one_lamp_are_refused(dialect: str, topic: Any) -> None:
    names = {"home_assistant": ("command_topic",), "aws_shadow": ("thing",)}.get(dialect, ("topic",))
    with pytest.raises(BadOption) as refused:
        codec({"dialect": dialect} | dict.fromkeys(names, topic))
    assert refused.value.option in names


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, "command_topic"),
        ({"dialect": "hue"}, "dialect"),
        ({"dialect": ["hue"]}, "dialect"),
        ({"dialect": "zigbee2mqtt"}, "topic"),
        ({"dialect": "zigbee2mqtt", "topic": "desk"}, "topic"),
        ({"dialect": "esphome", "topic": "desk"}, "topic"),
        ({"dialect": "esphome", "topic": "desk/light/lamp/state"}, "topic"),
        ({"dialect": "tasmota", "topic": "desk", "full_topic": "%topic%"}, "full_topic"),
        ({"dialect": "tasmota", "topic": "desk", "full_topic": "+/%topic%/%prefix%/"}, "full_topic"),
        ({"dialect": "wled", "topic": "a", "supported_color_modes": "xy"}, "supported_color_modes"),
        ({"dialect": "aws_shadow", "topic": "a"}, "thing"),
        ({"dialect": "aws_shadow", "thing": "a/b"}, "thing"),
        ({"dialect": "aws_shadow", "thing": "a", "power_key": "on"}, "power_key"),
        ({"command_topic": "a", "brightness_scale": "much"}, "brightness_scale"),
        ({"command_topic": "a", "topic": "b"}, "topic"),
        ({"dialect": "tasmota", "topic": "a", "command_topic": "b"}, "command_topic"),
        ({"dialect": "zigbee2mqtt", "topic": "z/a", "brightness_scale": 255}, "brightness_scale"),
    ],
)
def test_an_option_that_cannot_be_is_named(options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(BadOption) as refused:
        checked(options)
    assert refused.value.option == wrong


def test_the_same_options_make_the_same_codec_and_the_cli_knows_every_dialect() -> None:
    assert all(codec(options) == CODECS[name] for name, options in LAMPS.items())
    assert list(Dialect) == list(DIALECTS)
