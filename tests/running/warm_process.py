"""`python warm_process.py SERVICE SOCKET`: has the commands of one service imported, and forks for each that is asked.

Standard input is a pipe to the test run: with its end this process ends.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable

Command = Callable[[], None]


def wait_for_a_command(listener: socket.socket) -> bool:
    """Returns True in each process that is to run a command, prepared for it; False when the test run has ended."""
    while True:
        readable, _, _ = select.select([listener, 0], [], [])
        if 0 in readable:
            return False
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            return _keep(connection)
        connection.close()


def _keep(connection: socket.socket) -> bool:
    """The keeper of one command: forks it, tells its number, and at the end its status. Only the command returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked, files, _, _ = socket.recv_fds(connection, 1_000_000, 3)
    number = os.fork()
    if number == 0:
        connection.close()
        _become(json.loads(asked), files)
        return True
    for file in files:
        os.close(file)
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(f"{number}\n".encode())
        _, status = os.waitpid(number, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(asked: dict[str, object], files: list[int]) -> None:
    """Arguments, environment, folder and the three standard files, as if it had just been started."""
    os.environ.clear()
    os.environ.update(asked["env"])  # type: ignore[call-overload]
    os.chdir(str(asked["cwd"]))
    sys.argv = list(asked["argv"])  # type: ignore[call-overload]
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)


def main() -> None:
    command: Command = importlib.import_module(f"{sys.argv[1]}.cli").main
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[2])
    listener.listen(64)
    if wait_for_a_command(listener):
        command()


if __name__ == "__main__":
    main()
