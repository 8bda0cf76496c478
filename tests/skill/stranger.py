"""What may sit where the bridge expects skill: a server on loopback that misbehaves as a test says, and counts."""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson

Behaviour = Callable[[socket.socket, bytes], None]
"""What is done on a connection after a request, given its body; an error ends the connection."""


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*chunks: bytes) -> bytes:
    parts = [f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks]
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(parts)


def answer_to(body: bytes, **changes: object) -> dict[str, object]:
    """A good `Alexa/Response` to a directive; `changes` go into its header, None takes away."""
    asked = json.loads(body)["directive"]
    header = {"namespace": "Alexa", "name": "Response", "messageId": "a-b-c", "payloadVersion": "3"}
    header |= {"correlationToken": asked["header"].get("correlationToken")} | changes
    event = {"header": {name: value for name, value in header.items() if value is not None}, "payload": {}}
    if "endpoint" in asked:
        event["endpoint"] = {"endpointId": asked["endpoint"]["endpointId"]}
    return {"event": event}


def good(connection: socket.socket, body: bytes) -> None:
    connection.sendall(http(orjson.dumps(answer_to(body))))


def says(content: bytes) -> Behaviour:
    """Sends it and closes."""

    def behave(connection: socket.socket, _: bytes) -> None:
        connection.sendall(content)
        raise EOFError

    return behave


def with_changed(part: str, value: object) -> Behaviour:
    def behave(connection: socket.socket, body: bytes) -> None:
        answer = answer_to(body)
        answer["event"] = {**answer["event"], part: value}  # type: ignore[dict-item]
        connection.sendall(http(orjson.dumps(answer)))

    return behave


def with_header(changes: dict[str, Any]) -> Behaviour:
    return lambda connection, body: connection.sendall(http(orjson.dumps(answer_to(body, **changes))))


def unlinking(status: str, **changes: object) -> Behaviour:
    """The answer that unlinks: not under this status, and not to somebody else's directive."""

    def behave(connection: socket.socket, body: bytes) -> None:
        answer: Any = answer_to(body, name="ErrorResponse", **changes)
        answer["event"]["payload"] = {"type": "INVALID_AUTHORIZATION_CREDENTIAL", "message": "Dead."}
        connection.sendall(http(orjson.dumps(answer), status=status))

    return behave


def trickles(first: bytes, then: bytes) -> Behaviour:
    """`then` again and again, a little every 20 ms, for as long as somebody listens."""

    def behave(connection: socket.socket, _: bytes) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(then)
            time.sleep(0.02)

    return behave


def ends_early(connection: socket.socket, body: bytes) -> None:
    """A good answer, of which more was announced."""
    content = orjson.dumps(answer_to(body))
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(content) + 1}\r\n\r\n".encode() + content)
    raise EOFError


def floods(first: bytes, then: bytes) -> Behaviour:
    def behave(connection: socket.socket, _: bytes) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(then)

    return behave


def silent(connection: socket.socket, _: bytes) -> None:
    connection.settimeout(20)
    connection.recv(1)  # until the bridge gives up
    raise EOFError


def resets(connection: socket.socket, _: bytes) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    raise EOFError


class Stranger:
    """`behave` may be changed at any time. `requests` are heads and bodies, `connections` how many were taken."""

    def __init__(self, behave: Behaviour = good, tls: ssl.SSLContext | None = None) -> None:
        self.behave = behave
        self.requests: list[tuple[str, bytes]] = []
        self.connections = 0
        self._tls = tls
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError, ValueError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as incoming:
                while True:
                    head = ""
                    while (line := incoming.readline()) != b"\r\n":
                        if not line:
                            raise EOFError
                        head += line.decode()
                    length = int(head.lower().partition("content-length:")[2].split()[0])
                    body = incoming.read(length)
                    self.requests.append((head, body))
                    self.behave(connection, body)
        connection.close()

    def hang_up(self) -> None:
        """Ends every connection, as a server does that restarts."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        time.sleep(0.05)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()


@contextlib.contextmanager
def stranger(behave: Behaviour = good, tls: ssl.SSLContext | None = None) -> Iterator[Stranger]:
    server = Stranger(behave, tls)
    try:
        yield server
    finally:
        server.stop()
