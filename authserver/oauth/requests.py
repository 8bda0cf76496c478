"""Requests as Authlib wants to read them, from a body and a query that were parsed strictly."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from starlette.requests import ClientDisconnect, Request

LARGEST = 65_536  # bytes of a body or a query
FIELDS = 100


class TooLargeError(InvalidRequestError):  # type: ignore[misc]
    """The body or the query is over `LARGEST`."""

    status_code = 413


class UnsupportedMediaTypeError(InvalidRequestError):  # type: ignore[misc]
    """RFC 6749 §3.2: parameters come as application/x-www-form-urlencoded, and in no other way."""

    status_code = 415


def parse(encoded: bytes) -> dict[str, list[str]]:
    """Every value of every parameter. Raises `InvalidRequestError` for what is not valid UTF-8 or holds a NUL, which no
    database takes and no client of ours has reason to send."""
    if len(encoded) > LARGEST:
        raise TooLargeError("The request is larger than 64 KiB")
    try:
        pairs = _plain(encoded) or parse_qsl(
            encoded.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS, encoding="utf-8"
        )
    except ValueError as error:
        raise InvalidRequestError("The parameters are not valid application/x-www-form-urlencoded in UTF-8") from error
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise InvalidRequestError("A parameter holds a NUL character")
        values[name].append(value)
    return values


def _plain(encoded: bytes) -> list[tuple[str, str]] | None:
    """What `parse_qsl` gives for pairs in which nothing is encoded, as those of a refresh are, for a fifth of its cost;
    None for others."""
    if b"%" in encoded or b"+" in encoded or not encoded.isascii() or encoded.count(b"&") >= FIELDS:
        return None
    parted = [pair.partition("=") for pair in encoded.decode().split("&") if pair]
    return [(name, value) for name, _, value in parted]


def once(values: Mapping[str, list[str]]) -> dict[str, str]:
    """RFC 6749 §3.2: parameters MUST NOT be included more than once. Raises `InvalidRequestError`."""
    if any(len(found) > 1 for found in values.values()):
        raise InvalidRequestError("A parameter is repeated")
    return {name: found[0] for name, found in values.items()}


def sent(parameters: dict[str, str]) -> dict[str, str]:
    """RFC 6749 §3.1, §3.2: parameters sent without a value MUST be treated as if they were omitted."""
    return {name: value for name, value in parameters.items() if value} if "" in parameters.values() else parameters


def header(request: Request, name: bytes) -> str:
    """The first of this name (in small letters), '' for none: a tenth of what Starlette's mapping costs."""
    headers: list[tuple[bytes, bytes]] = request.scope["headers"]
    return next((value.decode("latin-1") for given, value in headers if given == name), "")


async def read_body(request: Request) -> bytes:
    """The body of a form POST, at most `LARGEST` bytes. Raises `UnsupportedMediaTypeError`, `TooLargeError`."""
    if media_type_of(request) != "application/x-www-form-urlencoded":
        raise UnsupportedMediaTypeError("Send the parameters as application/x-www-form-urlencoded")
    return await whole_body(request)


def media_type_of(request: Request) -> str:
    return header(request, b"content-type").partition(";")[0].strip().lower()


async def whole_body(request: Request) -> bytes:
    """At most `LARGEST` bytes, whatever they are. Raises `TooLargeError`, `ClientDisconnect`."""
    message = await request.receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        chunks = [body]
        size = len(body)
        while message.get("more_body"):
            message = await request.receive()
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > LARGEST:
                raise TooLargeError("The request is larger than 64 KiB")
        body = b"".join(chunks)
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    if len(body) > LARGEST:
        raise TooLargeError("The request is larger than 64 KiB")
    return body


def refuse_query(request: Request) -> None:
    """RFC 6749 §2.3.1, §3.2: what belongs in the body, a secret or a token above all, must not lie in the logs of every
    proxy. Raises `InvalidRequestError` where the URL has a query at all."""
    if request.scope["query_string"]:
        raise InvalidRequestError("Parameters belong in the body")


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form POST, each once. Raises subclasses of `InvalidRequestError`."""
    return once(parse(await read_body(request)))


async def read_parameters(request: Request) -> dict[str, str]:
    """The parameters that a program sends, each once. Raises as `read_form`."""
    return sent(await read_form(request))


class ProtocolRequest(OAuth2Request):  # type: ignore[misc]
    """One request for Authlib. `uri` comes from the configured issuer, never from a header; `now` is the request's one
    time; `unit` is the cold path's session where the request has one."""

    def __init__(
        self,
        method: str,
        uri: str,
        parameters: dict[str, str],
        now: int,
        *,
        authorization: str = "",
        dpop_headers: Sequence[str] = (),
        unit: Any = None,
    ) -> None:
        # Not `super().__init__`, which looks at each request whether the URI is https or loopback: settings did at the
        # start. A test holds that nothing which Authlib sets there is missing here.
        self.method = method
        self.uri = uri
        self.headers = {"Authorization": authorization} if authorization else {}
        self._body = None
        self.payload = BasicOAuth2Payload(parameters)
        self.client: Any = None
        self.auth_method: str | None = None
        self.user: Any = None
        self.authorization_code: Any = None
        self.refresh_token: Any = None
        self.credential: Any = None
        self._scope: str | None = None
        self.parameters = parameters
        self.now = now
        self.unit = unit
        self.subject: Any = None  # tokens.Subject, once the grant is proven
        self.redirect_uri_sent = True  # whether the authorization request named it
        self.server: Any = None  # the OAuthServer that handles it
        self.refresh_value = ""
        self.requested_claims: dict[str, list[str]] = {}  # `requested_claims.Requested.names`
        self.dpop_headers = dpop_headers
        self.bound_jkt: str | None = None  # the key that the presented code or refresh token is bound to
        self.proof: Any = None  # dpop.proof.Proof, once it is verified and used up

    @property
    def jkt(self) -> str | None:
        """The thumbprint that the access token is bound to (RFC 9449 §6); None makes a bearer token."""
        return None if self.proof is None else str(self.proof.jkt)

    @property
    def form(self) -> dict[str, str]:
        return self.parameters

    @property
    def args(self) -> dict[str, str]:
        return self.parameters
