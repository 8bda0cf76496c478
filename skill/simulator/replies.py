"""What Alexa says to a skill's answer. Pure: a message in, a `Reply` out."""

from dataclasses import dataclass
from typing import Any, Literal

AUTHORIZATION_ERRORS = ("EXPIRED_AUTHORIZATION_CREDENTIAL", "INVALID_AUTHORIZATION_CREDENTIAL")
"""On these two Alexa deletes the tokens and unlinks the account."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`detail` names what a developer looks for; `unlinks` says that Alexa now forgets the account."""

    text: str
    detail: str = ""
    well: bool = True
    unlinks: bool = False


def event_of(message: dict[str, Any]) -> str:
    """The event's name as the page shows it, with the type of an error."""
    event = _part(message, "event")
    name = str(_part(event, "header").get("name", "no event"))
    return f"{name} · {_part(event, 'payload').get('type')}" if name == "ErrorResponse" else name


def to_control(name: str, message: dict[str, Any], asked: tuple[str, object] | None) -> Reply:
    """After a control directive. `asked`: the property and the value that the directive demanded; the value None means
    any. Alexa compares, and a property that is missing or differs is spoken as trouble."""
    if error := _failure(name, message):
        return error
    if asked is None:
        return Reply("OK")
    what, wanted = asked
    properties = properties_of(message)
    if what not in properties:
        return Reply(f"{name} is malfunctioning.", f"the answer does not report {what}", well=False)
    if wanted is not None and properties[what] != wanted:
        return Reply(
            f"{name} is malfunctioning.", f"{what} is {properties[what]!r}, the directive asked {wanted!r}", well=False
        )
    return Reply("OK")


def to_question(name: str, message: dict[str, Any], about: Literal["power", "brightness", "state"]) -> Reply:
    """After `ReportState`."""
    if error := _failure(name, message):
        return error
    properties = properties_of(message)
    connectivity = properties.get("connectivity")
    if isinstance(connectivity, dict) and connectivity.get("value") == "UNREACHABLE":
        return Reply(f"{name} isn't responding.", "connectivity is UNREACHABLE", well=False)
    power, brightness = properties.get("powerState"), properties.get("brightness")
    if power not in ("ON", "OFF"):
        return Reply(f"I don't know how {name} is.", "the answer does not report powerState", well=False)
    if power == "OFF":
        return Reply(f"{name} is off.")
    if about == "power" or brightness is None:
        return Reply(f"{name} is on.")
    return Reply(f"{name} is on, at {brightness} percent.")


def only_to(directive: dict[str, Any], message: dict[str, Any], name: str) -> Reply | None:
    """Trouble where the message answers something else: Alexa knows by these which of its directives it is about."""
    asked, event = _part(directive, "directive"), _part(message, "event")
    sent, header = _part(asked, "header"), _part(event, "header")
    wanted = "StateReport" if sent.get("name") == "ReportState" else "Response"
    if (header.get("namespace"), header.get("name")) != ("Alexa", wanted):
        why = f"the answer is no Alexa {wanted}"
    elif header.get("correlationToken") != sent.get("correlationToken"):
        why = "the answer does not bring the correlationToken back"
    elif _part(event, "endpoint").get("endpointId") != _part(asked, "endpoint").get("endpointId"):
        why = "the answer is about another endpoint"
    else:
        return None
    return Reply(f"{name} is malfunctioning.", why, well=False)


def properties_of(message: dict[str, Any]) -> dict[str, object]:
    """The reported properties by name; what is not shaped like one is skipped."""
    reported = _part(message, "context").get("properties")
    return {
        str(item["name"]): item["value"]
        for item in (reported if isinstance(reported, list) else [])
        if isinstance(item, dict) and "name" in item and "value" in item
    }


def _failure(name: str, message: dict[str, Any]) -> Reply | None:
    event = _part(message, "event")
    header, payload = _part(event, "header"), _part(event, "payload")
    if header.get("name") not in ("ErrorResponse", None):
        return None
    kind = str(payload.get("type", "no event"))
    detail = f"{kind}: {payload.get('message', '')}".rstrip(": ")
    if kind in AUTHORIZATION_ERRORS:
        text = "Your account is no longer linked. Please link it again."
        return Reply(text, detail, well=False, unlinks=True)
    if kind == "NO_SUCH_ENDPOINT":
        return Reply(f"I couldn't find {name} any more. Try discovering your devices.", detail, well=False)
    if kind in ("ENDPOINT_UNREACHABLE", "BRIDGE_UNREACHABLE"):
        return Reply(f"{name} isn't responding. Please check its network connection and power.", detail, well=False)
    if kind == "VALUE_OUT_OF_RANGE" and (limits := _range(payload)) is not None:
        return Reply(f"I can only set {name} to something between {limits[0]} and {limits[1]}.", detail, well=False)
    if kind in ("INVALID_VALUE", "VALUE_OUT_OF_RANGE"):
        return Reply(f"I can't set {name} to that.", detail, well=False)
    if kind == "NOT_SUPPORTED_IN_CURRENT_MODE":
        if (mode := payload.get("currentDeviceMode")) not in ("COLOR", None):
            return Reply(f"I can't do that while {name} is in its present mode.", f"{detail} ({mode})", well=False)
        return Reply(f"I can't do that while {name} shows a colour.", detail, well=False)
    if kind == "INVALID_DIRECTIVE":
        return Reply(f"{name} doesn't support that.", detail, well=False)
    if kind == "INSUFFICIENT_PERMISSIONS":
        return Reply(f"I'm not allowed to control {name}.", detail, well=False)
    return Reply(f"Sorry, something went wrong with {name}.", detail, well=False)


def _range(payload: dict[str, Any]) -> tuple[str, str] | None:
    limits = _part(payload, "validRange")
    found = limits.get("minimumValue"), limits.get("maximumValue")
    return (f"{found[0]:g}", f"{found[1]:g}") if all(isinstance(limit, int | float) for limit in found) else None


def _part(message: dict[str, Any], name: str) -> dict[str, Any]:
    part = message.get(name)
    return part if isinstance(part, dict) else {}
