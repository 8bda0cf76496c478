"""The main job, as Alexa sees it: a linking, its refreshes, and directives with the token from it. Real processes, both
databases."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.running.home import Home
from tests.running.linking import Person
from tests.vectors.alexa import REDIRECT_URIS, STATE_737


@pytest.fixture(scope="module")
def person(home: Home) -> Person:
    return home.add_person()


@pytest.fixture(scope="module")
def lamp(home: Home, person: Person) -> str:
    return home.add_lamp(person)


def values(answer: dict[str, Any]) -> dict[str, Any]:
    return {found["name"]: found["value"] for found in answer["context"]["properties"]}


@pytest.mark.parametrize("pkce", [False, True], ids=["without-pkce", "with-pkce"])
@pytest.mark.parametrize("credentials", ["basic", "body"])
@pytest.mark.parametrize("region", REDIRECT_URIS)
@pytest.mark.spec("A02", "A03", "A13", "A14", "A15", "A16", "A27", "security 6.41", "security 6.42", "RFC 6749 §4.1")
async def test_linking_from_every_region_ends_with_tokens_that_discover_the_lamp(
    home: Home, person: Person, lamp: str, region: str, credentials: str, pkce: bool
) -> None:
    alexa = replace(home.alexa, redirect_uri=REDIRECT_URIS[region], credentials=credentials, pkce=pkce)
    linked = await alexa.link(person)
    assert linked.state == STATE_737
    assert linked.iss == alexa.issuer
    assert linked.tokens["token_type"] == "Bearer"
    assert type(linked.tokens["expires_in"]) is int
    assert linked.tokens["expires_in"] >= 360
    found = await home.bridge.send("Alexa.Discovery", "Discover", linked.access_token)
    assert lamp in [endpoint["endpointId"] for endpoint in found["event"]["payload"]["endpoints"]]


@pytest.mark.spec("A19", "RFC 6749 §6")
async def test_a_thousand_refreshes_in_a_row_all_succeed_with_the_same_refresh_token(
    home: Home, person: Person
) -> None:
    linked = await home.alexa.link(person)
    token = linked.refresh_token
    for _ in range(1000):
        answer = await home.alexa.refresh(token)
        assert answer.status_code == 200, answer.text
        assert answer.json()["refresh_token"] == token
        assert answer.json()["expires_in"] >= 360


@pytest.mark.spec("A20")
async def test_twenty_refreshes_at_once_with_one_token_all_succeed(home: Home, person: Person) -> None:
    linked = await home.alexa.link(person)
    answers = await asyncio.gather(*(home.alexa.refresh(linked.refresh_token) for _ in range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    assert len({answer.json()["access_token"] for answer in answers}) == 20


@pytest.mark.spec("A25")
async def test_an_old_grant_survives_a_second_linking(home: Home, person: Person, lamp: str) -> None:
    first = await home.alexa.link(person)
    second = await home.alexa.link(person)
    assert first.refresh_token != second.refresh_token
    for linked in (first, second):
        answer = await home.alexa.refresh(linked.refresh_token)
        assert answer.status_code == 200, answer.text
        report = await home.bridge.send("Alexa", "ReportState", answer.json()["access_token"], lamp)
        assert report["event"]["header"]["name"] == "StateReport"


@pytest.mark.spec("S06", "S09")
async def test_the_lamp_obeys_the_token_from_the_linking_and_from_its_refresh(home: Home, person: Person) -> None:
    lamp = home.add_lamp(person, "Reading lamp")
    linked = await home.alexa.link(person)
    fresh = (await home.alexa.refresh(linked.refresh_token)).json()["access_token"]
    on = await home.bridge.send("Alexa.PowerController", "TurnOn", linked.access_token, lamp)
    assert values(on)["powerState"] == "ON"
    at_40 = await home.bridge.send("Alexa.BrightnessController", "SetBrightness", fresh, lamp, brightness=40)
    assert values(at_40)["brightness"] == 40
    dimmer = await home.bridge.send("Alexa.BrightnessController", "AdjustBrightness", fresh, lamp, brightnessDelta=-15)
    assert values(dimmer)["brightness"] == 25
    report = await home.bridge.send("Alexa", "ReportState", fresh, lamp)
    assert report["event"]["header"]["name"] == "StateReport"
    assert values(report) == {
        "powerState": "ON",
        "brightness": 25,
        "color": {"hue": 0.0, "saturation": 0.0, "brightness": 1.0},
        "colorTemperatureInKelvin": 2700,
        "connectivity": {"value": "OK"},
    }
