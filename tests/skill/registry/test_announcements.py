"""What lamps announce by Home Assistant's MQTT discovery, and what becomes of it. No broker here."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skill.abilities import Abilities
from skill.broker.announcements import Announced, Skipped, read
from skill.broker.words import LIGHT
from skill.drivers.wiring import Wiring

pytestmark = pytest.mark.spec("alexa 6.1")
TOPIC = "homeassistant/light/0x1/light/config"
LEAST = {"schema": "json", "cmd_t": "desk/set"}


def announced(message: dict[str, Any], topic: str = TOPIC) -> Announced:
    [found] = read("homeassistant", topic, orjson.dumps(message))
    assert isinstance(found, Announced), found
    return found


def reason(message: object, topic: str = TOPIC) -> str:
    payload = message if isinstance(message, bytes) else orjson.dumps(message)
    [found] = read("homeassistant", topic, payload)
    assert isinstance(found, Skipped), found
    assert found.known_as.startswith(topic)
    return found.reason


def test_a_lamp_of_the_documentations_example() -> None:
    """ "Using abbreviations and base topic": a light that takes JSON."""
    found = announced(
        {
            "~": "homeassistant/light/kitchen",
            **{"name": "Kitchen", "unique_id": "kitchen_light", "cmd_t": "~/set", "stat_t": "~/state"},
            **{"schema": "json", "brightness": True},
        },
        "homeassistant/light/kitchen/config",
    )
    assert found == Announced(
        known_as="homeassistant/light/kitchen/config",
        name="Kitchen",
        options={
            "command_topic": "homeassistant/light/kitchen/set",
            "state_topic": "homeassistant/light/kitchen/state",
            "brightness_scale": 255,
            "confirm": "echo",
            "capabilities": ["power", "brightness"],
        },
        details={},
    )


@pytest.mark.parametrize("key", ["a\x1b[2J", "a\x00", "a\nwiped"])
def test_the_name_of_a_component_commands_neither_terminal_nor_database(key: str) -> None:
    message = {"cmps": {key: {"p": "light", **LEAST}, "good": {"p": "light", **LEAST}}}
    found = read("homeassistant", "homeassistant/device/0x1/config", orjson.dumps(message))
    assert [each.known_as for each in found] == ["homeassistant/device/0x1/config#good"]


def test_a_lamp_with_everything() -> None:
    found = announced(
        {
            **{"schema": "json", "name": None, "cmd_t": "d/set", "stat_t": "d", "bri_scl": 1000},
            **{"avty": [{"t": "d/lwt"}, {"topic": "gateway", "val_tpl": "{{ value_json.state }}"}], "avty_mode": "all"},
            **{"sup_clrm": ["rgbw", "color_temp"], "min_mirs": 153, "max_mirs": 454, "uniq_id": "7"},
            "dev": {"ids": "7", "name": "Floor lamp", "mf": "Acme", "mdl": "L1", "sn": "0007", "sw": 1.5},
        }
    )
    assert found.name == "Floor lamp"
    assert found.options == {
        **{"command_topic": "d/set", "state_topic": "d", "availability_topics": ["d/lwt", "gateway"]},
        **{"brightness_scale": 1000, "confirm": "echo", "supported_color_modes": ["rgbw", "color_temp"]},
        **{"capabilities": ["power", "brightness", "color", "temperature"], "kelvin_range": [2203, 6535]},
    }
    details = {"manufacturer": "Acme", "model": "L1", "serial_number": "0007", "firmware_version": "1.5"}
    assert found.details == details
    assert found.notes == ()
    assert Wiring.of(found.options).listens_to == ("d", "d/lwt", "gateway")


@pytest.mark.parametrize(
    ("message", "capabilities", "kelvin"),
    [
        ({}, ["power"], None),
        ({"brightness": True}, ["power", "brightness"], None),
        ({"sup_clrm": ["onoff"]}, ["power"], None),
        ({"sup_clrm": ["brightness"]}, ["power", "brightness"], None),
        ({"sup_clrm": ["hs"]}, ["power", "brightness", "color"], None),
        ({"sup_clrm": ["rgb", "white"]}, ["power", "brightness", "color"], None),
        ({"sup_clrm": ["color_temp"]}, ["power", "brightness", "temperature"], [2000, 6535]),
        ({"sup_clrm": ["color_temp"], "clr_temp_k": True, "min_k": 2700, "max_k": 5000}, None, [2700, 5000]),
        ({"sup_clrm": ["color_temp"], "min_mireds": 50, "max_mireds": 2000}, None, [1000, 10000]),
        ({"sup_clrm": ["color_temp"], "min_mireds": 0, "max_mireds": -4}, None, [2000, 6535]),
        ({"sup_clrm": ["color_temp"], "min_k": 5000, "max_k": 2700}, None, [2000, 6535]),
        ({"sup_clrm": "hs"}, ["power"], None),
        ({"sup_clrm": ["warp", 7, "hs"]}, ["power", "brightness", "color"], None),
    ],
)
def test_what_it_can(message: dict[str, Any], capabilities: list[str] | None, kelvin: list[int] | None) -> None:
    options = announced(LEAST | message).options
    assert capabilities is None or options["capabilities"] == capabilities
    assert options.get("kelvin_range") == kelvin
    Abilities.of("mqtt", options)


@pytest.mark.parametrize(
    ("message", "topics", "noted"),
    [
        ({}, (), ""),
        ({"avty_t": "lwt"}, ("lwt",), ""),
        ({"availability": {"topic": "lwt"}}, ("lwt",), ""),
        ({"avty_t": "lwt", "pl_avail": "Online", "pl_not_avail": "Offline"}, ("lwt",), ""),
        ({"avty_t": "lwt", "pl_avail": "1", "pl_not_avail": "0"}, (), "lwt says 1 and 0"),
        ({"avty": [{"t": "a", "pl_avail": "up"}, {"t": "b"}]}, ("b",), "a says up and offline"),
        ({"avty_t": "lwt", "avty_tpl": "{{ value_json['state'] }}"}, ("lwt",), ""),
        ({"avty_t": "lwt", "avty_tpl": "{{ value_json.wifi }}"}, (), "lwt needs a template"),
        ({"avty": [{"t": "a"}, {"t": "b"}], "avty_mode": "any"}, (), "availability_mode any"),
        ({"avty": [{"t": "a"}], "avty_mode": "any"}, ("a",), ""),
        ({"avty": [{"t": "a"}, {"t": "a"}, 7, {}, {"t": 5}]}, ("a",), ""),
        ({"~": "desk", "avty": [{"t": "~/a"}, {"t": "b/~"}]}, ("desk/a", "b/desk"), ""),
    ],
)
def test_where_it_says_that_it_is_there(message: dict[str, Any], topics: tuple[str, ...], noted: str) -> None:
    found = announced(LEAST | message)
    assert Wiring.of(found.options).codec.availability_topics == topics
    assert noted in " ".join(found.notes)
    assert bool(noted) == bool(found.notes)


@pytest.mark.parametrize(
    ("own", "device", "name"),
    [
        ("Kitchen", None, "Kitchen"),
        (None, "Floor lamp", "Floor lamp"),
        ("Left", "Floor lamp", "Floor lamp Left"),
        ("Floor lamp left", "Floor lamp", "Floor lamp left"),
        (None, None, "light"),
        ("!!!", "***", "light"),
        ("Anna's (desk) lamp\n\x1b[31m", None, "Annas desk lamp 31m"),
        ("x" * 300, None, "x" * 128),
    ],
)
def test_its_name_is_one_that_alexa_takes(own: str | None, device: str | None, name: str) -> None:
    assert announced(LEAST | {"name": own, "dev": {"name": device}}).name == name


@pytest.mark.parametrize(("base", "more"), [("zigbee2mqtt", {}), ("home/z2m", {"base_topic": "home/z2m"})])
def test_behind_zigbee2mqtt_it_speaks_the_gateways_dialect(base: str, more: dict[str, str]) -> None:
    """As Zigbee2MQTT 2 announces a bulb: it keeps no state, and is asked for it. The base may have levels."""
    found = announced(
        {
            "availability": [
                {"topic": f"{base}/bridge/state", "value_template": "{{ value_json.state }}"},
                {"topic": f"{base}/hall/desk/availability", "value_template": "{{ value_json.state }}"},
            ],
            **{"availability_mode": "all", "brightness": True, "brightness_scale": 254, "schema": "json"},
            **{"command_topic": f"{base}/hall/desk/set", "state_topic": f"{base}/hall/desk"},
            **{"supported_color_modes": ["xy", "color_temp"], "max_mireds": 500, "min_mireds": 153, "name": None},
            "device": {"identifiers": ["zigbee2mqtt_0x1"], "name": "hall/desk", "manufacturer": "IKEA", "model": "E27"},
            "origin": {"name": "Zigbee2MQTT", "sw": "2.1.0", "url": "https://www.zigbee2mqtt.io"},
        }
    )
    assert found.options == {
        **{"dialect": "zigbee2mqtt", "topic": f"{base}/hall/desk", "confirm": "echo"} | more,
        **{"supported_color_modes": ["xy", "color_temp"], "kelvin_range": [2000, 6535]},
        "capabilities": ["power", "brightness", "color", "temperature"],
    }
    assert found.name == "hall desk"


def test_the_lights_of_one_device_are_lamps_of_their_own() -> None:
    message = {
        **{"dev": {"ids": "c7", "name": "Strip", "mf": "Acme"}, "o": {"name": "firmware"}, "avty_t": "strip/lwt"},
        "~": "strip",
        "cmps": {
            "left": {"p": "light", "schema": "json", "cmd_t": "~/left/set", "name": "Left", "uniq_id": "l"},
            "right": {"platform": "light", "~": "other", "schema": "json", "cmd_t": "~/right/set", "uniq_id": "r"},
            "gone": {"p": "light"},
            "plain": {"p": "light", "cmd_t": "x"},
            "heat": {"p": "sensor", "stat_t": "~/heat"},
            "junk": 7,
        },
    }
    topic = "homeassistant/device/c7/config"
    found = read("homeassistant", topic, orjson.dumps(message))
    lamps = {each.known_as: each for each in found if isinstance(each, Announced)}
    assert {known_as: (lamp.name, lamp.options["command_topic"]) for known_as, lamp in lamps.items()} == {
        f"{topic}#left": ("Strip Left", "strip/left/set"),
        f"{topic}#right": ("Strip", "other/right/set"),
    }
    assert all(lamp.options["availability_topic"] == "strip/lwt" for lamp in lamps.values())
    assert all(lamp.details == {"manufacturer": "Acme"} for lamp in lamps.values())
    skipped = {each.known_as: each.reason for each in found if isinstance(each, Skipped)}
    assert skipped[f"{topic}#gone"] == "it was removed"
    assert "default" in skipped[f"{topic}#plain"]
    assert len(found) == 4


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"", "removed"),
        (b"  ", "removed"),
        (b"{", "no JSON object"),
        ([1], "no JSON object"),
        (b"x" * 70000, "no JSON object"),
        ({"cmd_t": "a"}, "schema is default"),
        ({"schema": "template", "cmd_t": "a"}, "schema is template"),
        ({"schema": "json"}, "command_topic"),
        ({"schema": "json", "cmd_t": "a/#"}, "command_topic"),
        ({"schema": "json", "cmd_t": "$SYS/a"}, "command_topic"),
        ({"schema": "json", "cmd_t": "a\nuser root\ntopic #"}, "command_topic"),
        ({"schema": "json", "cmd_t": 7}, "command_topic"),
        ({"schema": "json", "cmd_t": "a", "stat_t": "+"}, "state_topic"),
        ({"schema": "json", "cmd_t": "a", "avty_t": "#"}, "availability_topic"),
        ({"schema": "json", "cmd_t": "a", "avty": [{"t": str(n)} for n in range(20)]}, "at most"),
    ],
)
def test_what_is_no_lamp_for_us_is_named_with_the_reason(message: object, words: str) -> None:
    assert words in reason(message)


@pytest.mark.parametrize(
    "topic",
    [
        *("homeassistant/switch/a/config", "homeassistant/light/config", "homeassistant/light/a/b/c/config"),
        *("other/light/a/config", "homeassistant/light/a b/config", "light/a/config", "homeassistant/light/a/state"),
    ],
)
def test_other_topics_are_no_announcements(topic: str) -> None:
    assert read("homeassistant", topic, orjson.dumps(LEAST)) == []


def test_a_prefix_of_ones_own() -> None:
    [found] = read("home/ha", "home/ha/light/a/config", orjson.dumps(LEAST))
    assert isinstance(found, Announced)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["json", "light"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*LIGHT, "~", "name", "sw"]), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*LIGHT, "~", "schema", "name", "components"]), JUNK), st.booleans())
def test_junk_never_raises_and_what_is_announced_can_be_used(message: dict[str, Any], device: bool) -> None:
    topic = "homeassistant/device/a/config" if device else TOPIC
    try:
        payload = orjson.dumps(LEAST | message)
    except TypeError:  # a number that JSON cannot say here
        return
    for found in read("homeassistant", topic, payload):
        if isinstance(found, Announced):
            Wiring.of(found.options)
            Abilities.of("mqtt", found.options)
