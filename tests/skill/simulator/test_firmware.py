"""The simulated firmwares against messages as the firmwares' own pages print them: written down here, not computed, so
that a misreading which firmware and codec should share is still seen. What shines is looked at as well."""

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest

from skill.simulator.firmware import FIRMWARES, Firmware, Said, firmware
from skill.simulator.firmware.light import of_xy, rgb_of_white, xy_of
from skill.simulator.plugged import Lamp
from skill.simulator.terminal import picture

HA = {"command_topic": "d/set", "state_topic": "d", "availability_topic": "d/up"}
Z2M = {"dialect": "zigbee2mqtt", "topic": "zigbee2mqtt/desk"}
TASMOTA = {"dialect": "tasmota", "topic": "desk"}
WLED = {"dialect": "wled", "topic": "wled/desk"}
ESPHOME = {"dialect": "esphome", "topic": "desk/light/lamp"}
SHADOW = {"dialect": "aws_shadow", "thing": "desk"}
PREFIX = "$aws/things/desk/shadow"


def told(said: list[Said]) -> dict[str, Any]:
    """Payload by topic, the last of each."""
    found: dict[str, Any] = {}
    for topic, payload, _ in said:
        found[topic] = json.loads(payload) if payload.startswith("{") else payload
    return found


def shines(lamp: Firmware) -> tuple[object, ...]:
    light = lamp.light
    if not light.on:
        return ("off",)
    return (light.percent, *light.rgb) if light.coloured else (light.percent, f"{light.kelvin:.0f} K")


