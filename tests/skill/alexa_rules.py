"""What a message to Alexa must be: written from contract section 2, stricter than Amazon's own schema."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StringConstraints, model_validator

Text = Annotated[str, StringConstraints(min_length=1, max_length=128)]
MessageId = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
]
EndpointId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-=#;:?@&]{1,256}$")]
Time = Annotated[str, StringConstraints(pattern=r"^20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,3})?Z$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Header(Strict):
    namespace: str
    name: str
    messageId: MessageId
    payloadVersion: Literal["3"]
    correlationToken: Annotated[str, StringConstraints(min_length=1)] | None = Field(default=None)


class Connectivity(Strict):
    value: Literal["OK", "UNREACHABLE"]


class Color(Strict):
    """All three, and as JSON numbers with a fraction."""

    hue: Annotated[StrictFloat, Field(ge=0, le=360)]
    saturation: Annotated[StrictFloat, Field(ge=0, le=1)]
    brightness: Annotated[StrictFloat, Field(ge=0, le=1)]


class Property(Strict):
    namespace: str
    name: str
    value: Any
    timeOfSample: Time
    uncertaintyInMilliseconds: Annotated[StrictInt, Field(ge=0)]

    @model_validator(mode="after")
    def _value_is_of_its_kind(self) -> "Property":
        kind = (self.namespace, self.name)
        if kind == ("Alexa.PowerController", "powerState"):
            assert self.value in ("ON", "OFF")
        elif kind == ("Alexa.BrightnessController", "brightness"):
            assert self.value in range(101)
            assert type(self.value) is int
        elif kind == ("Alexa.ColorController", "color"):
            Color.model_validate(self.value)
        elif kind == ("Alexa.ColorTemperatureController", "colorTemperatureInKelvin"):
            assert self.value in range(1000, 10_001)
            assert type(self.value) is int
        elif kind == ("Alexa.EndpointHealth", "connectivity"):
            Connectivity.model_validate(self.value)
        else:
            raise AssertionError(f"{kind} is no property that we declare")
        return self


class Context(Strict):
    properties: list[Property]

    @model_validator(mode="after")
    def _each_once(self) -> "Context":
        kinds = [(each.namespace, each.name) for each in self.properties]
        assert len(set(kinds)) == len(kinds)
        return self

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Context":
        """Off has no brightness, on has some; what shows a colour has no colour temperature (contract 2.3)."""
        values = {each.name: each.value for each in self.properties}
        if "brightness" in values:
            assert (values["powerState"] == "OFF") == (values["brightness"] == 0)
        if values.get("color", {}).get("saturation"):
            assert "colorTemperatureInKelvin" not in values
        return self


class Endpoint(Strict):
    endpointId: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Empty(Strict):
    pass


class ValidRange(Strict):
    minimumValue: int
    maximumValue: int

    @model_validator(mode="after")
    def _goes_up(self) -> "ValidRange":
        assert self.minimumValue < self.maximumValue
        return self


ERROR_TYPES = {
    *("NO_SUCH_ENDPOINT", "ENDPOINT_UNREACHABLE", "BRIDGE_UNREACHABLE", "INVALID_DIRECTIVE", "INVALID_VALUE"),
    *("VALUE_OUT_OF_RANGE", "INTERNAL_ERROR", "EXPIRED_AUTHORIZATION_CREDENTIAL"),
    *("INVALID_AUTHORIZATION_CREDENTIAL", "INSUFFICIENT_PERMISSIONS", "NOT_SUPPORTED_IN_CURRENT_MODE"),
}


class Error(Strict):
    type: str
    message: Annotated[str, StringConstraints(min_length=1)]
    validRange: ValidRange | None = None
    currentDeviceMode: Literal["COLOR", "ASLEEP", "NOT_PROVISIONED", "OTHER"] | None = None

    @model_validator(mode="after")
    def _type_has_what_it_needs(self) -> "Error":
        assert self.type in ERROR_TYPES | {"ACCEPT_GRANT_FAILED"}
        assert (self.type == "VALUE_OUT_OF_RANGE") == (self.validRange is not None)
        assert (self.type == "NOT_SUPPORTED_IN_CURRENT_MODE") == (self.currentDeviceMode is not None)
        return self


class Supported(Strict):
    name: str


class Properties(Strict):
    supported: Annotated[list[Supported], Field(min_length=1)]
    proactivelyReported: bool
    retrievable: Literal[True]


PROPERTIES: dict[str, list[str] | None] = {
    "Alexa": None,
    "Alexa.PowerController": ["powerState"],
    "Alexa.BrightnessController": ["brightness"],
    "Alexa.ColorController": ["color"],
    "Alexa.ColorTemperatureController": ["colorTemperatureInKelvin"],
    "Alexa.EndpointHealth": ["connectivity"],
}


class Capability(Strict):
    type: Literal["AlexaInterface"]
    interface: str
    version: Literal["3"]
    properties: Properties | None = None

    @model_validator(mode="after")
    def _declares_its_property(self) -> "Capability":
        """Amazon's schema takes a controller without properties, and any name in them."""
        declared = None if self.properties is None else [each.name for each in self.properties.supported]
        assert declared == PROPERTIES[self.interface]
        return self


