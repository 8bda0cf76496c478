"""What all messages share (contract 2.1). Amazon's schema takes any id, a missing token and nulls."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=128)]
MessageId = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
]
EndpointId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-=#;:?@&]{1,256}$")]
Token = Annotated[str, StringConstraints(min_length=1)]


def _a_moment(text: str) -> str:
    """UTC with `Z` and at most three fractional digits, and a date that exists."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z", text), text
    assert datetime.fromisoformat(text).astimezone(UTC).year >= 2020
    return text


Time = Annotated[str, AfterValidator(_a_moment)]


class Strict(BaseModel):
    """No other keys, no other types; what may be left out may still not be null."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Header(Strict):
    namespace: str
    name: str
    messageId: MessageId
    payloadVersion: Literal["3"]


class Answering(Header):
    """To a directive that had a correlation token."""

    correlationToken: Token


class Endpoint(Strict):
    """Whatever the directive named, even where no lamp can have that id."""

    endpointId: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Scope(Strict):
    type: Literal["BearerToken"]
    token: Token


class Empty(Strict):
    pass


def nulls(value: Any, path: str = "") -> Iterator[str]:
    """Where in the message there are any: Alexa refuses the whole of it."""
    if value is None:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from nulls(child, f"{path}/{key}")
