"""A client's server that is told of logouts, on loopback: what it got, and what it answers."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs


@dataclass
class Receiver:
    """`async with Receiver() as receiver`. `statuses`: of the next answers; 200 after these."""

    statuses: list[int] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    port: int = 0

    async def __aenter__(self) -> "Receiver":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/told"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-l")
            )
            self.forms.append(parse_qs((await reader.readexactly(length)).decode()))
            self.heads.append(head)
            status = self.statuses.pop(0) if self.statuses else 200
            extra = "Location: http://127.0.0.1:1/elsewhere\r\n" if 300 <= status < 400 else ""
            writer.write(f"HTTP/1.1 {status} X\r\n{extra}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        writer.close()

    async def tokens(self, count: int, patience: float = 30.0) -> list[str]:
        """The logout tokens that came, as soon as there are so many."""
        async with asyncio.timeout(patience):
            while len(self.forms) < count:
                await asyncio.sleep(0.02)
        assert all(list(form) == ["logout_token"] for form in self.forms)
        return [form["logout_token"][0] for form in self.forms]
