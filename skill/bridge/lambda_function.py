"""Forwards each Alexa directive to skill, signed, and gives back what skill answers.

Whatever else happens is BRIDGE_UNREACHABLE, which is harmless: an authorization error would unlink the user, and what
goes wrong here says nothing of the user's token. Skill proves its own. A directive is sent once and never again.

Environment: SKILL_URL, where skill is reached (https://skill.example.org); BRIDGE_SECRET, the same as skill's.
"""

import contextlib
import hashlib
import hmac
import http.client
import io
import json
import os
import queue
import re
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

PATH = "/alexa/directive"
BUDGET = 6.5  # seconds for all of a call; Alexa waits eight, the start of this function among them
MARGIN = 0.3  # seconds that Lambda must have left for our own answer
IDLE = 4.0  # seconds until a connection is not used again; uvicorn ends one after five
LARGEST_ANSWER = 2 * 1024 * 1024  # bytes; 300 lamps need less than one of them
HINTS = {401: ": is BRIDGE_SECRET the skill's, and is the clock right there?", 404: ": does SKILL_URL lead to skill?"}

Message = dict[str, Any]


class Unreachable(Exception):
    """There is no good answer. The text is for the log and holds no secret."""


class Target(NamedTuple):
    host: str
    port: int
    tls: bool
    path: str
    authority: str  # of the URL, for `Host`


class Deadline:
    """One for a whole call: a server that trickles cannot stretch it."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than none. Raises TimeoutError."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("too late")
        return left


class Incoming(io.RawIOBase):
    """What comes from a socket until the deadline; as much of a socket as HTTPResponse needs."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock, self._deadline = sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(self)


