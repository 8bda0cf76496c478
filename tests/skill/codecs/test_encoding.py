"""What each dialect sends: tables, without a broker."""

import json
from typing import Any

import pytest

from skill.canonical import LampState
from tests.skill.codecs.lamps import CODECS, DIMMED, OFF, ON, RED, SHADOW, UNKNOWN, WARM, every_lamp


def sent(lamp: str, target: LampState, before: LampState) -> tuple[str, Any]:
    topic, payload = CODECS[lamp].encode(target, before)
    try:
        return topic, json.loads(payload)
    except ValueError:
        return topic, payload.decode()


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
