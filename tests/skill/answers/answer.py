"""An answer against the directive that it answers: what Amazon's schema cannot say, since it sees the answer alone."""

from typing import Any, NamedTuple

from tests.skill.answers.discovery import DiscoverResponse, declared
from tests.skill.answers.envelope import Answering, Empty, Header, nulls
from tests.skill.answers.errors import ALLOWED, ErrorResponse, check_payload, good
from tests.skill.answers.lamp import KELVIN, OfLamp

CHANGED = {
    "SetBrightness": "brightness",
    "AdjustBrightness": "brightness",
    "SetColor": "color",
    "SetColorTemperature": KELVIN,
    "IncreaseColorTemperature": KELVIN,
    "DecreaseColorTemperature": KELVIN,
    "TurnOn": "powerState",
    "TurnOff": "powerState",
}
"""The property that Alexa looks for in the answer; a lamp without it "is malfunctioning" (contract 0, row 10)."""

DISCOVER, ACCEPT_GRANT = ("Alexa.Discovery", "Discover"), ("Alexa.Authorization", "AcceptGrant")
OF_A_LAMP = {"NO_SUCH_ENDPOINT", "ENDPOINT_UNREACHABLE"}
LONGEST_TOKEN, LONGEST_ENDPOINT_ID, LONGEST_KIND = 16_384, 256, 256

_DECLARED: dict[str, set[tuple[str, str]]] = {}
"""What simulated lamps said at discovery in this test process; they know all of themselves, and report all of it."""
_WHITES: dict[str, set[int]] = {}
"""The whites that each lamp has reported after it was asked for one."""
_SEEN: dict[str, Any] = {}
"""Message ids, each with its message: none is given twice."""


class Asked(NamedTuple):
    """What can be read of a directive, however broken it is."""

    kind: tuple[Any, Any]
    message_id: Any
    correlation_token: str | None
    endpoint_id: str | None
    payload: dict[str, Any]
    version: Any
    has_token: bool


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any, longest: int) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= longest else None


def asked_by(sent: Any) -> Asked:
    directive = _object(_object(sent).get("directive"))
    header = _object(directive.get("header"))
    kind = (_text(header.get("namespace"), LONGEST_KIND), _text(header.get("name"), LONGEST_KIND))
    payload = _object(directive.get("payload"))
    places = {DISCOVER: payload.get("scope"), ACCEPT_GRANT: payload.get("grantee")}
    scope = _object(places.get(kind, _object(directive.get("endpoint")).get("scope")))
    return Asked(
        kind,
        header.get("messageId"),
        _text(header.get("correlationToken"), LONGEST_TOKEN),
        _text(_object(directive.get("endpoint")).get("endpointId"), LONGEST_ENDPOINT_ID),
        payload,
        header.get("payloadVersion"),
        scope.get("type") == "BearerToken" and bool(_text(scope.get("token"), LONGEST_TOKEN)),
    )


def check_answer(sent: Any, answer: dict[str, Any]) -> None:
    """Raises where `answer` breaks a rule of contract 2.1 to 2.6, or does not fit what was sent."""
    asked = asked_by(sent)
    assert set(answer) <= {"context", "event"}
    assert not list(nulls(answer)), f"null at {list(nulls(answer))}"
    event = answer["event"]
    _check_header(asked, event["header"])
    namespace, name = event["header"]["namespace"], event["header"]["name"]
    bare = answer | {"event": event | {"header": {k: v for k, v in event["header"].items() if k != "correlationToken"}}}
    if (namespace, name) == ("Alexa", "StateReport" if asked.kind == ("Alexa", "ReportState") else "Response"):
        OfLamp.model_validate(bare)
        _check_lamp(asked, answer)
    elif name == "ErrorResponse":
        ErrorResponse.model_validate(bare)
        assert namespace == ("Alexa.Authorization" if asked.kind == ACCEPT_GRANT else "Alexa")
        assert event.get("endpoint") == (asked.endpoint_id and {"endpointId": asked.endpoint_id})
        assert event["payload"]["type"] not in OF_A_LAMP or asked.endpoint_id is not None
        check_payload(asked.kind, event["payload"], asked.payload)
    elif (namespace, name) == ("Alexa.Discovery", "Discover.Response"):
        assert asked.kind == DISCOVER
        DiscoverResponse.model_validate(bare)
        for each in event["payload"]["endpoints"]:
            if each["description"] == "Simulated lamp":
                _DECLARED[each["endpointId"]] = declared(each)
    elif (namespace, name) == ("Alexa.Authorization", "AcceptGrant.Response"):
        assert asked.kind == ACCEPT_GRANT
        assert set(event) == {"header", "payload"}
        Empty.model_validate(event["payload"])
        assert "context" not in answer
    else:
        raise AssertionError(f"{namespace}/{name} is no answer of ours to {asked.kind}")
    if name != "ErrorResponse":
        _check_could_be_done(asked)


