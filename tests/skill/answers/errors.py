"""Error responses (contract 2.6): each type with the payload that it needs, and only where it can be the answer."""

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
RANGES = {
    "SetBrightness": [(0, 100)],
    "SetColor": [(0, 360), (0, 1)],
    "SetColorTemperature": [(1000, 10_000)],
}
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


class ErrorEvent(Strict):
    header: Header
    endpoint: Endpoint | None = None
    payload: dict[str, Any]


class ErrorResponse(Strict):
    event: ErrorEvent


def check_payload(kind: tuple[Any, Any], payload: dict[str, Any]) -> None:
    if kind == ("Alexa.Authorization", "AcceptGrant"):
        GrantFailed.model_validate(payload)
        return
    _PAYLOAD.validate_python(payload)
    allowed = ALLOWED.get(kind, OF_WHAT_IS_NOT_OURS)
    assert payload["type"] in allowed, f"{payload['type']} is no answer to {kind}"
    if "validRange" in payload:
        assert tuple(payload["validRange"].values()) in RANGES[kind[1]]