CASES = [
    (HA, "d/set", '{"state":"ON","brightness":128}', (50, "2700 K"), "d",
     {"state": "ON", "brightness": 128, "color_mode": "color_temp", "color_temp": 370}),
    (HA, "d/set", '{"state":"ON","color":{"r":255,"g":0,"b":0}}', (100, 255, 0, 0), "d",
     {"state": "ON", "brightness": 255, "color_mode": "rgb", "color": {"r": 255, "g": 0, "b": 0}}),
    (HA | {"supported_color_modes": "hs"}, "d/set", '{"state":"ON","color":{"h":240,"s":100}}', (100, 0, 0, 255), "d",
     {"state": "ON", "brightness": 255, "color_mode": "hs", "color": {"h": 240, "s": 100}}),
    (HA | {"supported_color_modes": ["rgbw"]}, "d/set", '{"state":"ON","color":{"r":0,"g":255,"b":0,"w":0}}',
     (100, 0, 255, 0), "d",
     {"state": "ON", "brightness": 255, "color_mode": "rgbw", "color": {"r": 0, "g": 255, "b": 0, "w": 0}}),
    (HA, "d/set", '{"state":"ON","color_temp":250}', (100, "4000 K"), "d",
     {"state": "ON", "brightness": 255, "color_mode": "color_temp", "color_temp": 250}),
    (HA | {"color_temp_kelvin": True}, "d/set", '{"state":"ON","color_temp":4000}', (100, "4000 K"), "d",
     {"state": "ON", "brightness": 255, "color_mode": "color_temp", "color_temp": 4000}),
    (HA | {"supported_color_modes": "white"}, "d/set", '{"state":"ON","white":51}', (20, "2700 K"), "d",
     {"state": "ON", "brightness": 51, "color_mode": "white"}),
    (HA | {"brightness_scale": 1000}, "d/set", '{"state":"ON","brightness":420}', (42, "2700 K"), "d",
     {"state": "ON", "brightness": 420, "color_mode": "color_temp", "color_temp": 370}),
    (ESPHOME, "desk/light/lamp/command", '{"state":"ON","brightness":102,"color":{"r":0,"g":0,"b":255}}',
     (40, 0, 0, 255), "desk/light/lamp/state",
     {"state": "ON", "brightness": 102, "color_mode": "rgb", "color": {"r": 0, "g": 0, "b": 255}}),
    (ESPHOME, "desk/light/lamp/command", '{"state":"ON","color_temp":153}', (100, "6536 K"), "desk/light/lamp/state",
     {"state": "ON", "brightness": 255, "color_mode": "color_temp", "color_temp": 153}),
    (Z2M, "zigbee2mqtt/desk/set", '{"state":"ON","brightness":127}', (50, "2700 K"), "zigbee2mqtt/desk",
     {"state": "ON", "brightness": 127, "color_mode": "color_temp", "color_temp": 370, "linkquality": 80}),
    (Z2M, "zigbee2mqtt/desk/set", '{"color":{"hex":"#FF0000"}}', (100, 255, 0, 0), "zigbee2mqtt/desk",
     {"state": "ON", "brightness": 254, "color_mode": "hs", "color_temp": 370, "linkquality": 80,
      "color": {"hue": 0, "saturation": 100, "x": 0.7006, "y": 0.2993}}),
    (Z2M, "zigbee2mqtt/desk/set", '{"state":"TOGGLE","color_temp":999}', (100, "2000 K"), "zigbee2mqtt/desk",
     {"state": "ON", "brightness": 254, "color_mode": "color_temp", "color_temp": 500, "linkquality": 80}),
    (Z2M, "zigbee2mqtt/desk/get", '{"state":""}', ("off",), "zigbee2mqtt/desk",
     {"state": "OFF", "brightness": 254, "color_mode": "color_temp", "color_temp": 370, "linkquality": 80}),
    (TASMOTA, "cmnd/desk/POWER", "ON", (100, "2703 K"), "stat/desk/RESULT", {"POWER": "ON"}),
    (TASMOTA, "cmnd/desk/POWER", "TOGGLE", (100, "2703 K"), "stat/desk/POWER", "ON"),
    (TASMOTA, "cmnd/desk/Dimmer", "56", (56, "2703 K"), "stat/desk/RESULT",
     {"POWER": "ON", "Dimmer": 56, "HSBColor": "0,0,0", "White": 56, "CT": 370}),
    (TASMOTA, "cmnd/desk/HSBColor", "120,100,40", (40, 0, 255, 0), "stat/desk/RESULT",
     {"POWER": "ON", "Dimmer": 40, "HSBColor": "120,100,40", "White": 0, "CT": 370}),
    (TASMOTA, "cmnd/desk/Backlog", "NoDelay;CT 200;NoDelay;Dimmer 30;NoDelay;POWER ON", (30, "5000 K"),
     "stat/desk/RESULT", {"POWER": "ON"}),
    (TASMOTA, "cmnd/desk/CT", "501", ("off",), "stat/desk/RESULT",
     {"POWER": "OFF", "Dimmer": 100, "HSBColor": "0,0,0", "White": 100, "CT": 370}),
    (TASMOTA, "cmnd/desk/Blink", "1", ("off",), "stat/desk/RESULT", {"Command": "Unknown"}),
    (TASMOTA | {"full_topic": "home/%topic%/%prefix%"}, "home/desk/cmnd/Power", "1", (100, "2703 K"),
     "home/desk/stat/POWER", "ON"),
    (WLED, "wled/desk", "T", (100, 255, 160, 0), "wled/desk/g", "255"),
    (WLED, "wled/desk", "51", (20, 255, 160, 0), "wled/desk/g", "51"),
    (WLED, "wled/desk", "0", ("off",), "wled/desk/g", "0"),
    (WLED, "wled/desk/api", '{"on":true,"bri":128,"seg":{"fx":0,"col":[[0,0,255,0]]}}', (50, 0, 0, 255),
     "wled/desk/c", "#0000FF"),
    (WLED, "wled/desk/api", '{"on":true,"seg":[{"col":[[0,0,0,255]],"cct":5000}]}', (100, "5000 K"),
     "wled/desk/c", "#FF000000"),
    (WLED, "wled/desk/col", "#00ff00", ("off",), "wled/desk/c", "#00FF00"),
    (SHADOW, f"{PREFIX}/update", '{"state":{"desired":{"power":"ON","brightness":30}}}', (30, "2700 K"),
     f"{PREFIX}/update/accepted",
     {"state": {"reported": {"power": "ON", "brightness": 30, "colorTemperatureInKelvin": 2700}}}),
    (SHADOW | {"power_key": "powerState"}, f"{PREFIX}/update",
     '{"state":{"desired":{"powerState":"ON","color":{"hue":120,"saturation":1,"brightness":1}}}}', (100, 0, 255, 0),
     f"{PREFIX}/update/accepted",
     {"state": {"reported": {"powerState": "ON", "brightness": 100,
                             "color": {"hue": 120, "saturation": 1, "brightness": 1}}}}),
    (SHADOW, f"{PREFIX}/get", "", ("off",), f"{PREFIX}/get/accepted",
     {"state": {"desired": {}, "reported": {"power": "OFF", "brightness": 100, "colorTemperatureInKelvin": 2700}}}),
    (SHADOW | {"shadow_service": False}, f"{PREFIX}/update/delta",
     '{"state":{"power":"ON","colorTemperatureInKelvin":4000}}', (100, "4000 K"), f"{PREFIX}/update",
     {"state": {"reported": {"power": "ON", "brightness": 100, "colorTemperatureInKelvin": 4000}}}),
    (SHADOW | {"shadow": "lamp"}, f"{PREFIX}/name/lamp/update", '{"state":{"desired":{"power":"ON"}}}',
     (100, "2700 K"), f"{PREFIX}/name/lamp/update/delta", {"state": {"power": "ON"}}),
]  # fmt: skip


