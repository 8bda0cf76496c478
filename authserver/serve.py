"""Processes and sockets: one event loop a worker, each with a socket of its own (contracts/performance.md 5.1).

`SO_REUSEPORT` lets the kernel spread connections evenly; it would also let a second server take half of a busy port in
silence, so that the parent first takes the port for itself alone.
"""

import contextlib
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import uvicorn

from authserver import memory
from authserver.transport import OnePieceProtocol

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)
REFUSED = 3  # exit status: settings or the database do not let it serve
DRAIN = 8  # seconds that requests in flight have to end, inside the promised ten


class PortBusyError(Exception):
    """Another process has the port."""


def claim(host: str, port: int) -> None:
    """Raises `PortBusyError` when the port cannot be had alone."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as alone:
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            alone.bind((host, port))
            alone.listen(1)
        except OSError as error:
            raise PortBusyError(f"cannot listen on {host}:{port}: {error.strerror}") from error


def listener(host: str, port: int) -> socket.socket:
    """A listening socket that shares the port with the other workers'."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind((host, port))
    server.listen(2048)
    server.setblocking(False)
    return server


class Server(uvicorn.Server):
    """After start-up all that was loaded is taken out of the garbage collector's sight: its full passes over it were
    the slowest answers (contracts/performance.md 0.4)."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 50)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own raises what ended it once more when it has ended: a drained worker would die of it, or, forked
        with its supervisor's handlers, end its siblings."""
        for number in SIGNALS:
            signal.signal(number, self.handle_exit)
        yield


def worker(build: Callable[[], Any], host: str, port: int) -> None:
    """One worker until it is told to end. Exits with `REFUSED` when the application refuses to start."""
    for number in SIGNALS:  # until the server takes them: a supervisor's handlers were inherited
        signal.signal(number, signal.SIG_DFL)
    memory.share_one_arena()
    app = build()
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=OnePieceProtocol,
        access_log=False,
        date_header=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        lifespan="on",
        timeout_graceful_shutdown=DRAIN,
    )
    server = Server(config)
    server.run(sockets=[listener(host, port)])
    if not server.started or getattr(app.state, "refused", False):
        sys.exit(REFUSED)


def supervise(build: Callable[[], Any], host: str, port: int, workers: int) -> int:
    """Several workers: the dead are replaced, unless they die at their start; SIGTERM and SIGINT end all. Returns the
    exit status."""
    context = multiprocessing.get_context("fork")
    ending = False
    processes: dict[int, tuple[BaseProcess, float]] = {}

    def begin() -> None:
        process = context.Process(target=worker, args=(build, host, port))
        process.start()
        processes[process.pid or 0] = (process, time.monotonic())

    def end(_signal: int, _frame: Any) -> None:
        nonlocal ending
        ending = True
        for process, _ in processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid or 0, signal.SIGTERM)

    for number in SIGNALS:
        signal.signal(number, end)
    for _ in range(workers):
        begin()
    status = 0
    while processes:
        time.sleep(0.1)
        for pid, (process, begun) in list(processes.items()):
            if process.is_alive():
                continue
            process.join()
            del processes[pid]
            if ending:
                continue
            log.error("worker %d ended with status %s", pid, process.exitcode)
            if process.exitcode == REFUSED or time.monotonic() - begun < 2:
                status = 1
                end(0, None)
            else:
                begin()
    return status
