"""Discover, switch, dim and report, through real processes on both databases."""

import asyncio
import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.running.bridge import directive
from tests.running.home import add_lamp
from tests.running.service import Service
from tests.skill.issuer import PERSON, STRANGER
from tests.skill.talking import Alexa, error_type, values

POWER, BRIGHTNESS = "Alexa.PowerController", "Alexa.BrightnessController"
NEW_WHITE = {"color": {"hue": 0.0, "saturation": 0.0, "brightness": 1.0}, "colorTemperatureInKelvin": 2700}
CHANGES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "on": (POWER, "TurnOn", {}),
    "off": (POWER, "TurnOff", {}),
    **{f"set {n}": (BRIGHTNESS, "SetBrightness", {"brightness": n}) for n in (0, 1, 25, 42, 50, 100)},
    **{f"adjust {n:+}": (BRIGHTNESS, "AdjustBrightness", {"brightnessDelta": n}) for n in (-500, -25, 10, 25, 500)},
}


@pytest.mark.spec("alexa 2.2", "S01")
async def test_S01_discover_lists_exactly_the_users_lamps(alexa: Alexa, skill: Service) -> None:
    mine = {add_lamp(skill, "s01-person", "Desk lamp"), add_lamp(skill, "s01-person", "Floor lamp")}
    foreign = add_lamp(skill, STRANGER, "Foreign lamp")
    found = await alexa.discover(alexa.issuer.token(sub="s01-person"))
    assert {each["endpointId"] for each in found} == mine
    assert foreign not in {each["endpointId"] for each in await alexa.discover()}


@pytest.mark.spec("alexa 2.2", "S02")
async def test_S02_a_lamp_declares_what_the_skill_obeys_and_nothing_more(alexa: Alexa, skill: Service) -> None:
    """`Alexa.discover` has held every endpoint to the rules already."""
    add_lamp(skill, "s02-person", "Anna's lamp (Küche) 2!")
    (found,) = await alexa.discover(alexa.issuer.token(sub="s02-person"))
    assert found["friendlyName"] == "Annas lamp Küche 2"
    interfaces = [each["interface"] for each in found["capabilities"]]
    colour = ["Alexa.ColorController", "Alexa.ColorTemperatureController"]
    assert interfaces == ["Alexa", POWER, BRIGHTNESS, *colour, "Alexa.EndpointHealth"]


@pytest.mark.spec("alexa 2.2", "S04")
async def test_S04_a_user_without_lamps_gets_an_empty_list(alexa: Alexa) -> None:
    assert await alexa.discover(alexa.issuer.token(sub="s04-nobody")) == []


@pytest.mark.spec("alexa 2.2", "S05")
async def test_S05_the_endpoint_id_outlives_rename_and_is_never_given_again(alexa: Alexa, skill: Service) -> None:
    token = alexa.issuer.token(sub="s05-person")
    first = add_lamp(skill, "s05-person", "Desk lamp")
    skill.cli_json("lamp", "rename", first, "--name", "Reading lamp")
    (found,) = await alexa.discover(token)
    assert (found["endpointId"], found["friendlyName"]) == (first, "Reading lamp")
    skill.cli_json("lamp", "remove", first)
    assert await alexa.discover(token) == []
    assert add_lamp(skill, "s05-person", "Reading lamp") != first


