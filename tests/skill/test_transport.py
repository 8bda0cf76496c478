"""An answer leaves in one piece."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from skill.transport import _OnePiece


class Peer(asyncio.Protocol):
    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.closed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)

    def connection_lost(self, _: Exception | None) -> None:
        self.closed.set()


@asynccontextmanager
async def connection() -> AsyncIterator[tuple[_OnePiece, Peer]]:
    loop, made = asyncio.get_running_loop(), asyncio.Queue[asyncio.Transport]()

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.put_nowait(transport)  # type: ignore[arg-type]

    server = await loop.create_server(Server, "127.0.0.1", 0)
    transport, peer = await loop.create_connection(Peer, *server.sockets[0].getsockname())
    yield _OnePiece(await made.get()), peer
    transport.close()
    server.close()


async def test_what_is_written_in_one_turn_arrives_in_one_piece() -> None:
    async with connection() as (transport, peer):
        for turn in (b"1", b"2"):
            transport.write(b"head" + turn)
            transport.write(b"body" + turn)
            await asyncio.sleep(0.05)
        assert peer.pieces == [b"head1body1", b"head2body2"]


async def test_what_is_written_before_the_end_still_arrives() -> None:
    async with connection() as (transport, peer):
        transport.write(b"head")
        transport.write(b"body")
        transport.close()
        await asyncio.wait_for(peer.closed.wait(), 2)
        assert peer.pieces == [b"headbody"]
        assert transport.is_closing()
