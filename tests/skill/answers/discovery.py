"""How lamps describe themselves (contract 2.2). One endpoint that breaks a rule spoils the whole answer."""

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StringConstraints, model_validator

from tests.skill.answers.envelope import EndpointId, Header, Strict, Text

PROPERTIES: dict[str, list[str] | None] = {
    "Alexa": None,
    "Alexa.PowerController": ["powerState"],
    "Alexa.BrightnessController": ["brightness"],
    "Alexa.ColorController": ["color"],
    "Alexa.ColorTemperatureController": ["colorTemperatureInKelvin"],
    "Alexa.EndpointHealth": ["connectivity"],
}
OF_EVERY_LAMP = {"Alexa", "Alexa.PowerController", "Alexa.EndpointHealth"}
DIMMED_TOO = {"Alexa.ColorController", "Alexa.ColorTemperatureController"}


class Supported(Strict):
    name: str


class Properties(Strict):
    supported: Annotated[list[Supported], Field(min_length=1)]
    proactivelyReported: StrictBool
    retrievable: Literal[True]


class Capability(Strict):
    type: Literal["AlexaInterface"]
    interface: str
    version: Literal["3"]
    properties: Properties | None = None

    @model_validator(mode="after")
    def _declares_its_property(self) -> "Capability":
        """Amazon's schema takes a controller without properties, and any name in them."""
        declared = None if self.properties is None else [each.name for each in self.properties.supported]
        assert self.interface in PROPERTIES, f"{self.interface} is none of ours"
        assert declared == PROPERTIES[self.interface]
        return self


Attribute = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class AdditionalAttributes(Strict):
    """Only these: Amazon's schema has a misspelt key and looks at none of those behind it."""

    manufacturer: Attribute
    model: Attribute
    serialNumber: Attribute = ""
    firmwareVersion: Attribute = ""
    softwareVersion: Attribute = ""
    customIdentifier: Attribute = ""


class DiscoveredEndpoint(Strict):
    endpointId: EndpointId
    manufacturerName: Text
    friendlyName: Text
    description: Text
    displayCategories: Annotated[list[Literal["LIGHT"]], Field(min_length=1, max_length=1)]
    cookie: dict[str, str]
    additionalAttributes: AdditionalAttributes
    capabilities: Annotated[list[Capability], Field(max_length=100)]

    @model_validator(mode="after")
    def _name_can_be_said(self) -> "DiscoveredEndpoint":
        """Letters of any script with their marks, digits, and one space between words."""
        odd = [each for each in self.friendlyName if each != " " and unicodedata.category(each)[0] not in "LMN"]
        assert not odd, f"{odd} in a name"
        assert self.friendlyName == " ".join(self.friendlyName.split())
        return self

    @model_validator(mode="after")
    def _each_interface_once_and_a_lamps_own_always(self) -> "DiscoveredEndpoint":
        interfaces = [each.interface for each in self.capabilities]
        assert len(set(interfaces)) == len(interfaces), "an interface twice"
        assert set(interfaces) >= OF_EVERY_LAMP
        assert "Alexa.BrightnessController" in interfaces or not DIMMED_TOO & set(interfaces)
        reported = {each.properties.proactivelyReported for each in self.capabilities if each.properties}
        assert len(reported) == 1, "some changes are reported and others are not"
        return self


class Discovered(Strict):
    """At most 300, and no id twice, whatever else differs."""

    endpoints: Annotated[list[DiscoveredEndpoint], Field(max_length=300)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "Discovered":
        assert len({each.endpointId for each in self.endpoints}) == len(self.endpoints), "an endpointId twice"
        return self


class DiscoverEvent(Strict):
    header: Header
    payload: Discovered


class DiscoverResponse(Strict):
    event: DiscoverEvent


def declared(endpoint: dict[str, Any]) -> set[tuple[str, str]]:
    """What a lamp said at discovery that it reports: (interface, property)."""
    return {
        (capability["interface"], each["name"])
        for capability in endpoint["capabilities"]
        for each in capability.get("properties", {}).get("supported", [])
    }
