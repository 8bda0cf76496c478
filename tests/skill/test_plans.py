"""The behavioural cases of Amazon's test plans (contract 2.3, 3) against a simulated lamp, by their own names there.
What a plan tolerates by five percent is exact here."""

from typing import Any

import pytest

from skill.storage.registry import open_registry
from tests.running.service import Service
from tests.skill.alexa_rules import check_complete
from tests.skill.issuer import PERSON
from tests.skill.talking import Alexa, values

RED, GREEN, BLUE = (0.0, 1.0, 1.0), (120.0, 1.0, 1.0), (240.0, 1.0, 1.0)
PURPLE, YELLOW, ORANGE = (277.0, 0.8619, 0.9373), (60.0, 1.0, 1.0), (39.0, 1.0, 1.0)

Step = tuple[Any, ...]
ON, OFF, COOLER, WARMER = ("on",), ("off",), ("cooler",), ("warmer",)


def bright(percent: int) -> Step:
    return ("set", percent)


def adjust(delta: int) -> Step:
    return ("adjust", delta)


def color(hue: float, saturation: float, brightness: float) -> Step:
    return ("color", {"hue": hue, "saturation": saturation, "brightness": brightness})


def white(kelvin: int) -> Step:
    return ("white", kelvin)


def shows(power: str = "ON", brightness: int | None = None, shade: tuple[float, float, float] | None = None) -> Any:
    expected: dict[str, Any] = {"powerState": power}
    if brightness is not None:
        expected["brightness"] = brightness
    if shade is not None:
        expected["color"] = dict(zip(("hue", "saturation", "brightness"), shade, strict=True))
    return expected


POWER: dict[str, tuple[list[Step], Any]] = {
    "DevRe_1.0": ([OFF, ON], shows("ON")),
    "DevRe_1.1": ([ON, OFF], shows("OFF")),
}
BRIGHTNESS: dict[str, tuple[list[Step], Any]] = {
    "DevRe_1.0": ([OFF, ON], shows("ON")),
    "DevRe_1.1": ([ON, OFF], shows("OFF")),
    "DevRe_1.2": ([ON, bright(50), adjust(-25)], shows("ON", 25)),
    "DevRe_1.3": ([ON, bright(25), adjust(25)], shows("ON", 50)),
    "DevRe_3.0": ([ON, bright(25)], shows("ON", 25)),
    "DevRe_4.0": ([ON, bright(100), adjust(10)], shows("ON", 100)),
    "DevRe_5.0": ([OFF, adjust(25)], shows("ON", 25)),
    "DevRe_5.1": ([ON, bright(25), adjust(25)], shows("ON", 50)),
    "DevRe_6.0": ([ON, bright(100), OFF, adjust(-25)], shows("OFF")),
    "DevRe_7.0": ([bright(0), adjust(-25)], shows("OFF", 0)),
    "DevRe_8.0": ([ON, bright(100), adjust(-25)], shows("ON", 75)),
    "DevRe_9.0": ([ON, bright(100), bright(0)], shows("OFF")),
    "DevRe_9.1": ([ON, bright(100), bright(0), ON], shows("ON", 100)),
    "DevRe_10.1": ([ON, bright(25), adjust(-25)], shows("OFF")),
    "DevRe_11.0": ([OFF, OFF], shows("OFF")),
    "Bulb_1.0": ([ON, bright(50), OFF, ON], shows("ON", 50)),
    "Bulb_2.0": ([ON, color(*GREEN), OFF, ON], shows("ON", shade=GREEN)),
    "Bulb_2.1": ([ON, color(*GREEN), bright(100), adjust(-25)], shows("ON", 75, GREEN)),
    "Bulb_2.2": ([ON, color(*GREEN), bright(50), adjust(25)], shows("ON", 75, GREEN)),
    "Bulb_2.3": ([ON, color(*GREEN), bright(50)], shows("ON", 50, GREEN)),
}
COLOR: dict[str, tuple[list[Step], Any]] = {
    **{
        f"Clr_1.0.{number}": ([ON, color(*shade)], shows("ON", shade=shade))
        for number, shade in enumerate((RED, GREEN, BLUE, PURPLE, YELLOW, ORANGE))
    },
    **{
        f"Clr_1.1.{number}": ([OFF, color(*shade)], shows("ON", shade=shade))
        for number, shade in enumerate((RED, GREEN, BLUE))
    },
    "Bulb_2.0": ([color(*RED), OFF, ON], shows("ON", shade=RED)),
    "Bulb_2.1": ([ON, color(*RED), bright(50), adjust(-25)], shows("ON", 25, RED)),
    "Bulb_2.2": ([ON, color(*RED), bright(50), adjust(25)], shows("ON", 75, RED)),
    "Bulb_2.3": ([ON, color(*RED), bright(50)], shows("ON", 50, RED)),
}
TEMPERATURE: dict[str, tuple[list[Step], Any]] = {
    **{
        f"TunWht_1.0.{number}": ([ON, white(kelvin)], shows("ON") | {"colorTemperatureInKelvin": kelvin})
        for number, kelvin in enumerate((2200, 2700, 4000, 5500, 7000))
    },
    "TunWht_1.1": ([OFF, white(7000)], shows("ON") | {"colorTemperatureInKelvin": 7000}),
    **{
        f"TunWht_1.2.{number}": (
            [ON, bright(50), white(kelvin)],
            shows("ON", 50) | {"colorTemperatureInKelvin": kelvin},
        )
        for number, kelvin in enumerate((2200, 4000, 7000))
    },
}
CASES = {
    f"{plan} {name}": case
    for plan, cases in (("Power", POWER), ("Brightness", BRIGHTNESS), ("Color", COLOR), ("Temperature", TEMPERATURE))
    for name, case in cases.items()
}
STEPS: dict[str, tuple[tuple[int, list[Step]], ...]] = {
    "ClrRlt_1.0": tuple((kelvin, [ON, white(kelvin), COOLER]) for kelvin in (2200, 4000, 7000)),
    "ClrRlt_1.1": (
        (7000, [ON, white(2200), white(7000), WARMER]),
        (4000, [ON, white(4000), WARMER]),
        (2200, [ON, white(7000), white(2200), WARMER]),
    ),
    "ClrRlt_1.2": tuple((kelvin, [ON, white(kelvin), OFF, COOLER]) for kelvin in (2200, 4000, 7000)),
    "ClrRlt_1.3": tuple((kelvin, [ON, white(kelvin), OFF, WARMER]) for kelvin in (7000, 4000, 2200)),
}

