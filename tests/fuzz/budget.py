"""How much is drawn: `FUZZ_EXAMPLES` times the usual, with `FUZZ_SEED` (`make fuzz` sets both)."""

import os
import zlib
from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import HealthCheck, settings

SEED = os.environ.get("FUZZ_SEED", "")
TIMES = int(os.environ.get("FUZZ_EXAMPLES", "1"))


def again() -> str:
    """How the same is drawn once more. The whole round: what one test draws may need what another has left behind."""
    if not SEED:
        return "without a seed every run draws the same: run this file again"
    return f"python -m development.fuzz --seed {SEED} --times {TIMES}"


def bounded(examples: int, about: str = "") -> Callable[[Any], Any]:
    """The same draw every time, unless a seed is given; another one for each word in `about`."""

    def decorate(test: Any) -> Any:
        chosen = settings(
            max_examples=examples * TIMES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        return hypothesis.seed(zlib.crc32(f"{test.__qualname__} {about} {SEED}".encode()))(chosen(test))

    return decorate
