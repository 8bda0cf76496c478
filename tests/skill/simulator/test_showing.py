"""What is pure: replies, the journal's shortening, the drawing, the loopback names, the directives."""

import base64
import uuid
from typing import Any

import orjson
import pytest

from skill.drawing import draw, kind_of
from skill.lamps import LampView
from skill.settings import is_loopback
from skill.simulator import messages, replies
from skill.simulator.alexa import Alexa
from skill.simulator.browsers import Browser, Browsers, Device, Link
from skill.simulator.guard import host_name
from skill.simulator.journal import Journal, coloured, pretty

DEVICE = Device("lamp-1", "Desk lamp", "", frozenset(), {"a": "b"})


def lamp(**changes: Any) -> LampView:
    state: dict[str, Any] = {
        "endpoint_id": "lamp-1", "name": "Desk lamp", "driver": "simulated", "online": True, "power": True,
        "brightness": 60, "mode": "white", "hue": 0.0, "saturation": 0.0, "value": 1.0, "kelvin": 2700,
        "sampled_at": 0.0,
    }  # fmt: skip
    return LampView(**(state | changes))


def response(**properties: object) -> dict[str, Any]:
    return {
        "event": {"header": {"namespace": "Alexa", "name": "Response"}, "payload": {}},
        "context": {"properties": [{"name": name, "value": value} for name, value in properties.items()]},
    }


def error(kind: str, **more: object) -> dict[str, Any]:
    return {"event": {"header": {"name": "ErrorResponse"}, "payload": {"type": kind, "message": "why"} | more}}


@pytest.mark.spec("S08")
def test_directives_carry_the_token_where_alexa_puts_it() -> None:
    discover = messages.discover("TOKEN")["directive"]
    assert discover["payload"]["scope"] == {"type": "BearerToken", "token": "TOKEN"}
    assert "endpoint" not in discover
    assert "correlationToken" not in discover["header"]
    control = messages.to_endpoint("TOKEN", DEVICE, "Alexa.PowerController", "TurnOn", {})["directive"]
    assert control["endpoint"]["scope"] == {"type": "BearerToken", "token": "TOKEN"}
    assert control["endpoint"]["cookie"] == {"a": "b"}
    assert control["header"]["payloadVersion"] == "3"
    assert len(control["header"]["correlationToken"]) > 600
    base64.b64decode(control["header"]["correlationToken"], validate=True)
    assert uuid.UUID(control["header"]["messageId"]).version == 4


@pytest.mark.parametrize(
    ("message", "asked", "text"),
    [
        (response(powerState="ON"), ("powerState", "ON"), "OK"),
        (response(powerState="OFF"), ("powerState", "ON"), "Desk lamp is malfunctioning."),
        (response(), ("powerState", "ON"), "Desk lamp is malfunctioning."),
        (response(brightness=41), ("brightness", 40), "Desk lamp is malfunctioning."),
        (response(brightness=55), ("brightness", None), "OK"),
        (error("ENDPOINT_UNREACHABLE"), ("powerState", "ON"), "Desk lamp isn't responding."),
        (error("BRIDGE_UNREACHABLE"), ("powerState", "ON"), "Desk lamp isn't responding."),
        (error("NO_SUCH_ENDPOINT"), ("powerState", "ON"), "I couldn't find Desk lamp"),
        (error("NOT_SUPPORTED_IN_CURRENT_MODE"), ("colorTemperatureInKelvin", None), "I can't do that while Desk lamp"),
        (
            error("VALUE_OUT_OF_RANGE", validRange={"minimumValue": 1000, "maximumValue": 10000}),
            ("colorTemperatureInKelvin", None),
            "I can only set Desk lamp to something between 1000 and 10000.",
        ),
        (
            error("NOT_SUPPORTED_IN_CURRENT_MODE", currentDeviceMode="COLOR"),
            ("colorTemperatureInKelvin", None),
            "I can't do that while Desk lamp shows a colour.",
        ),
        (
            error("NOT_SUPPORTED_IN_CURRENT_MODE", currentDeviceMode="ASLEEP"),
            ("powerState", "ON"),
            "I can't do that while Desk lamp is in its present mode.",
        ),
        (
            error("VALUE_OUT_OF_RANGE", validRange={"minimumValue": "x"}),
            ("brightness", 1),
            "I can't set Desk lamp to that.",
        ),
        (error("INTERNAL_ERROR"), ("powerState", "ON"), "Sorry, something went wrong"),
        ({}, ("powerState", "ON"), "Sorry, something went wrong"),
        ({"event": "?"}, ("powerState", "ON"), "Sorry, something went wrong"),
        (response() | {"context": {"properties": [3, {}]}}, None, "OK"),
    ],
)
def test_alexa_speaks_what_the_skill_answered(
    message: dict[str, Any], asked: tuple[str, object] | None, text: str
) -> None:
    reply = replies.to_control("Desk lamp", message, asked)
    assert reply.text.startswith(text)
    assert reply.well is (text == "OK")
    assert reply.unlinks is False