DIRECTIVES = {
    "on": ("Alexa.PowerController", "TurnOn", None),
    "off": ("Alexa.PowerController", "TurnOff", None),
    "set": ("Alexa.BrightnessController", "SetBrightness", "brightness"),
    "adjust": ("Alexa.BrightnessController", "AdjustBrightness", "brightnessDelta"),
    "color": ("Alexa.ColorController", "SetColor", "color"),
    "white": ("Alexa.ColorTemperatureController", "SetColorTemperature", "colorTemperatureInKelvin"),
    "cooler": ("Alexa.ColorTemperatureController", "IncreaseColorTemperature", None),
    "warmer": ("Alexa.ColorTemperatureController", "DecreaseColorTemperature", None),
}


async def do(alexa: Alexa, lamp: str, steps: list[Step]) -> dict[str, Any]:
    """The state after the last, as its answer has it and as a report has it a moment later."""
    answer: dict[str, Any] = {}
    for word, *value in steps:
        namespace, name, field = DIRECTIVES[word]
        payload = {} if field is None else {field: value[0]}
        answer = await alexa.send(namespace, name, lamp, **payload)
        assert answer["event"]["header"]["name"] == "Response", answer
    shown = values(answer)
    assert await alexa.state(lamp) == shown
    return shown


def test_S07_every_usable_case_is_here() -> None:
    assert [len(plan) for plan in (POWER, BRIGHTNESS, COLOR, TEMPERATURE)] == [2, 20, 13, 9]


@pytest.mark.spec("alexa 2.3", "S07")
@pytest.mark.parametrize("case", CASES)
async def test_S07_the_simulated_lamp_passes_the_case(alexa: Alexa, lamp: str, case: str) -> None:
    steps, expected = CASES[case]
    shown = await do(alexa, lamp, steps)
    assert {name: shown.get(name) for name in expected} == expected


@pytest.mark.spec("alexa 2.3", "S07")
@pytest.mark.parametrize(("case", "number"), [(case, number) for case in STEPS for number in range(3)])
async def test_S07_warmer_and_cooler_go_the_right_way_and_light_the_lamp(
    alexa: Alexa, skill: Service, case: str, number: int
) -> None:
    """The plans compare with where the lamp was, also at the ends of the named whites: so this lamp reaches further."""
    async with open_registry(skill.settings["SKILL_DATABASE_URL"]) as registry:
        options = {"kelvin_range": [1000, 10_000]}
        lamp = (await registry.add(PERSON, "Wide lamp", "simulated", options)).endpoint_id
    before, steps = STEPS[case][number]
    shown = await do(alexa, lamp, steps)
    assert shown["powerState"] == "ON"
    after = shown["colorTemperatureInKelvin"]
    assert after > before if steps[-1] == COOLER else after < before


@pytest.mark.spec("alexa 2.3", "S06", "S10")
@pytest.mark.parametrize(
    "steps",
    [
        [OFF],
        [ON, bright(1)],
        [color(*PURPLE)],
        [color(*PURPLE), OFF],
        [color(*PURPLE), white(2700)],
        [white(5500), OFF],
    ],
    ids=["off", "dim", "colour", "colour, off", "white again", "white, off"],
)
async def test_S10_what_discovery_declares_is_reported_in_every_mode(
    alexa: Alexa, lamp: str, steps: list[Step]
) -> None:
    await do(alexa, lamp, steps)
    (endpoint,) = [each for each in await alexa.discover() if each["endpointId"] == lamp]
    check_complete(endpoint, await alexa.send("Alexa", "ReportState", lamp))
