"""One event loop on uvicorn, uvloop and httptools for a bare ASGI application, as the services run theirs."""

import gc
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
OK = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"cache-control", b"no-store")],
}


async def body_of(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def answer(send: Send, body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send(OK | {"headers": [*OK["headers"], length]})  # type: ignore[misc]
    await send({"type": "http.response.body", "body": body})


def serve(app: Any, port: int) -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(2048)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        access_log=False,
        date_header=False,
        server_header=False,
        log_level="warning",
        lifespan="off",
    )
    gc.collect()
    gc.freeze()
    uvicorn.Server(config).run(sockets=[listener])
