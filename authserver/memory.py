"""Memory that the C library keeps: glibc alone has these calls, others keep less."""

import ctypes
from contextlib import suppress

M_ARENA_MAX = -8  # malloc.h


def share_one_arena() -> None:
    """Before the first thread: all threads take from one place. What a thread of its own place has freed never returns
    to the system, and one hash of a password takes 19 MiB."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def give_back() -> None:
    """What is free goes back to the system; 2 ms, in which others may wait for memory."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
