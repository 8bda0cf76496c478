"""A JSON object as a client sends it: each member once, nothing that no database could take."""

import json
import math
from collections.abc import Sequence
from typing import Any

import orjson
from authlib.oauth2.rfc6749 import InvalidRequestError
from starlette.requests import Request

from authserver.oauth.requests import UnsupportedMediaTypeError, media_type_of, whole_body

DEEPEST = 16  # levels; a key set needs four


class _RepeatedError(ValueError):
    pass


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedError
    return found


def _no_number(_: str) -> Any:
    raise ValueError


def _finite(text: str) -> float:
    """`1e400` is valid JSON, and no number that can be kept."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


async def read(request: Request) -> dict[str, Any]:
    """Raises `InvalidRequestError` and its subclasses, `ClientDisconnect`."""
    if media_type_of(request) != "application/json":
        raise UnsupportedMediaTypeError("Send the metadata as application/json")
    return parse(await whole_body(request))


def parse(body: bytes) -> dict[str, Any]:
    """Without the members that are `null`: these are as if they were missing (RFC 7592 §2.2). Raises
    `InvalidRequestError`."""
    try:
        found = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite)
        written = orjson.dumps(found)  # refuses lone surrogates and numbers beyond 64 bits
    except _RepeatedError as error:
        raise InvalidRequestError("A member is repeated") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidRequestError("The body is not valid JSON in UTF-8") from error
    if not isinstance(found, dict):
        raise InvalidRequestError("The body must be a JSON object")
    if b"\\u0000" in written:
        raise InvalidRequestError("A member holds a NUL character")
    if _depth(found) > DEEPEST:
        raise InvalidRequestError("The metadata is nested too deeply")
    return {name: value for name, value in found.items() if value is not None}


def _depth(value: Any, at: int = 1) -> int:
    """Stops where it is too deep."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return at if at > DEEPEST else max((_depth(one, at + 1) for one in inner), default=at)