@pytest.mark.spec("alexa 2.3", "S06")
@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ("set 50, adjust -25", ("ON", 25)),
        ("set 100, adjust +10", ("ON", 100)),
        ("set 25, adjust +500", ("ON", 100)),
        ("off, adjust +25", ("ON", 25)),
        ("set 100, off, adjust -25", ("OFF", 0)),
        ("set 100, off, adjust -25, on", ("ON", 100)),
        ("set 25, adjust -25", ("OFF", 0)),
        ("set 25, adjust -500", ("OFF", 0)),
        ("set 25, adjust -25, on", ("ON", 25)),
        ("set 100, set 0", ("OFF", 0)),
        ("set 100, set 0, on", ("ON", 100)),
        ("set 42, off, on", ("ON", 42)),
        ("off, off", ("OFF", 0)),
        ("off, set 1", ("ON", 1)),
        ("on", ("ON", 100)),
    ],
)
async def test_S06_a_change_is_answered_with_the_full_snapshot(
    alexa: Alexa, lamp: str, done: str, expected: tuple[str, int]
) -> None:
    """The semantics table of the contract, and the state that is reported afterwards."""
    answer: dict[str, Any] = {}
    for change in done.split(", "):
        namespace, name, payload = CHANGES[change]
        answer = await alexa.send(namespace, name, lamp, **payload)
        assert answer["event"]["header"]["name"] == "Response"
    power, brightness = expected
    snapshot = {"powerState": power, "brightness": brightness, **NEW_WHITE, "connectivity": {"value": "OK"}}
    assert values(answer) == snapshot
    assert await alexa.state(lamp) == snapshot


@pytest.mark.spec("alexa 2.1", "S08")
async def test_S08_the_correlation_token_comes_back_verbatim_and_message_ids_are_new(alexa: Alexa, lamp: str) -> None:
    token, seen = alexa.issuer.token(), set()
    correlation_token = "dFDb/3+" + "A+/z" * 300 + "=="
    for _ in range(3):
        sent = directive(POWER, "TurnOn", token, lamp, correlation_token=correlation_token)
        answer = await alexa.forward(sent)
        assert answer["event"]["header"]["correlationToken"] == correlation_token
        seen.add(answer["event"]["header"]["messageId"])
    assert len(seen) == 3


@pytest.mark.spec("alexa 2.3", "S09")
async def test_S09_a_state_report_has_every_retrievable_property_and_a_real_time(alexa: Alexa, lamp: str) -> None:
    before = time.time()
    answer = await alexa.send("Alexa", "ReportState", lamp)
    assert answer["event"]["header"]["name"] == "StateReport"
    (found,) = [each for each in await alexa.discover() if each["endpointId"] == lamp]
    declared = {
        each["name"]
        for capability in found["capabilities"]
        for each in capability.get("properties", {}).get("supported", [])
    }
    assert set(values(answer)) == declared
    for each in answer["context"]["properties"]:
        assert re.fullmatch(r".*\.\d{1,3}Z", each["timeOfSample"])
        sampled = datetime.fromisoformat(each["timeOfSample"]).astimezone(UTC).timestamp()
        assert before - 0.002 <= sampled <= time.time()


@pytest.mark.spec("alexa 2.3", "S09", "S14")
async def test_S09_an_offline_lamp_refuses_changes_and_reports_its_last_values(
    alexa: Alexa, skill: Service, lamp: str
) -> None:
    await alexa.send(BRIGHTNESS, "SetBrightness", lamp, brightness=42)
    skill.cli_json("lamp", "plug", lamp, "--out")
    assert await alexa.refused(POWER, "TurnOff", lamp) == "ENDPOINT_UNREACHABLE"
    assert await alexa.state(lamp) == {
        "powerState": "ON",
        "brightness": 42,
        **NEW_WHITE,
        "connectivity": {"value": "UNREACHABLE"},
    }
    skill.cli_json("lamp", "plug", lamp, "--in")
    assert (await alexa.state(lamp))["connectivity"] == {"value": "OK"}


@pytest.mark.spec("alexa 2.6", "S11")
async def test_S11_a_foreign_lamp_answers_as_one_that_does_not_exist(alexa: Alexa, skill: Service) -> None:
    foreign = add_lamp(skill, STRANGER)
    for namespace, name, payload in [*CHANGES.values(), ("Alexa", "ReportState", {})]:
        answers = []
        for endpoint_id in (foreign, "lamp-" + "0" * 32):
            answer = await alexa.send(namespace, name, endpoint_id, **payload)
            assert error_type(answer) == "NO_SUCH_ENDPOINT"
            assert answer["event"]["endpoint"].pop("endpointId") == endpoint_id
            answer["event"]["header"].pop("messageId")
            answers.append(answer)
        assert answers[0] == answers[1]
    stranger = alexa.issuer.token(sub=STRANGER, username=STRANGER)
    untouched = await alexa.send("Alexa", "ReportState", foreign, stranger)
    assert values(untouched)["powerState"] == "OFF"


