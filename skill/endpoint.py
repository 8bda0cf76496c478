"""`POST /alexa/directive`: authenticated as our bridge's, then always 200 with an Alexa body (contract 2.1, 2.8)."""

import asyncio
import logging
from urllib.parse import urlsplit

import orjson
from starlette.types import Receive, Scope, Send

from skill.bridge_call import BridgeCall, NotTheBridge, proof, verify
from skill.errors import UNLINKING
from skill.patience import Patience
from skill.service import Service
from skill.settings import is_loopback

log = logging.getLogger(__name__)

LARGEST_BODY = 64 * 1024  # bytes
BODY_PATIENCE = 2.5  # seconds, of those that the answer may take: nobody obeys whom the bridge has given up


class _TooLarge(Exception):
    pass


class _ClientGone(Exception):
    pass


async def _body(scope: Scope, receive: Receive) -> bytes:
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value) > LARGEST_BODY):
            raise _TooLarge
    message = await receive()
    if message["type"] != "http.request":
        raise _ClientGone
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts = bytearray(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] != "http.request":
            raise _ClientGone
        parts += message.get("body", b"")
        if len(parts) > LARGEST_BODY:
            raise _TooLarge
    return bytes(parts)


async def send_json(send: Send, status: int, document: object) -> None:
    await _send(send, status, orjson.dumps(document))


async def _send(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def has_loopback_host(scope: Scope) -> bool:
    """Whether the one `Host` of a request means this machine: a page of another origin cannot pass for it by DNS."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) != 1:
        return False
    try:
        return is_loopback(urlsplit("//" + hosts[0].decode("ascii")).hostname)
    except ValueError:
        return False


class DirectiveEndpoint:
    """Pure ASGI."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._secrets = service.settings.bridge_keys
        self._unsigned = service.settings.development and not self._secrets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        now = asyncio.get_running_loop().time
        began = now()
        try:
            with Patience(BODY_PATIENCE):
                body = await _body(scope, receive)
        except _TooLarge:
            await send_json(send, 413, {"error": "the body is larger than 64 KiB"})
            return
        except TimeoutError:
            await send_json(send, 408, {"error": "the body did not come in time"})
            return
        except _ClientGone:
            return
        try:
            call = self._authenticated(scope, body)
        except NotTheBridge as reason:
            log.warning("call refused, not from the bridge: %s", reason)
            await send_json(send, 401, {"error": "the call is not signed by the bridge"})
            return
        answer = await self._service.answer(body, call, now() - began)
        if answer is None:
            log.warning("call refused, not from the bridge: the signature was used before")
            await send_json(send, 401, {"error": "the signature was used before"})
            return
        content = orjson.dumps(answer)
        if call is not None and answer["event"]["payload"].get("type") in UNLINKING:
            await _send(send, 200, content, (b"x-bridge-proof", proof(body, content, self._secrets)))
        else:
            await _send(send, 200, content)

    def _authenticated(self, scope: Scope, body: bytes) -> BridgeCall | None:
        """None is an unsigned call in development mode."""
        if not self._unsigned:
            return verify(scope["headers"], body, self._secrets, self._service.clock())
        if not has_loopback_host(scope):
            raise NotTheBridge("unsigned, and not to a loopback Host")
        return None
