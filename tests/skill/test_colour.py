"""Colour and white: what they do to each other, what is refused, and lamps that have only some of it."""

from typing import Any

import pytest

from skill.storage.registry import open_registry
from skill.storage.store import open_store
from tests.running.service import Service
from tests.skill.alexa_rules import check_complete
from tests.skill.issuer import PERSON
from tests.skill.talking import Alexa, error_type, values

POWER, BRIGHTNESS = "Alexa.PowerController", "Alexa.BrightnessController"
COLOR, TEMPERATURE = "Alexa.ColorController", "Alexa.ColorTemperatureController"
WHITE = {"hue": 0.0, "saturation": 0.0, "brightness": 1.0}
TEAL = {"hue": 174.2, "saturation": 0.714, "brightness": 0.878}
INTERFACES = {"brightness": BRIGHTNESS, "color": COLOR, "temperature": TEMPERATURE}
DIRECTIVES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    BRIGHTNESS: [("SetBrightness", {"brightness": 50}), ("AdjustBrightness", {"brightnessDelta": 5})],
    COLOR: [("SetColor", {"color": TEAL})],
    TEMPERATURE: [
        ("SetColorTemperature", {"colorTemperatureInKelvin": 4000}),
        ("IncreaseColorTemperature", {}),
        ("DecreaseColorTemperature", {}),
    ],
}


async def registered(skill: Service, owner: str = PERSON, **options: Any) -> str:
    async with open_registry(skill.settings["SKILL_DATABASE_URL"]) as registry:
        return (await registry.add(owner, "Lamp", "simulated", options)).endpoint_id


async def white(alexa: Alexa, lamp: str, kelvin: int) -> dict[str, Any]:
    return values(await alexa.send(TEMPERATURE, "SetColorTemperature", lamp, colorTemperatureInKelvin=kelvin))


@pytest.mark.spec("alexa 2.3", "S10")
async def test_S10_a_colour_has_no_temperature_and_white_has_the_colour_white(alexa: Alexa, lamp: str) -> None:
    coloured = values(await alexa.send(COLOR, "SetColor", lamp, color=TEAL))
    assert coloured["color"] == TEAL
    assert "colorTemperatureInKelvin" not in coloured
    assert await white(alexa, lamp, 5500) == {
        "powerState": "ON",
        "brightness": 100,
        "color": WHITE,
        "colorTemperatureInKelvin": 5500,
        "connectivity": {"value": "OK"},
    }


@pytest.mark.spec("alexa 2.3", "S06")
async def test_S06_a_colour_is_no_brighter_than_the_lamp_was(alexa: Alexa, lamp: str) -> None:
    """Alexa sends brightness 1.0 with nearly every colour: it must not undo what the person dimmed."""
    await alexa.send(BRIGHTNESS, "SetBrightness", lamp, brightness=30)
    shown = values(await alexa.send(COLOR, "SetColor", lamp, color={"hue": 0, "saturation": 1, "brightness": 1}))
    assert shown["brightness"] == 30
    assert shown["color"] == {"hue": 0.0, "saturation": 1.0, "brightness": 1.0}
    await alexa.send(POWER, "TurnOff", lamp)
    shown = values(await alexa.send(COLOR, "SetColor", lamp, color=TEAL))
    assert (shown["powerState"], shown["brightness"], shown["color"]) == ("ON", 30, TEAL)


@pytest.mark.spec("alexa 2.3", "S06")
async def test_S06_black_is_off_and_what_comes_back_is_no_black(alexa: Alexa, lamp: str) -> None:
    black = {"hue": 240.0, "saturation": 1.0, "brightness": 0.0}
    shown = values(await alexa.send(COLOR, "SetColor", lamp, color=black))
    assert (shown["powerState"], shown["brightness"], shown["color"]) == ("OFF", 0, black)
    shown = values(await alexa.send(POWER, "TurnOn", lamp))
    assert (shown["brightness"], shown["color"]) == (100, black | {"brightness": 1.0})


@pytest.mark.spec("alexa 2.3", "alexa 6.2", "S06")
@pytest.mark.parametrize(
    ("asked", "reported"), [(1000, 2700), (2699, 2700), (3001, 3001), (6501, 6500), (10_000, 6500)]
)
async def test_S06_a_white_that_the_lamp_lacks_becomes_its_nearest(
    alexa: Alexa, skill: Service, asked: int, reported: int
) -> None:
    lamp = await registered(skill, kelvin_range=[2700, 6500])
    assert (await white(alexa, lamp, asked))["colorTemperatureInKelvin"] == reported
    assert (await alexa.state(lamp))["colorTemperatureInKelvin"] == reported
    store = await open_store(skill.settings["SKILL_DATABASE_URL"])
    kept = await store.simulated_lamp(lamp)
    assert kept is not None
    assert kept.kelvin == reported  # which is also what a driver is asked for
    await store.close()


@pytest.mark.spec("alexa 2.3", "S06")
async def test_S06_steps_end_at_the_lamps_limits(alexa: Alexa, lamp: str) -> None:
    await white(alexa, lamp, 6300)
    for name, expected in [("Increase", 6800), ("Increase", 7000), ("Increase", 7000), ("Decrease", 6500)]:
        answer = await alexa.send(TEMPERATURE, f"{name}ColorTemperature", lamp)
        assert values(answer)["colorTemperatureInKelvin"] == expected
    await white(alexa, lamp, 2400)
    for expected in (2200, 2200):
        assert (
            values(await alexa.send(TEMPERATURE, "DecreaseColorTemperature", lamp))["colorTemperatureInKelvin"]
            == expected
        )