class AdditionalAttributes(Strict):
    """The last two only where the lamp told them; never null."""

    manufacturer: Text
    model: Text
    serialNumber: Text = "(absent)"
    firmwareVersion: Text = "(absent)"


class DiscoveredEndpoint(Strict):
    endpointId: EndpointId
    manufacturerName: Text
    friendlyName: Text
    description: Text
    displayCategories: list[Literal["LIGHT"]]
    cookie: dict[str, str]
    additionalAttributes: AdditionalAttributes
    capabilities: Annotated[list[Capability], Field(max_length=100)]

    @model_validator(mode="after")
    def _name_can_be_said(self) -> "DiscoveredEndpoint":
        assert not re.search(r"""[^\w ]|_""", self.friendlyName), self.friendlyName
        assert self.friendlyName == " ".join(self.friendlyName.split())
        return self

    @model_validator(mode="after")
    def _each_interface_once_and_a_lamps_own_always(self) -> "DiscoveredEndpoint":
        interfaces = [each.interface for each in self.capabilities]
        assert len(set(interfaces)) == len(interfaces)
        assert {"Alexa", "Alexa.PowerController", "Alexa.EndpointHealth"} <= set(interfaces)
        return self


class Discovered(Strict):
    endpoints: Annotated[list[DiscoveredEndpoint], Field(max_length=300)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "Discovered":
        assert len({each.endpointId for each in self.endpoints}) == len(self.endpoints)
        return self


CHANGED = {
    "SetBrightness": "brightness",
    "AdjustBrightness": "brightness",
    "SetColor": "color",
    "SetColorTemperature": "colorTemperatureInKelvin",
    "IncreaseColorTemperature": "colorTemperatureInKelvin",
    "DecreaseColorTemperature": "colorTemperatureInKelvin",
    "TurnOn": "powerState",
    "TurnOff": "powerState",
}
"""The property that Alexa looks for in the answer; a lamp without it "is malfunctioning" (contract 0, row 10)."""


def check_answer(sent: Any, answer: dict[str, Any]) -> None:
    """Raises where `answer` breaks a rule of contract 2.1 to 2.6, or does not fit what was sent."""
    assert set(answer) <= {"context", "event"}
    event = answer["event"]
    assert set(event) <= {"header", "endpoint", "payload"}
    header = Header.model_validate(event["header"])
    asked = sent.get("directive", {}) if isinstance(sent, dict) else {}
    asked_header = asked.get("header", {}) if isinstance(asked, dict) else {}
    asked_header = asked_header if isinstance(asked_header, dict) else {}
    asked_endpoint = asked.get("endpoint") if isinstance(asked, dict) else None
    kind = (header.namespace, header.name)
    if isinstance(asked_header.get("correlationToken"), str):
        assert header.correlationToken == asked_header["correlationToken"]
    else:
        assert "correlationToken" not in event["header"]
    assert header.messageId != asked_header.get("messageId")
    if "endpoint" in event:
        endpoint = Endpoint.model_validate(event["endpoint"])
        assert asked_endpoint["endpointId"] == endpoint.endpointId
    if kind in (("Alexa", "Response"), ("Alexa", "StateReport")):
        assert "endpoint" in event
        Empty.model_validate(event["payload"])
        reported = Context.model_validate(answer["context"])
        names = {each.name for each in reported.properties}
        assert names >= {"powerState", "connectivity"}
        assert CHANGED.get(asked_header["name"], "powerState") in names
        assert (kind[1] == "StateReport") == (asked_header["name"] == "ReportState")
        return
    assert "context" not in answer
    if kind[1] == "ErrorResponse":
        error = Error.model_validate(event["payload"])
        of_grant = (asked_header.get("namespace"), asked_header.get("name")) == ("Alexa.Authorization", "AcceptGrant")
        assert kind[0] == ("Alexa.Authorization" if of_grant else "Alexa")
        assert of_grant == (error.type == "ACCEPT_GRANT_FAILED")
    elif kind == ("Alexa.Discovery", "Discover.Response"):
        Discovered.model_validate(event["payload"])
    elif kind == ("Alexa.Authorization", "AcceptGrant.Response"):
        Empty.model_validate(event["payload"])
    else:
        raise AssertionError(f"{kind} is no answer of ours")
    assert "null" not in json.dumps(answer)


def check_complete(endpoint: dict[str, Any], answer: dict[str, Any]) -> None:
    """`answer` reports exactly what `endpoint` declared at discovery, all of it retrievable; only a lamp that shows a
    colour leaves its colour temperature out."""
    declared = {
        (capability["interface"], each["name"])
        for capability in endpoint["capabilities"]
        for each in capability.get("properties", {}).get("supported", [])
    }
    properties = answer["context"]["properties"]
    color = next((each["value"] for each in properties if each["name"] == "color"), None)
    if color is not None and color["saturation"] > 0:
        declared.discard(("Alexa.ColorTemperatureController", "colorTemperatureInKelvin"))
    assert {(each["namespace"], each["name"]) for each in properties} == declared
