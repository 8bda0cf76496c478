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
from functools import cache
from typing import Any, TypeVar

from passlib.context import CryptContext

from authserver import memory
from authserver.turns import aside

LONGEST_HASH = 512  # characters, as in the table
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


#: What hashes of other systems may cost, in `rounds` as each kind counts them: about two seconds of a core, so that no
#: stored hash is a way to stop the server. For argon2 and scrypt see `_is_bearable`.
MOST_ROUNDS = {
    "bcrypt": 14,
    "bcrypt_sha256": 14,
    "django_bcrypt_sha256": 14,
    "pbkdf2_sha1": 3_000_000,
    "pbkdf2_sha256": 3_000_000,
    "pbkdf2_sha512": 1_500_000,
    "django_pbkdf2_sha1": 3_000_000,
    "django_pbkdf2_sha256": 3_000_000,
    "sha256_crypt": 1_000_000,
    "sha512_crypt": 1_000_000,
}
MOST_MEMORY = 131_072  # KiB, for one hash
MOST_WORK = 1_048_576  # KiB that one hash goes over
BCRYPT_READS = 72  # bytes of a password; what comes after them never counted


class UnusableHashError(ValueError):
    """A password hash of another system that cannot be taken over; the text says why."""


@cache
def crypt_context() -> Any:
    """argon2id for what is new; imported hashes of older kinds are verified, and replaced at the next sign-in."""
    older = ["scrypt", *MOST_ROUNDS]
    return CryptContext(  # type: ignore[no-untyped-call]
        schemes=["argon2", *older],
        deprecated=older,
        argon2__type="ID",
        argon2__memory_cost=19456,
        argon2__time_cost=2,
        argon2__parallelism=1,
    )


def check_foreign(stored: str) -> None:
    """A hash that another system made may be stored: its kind is known here, and it does not cost too much. Raises
    `UnusableHashError`."""
    context = crypt_context()
    kind = context.identify(stored)
    if kind is None or len(stored) > LONGEST_HASH:
        raise UnusableHashError(f"not a hash of a known kind: {', '.join(context.schemes())}")
    try:
        hash_of = context.identify(stored, resolve=True).from_string(stored)
    except (ValueError, TypeError) as error:
        raise UnusableHashError(f"not a whole {kind} hash") from error
    if hash_of.checksum is None:
        raise UnusableHashError(f"not a whole {kind} hash")
    if not _is_bearable(kind, hash_of):
        raise UnusableHashError(f"this {kind} hash costs more to compare than the server bears")


def _is_bearable(kind: str, hash_of: Any) -> bool:
    if kind == "argon2":
        memory, passes, lanes = hash_of.memory_cost, hash_of.rounds, hash_of.parallelism
    elif kind == "scrypt":
        memory, passes, lanes = (hash_of.block_size << hash_of.rounds) // 8, 4 * hash_of.parallelism, 1
    else:
        return bool(hash_of.rounds <= MOST_ROUNDS[kind])
    return bool(memory <= MOST_MEMORY and memory * passes <= MOST_WORK and lanes <= 64)


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
            text, password, stored = "", "", None
        return await self._passwords._run(self._passwords._verify, text, password, stored)


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

    def _verify(self, text: str, typed: str, stored: str | None) -> Verified:
        """Other systems hashed what was typed, and not its normal form; where the two differ, both are tried, and for
        nobody as well."""
        stored = stored if stored is not None and _is_usable(stored) else None
        ok = False
        for candidate in dict.fromkeys((text, typed)):
            ok = ok or self._matches(candidate, stored or self._nobody)
        if not ok or stored is None:
            return Verified(False)
        return Verified(True, self._hash(text) if self._context.needs_update(stored) else None)

    def _matches(self, text: str, stored: str) -> bool:
        try:
            # as those who made the hash did; the package refuses more
            secret = text.encode()[:BCRYPT_READS] if stored.startswith("$2") else text
            return bool(self._context.verify(secret, stored))
        except ValueError:  # a character that this kind of hash does not know, such as NUL
            return False


def _is_usable(stored: str) -> bool:
    try:
        check_foreign(stored)
    except UnusableHashError:
        return False
    return True
