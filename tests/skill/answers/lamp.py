"""How a lamp stands (contract 2.3, 2.4): properties, each of its own kind, that agree with each other."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt, model_validator

from tests.skill.answers.envelope import Empty, Endpoint, Header, Strict, Time

WHITE = {"hue": 0.0, "saturation": 0.0, "brightness": 1.0}
KELVIN = "colorTemperatureInKelvin"


def _with_a_fraction(value: Any) -> Any:
    """Strict models take an integer for a float."""
    assert type(value) is float, f"{value!r} is no number with a fraction"
    return value


Fraction = Annotated[float, BeforeValidator(_with_a_fraction)]


class Connectivity(Strict):
    """An object, and never an empty one."""

    value: Literal["OK", "UNREACHABLE"]


class Color(Strict):
    """All three, and as JSON numbers with a fraction."""

    hue: Annotated[Fraction, Field(ge=0, le=360)]
    saturation: Annotated[Fraction, Field(ge=0, le=1)]
    brightness: Annotated[Fraction, Field(ge=0, le=1)]


class _Property(Strict):
    timeOfSample: Time
    uncertaintyInMilliseconds: Annotated[StrictInt, Field(ge=0)]


class PowerState(_Property):
    namespace: Literal["Alexa.PowerController"]
    name: Literal["powerState"]
    value: Literal["ON", "OFF"]


class Brightness(_Property):
    namespace: Literal["Alexa.BrightnessController"]
    name: Literal["brightness"]
    value: Annotated[StrictInt, Field(ge=0, le=100)]


class ColorProperty(_Property):
    namespace: Literal["Alexa.ColorController"]
    name: Literal["color"]
    value: Color


class Temperature(_Property):
    namespace: Literal["Alexa.ColorTemperatureController"]
    name: Literal["colorTemperatureInKelvin"]
    value: Annotated[StrictInt, Field(ge=1000, le=10_000)]


class Health(_Property):
    namespace: Literal["Alexa.EndpointHealth"]
    name: Literal["connectivity"]
    value: Connectivity


Property = Annotated[PowerState | Brightness | ColorProperty | Temperature | Health, Field(discriminator="namespace")]


def check_together(values: dict[str, Any]) -> None:
    """Off has no brightness, on has some; what shows a colour has no colour temperature (contract 2.3)."""
    if "brightness" in values:
        assert (values["powerState"] == "OFF") == (values["brightness"] == 0), "brightness and power differ"
    if KELVIN in values and "color" in values:
        assert values["color"] == WHITE, "a colour and a colour temperature"
    if "color" in values or KELVIN in values:
        assert "powerState" in values


class Context(Strict):
    """All that is known of the lamp, each property once."""

    properties: list[Property]

    @model_validator(mode="after")
    def _each_once(self) -> "Context":
        kinds = [each.name for each in self.properties]
        assert len(set(kinds)) == len(kinds), "a property twice"
        assert "connectivity" in kinds, "EndpointHealth is missing"
        check_together({each["name"]: each["value"] for each in self.model_dump()["properties"]})
        return self


class LampEvent(Strict):
    header: Header
    endpoint: Endpoint
    payload: Empty


class OfLamp(Strict):
    """`Alexa/Response` and `Alexa/StateReport`."""

    context: Context
    event: LampEvent
