"""HTTP on a connection that sends an answer in one piece and does not wait or listen for ever, and whether the server
still takes any."""

import asyncio
import signal
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_REQUEST = 256 * 1024  # bytes, of which a body may be 64 KiB
HEAD_PATIENCE = 5.0  # seconds; a head that is not whole after that is looked at once more, and then given up


class _OnePiece:
    """A transport that joins what is written in one turn of the loop. uvicorn writes an answer's head and its body
    apart: two system calls and two packets, which cost more than all that a directive asks of SQLite."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._call_soon = asyncio.get_running_loop().call_soon
        self._waiting: list[bytes] = []
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._call_soon(self.flush)
        self._waiting.append(data)

    def flush(self) -> None:
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            if not self._transport.is_closing():
                self._transport.write(data)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """All the rest is the transport's own."""
        return getattr(self._transport, name)


class OnePieceProtocol(HttpToolsProtocol):
    """uvicorn with httptools bounds neither a head nor trailers, and waits for a head for ever. A header that grows is
    copied with each packet: a hundred megabytes, from anybody, stopped the loop for a quarter of a minute."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._joined = _OnePiece(transport)
        super().connection_made(self._joined)  # type: ignore[arg-type]
        self._size = 0  # bytes of the present request that came after its first packet
        self._unfinished: object = None
        self._look = self.loop.call_later(HEAD_PATIENCE, self._look_at_head)

    def connection_lost(self, exc: Exception | None) -> None:
        self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self.scope  # another one begins with each request
        super().data_received(data)
        if self.scope is not before:
            self._size = 0
        elif before is not None:
            self._size += len(data)
            if self._size > LARGEST_REQUEST:
                self.transport.close()

    def _look_at_head(self) -> None:
        if self._is_waited_for:
            if self.scope is self._unfinished:
                self.transport.close()
                return
            self._unfinished = self.scope
        self._look = self.loop.call_later(HEAD_PATIENCE, self._look_at_head)

    @property
    def _is_waited_for(self) -> bool:
        """Whether it is the client's turn, and nothing of uvicorn's looks at the time: what comes after an answer, an
        empty line or more of a body that nobody read, stops its keep-alive timer for good."""
        if self.scope is None or "method" not in self.scope:  # uvicorn enters it when the head is whole
            return True
        return self.cycle is not None and self.cycle.response_complete and self.timeout_keep_alive_task is None

    def eof_received(self) -> None:
        """The client has said all; the loop closes the connection now, and what waits must be on its way before."""
        self._joined.flush()


def server_is_leaving() -> bool:
    """Whether uvicorn drains. It tells the application only after the last answer has ended, so that an endless one
    would hold it up; its signal handler is a method of the server, which knows."""
    handler = signal.getsignal(signal.SIGTERM)
    return bool(getattr(getattr(handler, "__self__", None), "should_exit", False))