@pytest.mark.parametrize(
    ("kind", "unlinks"),
    [
        ("EXPIRED_AUTHORIZATION_CREDENTIAL", True),
        ("INVALID_AUTHORIZATION_CREDENTIAL", True),
        ("INTERNAL_ERROR", False),
        ("INSUFFICIENT_PERMISSIONS", False),
    ],
)
def test_only_the_two_authorization_errors_unlink(kind: str, unlinks: bool) -> None:
    assert replies.to_control("Desk lamp", error(kind), None).unlinks is unlinks


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (response(powerState="ON", brightness=40), "Desk lamp is on, at 40 percent."),
        (response(powerState="OFF", brightness=0), "Desk lamp is off."),
        (response(connectivity={"value": "UNREACHABLE"}, powerState="ON"), "Desk lamp isn't responding."),
        (response(), "I don't know how Desk lamp is."),
    ],
)
def test_a_state_report_is_spoken(message: dict[str, Any], text: str) -> None:
    assert replies.to_question("Desk lamp", message, "state").text == text


def answering(name: str = "Response", **header: str) -> dict[str, Any]:
    return {
        "event": {
            "header": {"namespace": "Alexa", "name": name, "correlationToken": "c"} | header,
            "endpoint": {"endpointId": "lamp-1"},
            "payload": {},
        },
        "context": {"properties": []},
    }


@pytest.mark.spec("S08", "alexa 2.1")
@pytest.mark.parametrize(
    ("asked", "message", "why"),
    [
        ("TurnOn", answering(), None),
        ("ReportState", answering("StateReport"), None),
        ("TurnOn", answering("StateReport"), "no Alexa Response"),
        ("ReportState", answering(), "no Alexa StateReport"),
        ("TurnOn", answering(namespace="Alexa.PowerController"), "no Alexa Response"),
        ("TurnOn", answering(correlationToken="d"), "correlationToken"),
        ("TurnOn", {"event": {"header": {"namespace": "Alexa", "name": "Response"}}}, "correlationToken"),
        ("TurnOn", answering() | {"event": answering()["event"] | {"endpoint": {}}}, "another endpoint"),
    ],
)
def test_S08_an_answer_to_something_else_is_none(asked: str, message: dict[str, Any], why: str | None) -> None:
    directive = messages.to_endpoint("TOKEN", DEVICE, "Alexa", asked, {})
    directive["directive"]["header"]["correlationToken"] = "c"
    reply = replies.only_to(directive, message, "Desk lamp")
    assert (reply is None) is (why is None)
    if reply is not None and why is not None:
        assert not reply.well
        assert why in reply.detail


def endpoint(endpoint_id: str, **more: object) -> dict[str, Any]:
    return {"endpointId": endpoint_id, "friendlyName": "Lamp", "capabilities": []} | more


async def test_of_lamps_with_one_name_each_is_told_and_what_is_no_endpoint_is_skipped() -> None:
    asked: list[str] = []

    async def answer(body: bytes) -> dict[str, Any]:
        directive = orjson.loads(body)["directive"]
        if directive["header"]["name"] == "Discover":
            wrong = [7, endpoint("lamp-x", capabilities=None), endpoint("lamp-y", friendlyName=["?"])]
            odd = [endpoint("lamp-1", capabilities=[3, {}], cookie=[1]), endpoint("lamp-2")]
            return {"event": {"header": {"name": "Discover.Response"}, "payload": {"endpoints": [*wrong, *odd]}}}
        asked.append(directive["endpoint"]["endpointId"])
        return error("ENDPOINT_UNREACHABLE")

    browser = Browser("", "")
    browser.link = Link("token", None, float("inf"), "", "")
    alexa = Alexa(None, answer, lambda: 0.0)
    await alexa.discover(browser)
    await alexa.hear(browser, "turn on all lamps")
    assert sorted(asked) == ["lamp-1", "lamp-2"]


