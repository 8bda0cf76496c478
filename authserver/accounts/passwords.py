"""Human passwords: hashed with argon2id in threads of their own. The only user of passlib.

m=19456 KiB, t=2, p=1 is OWASP's setting and within what Cognito can import (design, decision 5). One hash costs 20 ms
of a core: the threads are fewer than the cores and have low priority, and what waits for them is bounded, so that a
storm of sign-ins does not starve the token endpoint (contracts/performance.md 3.7).
"""

import asyncio
import os
import threading
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, TypeVar

from passlib.context import CryptContext

from authserver import memory
from authserver.turns import aside

LONGEST = 256  # characters after normalisation; more is refused before it costs anything
NICE = 15
RETRY_AFTER = 2  # seconds
REST = 2.0  # seconds without a hash after which its memory is given back: 19 MiB for each thread

Result = TypeVar("Result")


class Busy(Exception):
    """As many hashes as the server bears are waiting already: answered with 503 and `Retry-After`."""

    retry_after = RETRY_AFTER


@dataclass(frozen=True)
class Verified:
    """`new_hash` is set when the password is right and its hash of an older kind: store it in the old one's place."""

    ok: bool
    new_hash: str | None = None


def normalised(password: str) -> str:
    """NFKC: the same keys give the same password on every keyboard and system (NIST SP 800-63B §3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def crypt_context() -> Any:
    """argon2id for what is new; imported hashes of older kinds are verified, and replaced at the next sign-in. bcrypt
    needs a package of its own and is known where that is installed."""
    older = ["scrypt", "pbkdf2_sha512", "pbkdf2_sha256"] + (["bcrypt"] if find_spec("bcrypt") else [])
    return CryptContext(  # type: ignore[no-untyped-call]
        schemes=["argon2", *older],
        deprecated=older,
        argon2__type="ID",
        argon2__memory_cost=19456,
        argon2__time_cost=2,
        argon2__parallelism=1,
    )


def _low_priority() -> None:
    """On Linux priority belongs to the thread; elsewhere the call fails and nothing is lost."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def spare_cores() -> int:
    """Threads that hash."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


class Place:
    """A place in the queue for hashes, taken before an account's attempt is counted: who is sent away as `Busy` lost no
    try."""

    def __init__(self, passwords: "Passwords") -> None:
        self._passwords = passwords

    async def hash(self, password: str) -> str:
        """`password` has passed `password_policy`."""
        return await self._passwords._run(self._passwords._hash, normalised(password))

    async def verify(self, password: str, stored: str | None) -> Verified:
        """Exactly one computation of the same cost also where there is no hash (contracts/security.md 6.58)."""
        text = normalised(password)
        if len(text) > LONGEST:
            text, stored = "", None
        return await self._passwords._run(self._passwords._verify, text, stored)


class Passwords:
    """One for each process. `queue` hashes may wait besides those that are being computed."""

    def __init__(self, queue: int, threads: int | None = None) -> None:
        threads = threads or spare_cores()
        self._context = crypt_context()
        self._executor = ThreadPoolExecutor(threads, "password", _low_priority)
        self._places = threads + queue
        self._taken = 0
        self._used = 0.0  # when a hash was computed last, by the loop's clock
        self._resting: asyncio.TimerHandle | None = None
        self._closed = False
        self._nobody = self._context.hash("nobody has this password")

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Raises `Busy` when the queue is full."""
        if self._taken >= self._places:
            raise Busy
        self._taken += 1
        try:
            yield Place(self)
        finally:
            self._taken -= 1

    async def hash(self, password: str) -> str:
        """Raises `Busy`. Does not check the policy."""
        with self.place() as place:
            return await place.hash(password)

    async def verify(self, password: str, stored: str | None) -> Verified:
        """Raises `Busy`. Does not count the attempt."""
        with self.place() as place:
            return await place.verify(password, stored)

    def close(self) -> None:
        """What is being computed ends; what waits is dropped."""
        self._closed = True
        if self._resting is not None:
            self._resting.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[..., Result], *values: str | None) -> Result:
        loop = asyncio.get_running_loop()
        try:
            return await aside(loop.run_in_executor(self._executor, work, *values))
        finally:
            self._used = loop.time()
            if self._resting is None and not self._closed:
                self._resting = loop.call_later(REST, self._rest, loop)

    def _rest(self, loop: asyncio.AbstractEventLoop) -> None:
        """Nobody has signed in for a while: what hashing took goes back to the system."""
        self._resting = None
        if (remaining := self._used + REST - loop.time()) > 0:
            self._resting = loop.call_later(remaining, self._rest, loop)
        else:
            self._executor.submit(memory.give_back)

    def _hash(self, text: str) -> str:
        return str(self._context.hash(text))

    def _verify(self, text: str, stored: str | None) -> Verified:
        if stored is None or self._context.identify(stored) is None:
            self._context.verify(text, self._nobody)
            return Verified(False)
        ok, new_hash = self._context.verify_and_update(text, stored)
        return Verified(bool(ok), new_hash)
