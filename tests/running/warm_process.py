"""`python warm_process.py SERVICE SOCKET HASHING`: has a whole service imported, and forks for each command that is
asked. HASHING is what its hashes of passwords cost, as JSON, unless a command asks for the cost of production.

Standard input is a pipe to the test run: with its end this process ends, and everything that it forked.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
#: what commands import when they need it
ALSO = {
    "authserver": (
        "authserver.app",
        "authserver.serve",
        "authserver.storage.migrations",
        "alembic.command",
        "sqlalchemy.dialects.sqlite.aiosqlite",
        "sqlalchemy.dialects.postgresql.asyncpg",
        "aiosqlite",
        "asyncpg",
        "uvloop",
        "uvicorn.lifespan.on",
    ),
    "skill": (
        "skill.app",
        "skill.serving",
        "skill.storage.migrations",
        "aiosqlite",
        "asyncpg",
        "uvloop",
        "uvicorn.lifespan.on",
    ),
}
#: where it stands which modules have the commands of a noun
NOUNS = {"authserver": "authserver.cli.nouns", "skill": "skill.commands.nouns"}
libc = ctypes.CDLL(None)


def end_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it has just ended
            os._exit(1)


def wait_for_a_command(listener: socket.socket) -> dict[str, Any] | None:
    """Returns what is asked in each process that is to run it, prepared for it; None when the test run has ended."""
    me = os.getpid()
    while True:
        readable, _, _ = select.select([listener, 0], [], [])
        if 0 in readable:
            return None
        connection, _ = listener.accept()
        if os.fork() == 0:
            end_with_parent(me)
            listener.close()
            return _keep(connection)
        connection.close()


def _keep(connection: socket.socket) -> dict[str, Any]:
    """The keeper of one command: forks it, tells its number, and at the end its status. Only the command returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    given, files, _, _ = socket.recv_fds(connection, 1_000_000, 3)
    me, number = os.getpid(), os.fork()
    if number == 0:
        end_with_parent(me)
        connection.close()
        asked: dict[str, Any] = json.loads(given)
        _become(asked, files)
        return asked
    for file in files:
        os.close(file)
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(f"{number}\n".encode())
        _, status = os.waitpid(number, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(asked: dict[str, Any], files: list[int]) -> None:
    """Arguments, environment, folder and the three standard files, as if it had just been started."""
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    sys.argv = list(asked["argv"])
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)


def run(command: Any) -> NoReturn:
    """To its end as Python ends: threads, `atexit`, what is still to be written. Only the memory is not taken apart
    piece by piece: all of it would first be copied from the process that forked."""
    status = 0
    try:
        command()
    except SystemExit as ended:
        if isinstance(ended.code, int):
            status = ended.code
        elif ended.code is not None:
            print(ended.code, file=sys.stderr)
            status = 1
    except Exception:
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def warm_up(service: str, hashing: dict[str, int]) -> Any:
    """The entry point of the program."""
    del sys.path[0]  # the folder of this file; programs have theirs there, in which there are no modules
    command = importlib.import_module(f"{service}.cli").main
    nouns = importlib.import_module(NOUNS[service]).NOUNS
    for name in [*ALSO[service], *(module for _, modules in nouns.values() for module in modules)]:
        importlib.import_module(name)
    if service == "authserver":
        from sqlalchemy.orm import configure_mappers

        from authserver.accounts.passwords import crypt_context

        configure_mappers()
        crypt_context().update(**hashing)
        crypt_context().hash("so that the library is there")
    return command


def main() -> None:
    service, path, hashing = sys.argv[1:]
    command = warm_up(service, json.loads(hashing))
    gc.collect()
    gc.freeze()
    assert threading.active_count() == 1, "threads do not live on in what is forked"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    asked = wait_for_a_command(listener)
    if asked is None:
        return
    if asked["hash_in_full"] and service == "authserver":
        sys.modules["authserver.accounts.passwords"].crypt_context.cache_clear()
    for place, value in asked["constants"].items():
        _set(place, value)
    run(command)


def _set(place: str, value: float) -> None:
    """A constant of the program (`module:NAME`), which must be there."""
    name, _, constant = place.partition(":")
    module = importlib.import_module(name)
    assert isinstance(getattr(module, constant), int | float), place
    setattr(module, constant, value)


if __name__ == "__main__":
    main()
