"""What each dialect understands: tables, without a broker."""

from typing import Any

import pytest

from skill.drivers.codecs import codec
from tests.skill.codecs.lamps import CODECS, ON, SHADOW

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
        ("zigbee2mqtt", "zigbee2mqtt/hall/desk", '{"linkquality":120,"update":{"state":"idle"}}'),
        ("aws_shadow", f"{SHADOW}/update/accepted", '{"state":{"reported":{"wifi":-60}}}'),
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


@pytest.mark.parametrize("name", ["desk", "hall/desk"])
def test_the_base_of_a_zigbee_lamp_may_have_levels(name: str) -> None:
    """Where it ends cannot be read from the topic: the friendly name may have some as well."""
    lamp = codec({"dialect": "zigbee2mqtt", "topic": f"home/zigbee2mqtt/{name}", "base_topic": "home/zigbee2mqtt"})
    assert lamp.availability_topics == (f"home/zigbee2mqtt/{name}/availability", "home/zigbee2mqtt/bridge/state")
    assert lamp.command_topics == (f"home/zigbee2mqtt/{name}/set", f"home/zigbee2mqtt/{name}/get")
