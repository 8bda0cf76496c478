"""Events as Alexa wants them (contract 2.5), without their token until they are sent. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from skill.abilities import Abilities
from skill.canonical import Sample
from skill.news import Cause
from skill.responses import Message, properties

CAUSES: Mapping[Cause, str] = {Cause.companion: "APP_INTERACTION", Cause.lamp: "PHYSICAL_INTERACTION"}


def change_report(
    endpoint_id: str, changed: Collection[str], sample: Sample, abilities: Abilities, cause: str
) -> Message:
    """`changed` are names of properties: these stand in the payload, all others in the context."""
    reported = properties(sample, abilities)
    return {
        "context": {"properties": [each for each in reported if each["name"] not in changed]},
        "event": {
            "header": _header("Alexa", "ChangeReport"),
            "endpoint": {"endpointId": endpoint_id},
            "payload": {
                "change": {
                    "cause": {"type": cause},
                    "properties": [each for each in reported if each["name"] in changed],
                }
            },
        },
    }


def add_or_update_report(endpoints: Sequence[Message]) -> Message:
    return _of_discovery("AddOrUpdateReport", endpoints)


def delete_report(endpoint_ids: Sequence[str]) -> Message:
    return _of_discovery("DeleteReport", [{"endpointId": each} for each in endpoint_ids])


def _of_discovery(name: str, endpoints: Sequence[Message]) -> Message:
    return {"event": {"header": _header("Alexa.Discovery", name), "payload": {"endpoints": list(endpoints)}}}


def _header(namespace: str, name: str) -> Message:
    return {"namespace": namespace, "name": name, "payloadVersion": "3"}


def complete(message: Mapping[str, Any], message_id: str, token: str) -> Message:
    """With its id and its token, which nobody stores beside it."""
    event = dict(message["event"])
    event["header"] = {**event["header"], "messageId": message_id}
    place = "endpoint" if "endpoint" in event else "payload"
    event[place] = {**event[place], "scope": {"type": "BearerToken", "token": token}}
    return {**message, "event": event}
