"""Runs a command for as long as another process lives: `keeper.py PID FOLDER UID GID COMMAND...` (UID -1: as we are).

Several workers of one test run share the PostgreSQL server that the first of them started, so it must outlive that
worker, but not the run. When process PID is gone, or on SIGTERM, the command gets SIGINT (PostgreSQL's fast
shutdown) and FOLDER is removed (`-`: nothing is). Run as a script, without the project: only the standard library.
"""

import os
import shutil
import signal
import subprocess
import sys
import time


def main() -> int:
    watched, folder, uid, gid, *command = sys.argv[1:]
    asked_to_end = False

    def end(*_: object) -> None:
        nonlocal asked_to_end
        asked_to_end = True

    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, end)
    identity = {} if int(uid) < 0 else {"user": int(uid), "group": int(gid), "extra_groups": []}
    child = subprocess.Popen(command, cwd="/", start_new_session=True, **identity)  # type: ignore[call-overload]
    while not asked_to_end and child.poll() is None:
        try:
            os.kill(int(watched), 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if folder != "-":
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
