"""Messages out (contract 2.1, 2.4, 2.6): plain dicts, ready for JSON."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from random import getrandbits
from typing import Any

from skill.abilities import Abilities
from skill.canonical import Sample
from skill.directives import ACCEPT_GRANT, Addressing, Directive
from skill.errors import AcceptGrantFailed, AlexaError

Message = dict[str, Any]

WHITE: Mapping[str, float] = {"hue": 0.0, "saturation": 0.0, "brightness": 1.0}
"""The `color` of a lamp in mode `white`."""


def message_id() -> str:
    """A UUIDv4 (RFC 9562 §5.4). It must be unique and need not be hard to guess, so no system call is made for it; a
    worker that is forked gets a seed of its own."""
    digits = f"{getrandbits(128) & ~(0xF << 76 | 0b11 << 62) | (0x4 << 76 | 0b10 << 62):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _header(namespace: str, name: str, correlation_token: str | None = None) -> Message:
    header = {"namespace": namespace, "name": name, "messageId": message_id(), "payloadVersion": "3"}
    if correlation_token is not None:
        header["correlationToken"] = correlation_token
    return header


def time_of_sample(at: float) -> str:
    """UTC with `Z` and three fractional digits: more of them, or an offset, and Alexa's schema refuses the message."""
    milliseconds = int(at * 1000)
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=16)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def properties(sample: Sample, abilities: Abilities) -> list[Message]:
    """The full snapshot of what discovery declares. What is unknown is left out: Alexa refuses a whole report because
    of one null. A lamp that shows a colour has no colour temperature (contract 2.3); a white one has the colour white.
    """
    state, at, uncertainty = sample.state, time_of_sample(sample.at), sample.uncertainty

    def reported(namespace: str, name: str, value: object) -> Message:
        return {
            "namespace": namespace,
            "name": name,
            "value": value,
            "timeOfSample": at,
            "uncertaintyInMilliseconds": uncertainty,
        }

    found = []
    if state.power is not None:
        found.append(reported("Alexa.PowerController", "powerState", "ON" if state.power else "OFF"))
    if abilities.brightness and (brightness := state.brightness) is not None:
        found.append(reported("Alexa.BrightnessController", "brightness", brightness))
    if abilities.color and state.power is not None:
        white = state.mode == "white"
        color = WHITE if white else {"hue": state.hue, "saturation": state.saturation, "brightness": state.value}
        found.append(reported("Alexa.ColorController", "color", color))
    if abilities.kelvin is not None and state.power is not None and state.mode == "white":
        kelvin = abilities.kelvin.nearest(state.kelvin)
        found.append(reported("Alexa.ColorTemperatureController", "colorTemperatureInKelvin", kelvin))
    connectivity = {"value": "UNREACHABLE" if state.online is False else "OK"}
    found.append(reported("Alexa.EndpointHealth", "connectivity", connectivity))
    return found


def _of_lamp(name: str, directive: Directive, sample: Sample, abilities: Abilities) -> Message:
    return {
        "context": {"properties": properties(sample, abilities)},
        "event": {
            "header": _header("Alexa", name, directive.correlation_token),
            "endpoint": {"endpointId": directive.endpoint_id},
            "payload": {},
        },
    }


def response(directive: Directive, sample: Sample, abilities: Abilities) -> Message:
    """`Alexa/Response`: done, and how the lamp stands now."""
    return _of_lamp("Response", directive, sample, abilities)


def state_report(directive: Directive, sample: Sample, abilities: Abilities) -> Message:
    """`Alexa/StateReport`."""
    return _of_lamp("StateReport", directive, sample, abilities)


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
