"""Options of a lamp, and what they may not be."""

from typing import Any

import pytest

from skill.commands.options import DialectName as Dialect
from skill.drivers.codecs import DIALECTS, BadOption, codec
from skill.drivers.wiring import checked
from tests.skill.codecs.lamps import CODECS, LAMPS

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
        ({"dialect": "zigbee2mqtt", "topic": "home/z/desk", "base_topic": "z"}, "base_topic"),
        ({"dialect": "zigbee2mqtt", "topic": "home/z", "base_topic": "home/z"}, "base_topic"),
        ({"dialect": "zigbee2mqtt", "topic": "home/z/desk", "base_topic": "home/+"}, "base_topic"),
        ({"dialect": "wled", "topic": "home/z/desk", "base_topic": "home/z"}, "base_topic"),
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
