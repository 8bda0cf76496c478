"""Messages out (contract 2.1, 2.4, 2.6): plain dicts, ready for JSON."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from skill.canonical import Sample
from skill.directives import ACCEPT_GRANT, Addressing, Directive
from skill.errors import AcceptGrantFailed, AlexaError

Message = dict[str, Any]


def _header(namespace: str, name: str, correlation_token: str | None = None) -> Message:
    header = {"namespace": namespace, "name": name, "messageId": str(uuid.uuid4()), "payloadVersion": "3"}
    if correlation_token is not None:
        header["correlationToken"] = correlation_token
    return header


def time_of_sample(at: float) -> str:
    """UTC with `Z` and three fractional digits: more of them, or an offset, and Alexa's schema refuses the message."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(at * 1000) % 1000:03d}Z"


def properties(sample: Sample) -> list[Message]:
    """The full snapshot. What is unknown is left out: Alexa refuses a whole report because of one null."""
    state, at = sample.state, time_of_sample(sample.at)
    values: list[tuple[str, str, object]] = []
    if state.power is not None:
        values.append(("Alexa.PowerController", "powerState", "ON" if state.power else "OFF"))
    if state.brightness is not None:
        values.append(("Alexa.BrightnessController", "brightness", state.brightness))
    connectivity = {"value": "UNREACHABLE" if state.online is False else "OK"}
    values.append(("Alexa.EndpointHealth", "connectivity", connectivity))
    return [
        {
            "namespace": namespace,
            "name": name,
            "value": value,
            "timeOfSample": at,
            "uncertaintyInMilliseconds": sample.uncertainty,
        }
        for namespace, name, value in values
    ]


def _of_lamp(name: str, directive: Directive, sample: Sample) -> Message:
    return {
        "context": {"properties": properties(sample)},
        "event": {
            "header": _header("Alexa", name, directive.correlation_token),
            "endpoint": {"endpointId": directive.endpoint_id},
            "payload": {},
        },
    }


def response(directive: Directive, sample: Sample) -> Message:
    """`Alexa/Response`: done, and how the lamp stands now."""
    return _of_lamp("Response", directive, sample)


def state_report(directive: Directive, sample: Sample) -> Message:
    """`Alexa/StateReport`."""
    return _of_lamp("StateReport", directive, sample)


def discovered(endpoints: Sequence[Message]) -> Message:
    """`Discover.Response`; no endpoints is a valid answer."""
    return {
        "event": {"header": _header("Alexa.Discovery", "Discover.Response"), "payload": {"endpoints": list(endpoints)}}
    }


def grant_accepted(directive: Directive) -> Message:
    """`AcceptGrant.Response`."""
    header = _header("Alexa.Authorization", "AcceptGrant.Response", directive.correlation_token)
    return {"event": {"header": header, "payload": {}}}


def error(address: Addressing, failure: AlexaError) -> Message:
    """`ErrorResponse`: echoes the endpoint where the directive had one and never invents one. AcceptGrant has an error
    of its own in a namespace of its own (contract 1.8)."""
    namespace = "Alexa"
    payload: Mapping[str, object] = {"type": failure.type, "message": str(failure), **failure.details()}
    if (address.namespace, address.name) == ACCEPT_GRANT:
        namespace = "Alexa.Authorization"
        payload = {"type": AcceptGrantFailed.type, "message": str(failure)}
    event: Message = {
        "header": _header(namespace, "ErrorResponse", address.correlation_token),
        "payload": dict(payload),
    }
    if address.endpoint_id is not None:
        event["endpoint"] = {"endpointId": address.endpoint_id}
    return {"event": event}
