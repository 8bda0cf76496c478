"""`python -m development.compose_test [development] [production]`: both rounds unless one is named."""

import asyncio
import secrets
import signal
import sys

from development.compose_test import rounds
from development.compose_test.stack import COMMAND, CommandFailed, say

ROUNDS = {"development": rounds.development, "production": rounds.production}


def main() -> int:
    chosen = sys.argv[1:] or list(ROUNDS)
    if not set(chosen) <= set(ROUNDS):
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a stack is taken down then too
    for name in chosen:
        say(f"round {name}, with {' '.join(COMMAND)}")
        try:
            asyncio.run(ROUNDS[name](f"lampgate-test-{secrets.token_hex(3)}"))
        except (AssertionError, CommandFailed, TimeoutError) as error:
            print(f"\ncompose-test: round {name} failed: {error}", file=sys.stderr)
            return 1
        say(f"round {name} passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