@pytest.mark.spec("alexa 2.6", "S13")
@pytest.mark.parametrize(
    ("name", "payload", "expected"),
    [
        ("SetBrightness", {"brightness": 101}, "VALUE_OUT_OF_RANGE"),
        ("SetBrightness", {"brightness": -1}, "VALUE_OUT_OF_RANGE"),
        ("SetBrightness", {"brightness": 2**62}, "VALUE_OUT_OF_RANGE"),
        ("SetBrightness", {"brightness": "abc"}, "INVALID_VALUE"),
        ("SetBrightness", {"brightness": "50"}, "INVALID_VALUE"),
        ("SetBrightness", {"brightness": 42.5}, "INVALID_VALUE"),
        ("SetBrightness", {"brightness": True}, "INVALID_VALUE"),
        ("SetBrightness", {"brightness": None}, "INVALID_VALUE"),
        ("SetBrightness", {"brightness": [50]}, "INVALID_VALUE"),
        ("SetBrightness", {}, "INVALID_VALUE"),
        ("AdjustBrightness", {"brightnessDelta": "10"}, "INVALID_VALUE"),
        ("AdjustBrightness", {}, "INVALID_VALUE"),
    ],
)
async def test_S13_a_wrong_value_is_named_and_changes_nothing(
    alexa: Alexa, lamp: str, name: str, payload: dict[str, Any], expected: str
) -> None:
    before = await alexa.state(lamp)
    answer = await alexa.send(BRIGHTNESS, name, lamp, **payload)
    assert error_type(answer) == expected
    if expected == "VALUE_OUT_OF_RANGE":
        assert answer["event"]["payload"]["validRange"] == {"minimumValue": 0, "maximumValue": 100}
    assert await alexa.state(lamp) == before


@pytest.mark.spec("alexa 2.3", "S24")
async def test_S24_many_steps_at_once_are_all_counted(alexa: Alexa, lamp: str) -> None:
    await alexa.send(BRIGHTNESS, "SetBrightness", lamp, brightness=10)
    steps = [alexa.send(BRIGHTNESS, "AdjustBrightness", lamp, brightnessDelta=2) for _ in range(20)]
    reported = sorted(values(answer)["brightness"] for answer in await asyncio.gather(*steps))
    assert reported == list(range(12, 52, 2))
    assert (await alexa.state(lamp))["brightness"] == 50


@pytest.mark.spec("alexa 1.8", "S21")
async def test_S21_accept_grant_is_accepted_while_no_events_are_set_up(alexa: Alexa) -> None:
    grant = {"type": "OAuth2.AuthorizationCode", "code": "a-code-of-amazon"}
    answer = await alexa.send("Alexa.Authorization", "AcceptGrant", grant=grant)
    assert answer["event"]["header"]["name"] == "AcceptGrant.Response"


@pytest.mark.spec("alexa 1.8")
@pytest.mark.parametrize("grant", [None, {}, {"type": "OAuth2.AuthorizationCode"}, "code"])
async def test_a_grant_without_a_code_fails_in_its_own_namespace(alexa: Alexa, grant: object) -> None:
    assert await alexa.refused("Alexa.Authorization", "AcceptGrant", grant=grant) == "ACCEPT_GRANT_FAILED"


@pytest.mark.spec("alexa 1.8", "alexa 2.7")
async def test_a_grant_with_a_dead_token_fails_without_an_authorization_error(alexa: Alexa) -> None:
    dead = alexa.issuer.token(exp=1)
    assert await alexa.refused("Alexa.Authorization", "AcceptGrant", token=dead) == "ACCEPT_GRANT_FAILED"


async def test_a_lamp_of_a_person_is_there_after_a_restart(alexa: Alexa, skill: Service, lamp: str) -> None:
    await alexa.send(BRIGHTNESS, "SetBrightness", lamp, brightness=37)
    skill.restart()
    assert (await alexa.state(lamp))["brightness"] == 37
    assert PERSON not in lamp
