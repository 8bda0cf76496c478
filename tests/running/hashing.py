"""What a password costs to hash: the least while tests are about something else, as it was set up where they are not.

The way of a password stays the same, with its threads, its queue and its stored hash; only two numbers of argon2id are
smaller. `in_full` is for whoever looks at the hash, at the time it takes or at those who wait for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from authserver.accounts.passwords import crypt_context

CHEAP = {"argon2__memory_cost": 64, "argon2__time_cost": 1}  # KiB, passes; 20 ms of a core become 0.2
IN_FULL = {name: crypt_context().to_dict()[name] for name in CHEAP}


def cheaply() -> None:
    crypt_context().update(**CHEAP)


def is_in_full() -> bool:
    context = crypt_context().to_dict()
    return all(context[name] == cost for name, cost in IN_FULL.items())


@contextmanager
def in_full() -> Iterator[None]:
    before = crypt_context().to_dict()
    crypt_context().update(**IN_FULL)
    try:
        yield
    finally:
        crypt_context().update(**{name: before[name] for name in CHEAP})