def target_of(url: str) -> Target:
    """Raises Unreachable. Plain http would show the user's token to everybody on the way; only this machine may."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Unreachable("SKILL_URL is no URL") from None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or "@" in parts.netloc:
        raise Unreachable("SKILL_URL must be https://HOST, without query, fragment or user")
    tls = parts.scheme == "https"
    if not tls and host not in ("localhost", "127.0.0.1", "::1"):
        raise Unreachable("SKILL_URL must be https")
    path = parts.path.rstrip("/").removesuffix(PATH) + PATH
    if not (path + parts.netloc).isascii() or any(character <= " " for character in path + parts.netloc):
        raise Unreachable("SKILL_URL must be ASCII, without spaces")
    return Target(host, port or (443 if tls else 80), tls, path, parts.netloc)


def secret_of(text: str) -> bytes:
    """The first of several: skill takes two, comma separated, while one replaces the other. Raises Unreachable."""
    first = next((word for part in text.split(",") if (word := part.strip())), None)
    if first is None:
        raise Unreachable("BRIDGE_SECRET is not set")
    return first.encode()


def signed(body: bytes, secret: bytes, now: float) -> dict[str, str]:
    """The headers that prove the call: HMAC-SHA256 of `timestamp "." body`, over the bytes that are sent."""
    timestamp = str(int(now))
    signature = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Bridge-Timestamp": timestamp, "X-Bridge-Signature": signature}


class Bridge:
    """Keeps the connection for the next directive, where it is certainly alive."""

    def __init__(self, url: str, secret: str) -> None:
        """Raises Unreachable where it is not set up."""
        self._target, self._secret = target_of(url), secret_of(secret)
        self._tls = ssl.create_default_context() if self._target.tls else None
        self._kept: socket.socket | None = None
        self._kept_at = 0.0

    def forward(self, event: object, budget: float = BUDGET) -> Message:
        """Skill's answer. Raises Unreachable, within `budget` seconds."""
        deadline = Deadline(budget)
        body = json.dumps(event, separators=(",", ":"), allow_nan=False).encode()
        sock = self._alive() or self._connected(deadline)
        try:
            content, proof, reusable = _exchange(sock, self._request(body), deadline)
            answer = _answer(content, event)
            unlinks = str(answer["event"]["payload"].get("type")).endswith("_AUTHORIZATION_CREDENTIAL")
            if unlinks and not self._proves(proof, body, content):
                raise Unreachable("an authorization error, without skill's proof that it belongs to this directive")
        except BaseException:
            sock.close()
            raise
        if reusable:
            self._kept, self._kept_at = sock, time.time()
        else:
            sock.close()
        return answer

    def _proves(self, proof: str, body: bytes, content: bytes) -> bool:
        """Skill, and nothing between us, gave this answer to this body. It proves it once for each of its secrets."""
        said = b"answer." + hashlib.sha256(body).hexdigest().encode() + b"." + content
        own = hmac.new(self._secret, said, hashlib.sha256).hexdigest().encode()
        return any(hmac.compare_digest(own, each.strip().encode()) for each in proof.split(","))

    def _request(self, body: bytes) -> bytes:
        headers = {
            "Host": self._target.authority,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "X-Bridge-Region": os.environ.get("AWS_REGION", ""),  # which of Alexa's event gateways is near
            **signed(body, self._secret, time.time()),
        }
        lines = [f"POST {self._target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body

    def _alive(self) -> socket.socket | None:
        """The kept connection. Lambda freezes between calls, so that its end may not have come through: age is judged
        by the wall clock, and a directive that was lost in a dead connection could not be sent again."""
        sock, self._kept = self._kept, None
        try:
            if sock and 0 <= time.time() - self._kept_at < IDLE:
                sock.setblocking(False)
                sock.recv(1)  # an end, or words that nobody asked for
        except (BlockingIOError, ssl.SSLWantReadError):
            return sock
        except OSError:
            pass
        if sock:
            sock.close()
        return None

    def _connected(self, deadline: Deadline) -> socket.socket:
        sock = _connect(_addresses(self._target, deadline), deadline)
        if self._tls is None:
            return sock
        try:
            sock.settimeout(deadline.left())
            return self._tls.wrap_socket(sock, server_hostname=self._target.host)
        except Exception as failure:
            sock.close()
            raise Unreachable(f"no TLS with {self._target.host}: {_words(failure)}") from None


def _addresses(target: Target, deadline: Deadline) -> list[Any]:
    """Asked for in a thread, since nothing else bounds a resolver. A late answer is heard by nobody."""
    found: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            found.put(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))
        except Exception as failure:
            found.put(failure)

    threading.Thread(target=resolve, daemon=True).start()
    try:
        answer = found.get(timeout=deadline.left())
    except (queue.Empty, TimeoutError):
        answer = TimeoutError("too late")
    if isinstance(answer, Exception):
        raise Unreachable(f"no address of {target.host}: {_words(answer)}")
    return list(answer)


def _connect(addresses: list[Any], deadline: Deadline) -> socket.socket:
    """To the first that takes it; a silent one gets its share of the time. Nothing is sent yet."""
    reason = "there is none"
    for position, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = None
        try:
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(deadline.left() / (len(addresses) - position))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or the handshake's end delays the directive
            return sock
        except OSError as failure:
            reason = _words(failure)
            if sock is not None:
                sock.close()
    raise Unreachable(f"no connection: {reason}")


def _exchange(sock: socket.socket, request: bytes, deadline: Deadline) -> tuple[bytes, str, bool]:
    """The body of a 200, its proof, and whether the connection is good for another call. Raises Unreachable."""
    try:
        rest = memoryview(request)
        while rest:
            sock.settimeout(deadline.left())
            rest = rest[sock.send(rest) :]
        response = http.client.HTTPResponse(Incoming(sock, deadline), method="POST")  # type: ignore[arg-type]
        response.begin()
        if response.status != 200:
            raise Unreachable(f"status {response.status}{HINTS.get(response.status, '')}")
        content = response.read(LARGEST_ANSWER + 1)
        if len(content) > LARGEST_ANSWER:
            raise Unreachable("the answer is too large")
        if response.length:
            raise Unreachable("the answer is cut off")
        return content, response.headers.get("X-Bridge-Proof", ""), response.isclosed() and not response.will_close
    except (OSError, http.client.HTTPException, ValueError) as failure:
        raise Unreachable(f"no answer: {_words(failure)}") from None


