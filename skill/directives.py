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
    """`token` is None where the documented place holds none; a token elsewhere is never looked at."""

    kind: tuple[str, str]
    correlation_token: str | None
    endpoint_id: str | None
    token: str | None
    payload: Mapping[str, Any]


def loads(body: bytes) -> object:
    """Any JSON value, or None where the body is none (which no directive is)."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _part(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: object, longest: int) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= longest else None


def addressing(document: object) -> Addressing:
    """Never raises: an ErrorResponse echoes what can be echoed."""
    directive = _part(document, "directive")
    header = _part(directive, "header")
    return Addressing(
        namespace=_text(_part(header, "namespace"), 256),
        name=_text(_part(header, "name"), 256),
        correlation_token=_text(_part(header, "correlationToken"), LONGEST_CORRELATION_TOKEN),
        endpoint_id=_text(_part(_part(directive, "endpoint"), "endpointId"), LONGEST_ENDPOINT_ID),
    )


def read(document: object) -> Directive:
    """Raises InvalidDirective; whether namespace and name mean anything is the registry of handlers' to say."""
    directive = _part(document, "directive")
    header = _part(directive, "header")
    if not isinstance(header, dict):
        raise InvalidDirective("The body holds no directive with a header.")
    if header.get("payloadVersion") != "3":
        raise InvalidDirective("payloadVersion must be 3.")
    address = addressing(document)
    if address.namespace is None or address.name is None:
        raise InvalidDirective("The header lacks namespace or name.")
    if header.get("correlationToken") is not None and address.correlation_token is None:
        raise InvalidDirective("correlationToken is not a usable string.")
    payload = directive.get("payload")
    if not isinstance(payload, dict):
        raise InvalidDirective("The directive has no payload.")
    kind = (address.namespace, address.name)
    endpoint = directive.get("endpoint")
    return Directive(kind, address.correlation_token, address.endpoint_id, _token(kind, endpoint, payload), payload)


def _token(kind: tuple[str, str], endpoint: object, payload: object) -> str | None:
    """Contract 2.1, *Bearer token location*: one place for each directive."""
    if kind == DISCOVER:
        holder = _part(payload, "scope")
    elif kind == ACCEPT_GRANT:
        holder = _part(payload, "grantee")
    else:
        holder = _part(endpoint, "scope")
    if holder is None:
        return None
    if _part(holder, "type") != "BearerToken":
        raise InvalidDirective("The scope is not of type BearerToken.")
    token = _part(holder, "token")
    return token if isinstance(token, str) and token else None
