"""Discover, switch and dim, through real processes on both databases."""

import pytest

from tests.running.home import add_lamp
from tests.running.service import Service
from tests.skill.issuer import STRANGER
from tests.skill.talking import Alexa, values

POWER, BRIGHTNESS = "Alexa.PowerController", "Alexa.BrightnessController"


@pytest.mark.spec("alexa 2.2", "S01")
async def test_S01_discover_lists_exactly_the_users_lamps(alexa: Alexa, skill: Service) -> None:
    mine = {add_lamp(skill, "s01-person", "Desk lamp"), add_lamp(skill, "s01-person", "Floor lamp")}
    foreign = add_lamp(skill, STRANGER, "Foreign lamp")
    found = await alexa.discover(alexa.issuer.token(sub="s01-person"))
    assert {each["endpointId"] for each in found} == mine
    assert foreign not in {each["endpointId"] for each in await alexa.discover()}


@pytest.mark.spec("alexa 2.3", "S06")
async def test_S06_turn_on_answers_with_the_full_snapshot(alexa: Alexa, lamp: str) -> None:
    answer = await alexa.send(POWER, "TurnOn", lamp)
    assert answer["event"]["header"]["name"] == "Response"
    assert values(answer) == {"powerState": "ON", "brightness": 100, "connectivity": {"value": "OK"}}