def _answer(content: bytes, event: object) -> Message:
    """The answer, if it is an Alexa message to this directive. Raises Unreachable."""
    try:
        document = json.loads(content)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()  # as Lambda does, which would die of it
    except (ValueError, RecursionError):
        raise Unreachable("the answer is no JSON") from None
    message = _object(_object(document).get("event"))
    header, asked = _object(message.get("header")), _directive(event)
    namespaces = ("Alexa", _text(_object(asked.get("header")).get("namespace")) or "Alexa")
    correlation_token, endpoint_id = _echoes(asked)
    if not (
        header.get("namespace") in namespaces
        and _text(header.get("name"))
        and _text(header.get("messageId"))
        and header.get("payloadVersion") == "3"
        and header.get("correlationToken") == correlation_token
        and isinstance(message.get("payload"), dict)
        and _object(message.get("endpoint")).get("endpointId") in (None, endpoint_id)
    ):
        raise Unreachable("the answer is no Alexa message to this directive")
    return dict(document)


def unreachable(event: object) -> Message:
    """The ErrorResponse to a directive that got no answer. It echoes an endpoint where there was one."""
    asked = _directive(event)
    asked_header = _object(asked.get("header"))
    of_grant = (asked_header.get("namespace"), asked_header.get("name")) == ("Alexa.Authorization", "AcceptGrant")
    header = {"namespace": "Alexa.Authorization" if of_grant else "Alexa", "name": "ErrorResponse"}
    header |= {"messageId": str(uuid.uuid4()), "payloadVersion": "3"}
    correlation_token, endpoint_id = _echoes(asked)
    header |= {"correlationToken": correlation_token} if correlation_token else {}
    kind = "ACCEPT_GRANT_FAILED" if of_grant else "BRIDGE_UNREACHABLE"
    message: Message = {"header": header, "payload": {"type": kind, "message": "The skill cannot be reached."}}
    return {"event": message | ({"endpoint": {"endpointId": endpoint_id}} if endpoint_id else {})}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """None too where half a character could not be said again: Lambda would die of it."""
    return value if isinstance(value, str) and value and not re.search("[\ud800-\udfff]", value) else None


def _directive(event: object) -> Mapping[str, Any]:
    return _object(_object(event).get("directive"))


def _echoes(directive: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The correlation token and the endpoint that an answer must have."""
    header, endpoint = _object(directive.get("header")), _object(directive.get("endpoint"))
    return _text(header.get("correlationToken")), _text(endpoint.get("endpointId"))


def _words(failure: Exception) -> str:
    """The text only of the system's: others quote what a server said, which may be our own request with its token."""
    return type(failure).__name__ + (f": {failure}"[:200] if isinstance(failure, OSError) else "")


_bridge: Bridge | None = None  # of this environment, for every call that it gets
with contextlib.suppress(Exception):  # now, when the processor is not yet shared; the first call says what is wrong
    _bridge = Bridge(os.environ.get("SKILL_URL", ""), os.environ.get("BRIDGE_SECRET", ""))


def lambda_handler(event: object, context: Any) -> Message:
    """What Lambda calls. Never raises: Alexa gets an answer to every directive."""
    global _bridge
    try:
        if _bridge is None:
            _bridge = Bridge(os.environ.get("SKILL_URL", ""), os.environ.get("BRIDGE_SECRET", ""))
        left = context.get_remaining_time_in_millis() / 1000 - MARGIN if context else BUDGET
        return _bridge.forward(event, min(BUDGET, left))
    except Exception as failure:
        # Of what was not foreseen the kind alone: its text might be made of the directive, which holds a token.
        reason = str(failure) if isinstance(failure, Unreachable) else f"unexpected: {type(failure).__name__}"
        header = _object(_directive(event).get("header"))
        asked = [(_text(header.get(name)) or "")[:80] for name in ("namespace", "name", "messageId")]
        print(json.dumps({"unreachable": reason, "directive": asked}), flush=True)
        return unreachable(event)