def _check_could_be_done(asked: Asked) -> None:
    """Nothing is answered well that should not have been read, or that nobody may ask."""
    assert asked.kind in {*ALLOWED, ACCEPT_GRANT}, f"{asked.kind} is no directive of ours"
    assert asked.version == "3"
    assert asked.has_token, "for nobody"
    assert good(asked.kind[1], asked.payload), f"{asked.payload} cannot be done"


def _check_header(asked: Asked, header: dict[str, Any]) -> None:
    """The token comes back untouched where there was one, and is never invented; discovery has none."""
    if asked.correlation_token is None or header.get("name") == "Discover.Response":
        Header.model_validate(header)
    else:
        Answering.model_validate(header)
        assert header["correlationToken"] == asked.correlation_token
    assert header["messageId"] != asked.message_id
    assert _SEEN.setdefault(header["messageId"], header) == header, "a message id twice"


def _check_lamp(asked: Asked, answer: dict[str, Any]) -> None:
    properties = answer["context"]["properties"]
    values = {each["name"]: each["value"] for each in properties}
    assert answer["event"]["endpoint"]["endpointId"] == asked.endpoint_id
    name = asked.kind[1]
    if name != "ReportState":
        assert name in CHANGED, f"{name} is no directive of ours"
        assert CHANGED[name] in values, f"{CHANGED[name]} is what Alexa looks for"
        assert values["connectivity"] == {"value": "OK"}, "done, by a lamp that is not there"
        _check_requested(name, asked.payload, values)
        if name == "SetColorTemperature":
            _check_nearest(asked.payload[KELVIN], values[KELVIN], _WHITES.setdefault(str(asked.endpoint_id), set()))
    if (known := _DECLARED.get(asked.endpoint_id or "")) is not None:
        _check_complete(known, properties)


def _check_requested(name: str, payload: dict[str, Any], values: dict[str, Any]) -> None:
    """With the value that was asked for, not one that was rounded on the way."""
    match name:
        case "TurnOn" | "TurnOff":
            assert values["powerState"] == ("ON" if name == "TurnOn" else "OFF")
        case "SetBrightness":
            assert values["brightness"] == payload["brightness"]
        case "AdjustBrightness":  # of whatever was there, 0 to 100
            delta = payload["brightnessDelta"]
            assert max(0, min(100, delta)) <= values["brightness"] <= min(100, max(0, 100 + delta))
        case "SetColor":
            assert values["color"] == payload["color"] | {}
            assert (values["powerState"] == "ON") == (payload["color"]["brightness"] > 0)
        case "SetColorTemperature" | "IncreaseColorTemperature" | "DecreaseColorTemperature":
            assert values["powerState"] == "ON"


def _check_nearest(wanted: int, got: int, seen: set[int]) -> None:
    """What a lamp cannot show is the nearest that it can: the end of all that it has ever shown."""
    seen.add(got)
    assert got == wanted or got == (min(seen) if got > wanted else max(seen)), f"{got} for {wanted}"


def check_complete(endpoint: dict[str, Any], answer: dict[str, Any]) -> None:
    """`answer` reports exactly what `endpoint` declared at discovery, all of it retrievable; only a lamp that shows a
    colour leaves its colour temperature out."""
    _check_complete(declared(endpoint), answer["context"]["properties"])


def _check_complete(known: set[tuple[str, str]], properties: list[dict[str, Any]]) -> None:
    reported = {(each["namespace"], each["name"]) for each in properties}
    temperature = ("Alexa.ColorTemperatureController", KELVIN)
    coloured = ("Alexa.ColorController", "color") in reported
    assert reported <= known, f"never declared: {reported - known}"
    assert known - reported <= ({temperature} if coloured else set()), f"missing: {known - reported}"
