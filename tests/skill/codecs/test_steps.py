"""What was asked comes back as asked, though the device has steps of its own (contract 6.2)."""

import json
from typing import Any

import pytest

from skill.canonical import LampState
from tests.skill.codecs.lamps import CODECS, DIMMED, ON, RED, UNKNOWN, WARM, every_lamp


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
