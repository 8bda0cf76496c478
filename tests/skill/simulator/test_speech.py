"""Utterances, by table."""

import pytest

from skill.simulator.speech import (
    Adjust,
    Brightness,
    Colour,
    Discover,
    Intent,
    NotUnderstood,
    Power,
    Question,
    White,
    Whiter,
    suggestions,
    understand,
)

NAMES = ("Desk lamp", "Floor lamp")
DESK, FLOOR, ALL = ("Desk lamp",), ("Floor lamp",), NAMES


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("turn on the desk lamp", Power(DESK, True)),
        ("Alexa, turn the desk lamp on please", Power(DESK, True)),
        ("Turn on Desk Lamp.", Power(DESK, True)),
        ("hey alexa could you switch off my floor lamp?", Power(FLOOR, False)),
        ("turn the desk lamp off", Power(DESK, False)),
        ("desk lamp on", Power(DESK, True)),
        ("floor off", Power(FLOOR, False)),
        ("turn on the desk", Power(DESK, True)),
        ("turn on teh desk lmap", Power(DESK, True)),
        ("switch everything off", Power(ALL, False)),
        ("turn on all the lights", Power(ALL, True)),
        ("turn off the lights", Power(ALL, False)),
        ("turn both lamps on", Power(ALL, True)),
        ("set the desk lamp to 40 percent", Brightness(DESK, 40)),
        ("set the desk lamp to 40%", Brightness(DESK, 40)),
        ("set desk lamp to forty five percent", Brightness(DESK, 45)),
        ("set the brightness of the floor lamp to 7 percent", Brightness(FLOOR, 7)),
        ("set the desk lamp brightness to 70", Brightness(DESK, 70)),
        ("dim the desk lamp to 10 percent", Brightness(DESK, 10)),
        ("turn the floor lamp down to five percent", Brightness(FLOOR, 5)),
        ("brighten the floor lamp to a hundred percent", Brightness(FLOOR, 100)),
        ("make the desk lamp 30 percent bright", Brightness(DESK, 30)),
        ("set the desk lamp to half", Brightness(DESK, 50)),
        ("set the floor lamp to full brightness", Brightness(FLOOR, 100)),
        ("desk lamp 20 percent", Brightness(DESK, 20)),
        ("set the desk lamp to zero percent", Brightness(DESK, 0)),
        ("dim the desk lamp", Adjust(DESK, -25)),
        ("dim the desk lamp by 20 percent", Adjust(DESK, -20)),
        ("brighten the desk lamp by twenty percent", Adjust(DESK, 20)),
        ("brighten the floor lamp", Adjust(FLOOR, 25)),
        ("turn up the floor lamp", Adjust(FLOOR, 25)),
        ("turn the desk lamp down", Adjust(DESK, -25)),
        ("increase the brightness of the floor lamp by 15", Adjust(FLOOR, 15)),
        ("decrease the desk lamp brightness by 30 percent", Adjust(DESK, -30)),
        ("make the desk lamp brighter", Adjust(DESK, 25)),
        ("make all the lamps dimmer by 10 percent", Adjust(ALL, -10)),
        ("dim the desk lamp by 400 percent", Adjust(DESK, -100)),
        ("set the desk lamp to blue", Colour(DESK, "blue")),
        ("Alexa, turn the floor lamp sky blue", Colour(FLOOR, "sky blue")),
        ("change the desk lamp to the color red", Colour(DESK, "red")),
        ("set the colour of all the lights to green", Colour(ALL, "green")),
        ("make the desk lamp pink", Colour(DESK, "pink")),
        ("set the desk lamp to warm white", White(DESK, 2200)),
        ("make the floor lamp daylight", White(FLOOR, 5500)),
        ("set the desk lamp to 3500 kelvin", White(DESK, 3500)),
        ("make the desk lamp warmer", Whiter(DESK, False)),
        ("make the lamps a little cooler", Whiter(ALL, True)),
        ("is the desk lamp on", Question(DESK, "power")),
        ("Is the desk lamp on or off?", Question(DESK, "power")),
        ("how bright is the floor lamp?", Question(FLOOR, "brightness")),
        ("what is the brightness of the desk lamp", Question(DESK, "brightness")),
        ("what's the state of the desk lamp", Question(DESK, "state")),
        ("are all the lights off?", Question(ALL, "power")),
        ("is the floor lamp online", Question(FLOOR, "state")),
        ("discover my devices", Discover()),
        ("Alexa, discover devices", Discover()),
        ("find my lamps", Discover()),
        ("discover", Discover()),
    ],
)
def test_sentence_is_understood(said: str, meant: Intent) -> None:
    assert understand(said, NAMES) == meant


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("", "listening"),
        ("   ", "listening"),
        ("help", "switch lamps"),
        ("what is the weather", "don't know that"),
        ("turn on the ceiling fan", "couldn't find a device called ceiling fan"),
        ("turn on the lamp", "A few things share the name lamp"),
        ("set the desk lamp to 140 percent", "between 0 and 100"),
        ("\x00" * 40, "don't know"),
        ("set " * 5000, "Sorry"),
        ("turn on the <script>alert(1)</script>", "couldn't find a device called"),
    ],
)
def test_what_is_not_understood_gets_a_helpful_answer(said: str, answer: str) -> None:
    lost = understand(said, NAMES)
    assert isinstance(lost, NotUnderstood)
    assert answer in lost.answer
    assert lost.suggestions


def test_the_only_lamp_needs_no_name() -> None:
    assert understand("turn on the light", ("Desk lamp",)) == Power(DESK, True)
    assert understand("turn on the red", ("Red lamp",)) == Power(("Red lamp",), True)


def test_before_discovery_the_answer_says_to_discover() -> None:
    lost = understand("turn on the desk lamp", ())
    assert isinstance(lost, NotUnderstood)
    assert "Discover your devices first" in lost.answer
    assert lost.suggestions == ("discover my devices",)


@pytest.mark.parametrize("names", [NAMES, ("Lamp 4",), ("Stehlampe", "Käthes Lampe", "Bett")])
def test_every_suggestion_is_understood(names: tuple[str, ...]) -> None:
    assert len(suggestions(names, names, names)) == 7
    for sentence in suggestions(names, names, names):
        assert not isinstance(understand(sentence, names), NotUnderstood), sentence


def test_a_lamp_whose_name_holds_a_number_word_is_found() -> None:
    names = ("Lamp one", "Lamp two")
    assert understand("turn on lamp two", names) == Power(("Lamp two",), True)
    assert understand("set lamp one to 30 percent", names) == Brightness(("Lamp one",), 30)


def test_a_hostile_sentence_is_read_quickly() -> None:
    import time

    began = time.process_time()
    understand("set the brightness of the " * 8 + " to by at " * 20, NAMES)
    understand("make " + "a " * 95 + "brighter", NAMES)
    assert time.process_time() - began < 0.5