@pytest.mark.spec("alexa 6.1")
@pytest.mark.parametrize(
    ("options", "topic", "payload", "light", "answer_topic", "answer"),
    CASES,
    ids=[f"{c[1]} {c[2][:40]}" for c in CASES],
)
def test_a_message_does_and_is_answered_as_documented(
    options: dict[str, Any], topic: str, payload: str, light: tuple[object, ...], answer_topic: str, answer: object
) -> None:
    lamp = firmware(options)
    said = told(lamp.obey(topic, payload))[answer_topic]
    if isinstance(said, dict):
        said.pop("version", None)
    assert said == answer
    assert shines(lamp) == light


@pytest.mark.parametrize("options", [HA, Z2M, TASMOTA, WLED, ESPHOME, SHADOW], ids=list(FIRMWARES))
@pytest.mark.parametrize("payload", ["{", "[]", "7", '{"state":"PERHAPS"}', '{"brightness":"x"}', '{"on":1,"bri":999}'])
def test_what_a_lamp_does_not_understand_leaves_it_dark(options: dict[str, Any], payload: str) -> None:
    lamp = firmware(options)
    topic = lamp.listens_to[-1].replace("+", "Dimmer")
    with contextlib.suppress(ValueError):
        lamp.take(topic, payload)
    assert lamp.light.percent == 100 or lamp.dialect in ("wled", "tasmota")  # 7 is a brightness there
    assert not lamp.light.coloured or lamp.dialect == "wled"


HOSTILE = [
    '{"state":"ON","brightness":1e999}', '{"state":"ON","brightness":-1}', '{"color_temp":0}', '{"color_temp":1e-320}',
    '{"color_temp":-5}', '{"color_temp":NaN}', '{"color":{"h":NaN,"s":100}}', '{"color":{"hue":1e999,"saturation":1}}',
    '{"color":{"x":0.3,"y":0}}', '{"color":{"r":0,"g":-5,"b":-5}}', '{"color":{"r":"x","g":1,"b":1}}', "[" * 100_000,
    '{"seg":[{"col":[[0,-9,-9]]}],"bri":5}', '{"seg":[{"col":[]}]}', '{"seg":[{"col":[[0,0,0,255]],"cct":-4}]}',
    '{"state":{"desired":{"power":"ON","brightness":500}}}',
    '{"state":{"desired":{"brightness":5,"color":{"hue":1}}}}',
    "9" * 5000, "1,2,x",
    '{"state":{"desired":{"colorTemperatureInKelvin":0}}}',
    '{"state":{"desired":{"color":{"hue":NaN,"saturation":1}}}}',
]  # fmt: skip


@pytest.mark.parametrize("options", [HA, Z2M, TASMOTA, WLED, ESPHOME, SHADOW], ids=list(FIRMWARES))
@pytest.mark.parametrize("payload", HOSTILE, ids=lambda payload: payload[:50])
def test_whatever_comes_a_lamp_takes_all_of_it_or_nothing_and_can_be_drawn(
    options: dict[str, Any], payload: str
) -> None:
    for topic in lamp_topics(firmware(options)):
        lamp = firmware(options)
        before = replace(lamp.light)
        try:
            lamp.take(topic, payload)
        except ValueError:
            assert lamp.light == before
        assert picture(Lamp(1, "Lamp", lamp))
        assert "NaN" not in str(lamp.told())
        assert "Infinity" not in str(lamp.told())


