"""What skill sends of its own accord to the event gateway (contract 2.5). Amazon's schema has no DeleteReport at all,
and takes a ChangeReport without scope or context."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, model_validator

from tests.skill.answers.discovery import Discovered
from tests.skill.answers.envelope import EndpointId, Header, Scope, Strict, nulls
from tests.skill.answers.lamp import Property, check_together

LARGEST = 256 * 1024  # bytes of a report of endpoints


class Cause(Strict):
    """Never Alexa's own doing, of which she knows by the answer; and skill has no polls and no rules."""

    type: Literal["APP_INTERACTION", "PHYSICAL_INTERACTION"]


class Change(Strict):
    cause: Cause
    properties: Annotated[list[Property], Field(min_length=1)]


class Changed(Strict):
    change: Change


class Unchanged(Strict):
    properties: list[Property]


class ScopedEndpoint(Strict):
    scope: Scope
    endpointId: EndpointId


class ChangeEvent(Strict):
    header: Header
    endpoint: ScopedEndpoint
    payload: Changed


class ChangeReport(Strict):
    context: Unchanged
    event: ChangeEvent

    @model_validator(mode="after")
    def _each_property_in_one_of_the_two_lists(self) -> "ChangeReport":
        properties = [*self.event.payload.change.properties, *self.context.properties]
        names = [each.name for each in properties]
        assert len(set(names)) == len(names), "a property twice"
        assert "connectivity" in names
        check_together({each.name: each.model_dump()["value"] for each in properties})
        return self


class AddedEndpoints(Discovered):
    scope: Scope

    @model_validator(mode="after")
    def _are_reported(self) -> "AddedEndpoints":
        """Whoever hears of a lamp by an event hears of its changes, too."""
        properties = [capability.properties for each in self.endpoints for capability in each.capabilities]
        assert all(each.proactivelyReported for each in properties if each is not None)
        return self


class AddOrUpdateEvent(Strict):
    header: Header
    payload: AddedEndpoints


class AddOrUpdateReport(Strict):
    event: AddOrUpdateEvent


class Gone(Strict):
    endpointId: EndpointId


class GoneEndpoints(Strict):
    endpoints: Annotated[list[Gone], Field(min_length=1)]
    scope: Scope

    @model_validator(mode="after")
    def _each_goes_once(self) -> "GoneEndpoints":
        assert len({each.endpointId for each in self.endpoints}) == len(self.endpoints), "an endpointId twice"
        return self


class DeleteEvent(Strict):
    header: Header
    payload: GoneEndpoints


class DeleteReport(Strict):
    event: DeleteEvent


EVENTS: dict[tuple[str, str], type[Strict]] = {
    ("Alexa", "ChangeReport"): ChangeReport,
    ("Alexa.Discovery", "AddOrUpdateReport"): AddOrUpdateReport,
    ("Alexa.Discovery", "DeleteReport"): DeleteReport,
}


def check_event(message: dict[str, Any]) -> None:
    """Raises where a message to the event gateway breaks a rule."""
    assert not list(nulls(message)), f"null at {list(nulls(message))}"
    header = message["event"]["header"]
    EVENTS[header["namespace"], header["name"]].model_validate(message)
    if header["name"] == "AddOrUpdateReport":
        assert message["event"]["payload"]["endpoints"], "nothing to add"
        assert len(orjson.dumps(message)) <= LARGEST
