"""The models bite: each message that Amazon's schema takes though it is wrong (contract 3), and more of them."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from tests.skill.alexa_rules import check_answer, check_complete, check_event
from tests.skill.answers.samples import (
    GONE,
    LAMP,
    TOKEN,
    added,
    change_report,
    deleted,
    directive,
    discovered,
    endpoint,
    error,
    grant_answer,
    reported,
    response,
    snapshot,
    spoiled,
)

ON = directive("Alexa.PowerController", "TurnOn")
DIM = directive("Alexa.BrightnessController", "SetBrightness", brightness=42)
PAINT = directive("Alexa.ColorController", "SetColor", color={"hue": 120, "saturation": 0.5, "brightness": 0.878})
REPORT = directive("Alexa", "ReportState")
WARMER = directive("Alexa.ColorTemperatureController", "DecreaseColorTemperature")
WHITER = directive("Alexa.ColorTemperatureController", "SetColorTemperature", colorTemperatureInKelvin=500)
LESS = directive("Alexa.BrightnessController", "AdjustBrightness", brightnessDelta=-25)
WHITE = directive("Alexa.ColorTemperatureController", "SetColorTemperature", colorTemperatureInKelvin=2700)
RED = directive("Alexa.ColorController", "SetColor", color={"hue": 400, "saturation": 1, "brightness": 1})
DISCOVER = directive("Alexa.Discovery", "Discover")
GRANT = directive("Alexa.Authorization", "AcceptGrant", grant={"type": "OAuth2.AuthorizationCode", "code": "c"})
WRONG = (AssertionError, ValidationError, KeyError, TypeError)

OUT = {"type": "VALUE_OUT_OF_RANGE", "message": "No.", "validRange": {"minimumValue": 1000, "maximumValue": 10_000}}
MODE = {"type": "NOT_SUPPORTED_IN_CURRENT_MODE", "message": "No.", "currentDeviceMode": "COLOR"}
COLOUR = {"hue": 120.0, "saturation": 0.5, "brightness": 0.878}


def unreported() -> dict[str, Any]:
    """Consistently, as to a user who has given no grant."""
    made = endpoint()
    for capability in made["capabilities"][1:]:
        capability["properties"]["proactivelyReported"] = False
    return made


def painted() -> dict[str, Any]:
    made = spoiled(response(), "context/properties/2/value", COLOUR)
    return spoiled(made, "context/properties/3", GONE)


GOOD: dict[str, tuple[dict[str, Any], Callable[[], dict[str, Any]]]] = {
    "response": (ON, response),
    "dimmed": (DIM, response),
    "painted": (PAINT, painted),
    "report": (REPORT, lambda: response("StateReport")),
    "discovered": (DISCOVER, discovered),
    "granted": (GRANT, grant_answer),
    "no grant": (GRANT, lambda: grant_answer("ErrorResponse", type="ACCEPT_GRANT_FAILED", message="No.")),
    "nobody": (ON, lambda: error(type="NO_SUCH_ENDPOINT", message="No such lamp.")),
    "adjusted": (LESS, response),
    "white": (WHITE, response),
    "far": (RED, lambda: error(**OUT | {"validRange": {"minimumValue": 0, "maximumValue": 360}})),
    "range": (WHITER, lambda: error(**OUT)),
    "mode": (WARMER, lambda: error(**MODE)),
}
EVENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "change": change_report,
    "added": added,
    "deleted": deleted,
}


@pytest.mark.spec("alexa 2.1", "alexa 2.4")
@pytest.mark.parametrize("name", GOOD)
def test_a_good_answer_passes(name: str) -> None:
    sent, make = GOOD[name]
    check_answer(sent, make())


@pytest.mark.spec("alexa 2.5")
@pytest.mark.parametrize("name", EVENTS)
def test_a_good_event_passes(name: str) -> None:
    check_event(EVENTS[name]())


PROPERTY = "context/properties/0"
HEADER, PAYLOAD = "event/header", "event/payload"
LAMP_0 = f"{PAYLOAD}/endpoints/0"
SPOILED: list[tuple[str, str, Any]] = [
    # what Amazon's schema takes though it is wrong
    ("response", f"{HEADER}/correlationToken", GONE),
    ("response", "event/endpoint", GONE),
    ("response", "context", GONE),
    ("response", PAYLOAD, {"junk": 1}),
    ("report", PAYLOAD, {"junk": 1}),
    ("granted", PAYLOAD, {"junk": 1}),
    ("response", "context/properties/4/value", {}),
    ("response", "context/properties/4/value", "OK"),
    ("discovered", f"{LAMP_0}/capabilities/1/properties", GONE),
    ("discovered", f"{PAYLOAD}/endpoints/1", endpoint() | {"friendlyName": "Other lamp"}),
    ("discovered", f"{HEADER}/correlationToken", TOKEN),
    ("discovered", f"{LAMP_0}/friendlyName", "Lamp #1 (desk)!"),
    ("discovered", f"{LAMP_0}/additionalAttributes/model:", "x"),
    ("discovered", f"{LAMP_0}/additionalAttributes/serialNo", "x"),
    # the envelope
    ("response", f"{HEADER}/correlationToken", TOKEN + "="),
    ("response", f"{HEADER}/correlationToken", None),
    ("response", f"{HEADER}/payloadVersion", "3.0"),
    ("response", f"{HEADER}/payloadVersion", 3),
    ("response", f"{HEADER}/messageId", "not_a_uuid"),
    ("response", f"{HEADER}/messageId", "12345678-1234-1234-1234-123456789012"),
    ("response", f"{HEADER}/messageId", ON["directive"]["header"]["messageId"]),
    ("response", f"{HEADER}/name", "StateReport"),
    ("report", f"{HEADER}/name", "Response"),
    ("response", f"{HEADER}/namespace", "Alexa.PowerController"),
    ("response", f"{HEADER}/token", "x"),
    ("response", "event/endpoint/endpointId", "lamp-other"),
    ("response", "event/endpoint/scope", {"type": "BearerToken", "token": "x"}),
    ("response", "directive", {}),
    ("granted", "event/endpoint", {"endpointId": LAMP}),
    ("discovered", "event/endpoint", {"endpointId": LAMP}),
    ("discovered", "context", {"properties": []}),
    # how the lamp stands
    ("response", f"{PROPERTY}/value", "on"),
    ("response", f"{PROPERTY}/value", True),
    ("response", f"{PROPERTY}/value", "OFF"),
    ("response", f"{PROPERTY}/timeOfSample", "2026-01-02T10:20:50.522123Z"),
    ("response", f"{PROPERTY}/timeOfSample", "2026-01-02T10:20:50.522+00:00"),
    ("response", f"{PROPERTY}/timeOfSample", "2026-01-02 10:20:50Z"),
    ("response", f"{PROPERTY}/timeOfSample", "2026-02-30T10:20:50Z"),
    ("response", f"{PROPERTY}/timeOfSample", GONE),
    ("response", f"{PROPERTY}/uncertaintyInMilliseconds", GONE),
    ("response", f"{PROPERTY}/uncertaintyInMilliseconds", -1),
    ("response", f"{PROPERTY}/uncertaintyInMilliseconds", "500"),
    ("response", f"{PROPERTY}/name", "power"),
    ("response", f"{PROPERTY}/namespace", "Alexa.LockController"),
    ("response", PROPERTY, GONE),
    ("response", "context/properties/1/value", 42.0),
    ("response", "context/properties/1/value", 101),
    ("response", "context/properties/1/value", 0),
    ("response", "context/properties/1/value", None),
    ("response", "context/properties/5", snapshot()[0]),
    ("response", "context/properties/4", GONE),
    ("response", "context/properties/4/value", {"value": "UNREACHABLE"}),
    ("response", "context/properties/3/value", 0),
    ("response", "context/properties/3/value", None),
    ("response", "context/properties/3/value", 2700.5),
    ("response", "context/properties/2/value", COLOUR),
    ("response", "context/properties/2/value", {"hue": 0.0, "saturation": 0.0}),
    ("response", "context/properties/2/value", {"hue": 0, "saturation": 0, "brightness": 1}),
    ("response", "context/properties/2/value", {"hue": 361.0, "saturation": 0.0, "brightness": 1.0}),
    ("dimmed", "context/properties/1/value", 41),
    ("dimmed", "context/properties/1", GONE),
    ("painted", "context/properties/2/value", COLOUR | {"hue": 119.5}),
    ("painted", "context/properties/2/value", COLOUR | {"brightness": 1.0}),
    ("painted", "context/properties/3", snapshot()[3]),
    ("adjusted", "context/properties/1/value", 76),
    ("white", "context/properties/3", GONE),
    # discovery
    ("discovered", f"{LAMP_0}/endpointId", "lamp.1/a"),
    ("discovered", f"{LAMP_0}/endpointId", "a lamp"),
    ("discovered", f"{LAMP_0}/endpointId", "x" * 257),
    ("discovered", f"{LAMP_0}/friendlyName", ""),
    ("discovered", f"{LAMP_0}/friendlyName", "x" * 129),
    ("discovered", f"{LAMP_0}/friendlyName", " Desk  lamp"),
    ("discovered", f"{LAMP_0}/friendlyName", "Desk_lamp"),
    ("discovered", f"{LAMP_0}/displayCategories", ["OTHER"]),
    ("discovered", f"{LAMP_0}/displayCategories", []),
    ("discovered", f"{LAMP_0}/cookie", {"n": 1}),
    ("discovered", f"{LAMP_0}/cookie", None),
    ("discovered", f"{LAMP_0}/description", GONE),
    ("discovered", f"{LAMP_0}/additionalAttributes/model", "x" * 257),
    ("discovered", f"{LAMP_0}/capabilities/0", GONE),
    ("discovered", f"{LAMP_0}/capabilities/5", GONE),
    ("discovered", f"{LAMP_0}/capabilities/2", GONE),
    ("discovered", f"{LAMP_0}/capabilities/6", {"type": "AlexaInterface", "interface": "Alexa", "version": "3"}),
    ("discovered", f"{LAMP_0}/capabilities/1/version", "3.0"),
    ("discovered", f"{LAMP_0}/capabilities/1/interface", "Alexa.LockController"),
    ("discovered", f"{LAMP_0}/capabilities/1/properties/supported", [{"name": "power"}]),
    ("discovered", f"{LAMP_0}/capabilities/1/properties/supported", []),
    ("discovered", f"{LAMP_0}/capabilities/1/properties/retrievable", False),
    ("discovered", f"{LAMP_0}/capabilities/1/properties/proactivelyReported", False),
    ("discovered", f"{PAYLOAD}/endpoints", [endpoint() | {"endpointId": f"lamp-{n}"} for n in range(301)]),
    # errors
    ("nobody", f"{PAYLOAD}/message", GONE),
    ("nobody", f"{PAYLOAD}/message", ""),
    ("nobody", f"{PAYLOAD}/type", "NO_SUCH_LAMP"),
    ("nobody", f"{PAYLOAD}/type", "INVALID_VALUE"),
    ("nobody", f"{PAYLOAD}/type", "ACCEPT_GRANT_FAILED"),
    ("nobody", f"{PAYLOAD}/validRange", {"minimumValue": 0, "maximumValue": 1}),
    ("nobody", "event/endpoint", GONE),
    ("nobody", "context", {"properties": snapshot()}),
    ("nobody", f"{HEADER}/namespace", "Alexa.PowerController"),
    ("range", f"{PAYLOAD}/validRange", GONE),
    ("range", f"{PAYLOAD}/validRange", {"minimumValue": 0, "maximumValue": 100}),
    ("range", f"{PAYLOAD}/validRange", {"minimumValue": 10_000, "maximumValue": 1000}),
    ("range", f"{PAYLOAD}/validRange/minimumValue", "1000"),
    ("far", f"{PAYLOAD}/validRange", {"minimumValue": 0, "maximumValue": 1}),
    ("far", f"{PAYLOAD}/validRange", {"minimumValue": 0, "maximumValue": 100}),
    ("mode", f"{PAYLOAD}/currentDeviceMode", GONE),
    ("mode", f"{PAYLOAD}/currentDeviceMode", "ASLEEP"),
    ("no grant", f"{HEADER}/namespace", "Alexa"),
    ("no grant", f"{PAYLOAD}/type", "INTERNAL_ERROR"),
    ("no grant", "event/endpoint", {"endpointId": LAMP}),
]
ID = lambda value: value if isinstance(value, str) and len(value) < 60 else None  # noqa: E731


@pytest.mark.spec("alexa 2.1", "alexa 2.2", "alexa 2.3", "alexa 2.6")
@pytest.mark.parametrize(("name", "path", "value"), SPOILED, ids=ID)
def test_a_wrong_answer_is_refused(name: str, path: str, value: Any) -> None:
    sent, make = GOOD[name]
    wrong = spoiled(make(), path, value)
    with pytest.raises(WRONG):
        check_answer(sent, wrong)


DIRECTIVE = "directive/header"
NOT_TO_BE_DONE: list[tuple[str, str, Any]] = [
    ("response", f"{DIRECTIVE}/payloadVersion", "2"),
    ("response", f"{DIRECTIVE}/payloadVersion", 3),
    ("response", f"{DIRECTIVE}/namespace", "Alexa.BrightnessController"),
    ("response", "directive/endpoint/scope", GONE),
    ("response", "directive/endpoint/scope/token", ""),
    ("report", "directive/endpoint/scope/type", "Bearer"),
    ("discovered", "directive/payload/scope", GONE),
    ("discovered", f"{DIRECTIVE}/name", GONE),
    ("discovered", "directive", GONE),
    ("granted", "directive/payload/grantee", GONE),
    ("dimmed", "directive/payload/brightness", "42"),
    ("adjusted", "directive/payload/brightnessDelta", GONE),
    ("adjusted", "directive/payload/brightnessDelta", True),
    ("adjusted", "directive/payload/brightnessDelta", 43),
    ("white", "directive/payload/colorTemperatureInKelvin", 500),
    ("painted", "directive/payload/color/hue", "120"),
    ("nobody", "directive/endpoint/endpointId", GONE),
    ("range", "directive/payload/colorTemperatureInKelvin", 2700),
    ("range", "directive/payload/colorTemperatureInKelvin", "500"),
    ("far", "directive/payload/color/hue", 360),
]


@pytest.mark.spec("alexa 2.1", "alexa 2.6", "S12", "S13", "S19", "S20")
@pytest.mark.parametrize(("name", "path", "value"), NOT_TO_BE_DONE, ids=ID)
def test_an_answer_that_the_directive_should_not_have_got_is_refused(name: str, path: str, value: Any) -> None:
    sent, make = GOOD[name]
    with pytest.raises(WRONG):
        check_answer(spoiled(sent, path, value), make())


@pytest.mark.spec("alexa 2.3", "alexa 2.6", "S13")
def test_S13_a_value_that_is_none_is_no_value_out_of_range_and_the_other_way_round() -> None:
    said = {"type": "INVALID_VALUE", "message": "No."}
    check_answer(spoiled(DIM, "directive/payload/brightness", "42"), error(**said))
    with pytest.raises(AssertionError):
        check_answer(DIM, error(**said))


@pytest.mark.spec("alexa 2.3", "S06")
def test_S06_a_white_that_is_neither_what_was_asked_for_nor_the_end_of_the_lamps_whites_is_refused() -> None:
    def ask(wanted: int, got: int) -> None:
        sent = spoiled(WHITE, "directive/payload/colorTemperatureInKelvin", wanted)
        answer = spoiled(response(), "context/properties/3/value", got)
        path = "endpoint/endpointId"
        check_answer(spoiled(sent, f"directive/{path}", "lamp-w"), spoiled(answer, f"event/{path}", "lamp-w"))

    for wanted, got in ((4000, 4000), (1000, 2200), (9000, 7000), (7000, 7000), (2200, 2200)):
        ask(wanted, got)
    for wanted, got in ((5000, 4990), (5000, 2700), (9000, 6500), (1500, 2500)):
        with pytest.raises(AssertionError):
            ask(wanted, got)


CHANGE = f"{PAYLOAD}/change"
SPOILED_EVENTS: list[tuple[str, str, Any]] = [
    ("change", "event/endpoint/scope", GONE),
    ("change", "event/endpoint/scope/token", ""),
    ("change", "context", GONE),
    ("change", f"{CHANGE}/cause/type", "ALEXA_INTERACTION"),
    ("change", f"{CHANGE}/cause", GONE),
    ("change", f"{CHANGE}/properties", []),
    ("change", f"{CHANGE}/properties/0/value", None),
    ("change", "context/properties/2/value", 0),
    ("change", "context/properties/4", snapshot()[0]),
    ("change", "context/properties/3", GONE),
    ("change", f"{CHANGE}/properties/0/value", "OFF"),
    ("change", f"{HEADER}/correlationToken", TOKEN),
    ("change", f"{HEADER}/name", "StateReport"),
    ("change", f"{CHANGE}/cause/type", "VOICE_INTERACTION"),
    ("change", f"{CHANGE}/cause/type", "PERIODIC_POLL"),
    ("added", f"{PAYLOAD}/scope", GONE),
    ("added", f"{LAMP_0}/capabilities", unreported()["capabilities"]),
    ("deleted", f"{PAYLOAD}/endpoints/1", {"endpointId": LAMP}),
    ("added", f"{PAYLOAD}/endpoints", []),
    ("added", f"{LAMP_0}/friendlyName", "Lamp!"),
    ("added", f"{LAMP_0}/cookie", None),
    ("deleted", f"{PAYLOAD}/scope", GONE),
    ("deleted", f"{PAYLOAD}/endpoints", []),
    ("deleted", f"{LAMP_0}/friendlyName", "Desk lamp"),
    ("deleted", f"{LAMP_0}/endpointId", "a/b"),
]


@pytest.mark.spec("alexa 2.5")
@pytest.mark.parametrize(("name", "path", "value"), SPOILED_EVENTS, ids=ID)
def test_a_wrong_event_is_refused(name: str, path: str, value: Any) -> None:
    wrong = spoiled(EVENTS[name](), path, value)
    with pytest.raises(WRONG):
        check_event(wrong)


@pytest.mark.spec("alexa 2.5")
def test_a_report_of_endpoints_that_is_too_large_is_refused() -> None:
    many = [endpoint() | {"endpointId": f"lamp-{n:04}", "cookie": {"x": "y" * 1000}} for n in range(250)]
    with pytest.raises(AssertionError):
        check_event(spoiled(added(), f"{PAYLOAD}/endpoints", many))


@pytest.mark.spec("S08")
def test_S08_a_message_id_that_comes_twice_is_refused() -> None:
    first, second = response(), response()
    check_answer(ON, first)
    check_answer(ON, first)  # the same message, looked at again
    second["event"]["header"] |= {"messageId": first["event"]["header"]["messageId"], "correlationToken": "other"}
    with pytest.raises(AssertionError):
        check_answer(spoiled(ON, "directive/header/correlationToken", "other"), second)


@pytest.mark.spec("alexa 0", "alexa 2.6")
@pytest.mark.parametrize("dead", ["EXPIRED_AUTHORIZATION_CREDENTIAL", "INVALID_AUTHORIZATION_CREDENTIAL"])
def test_a_directive_that_is_none_of_ours_may_not_unlink(dead: str) -> None:
    unknown = directive("Alexa.LockController", "Lock")
    check_answer(unknown, error(type="INVALID_DIRECTIVE", message="No."))
    with pytest.raises(AssertionError):
        check_answer(unknown, error(type=dead, message="No."))


@pytest.mark.spec("alexa 2.6", "S14")
def test_S14_a_report_of_a_lamp_that_is_away_is_no_error() -> None:
    with pytest.raises(AssertionError):
        check_answer(REPORT, error(type="ENDPOINT_UNREACHABLE", message="No."))
    away = spoiled(response("StateReport"), "context/properties/4/value", {"value": "UNREACHABLE"})
    check_answer(REPORT, away)


@pytest.mark.spec("alexa 2.3", "S09")
def test_S09_what_was_declared_is_reported_and_nothing_else() -> None:
    check_complete(endpoint(), response())
    check_complete(endpoint(), painted())
    for missing in range(5):
        partial = spoiled(response(), f"context/properties/{missing}", GONE)
        if missing != 3:  # the one that a colour leaves out, and the colour white may stand for one
            with pytest.raises(AssertionError):
                check_complete(endpoint(), partial)
    plain = endpoint()
    del plain["capabilities"][3:5]
    with pytest.raises(AssertionError):
        check_complete(plain, response())
    more = spoiled(response(), "context/properties/5", reported("LockController", "lockState", "LOCKED"))
    with pytest.raises(AssertionError):
        check_complete(endpoint(), more)
