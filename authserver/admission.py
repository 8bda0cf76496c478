"""Before the pages: a request waits here until it is its turn (`turns`), or is told to come again later."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from authserver.accounts.attempts import network_of
from authserver.oauth.requests import LARGEST
from authserver.turns import CURRENT, Turn, Turns, timed

PATIENCE = 5.0  # seconds that a request may wait; all that wait are answered before a worker has to end
HELD = 1.0  # seconds that "come again later" waits when it is told at once, lest the answer be another request at once
MOST_HELD = 256


class Admission:
    """Pure ASGI. Programs and what costs nothing pass; a page begins when its body is there and it has its turn."""

    def __init__(
        self,
        app: ASGIApp,
        turns: Turns,
        machine_paths: frozenset[str],
        free_paths: tuple[str, ...],
        busy_page: Callable[[Request], Response],
    ) -> None:
        """`free_paths`: beginnings of paths that need neither database nor thought. `busy_page` is asked each time."""
        self.app = app
        self.turns = turns
        self.machine_paths = machine_paths
        self.free_paths = free_paths
        self.busy_page = busy_page
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path in self.machine_paths or path.startswith(self.free_paths):
            await self.app(scope, receive, send)
        else:
            await self._page(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(receive)  # a client that sends slowly keeps nobody waiting
        client = scope.get("client")
        turn = self.turns.ask(network_of(client[0] if client else ""), heavy=scope["method"] == "POST")
        try:
            if not turn.decided.done():
                await _until_gone(receive, PATIENCE, turn)
            if not turn.decided.done() or not turn.decided.result():
                turn.leave()
                await self._come_again(scope, receive, send, hold=turn.decided.done())
                return

            async def again() -> Message:
                return body.pop(0) if body else await receive()

            async def answer(message: Message) -> None:
                loop.call_soon(turn.leave)  # after this step: a client that does not read its answer stops nobody
                await send(message)

            loop = asyncio.get_running_loop()
            CURRENT.set(turn)
            await timed(self.app(scope, again, answer), self.turns.spent)  # type: ignore[arg-type]
        finally:
            turn.leave()

    async def _come_again(self, scope: Scope, receive: Receive, send: Send, *, hold: bool) -> None:
        if hold and self._held < MOST_HELD:
            self._held += 1
            try:
                await _until_gone(receive, HELD)
            finally:
                self._held -= 1
        await self.busy_page(Request(scope))(scope, receive, send)


async def _whole(receive: Receive) -> list[Message]:
    """The messages of the body, to its end or to where it is too large to be read (`oauth.requests.read_body`)."""
    messages, size = [await receive()], 0
    while messages[-1].get("more_body"):
        size += len(messages[-1].get("body", b""))
        if size > LARGEST:
            break
        messages.append(await receive())
    if messages[-1]["type"] == "http.disconnect":
        raise ClientDisconnect
    return messages


async def _until_gone(receive: Receive, seconds: float, turn: Turn | None = None) -> None:
    """Wait so long, or until the turn is decided. Raises `ClientDisconnect` when the client leaves meanwhile."""
    next_message = asyncio.ensure_future(receive())
    awaited: set[asyncio.Future[Any]] = {next_message, turn.decided} if turn else {next_message}
    until = asyncio.get_running_loop().time() + seconds
    try:
        await asyncio.wait(awaited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if next_message.done():
            if next_message.result()["type"] == "http.disconnect":
                raise ClientDisconnect
            awaited.remove(next_message)  # the body goes on, which is too large to be read
            left = until - asyncio.get_running_loop().time()
            if turn is None:
                await asyncio.sleep(left)
            else:
                await asyncio.wait(awaited, timeout=left)
    finally:
        next_message.cancel()
