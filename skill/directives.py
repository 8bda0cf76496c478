"""A directive read once into a value (contract 2.1). Nothing of it is trusted yet, and no token is verified here."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from skill.errors import InvalidDirective

DISCOVER = ("Alexa.Discovery", "Discover")
ACCEPT_GRANT = ("Alexa.Authorization", "AcceptGrant")
LONGEST_ENDPOINT_ID = 256
LONGEST_CORRELATION_TOKEN = 16_384


class Addressing(NamedTuple):
    """What an answer needs of a directive, even of a broken one: nothing here is known to be there."""

    namespace: str | None
    name: str | None
    correlation_token: str | None
    endpoint_id: str | None


class Directive(NamedTuple):
    """`token` is None where the documented place holds none; a token elsewhere is never looked at. `region` is the
    bridge's, where it tells it and the handler may want it."""

    kind: tuple[str, str]
    correlation_token: str | None
    endpoint_id: str | None
    token: str | None
    payload: Mapping[str, Any]
    region: str | None = None


def loads(body: bytes) -> object:
    """Any JSON value, or None where the body is none (which no directive is)."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _object(value: object) -> dict[str, Any]:
    """An empty one where it is none: what it would hold is missing."""
    return value if isinstance(value, dict) else {}


def _text(value: object, longest: int) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= longest else None


def addressing(document: object) -> Addressing:
    """Never raises: an ErrorResponse echoes what can be echoed."""
    directive = _object(_object(document).get("directive"))
    return _addressing(_object(directive.get("header")), _object(directive.get("endpoint")))


def _addressing(header: Mapping[str, Any], endpoint: Mapping[str, Any]) -> Addressing:
    return Addressing(
        namespace=_text(header.get("namespace"), 256),
        name=_text(header.get("name"), 256),
        correlation_token=_text(header.get("correlationToken"), LONGEST_CORRELATION_TOKEN),
        endpoint_id=_text(endpoint.get("endpointId"), LONGEST_ENDPOINT_ID),
    )


def read(document: object) -> Directive:
    """Raises InvalidDirective; whether namespace and name mean anything is the registry of handlers' to say."""
    directive = _object(_object(document).get("directive"))
    header, endpoint, payload = directive.get("header"), directive.get("endpoint"), directive.get("payload")
    if not isinstance(header, dict):
        raise InvalidDirective("The body holds no directive with a header.")
    if header.get("payloadVersion") != "3":
        raise InvalidDirective("payloadVersion must be 3.")
    namespace, name, correlation_token, endpoint_id = _addressing(header, _object(endpoint))
    if namespace is None or name is None:
        raise InvalidDirective("The header lacks namespace or name.")
    if correlation_token is None and header.get("correlationToken") is not None:
        raise InvalidDirective("correlationToken is not a usable string.")
    if not isinstance(payload, dict):
        raise InvalidDirective("The directive has no payload.")
    kind = (namespace, name)
    return Directive(kind, correlation_token, endpoint_id, _token(kind, endpoint, payload), payload)


def _token(kind: tuple[str, str], endpoint: object, payload: object) -> str | None:
    """Contract 2.1, *Bearer token location*: one place for each directive."""
    if kind == DISCOVER:
        holder = _object(payload).get("scope")
    elif kind == ACCEPT_GRANT:
        holder = _object(payload).get("grantee")
    else:
        holder = _object(endpoint).get("scope")
    if holder is None:
        return None
    scope = _object(holder)
    if scope.get("type") != "BearerToken":
        raise InvalidDirective("The scope is not of type BearerToken.")
    token = scope.get("token")
    return token if isinstance(token, str) and token else None
