"""What is typed at a simulated lamp, and how it is shown. Pure."""

import io
import json
import re

import pytest

from skill.simulator.colours import colour_of, kelvin_of
from skill.simulator.console import Console
from skill.simulator.firmware import Light, firmware
from skill.simulator.plugged import Event, Lamp
from skill.simulator.switch import NotUnderstood, typed
from skill.simulator.terminal import dot, facts, picture, screen, words


@pytest.mark.parametrize(
    ("line", "light"),
    [
        ("on", Light(100, on=True)),
        ("  ON ", Light(100, on=True)),
        ("", Light(100, on=True)),
        ("off", Light(100)),
        ("toggle", Light(100, on=True)),
        ("brightness 40", Light(100, 40, on=True)),
        ("brightness 40%", Light(100, 40, on=True)),
        ("brightness 0", Light(100)),
        ("color 120 1", Light(100, on=True, coloured=True, hue=120, saturation=1)),
        ("colour 33 0.5", Light(100, on=True, coloured=True, hue=33, saturation=0.5)),
        ("color red", Light(100, on=True, coloured=True, hue=0, saturation=1)),
        ("color sky blue", Light(100, on=True, coloured=True, hue=197, saturation=0.43)),
        ("color #0000ff", Light(100, on=True, coloured=True, hue=240, saturation=1)),
        ("white 3000", Light(100, on=True, kelvin=3000)),
        ("white warm", Light(100, on=True, kelvin=2200)),
    ],
)
def test_a_switch_does_what_is_typed(line: str, light: Light) -> None:
    found = Light(100)
    wish = typed(line)
    assert wish.change is not None
    wish.change(found)
    assert found == light


@pytest.mark.parametrize(
    ("line", "lamp", "word"),
    [
        ("unplug", None, "unplug"),
        ("2 plug", 2, "plug"),
        ("3 off", 3, "press"),
        ("quit", None, "quit"),
        ("q", None, "quit"),
    ],
)
def test_a_number_means_one_lamp(line: str, lamp: int | None, word: str) -> None:
    assert typed(line)[:2] == (lamp, word)


@pytest.mark.parametrize(
    "line", ["nonsense", "on now", "brightness", "brightness 101", "brightness -1", "color", "color 400 1", "color 1 2",
             "color 1 1 1", "color mauve", "color nan 1", "white 500", "white blue", "5"],
)  # fmt: skip
def test_what_is_not_understood_says_why(line: str) -> None:
    with pytest.raises(NotUnderstood):
        typed(line)


def test_colours_and_whites_are_read_as_people_write_them() -> None:
    assert colour_of("FF8800") == (32.0, 1.0, 1.0)
    assert colour_of("120") == (120.0, 1.0, 1.0)
    assert colour_of("#800000")[2] == pytest.approx(0.502, abs=0.001)
    assert [kelvin_of(text) for text in ("2700", "2700K", "2700 kelvin", "Cool White")] == [2700, 2700, 2700, 7000]


def lamp(number: int = 1, **changes: object) -> Lamp:
    made = Lamp(number, "Desk lamp", firmware({"dialect": "tasmota", "topic": "desk"}))
    for name, value in changes.items():
        setattr(made.light, name, value)
    return made


def test_a_lamp_is_drawn_in_its_colour_and_dark_when_it_is_off() -> None:
    red, dark = picture(lamp(on=True, coloured=True, hue=0.0, saturation=1.0)), picture(lamp())
    assert len(red) == len(dark) == 9
    assert len({len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in red}) == 1

    def brightest(lines: list[str]) -> tuple[int, ...]:
        inks = re.findall(r"\x1b\[[34]8;2;(\d+);(\d+);(\d+)m", "".join(lines))
        return max((tuple(map(int, ink)) for ink in inks), key=lambda ink: ink[0])

    r, g, b = brightest(red)
    assert r > 230
    assert g < 160
    assert b < 160
    assert brightest(dark)[0] < 120
    assert "●" in dot(lamp(on=True))
    assert "○" in dot(lamp())


@pytest.mark.parametrize("count", [1, 3, 12, 2000])
def test_a_screen_never_outgrows_the_terminal(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    lines = screen([lamp(number) for number in range(1, count + 1)], "connected", "a\x1b[2J note" * 20)
    assert len(lines) <= 23
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in lines) <= 84
    assert "\x1b[2J" not in "".join(lines), "what came over the wire does not reach the terminal"


def test_words_and_facts_say_the_same() -> None:
    coloured = lamp(on=True, coloured=True, hue=120.0, saturation=1.0, level=40)
    assert words(coloured) == "on, 40 %, hue 120, saturation 1.00"
    assert facts(coloured) == {
        "plugged": True, "on": True, "brightness": 40, "mode": "color", "hue": 120.0, "saturation": 1.0,
        "rgb": "#00ff00",
    }  # fmt: skip
    assert words(lamp()) == "off (last 100 %)"


def test_a_json_line_is_one_object() -> None:
    out = io.StringIO()
    Console("json", out, "mqtt://here").report(Event("changed", lamp(on=True)))
    (line,) = out.getvalue().splitlines()
    told = json.loads(line)
    assert (told["event"], told["name"], told["on"], told["kelvin"]) == ("changed", "Desk lamp", True, 2703)
    assert told["at"].endswith("Z")


def test_what_a_lamp_hears_does_not_command_the_terminal() -> None:
    out = io.StringIO()
    Console("lines", out, "mqtt://here").report(Event("heard", lamp(), "topic \x1b]0;mine\x07\x1b[2J\r"))
    assert "\x1b" not in out.getvalue()
    assert "\r" not in out.getvalue()
