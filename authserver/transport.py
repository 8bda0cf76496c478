"""An HTTP connection on which an answer leaves in one piece."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Joined:
    """A transport that sends together what is written in one turn of the event loop. uvicorn writes the head of an
    answer and its body apart: two system calls, two packets, and the reader woken twice."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._soon = asyncio.get_running_loop().call_soon
        self._waiting: list[bytes] = []
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._soon(self.flush)
        self._waiting.append(data)

    def flush(self) -> None:
        if self._waiting:
            joined = b"".join(self._waiting)
            self._waiting.clear()
            if not self._transport.is_closing():
                self._transport.write(joined)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """All else is the transport's own."""
        return getattr(self._transport, name)


class OnePieceProtocol(HttpToolsProtocol):
    """uvicorn's, on such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._joined = Joined(transport)
        super().connection_made(self._joined)  # type: ignore[arg-type]

    def eof_received(self) -> None:
        """The client has said all; the loop closes the connection now, and what waits must be on its way before."""
        self._joined.flush()
