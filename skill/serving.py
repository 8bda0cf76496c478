"""Processes and sockets: one loop for each worker, each on a socket of its own (`uvicorn --workers` shares one accept
queue, and one worker can get every connection)."""

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

import uvicorn

from skill.app import build
from skill.log import set_up
from skill.settings import Settings, SettingsError
from skill.storage.store import implementation
from skill.transport import OnePieceProtocol

DRAIN = 8  # seconds for what is in flight; the whole end takes at most ten
BACKLOG = 2048
GAVE_UP = 3  # exit status of a service that could not open; the next one could not either
RESTART_PAUSE = 1.0  # seconds before a worker that died at once is started again


def listen(host: str, port: int, shared: bool) -> socket.socket:
    """`shared` is SO_REUSEPORT. Raises SettingsError where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
        if not shared:
            listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listener


class _Server(uvicorn.Server):
    """Ends with status 0 on SIGTERM and SIGINT; uvicorn's own would raise the signal again and die of it."""

    gave_up = False

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def give_up(self) -> None:
        self.gave_up = True
        self.should_exit = True


def _serve(settings: Settings, listener: socket.socket) -> int:
    app = build(settings)
    server = _Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http=OnePieceProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=DRAIN,
        )
    )
    app.service.on_give_up = server.give_up
    server.run(sockets=[listener])
    return GAVE_UP if server.gave_up else 0


def serve(settings: Settings) -> int:
    """Runs until a signal; returns the exit status. Raises SettingsError."""
    set_up(settings.log_level)
    implementation(settings.database_url.get_secret_value())  # before workers are forked, which then share it
    if settings.workers == 1:
        listener = listen(settings.host, settings.port, shared=False)
        _say(f"skill listens on {_url(listener)}")
        return _exit_status(_serve(settings, listener))
    return _exit_status(_Supervisor(settings).run())


def _exit_status(status: int) -> int:
    return 1 if status == GAVE_UP else status


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class _Supervisor:
    """The parent of several workers: it serves nothing itself."""

    def __init__(self, settings: Settings) -> None:
        # SO_REUSEPORT would let a second server take half of a busy port's connections in silence: first take the port
        # exclusively, then keep it bound (not listening) under SO_REUSEPORT, so that nobody slips in.
        with listen(settings.host, settings.port, shared=False) as exclusive:
            port = exclusive.getsockname()[1]
        self._placeholder = listen(settings.host, port, shared=True)
        self._settings = settings.model_copy(update={"port": port})
        self._context = multiprocessing.get_context("fork")
        self._workers: dict[int, tuple[BaseProcess, float]] = {}
        self._ending = False

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        for slot in range(self._settings.workers):
            self._start(slot)
        _say(f"skill listens on {_url(self._placeholder)} with {self._settings.workers} workers")
        status = 0
        while not self._ending:
            for slot, (worker, started_at) in list(self._workers.items()):
                worker.join(timeout=0.1)
                if worker.exitcode is None or self._ending:
                    continue
                _say(f"skill worker {worker.pid} ended with status {worker.exitcode}")
                if worker.exitcode == GAVE_UP:
                    status, self._ending = GAVE_UP, True
                    break
                if time.monotonic() - started_at < RESTART_PAUSE:
                    time.sleep(RESTART_PAUSE)
                self._start(slot)
        self._stop()
        return status

    def _start(self, slot: int) -> None:
        worker = self._context.Process(target=self._work, name=f"skill-{slot}")
        worker.start()
        self._workers[slot] = (worker, time.monotonic())

    def _work(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        listener = listen(self._settings.host, self._settings.port, shared=True)
        listener.listen(BACKLOG)
        sys.exit(_serve(self._settings, listener))

    def _end(self, number: int, _frame: FrameType | None) -> Any:
        self._ending = True

    def _stop(self) -> None:
        deadline = time.monotonic() + DRAIN + 1.5
        for worker, _ in self._workers.values():
            if worker.is_alive() and worker.pid is not None:
                os.kill(worker.pid, signal.SIGTERM)
        for worker, _ in self._workers.values():
            worker.join(timeout=max(0.0, deadline - time.monotonic()))
            if worker.is_alive():
                worker.kill()
                worker.join()
