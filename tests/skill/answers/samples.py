"""Good messages, written from the contract alone, for tests to spoil."""

import uuid
from copy import deepcopy
from typing import Any

AT = "2026-01-02T10:20:50.522Z"
TOKEN = "dFDb+c/" + "A" * 600 + "=="
LAMP = "lamp-3f0c"
ASKED_ID = "6b7f8d4e-1c1d-4f3a-9a58-0d3c1f9f1a01"
BEARER = {"type": "BearerToken", "token": "Atza|x"}


def reported(namespace: str, name: str, value: Any) -> dict[str, Any]:
    return {
        "namespace": f"Alexa.{namespace}",
        "name": name,
        "value": value,
        "timeOfSample": AT,
        "uncertaintyInMilliseconds": 500,
    }


def snapshot() -> list[dict[str, Any]]:
    return [
        reported("PowerController", "powerState", "ON"),
        reported("BrightnessController", "brightness", 42),
        reported("ColorController", "color", {"hue": 0.0, "saturation": 0.0, "brightness": 1.0}),
        reported("ColorTemperatureController", "colorTemperatureInKelvin", 2700),
        reported("EndpointHealth", "connectivity", {"value": "OK"}),
    ]


def directive(namespace: str, name: str, **payload: Any) -> dict[str, Any]:
    header = {"namespace": namespace, "name": name, "payloadVersion": "3", "messageId": ASKED_ID}
    message: dict[str, Any] = {"directive": {"header": header, "payload": payload}}
    if namespace not in ("Alexa.Discovery", "Alexa.Authorization"):
        header["correlationToken"] = TOKEN
        message["directive"]["endpoint"] = {"endpointId": LAMP, "scope": BEARER, "cookie": {}}
    else:
        payload["scope" if name == "Discover" else "grantee"] = BEARER
    return message


def header(namespace: str, name: str, token: str | None = TOKEN) -> dict[str, Any]:
    made = {"namespace": namespace, "name": name, "payloadVersion": "3", "messageId": str(uuid.uuid4())}
    return made | ({} if token is None else {"correlationToken": token})


def response(name: str = "Response") -> dict[str, Any]:
    return {
        "context": {"properties": snapshot()},
        "event": {"header": header("Alexa", name), "endpoint": {"endpointId": LAMP}, "payload": {}},
    }


def error(**payload: Any) -> dict[str, Any]:
    event = {"header": header("Alexa", "ErrorResponse"), "endpoint": {"endpointId": LAMP}, "payload": payload}
    return {"event": event}


def _capability(interface: str, name: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "AlexaInterface", "interface": interface, "version": "3"}
    if name is not None:
        made["properties"] = {"supported": [{"name": name}], "proactivelyReported": True, "retrievable": True}
    return made


def endpoint() -> dict[str, Any]:
    return {
        "endpointId": LAMP,
        "manufacturerName": "Self-hosted",
        "friendlyName": "Desk lamp",
        "description": "Colour lamp via MQTT",
        "displayCategories": ["LIGHT"],
        "cookie": {},
        "additionalAttributes": {"manufacturer": "Self-hosted", "model": "Lamp"},
        "capabilities": [
            _capability("Alexa"),
            *(_capability(each["namespace"], each["name"]) for each in snapshot()),
        ],
    }


def discovered() -> dict[str, Any]:
    header_ = header("Alexa.Discovery", "Discover.Response", None)
    return {"event": {"header": header_, "payload": {"endpoints": [endpoint()]}}}


def grant_answer(name: str = "AcceptGrant.Response", **payload: Any) -> dict[str, Any]:
    return {"event": {"header": header("Alexa.Authorization", name, None), "payload": payload}}


def change_report() -> dict[str, Any]:
    changed, *unchanged = snapshot()
    return {
        "context": {"properties": unchanged},
        "event": {
            "header": header("Alexa", "ChangeReport", None),
            "endpoint": {"scope": BEARER, "endpointId": LAMP},
            "payload": {"change": {"cause": {"type": "PHYSICAL_INTERACTION"}, "properties": [changed]}},
        },
    }


def added() -> dict[str, Any]:
    header_ = header("Alexa.Discovery", "AddOrUpdateReport", None)
    return {"event": {"header": header_, "payload": {"endpoints": [endpoint()], "scope": BEARER}}}


def deleted() -> dict[str, Any]:
    header_ = header("Alexa.Discovery", "DeleteReport", None)
    return {"event": {"header": header_, "payload": {"endpoints": [{"endpointId": LAMP}], "scope": BEARER}}}


GONE = object()


def spoiled(message: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """`value` at `path` (`event/header/name`), or nothing there any more where it is GONE."""
    made = deepcopy(message)
    *way, last = (int(step) if step.isdigit() else step for step in path.split("/"))
    place: Any = made
    for step in way:
        place = place[step]
    if value is GONE:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return made
