"""`make fuzz`, or `python -m development.fuzz [--minutes N] [--seed N]`: tests/fuzz again and again, each round with a
seed of its own and many times what `make test` draws. It ends with the first thing that breaks, and says how to see it
again, or when the time is up.
"""

import argparse
import os
import random
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MORE = 20  # times what `make test` draws, in one round


def round_of(seed: int, times: int, arguments: list[str]) -> int:
    """pytest's exit status."""
    environment = os.environ | {"FUZZ_SEED": str(seed), "FUZZ_EXAMPLES": str(times)}
    command = [sys.executable, "-m", "pytest", "tests/fuzz", "-q", "-x", "-n", "2", "--dist", "loadscope", *arguments]
    return subprocess.run([*command, f"--hypothesis-seed={seed}"], cwd=ROOT, env=environment).returncode


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m development.fuzz", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=10, help="no round begins after so many (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, help="one round with this seed: what a round that failed printed")
    parser.add_argument(
        "--times", type=int, default=MORE, help="how often what `make test` draws (default: %(default)s)"
    )
    parser.add_argument("pytest", nargs="*", help="more arguments for pytest, after `--`")
    chosen = parser.parse_args()
    until, rounds = time.monotonic() + 60 * chosen.minutes, 0
    while not rounds or (chosen.seed is None and time.monotonic() < until):
        seed = random.randrange(2**32) if chosen.seed is None else chosen.seed
        rounds += 1
        print(f"fuzz: round {rounds}, seed {seed}", flush=True)
        if status := round_of(seed, chosen.times, chosen.pytest):
            same = ["python -m development.fuzz", f"--seed {seed} --times {chosen.times}"]
            if chosen.pytest:
                same.append(f"-- {shlex.join(chosen.pytest)}")
            print(f"fuzz: the same again with `{' '.join(same)}`", file=sys.stderr)
            return status
    print(f"fuzz: nothing found in {rounds} round{'s' if rounds > 1 else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
