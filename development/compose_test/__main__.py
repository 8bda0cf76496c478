"""`python -m development.compose_test [development] [production]`: both rounds unless one is named."""

import asyncio
import fcntl
import hashlib
import signal
import sys

from development.compose_test import rounds
from development.compose_test.stack import COMMAND, REPOSITORY, CommandFailed, say

ROUNDS = {"development": rounds.development, "production": rounds.production}


#: one for each checkout, always the same: images are replaced, not piled up, and leftovers are found again
PROJECT = f"lampgate-test-{hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:6]}"


def main() -> int:
    chosen = sys.argv[1:] or list(ROUNDS)
    if not set(chosen) <= set(ROUNDS):
        print(__doc__, file=sys.stderr)
        return 2
    (REPOSITORY / "var").mkdir(exist_ok=True)
    lock = (REPOSITORY / "var" / "compose-test.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("compose-test: another run of this checkout is under way", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a stack is taken down then too
    for name in chosen:
        say(f"round {name}, with {' '.join(COMMAND)}")
        try:
            asyncio.run(ROUNDS[name](PROJECT))
        except (AssertionError, CommandFailed, TimeoutError) as error:
            print(f"\ncompose-test: round {name} failed: {error}", file=sys.stderr)
            return 1
        say(f"round {name} passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