@pytest.mark.spec("alexa 2.3", "alexa 2.6")
@pytest.mark.parametrize("name", ["IncreaseColorTemperature", "DecreaseColorTemperature"])
async def test_a_colour_is_neither_warmer_nor_cooler(alexa: Alexa, lamp: str, name: str) -> None:
    """Home Assistant answers with an internal error, and drops the mode from what it answers."""
    await alexa.send(COLOR, "SetColor", lamp, color=TEAL)
    before = await alexa.state(lamp)
    answer = await alexa.send(TEMPERATURE, name, lamp)
    assert error_type(answer) == "NOT_SUPPORTED_IN_CURRENT_MODE"
    assert answer["event"]["payload"]["currentDeviceMode"] == "COLOR"
    assert await alexa.state(lamp) == before
    await white(alexa, lamp, 4000)
    assert values(await alexa.send(TEMPERATURE, name, lamp))["colorTemperatureInKelvin"] in (3500, 4500)


def color(**changed: Any) -> dict[str, Any]:
    return {"color": {"hue": 10.0, "saturation": 0.5, "brightness": 0.5} | changed}


@pytest.mark.spec("alexa 2.6", "S13")
@pytest.mark.parametrize(
    ("name", "payload", "within"),
    [
        ("SetColor", color(hue=400), (0, 360)),
        ("SetColor", color(hue=-0.1), (0, 360)),
        ("SetColor", color(saturation=1.001), (0, 1)),
        ("SetColor", color(saturation=-1), (0, 1)),
        ("SetColor", color(brightness=100), (0, 1)),
        ("SetColor", color(brightness=-0.5), (0, 1)),
        ("SetColorTemperature", {"colorTemperatureInKelvin": 500}, (1000, 10_000)),
        ("SetColorTemperature", {"colorTemperatureInKelvin": 10_001}, (1000, 10_000)),
        ("SetColorTemperature", {"colorTemperatureInKelvin": 0}, (1000, 10_000)),
        ("SetColor", color(hue="abc"), None),
        ("SetColor", color(hue=True), None),
        ("SetColor", color(saturation=None), None),
        ("SetColor", color(brightness=[1]), None),
        ("SetColor", {"color": {"hue": 1, "saturation": 1}}, None),
        ("SetColor", {"color": "red"}, None),
        ("SetColor", {"color": [1, 1, 1]}, None),
        ("SetColor", {}, None),
        ("SetColorTemperature", {"colorTemperatureInKelvin": "warm"}, None),
        ("SetColorTemperature", {"colorTemperatureInKelvin": 2700.5}, None),
        ("SetColorTemperature", {"colorTemperatureInKelvin": True}, None),
        ("SetColorTemperature", {}, None),
    ],
)
async def test_S13_a_wrong_colour_is_named_and_changes_nothing(
    alexa: Alexa, lamp: str, name: str, payload: dict[str, Any], within: tuple[int, int] | None
) -> None:
    before = await alexa.state(lamp)
    answer = await alexa.send(COLOR if name == "SetColor" else TEMPERATURE, name, lamp, **payload)
    if within is None:
        assert error_type(answer) == "INVALID_VALUE"
    else:
        assert error_type(answer) == "VALUE_OUT_OF_RANGE"
        lowest, highest = within
        assert answer["event"]["payload"]["validRange"] == {"minimumValue": lowest, "maximumValue": highest}
    assert await alexa.state(lamp) == before


@pytest.mark.spec("alexa 2.3", "S13")
@pytest.mark.parametrize("hue", [0, -0.0, 360, 359.999])
async def test_S13_the_ends_of_a_range_belong_to_it(alexa: Alexa, lamp: str, hue: float) -> None:
    answer = await alexa.send(COLOR, "SetColor", lamp, **color(hue=hue, saturation=1, brightness=1))
    assert str(values(answer)["color"]["hue"]) == str(abs(float(hue)))


@pytest.mark.spec("alexa 2.2", "alexa 2.6", "S02", "S09")
@pytest.mark.parametrize(
    "capabilities",
    [["power"], ["power", "brightness"], ["power", "brightness", "color"], ["power", "brightness", "temperature"]],
    ids=" ".join,
)
async def test_S02_a_lamp_declares_reports_and_obeys_what_it_can_and_no_more(
    alexa: Alexa, skill: Service, capabilities: list[str]
) -> None:
    owner = "s02-" + "-".join(capabilities)
    token = alexa.issuer.token(sub=owner)
    lamp = await registered(skill, owner, capabilities=capabilities)
    (endpoint,) = await alexa.discover(token)
    declared = {each["interface"] for each in endpoint["capabilities"]}
    assert declared == {"Alexa", POWER, "Alexa.EndpointHealth", *(INTERFACES[word] for word in capabilities[1:])}
    for interface, directives in DIRECTIVES.items():
        for name, payload in directives:
            answer = await alexa.send(interface, name, lamp, token, **payload)
            if interface in declared:
                check_complete(endpoint, answer)
            else:
                assert error_type(answer) == "INVALID_DIRECTIVE"
    check_complete(endpoint, await alexa.send("Alexa", "ReportState", lamp, token))


@pytest.mark.spec("alexa 2.2", "S03")
async def test_S03_a_lamp_whose_capabilities_cannot_be_read_is_left_out_and_refuses(
    alexa: Alexa, skill: Service
) -> None:
    owner = "s03-capabilities"
    async with open_registry(skill.settings["SKILL_DATABASE_URL"]) as registry:
        row = await registry.add(owner, "Lamp", "simulated", {})
        row.options = {"capabilities": "everything"}
        lamp = row.endpoint_id
    token = alexa.issuer.token(sub=owner)
    assert await alexa.discover(token) == []
    assert await alexa.refused(POWER, "TurnOn", lamp, token=token) == "INTERNAL_ERROR"
