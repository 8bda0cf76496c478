"""The `claims` parameter (OpenID Connect Core §5.5): claims asked for one by one.

A claim is given where the client has the scope that opens it: what it may read does not grow by asking in another way.
The person agrees to the words of that scope (`consents.asked`), and the client gets the one claim. All others are left
out without a word, essential or not, as §5.5.1 has it; but `acr` and `sub` are demands (docs/adr/0037).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from authlib.oauth2.rfc6749 import InvalidRequestError

from authserver.accounts import assurance
from authserver.oauth.errors import UnmetAuthenticationRequirementsError
from authserver.oauth.userinfo import scope_of

PLACES = ("userinfo", "id_token")
MOST = 50  # claims of one place


@dataclass(frozen=True)
class Requested:
    """`names`: for each place the claims that this client may have; `acr_values` of an essential `acr`, '' for none;
    `sub`: the one person, as the client knows them, who may answer, '' for anybody."""

    names: dict[str, list[str]] = field(default_factory=dict)
    acr_values: str = ""
    sub: str = ""

    def kept(self) -> dict[str, Any]:
        """What of it outlives the request, in the interaction."""
        found = {"claims": self.names, "acr_values": self.acr_values}
        return {name: value for name, value in found.items() if value}


def read(text: str, scopes: Sequence[str]) -> Requested:
    """`scopes`: all that the client may ask for. Raises `InvalidRequestError` for what is not of §5.5's form, and
    `UnmetAuthenticationRequirementsError` for an essential `acr` that nobody here can reach."""
    try:
        asked = orjson.loads(text)
    except ValueError as error:
        raise InvalidRequestError("claims is not valid JSON") from error
    if not isinstance(asked, dict):
        raise InvalidRequestError("claims is not a JSON object")
    places = {place: _members(asked[place]) for place in PLACES if asked.get(place) is not None}
    names = {
        place: [name for name in members if scope_of(name) in scopes]
        for place, members in places.items()
        if any(scope_of(name) in scopes for name in members)
    }
    subjects = {value for members in places.values() for value in _values(members.get("sub") or {})}
    if len(subjects) > 1:
        raise InvalidRequestError("claims names more than one sub")
    return Requested(names, _acr(places.get("id_token", {}).get("acr") or {}), next(iter(subjects), ""))


def _members(place: Any) -> dict[str, dict[str, Any] | None]:
    """Raises `InvalidRequestError` (§5.5.1: null, or an object with `essential`, `value`, `values`)."""
    if not isinstance(place, dict) or len(place) > MOST:
        raise InvalidRequestError("A member of claims is not a JSON object of at most 50 claims")
    for wanted in place.values():
        if wanted is None:
            continue
        if (
            not isinstance(wanted, dict)
            or not isinstance(wanted.get("essential", False), bool)
            or not isinstance(wanted.get("values", []), list)
        ):
            raise InvalidRequestError("A claim in claims is neither null nor an object of essential, value and values")
    return place


def _values(wanted: dict[str, Any]) -> list[str]:
    """Raises `InvalidRequestError` where they are not text, as they are of `acr` and `sub`."""
    found = [*wanted.get("values", []), *([wanted["value"]] if "value" in wanted else [])]
    if not all(isinstance(value, str) and value and " " not in value for value in found):
        raise InvalidRequestError("A value of acr or sub in claims is not text")
    return list(dict.fromkeys(found))


def _acr(wanted: dict[str, Any]) -> str:
    """As `acr_values`, which are a demand here (docs/adr/0017). A voluntary one is not: every token tells its `acr`."""
    values = _values(wanted)
    if not wanted.get("essential") or not values:
        return ""
    known = [value for value in values if value in assurance.LEVELS]
    if not known:
        raise UnmetAuthenticationRequirementsError("No acr of claims is one of this server")
    return " ".join(known)


def singly_named(claims: Mapping[str, Any], place: str, granted: str, scope: str) -> Sequence[str]:
    """What a grant's `claims` name for this place. A token of a narrower scope than was granted is for less, and has
    nothing besides its scope."""
    names: Sequence[str] = claims.get(place, ())
    return names if names and set(granted.split()) <= set(scope.split()) else ()