def test_who_only_comes_by_makes_nobody_forgotten_who_is_linked() -> None:
    browsers = Browsers(limit=3)
    linked = browsers.new()
    linked.link = Link("token", None, float("inf"), "", "")
    passing = [browsers.new() for _ in range(5)]
    assert browsers.find(linked.identifier) is linked
    assert [browsers.find(each.identifier) is None for each in passing] == [True, True, True, False, False]
    for each in passing[3:]:
        each.link = linked.link
    assert browsers.find(linked.identifier) is linked
    newest = browsers.new()
    assert browsers.find(newest.identifier) is newest


def test_the_journal_shortens_whatever_would_open_a_door() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9." + "p" * 300 + "." + "s" * 342
    message = {
        "access_token": token,
        "refresh_token": "v1." + "r" * 60,
        "client_secret": "the client's secret",
        "nested": [{"token": token}, f"an error that repeats {token} in its text"],
        "expires_in": 3600,
    }
    text = pretty(message)
    assert token not in text
    assert "s" * 20 not in text
    assert "r" * 20 not in text
    assert "the client's secret" not in text
    assert "3600" in text
    assert "eyJhbGci… (664 characters)" in text


def test_the_journal_is_bounded_and_newest_first() -> None:
    journal = Journal()
    for number in range(100):
        journal.note("linking", str(number), "200", well=True, at=0, sent="{}", received="{}")
    assert len(journal.linking) == 30
    assert journal.linking[0].title == "99"


def test_what_is_shown_is_escaped() -> None:
    shown = coloured(pretty({"<b>": '"</pre><script>alert(1)</script>', "n": [1, True, None]}))
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert '<span class="n">true</span>' in shown


def test_a_lit_lamp_is_brighter_the_brighter_it_is_and_dark_when_off() -> None:
    lights = [draw(lamp(brightness=percent)).light for percent in (1, 25, 50, 100)]
    assert lights == sorted(lights)
    assert lights[0] > 0
    assert draw(lamp(power=False, brightness=0)).light == 0
    assert draw(lamp(online=False)).light == 0
    assert draw(lamp(online=None)).on
    assert draw(None).on is False


def test_the_light_has_the_lamps_colour() -> None:
    assert draw(lamp(mode="color", hue=240.0, saturation=1.0)).colour == "#0000ff"
    assert draw(lamp(mode="color", hue=360.0, saturation=1.0)).colour == "#ff0000"
    warm, cold = draw(lamp(kelvin=2200)).colour, draw(lamp(kelvin=7000)).colour
    assert int(warm[5:], 16) < int(cold[5:], 16)
    for kelvin in (0, 1000, 2700, 6500, 10_000, 40_000):
        assert len(draw(lamp(kelvin=kelvin)).colour) == 7


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Desk lamp", "desk"), ("Floor lamp", "floor"), ("Kitchen light", "pendant"), ("Nightlight", "table")],
)
def test_a_lamp_is_drawn_as_it_is_called(name: str, kind: str) -> None:
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("localhost:8001", True),
        ("LOCALHOST:8001", True),
        ("127.0.0.1:8001", True),
        ("[::1]:8001", True),
        ("::1", False),
        ("localhost.evil.example", False),
        ("evil.example:127", False),
        ("127.0.0.1@evil.example", False),
        ("evil.example#localhost", False),
        ("localhost:port", False),
        ("[::1", False),
        ("", False),
    ],
)
@pytest.mark.spec("security 6.76")
def test_only_a_loopback_name_is_one(host: str, loopback: bool) -> None:
    assert is_loopback(host_name(host)) is loopback


def test_browsers_are_bounded_the_longest_unused_forgotten_first() -> None:
    browsers = Browsers(limit=2)
    first, second = browsers.new(), browsers.new()
    assert browsers.find(first.identifier) is first
    browsers.new()
    assert browsers.find(second.identifier) is None
    assert browsers.find(first.identifier) is first
    assert browsers.find(None) is None


def test_a_pending_linking_expires() -> None:
    browser = Browsers().new()
    state = browser.new_state(now=1000.0)
    assert not browser.take_state(state, now=1000.0 + 3601)
    other = browser.new_state(now=1000.0)
    assert browser.take_state(other, now=1001.0)
