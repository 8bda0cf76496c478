"""Error responses (contract 2.6): each type with the payload that it needs, and only where it can be the answer."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, StrictFloat, StrictInt, StringConstraints, TypeAdapter, model_validator

from tests.skill.answers.envelope import Endpoint, Header, Strict

Said = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[ -~]+$")]


class Plain(Strict):
    type: Literal[
        "NO_SUCH_ENDPOINT",
        "ENDPOINT_UNREACHABLE",
        "BRIDGE_UNREACHABLE",
        "INVALID_DIRECTIVE",
        "INVALID_VALUE",
        "INTERNAL_ERROR",
        "EXPIRED_AUTHORIZATION_CREDENTIAL",
        "INVALID_AUTHORIZATION_CREDENTIAL",
        "INSUFFICIENT_PERMISSIONS",
    ]
    message: Said


class ValidRange(Strict):
    minimumValue: StrictInt | StrictFloat
    maximumValue: StrictInt | StrictFloat

    @model_validator(mode="after")
    def _goes_up(self) -> "ValidRange":
        assert self.minimumValue < self.maximumValue
        return self


class OutOfRange(Strict):
    """Home Assistant loses the range on the way."""

    type: Literal["VALUE_OUT_OF_RANGE"]
    message: Said
    validRange: ValidRange


class InAnotherMode(Strict):
    type: Literal["NOT_SUPPORTED_IN_CURRENT_MODE"]
    message: Said
    currentDeviceMode: Literal["COLOR"]


class GrantFailed(Strict):
    type: Literal["ACCEPT_GRANT_FAILED"]
    message: Said


Payload = Annotated[Plain | OutOfRange | InAnotherMode, Field(discriminator="type")]
_PAYLOAD: TypeAdapter[Any] = TypeAdapter(Payload)

DEAD_TOKENS = {"EXPIRED_AUTHORIZATION_CREDENTIAL", "INVALID_AUTHORIZATION_CREDENTIAL"}
OF_ANY = DEAD_TOKENS | {"INVALID_DIRECTIVE", "INTERNAL_ERROR", "BRIDGE_UNREACHABLE", "INSUFFICIENT_PERMISSIONS"}
OF_CONTROL = {*OF_ANY, "NO_SUCH_ENDPOINT", "ENDPOINT_UNREACHABLE"}
VALUES = {"INVALID_VALUE", "VALUE_OUT_OF_RANGE"}
ALLOWED: dict[tuple[str, str], set[str]] = {
    ("Alexa.Discovery", "Discover"): OF_ANY,
    ("Alexa", "ReportState"): OF_ANY | {"NO_SUCH_ENDPOINT"},  # a lamp that is away is reported as such
    ("Alexa.PowerController", "TurnOn"): OF_CONTROL,
    ("Alexa.PowerController", "TurnOff"): OF_CONTROL,
    ("Alexa.BrightnessController", "SetBrightness"): OF_CONTROL | VALUES,
    ("Alexa.BrightnessController", "AdjustBrightness"): OF_CONTROL | {"INVALID_VALUE"},  # clamped
    ("Alexa.ColorController", "SetColor"): OF_CONTROL | VALUES,
    ("Alexa.ColorTemperatureController", "SetColorTemperature"): OF_CONTROL | VALUES,
    ("Alexa.ColorTemperatureController", "IncreaseColorTemperature"): OF_CONTROL | {"NOT_SUPPORTED_IN_CURRENT_MODE"},
    ("Alexa.ColorTemperatureController", "DecreaseColorTemperature"): OF_CONTROL | {"NOT_SUPPORTED_IN_CURRENT_MODE"},
}
OF_WHAT_IS_NOT_OURS = OF_ANY - DEAD_TOKENS
"""Nothing was asked that needs a token: even a dead one is no reason to unlink."""


FIELDS: dict[str, dict[str, tuple[float, float]]] = {
    "SetBrightness": {"brightness": (0, 100)},
    "AdjustBrightness": {"brightnessDelta": (-math.inf, math.inf)},
    "SetColor": {"hue": (0, 360), "saturation": (0, 1), "brightness": (0, 1)},
    "SetColorTemperature": {"colorTemperatureInKelvin": (1000, 10_000)},
}
"""What directives ask for, within which limits: whole numbers, except of a colour."""


class ErrorEvent(Strict):
    header: Header
    endpoint: Endpoint | None = None
    payload: dict[str, Any]


class ErrorResponse(Strict):
    event: ErrorEvent


def asked_for(name: Any, sent: Any) -> dict[str, Any]:
    """The values of a directive's payload, where they should stand."""
    place = sent.get("color") if name == "SetColor" else sent
    return {field: place.get(field) if isinstance(place, dict) else None for field in FIELDS.get(name, {})}


def good(name: Any, sent: Any) -> bool:
    """Whether every value is a number within its limits."""
    values, kinds = asked_for(name, sent), (int, float) if name == "SetColor" else (int,)
    return all(
        type(value) in kinds and FIELDS[name][field][0] <= value <= FIELDS[name][field][1]
        for field, value in values.items()
    )


def check_payload(kind: tuple[Any, Any], payload: dict[str, Any], sent: Any) -> None:
    """`sent`: the payload of the directive, which must have what the error says of it."""
    if kind == ("Alexa.Authorization", "AcceptGrant"):
        GrantFailed.model_validate(payload)
        return
    _PAYLOAD.validate_python(payload)
    allowed = ALLOWED.get(kind, OF_WHAT_IS_NOT_OURS)
    assert payload["type"] in allowed, f"{payload['type']} is no answer to {kind}"
    assert payload["type"] not in VALUES or not good(kind[1], sent), "nothing is wrong with the value"
    if "validRange" in payload:
        limits = payload["validRange"]["minimumValue"], payload["validRange"]["maximumValue"]
        outside = [
            FIELDS[kind[1]][field]
            for field, value in asked_for(kind[1], sent).items()
            if type(value) in (int, float) and not FIELDS[kind[1]][field][0] <= value <= FIELDS[kind[1]][field][1]
        ]
        assert limits in outside, f"{limits} is not what the value is outside of"