def lamp_topics(lamp: Firmware) -> list[str]:
    words = ("Dimmer", "CT", "HSBColor", "Color", "Backlog")
    return [topic.replace("+", word) for topic in lamp.listens_to for word in (words if "+" in topic else ("",))]


@pytest.mark.parametrize(("cct", "kelvin"), [(0, 1900), (255, 10_091), (4000, 4000)])
def test_a_wled_takes_white_between_its_two_or_in_kelvin(cct: int, kelvin: int) -> None:
    lamp = firmware(WLED | {"supported_color_modes": ["color_temp"]})
    lamp.take("wled/desk/api", json.dumps({"on": True, "seg": [{"col": [[0, 0, 0, 255]], "cct": cct}]}))
    assert shines(lamp) == (100, f"{kelvin} K")


@pytest.mark.parametrize(
    ("options", "away"),
    [
        (HA, [Said("d/up", "offline")]),
        (Z2M, [Said("zigbee2mqtt/desk/availability", '{"state":"offline"}')]),
        (TASMOTA, [Said("tele/desk/LWT", "Offline")]),
        (WLED, [Said("wled/desk/status", "offline")]),
        (ESPHOME, [Said("desk/status", "offline")]),
        (SHADOW, []),
    ],
    ids=list(FIRMWARES),
)
def test_without_current_a_lamp_is_said_to_be_away(options: dict[str, Any], away: list[Said]) -> None:
    assert firmware(options).unplugged() == away


def test_a_switch_at_a_thing_sets_what_is_desired_too() -> None:
    lamp = firmware(SHADOW)
    said = told(lamp.press(lambda light: setattr(light, "on", True)))[f"{PREFIX}/update/accepted"]["state"]
    assert said["desired"] == said["reported"]
    assert said["desired"]["power"] == "ON"


@pytest.mark.spec("alexa 6.1")
def test_a_lamp_presents_itself_as_home_assistant_wants_it() -> None:
    lamp = FIRMWARES["home_assistant"](HA)
    topic, payload, retain = lamp.discovery("Desk", ["power", "brightness", "color", "temperature"], (2000, 6500))  # type: ignore[union-attr]
    config = json.loads(payload)
    assert (topic, retain) == (f"homeassistant/light/{config['unique_id']}/config", True)
    assert {name: config[name] for name in HA} == HA
    assert config["schema"] == "json"
    assert config["supported_color_modes"] == ["rgb", "color_temp"]
    assert (config["min_mireds"], config["max_mireds"], config["brightness"]) == (154, 500, True)
    assert config["device"]["name"] == "Desk"
    assert config["device"]["identifiers"] == [config["unique_id"]]


@pytest.mark.parametrize(
    ("hue", "saturation", "xy"),
    [(0, 1, (0.7006, 0.2993)), (120, 1, (0.1724, 0.7468)), (240, 1, (0.1355, 0.0399)), (0, 0, (0.3227, 0.3290))],
    ids=["red", "green", "blue", "white"],
)
def test_corners_of_the_wide_gamut_are_where_they_were_published(
    hue: float, saturation: float, xy: tuple[float, float]
) -> None:
    assert xy_of(hue, saturation) == pytest.approx(xy, abs=0.0002)
    back = of_xy(*xy)
    assert back[1] == pytest.approx(saturation, abs=0.01)
    assert saturation == 0 or min(abs(back[0] - hue), 360 - abs(back[0] - hue)) < 0.5


@pytest.mark.parametrize(
    ("kelvin", "rgb"),
    [(2700, (255, 167, 87)), (4000, (255, 206, 166)), (6600, (255, 255, 255)), (10000, (202, 218, 255))],
)
def test_whites_on_red_green_and_blue_are_helland_s(kelvin: int, rgb: tuple[int, int, int]) -> None:
    assert all(abs(a - b) <= 1 for a, b in zip(rgb_of_white(kelvin), rgb, strict=True))
