"""What the hot path asks of a database."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias, TypeVar

from authserver.storage.hot.statement import KeyedRead, KeyedWrite, Statement

Row: TypeAlias = dict[str, Any]
T = TypeVar("T")


class Transaction(Protocol):
    """What a job sees: statements that see each other's effects, kept or lost together.

    The methods are plain functions on both databases; a job is not a coroutine (on PostgreSQL it runs in a greenlet).
    """

    def one(self, statement: Statement, **parameters: Any) -> Row | None:
        """Run it; the first row, or None."""

    def run(self, statement: Statement, **parameters: Any) -> None:
        """Run it for its effect."""


#: What a job returns counts only after the COMMIT; it touches nothing but the transaction.
Job: TypeAlias = Callable[[Transaction], T]


class HotStore(Protocol):
    """All methods raise `StorageError` when the database fails; a job's own exception rolls only that job back."""

    async def read(self, statement: Statement, **parameters: Any) -> Row | None:
        """The first row, or None."""

    def read_key(self, statement: KeyedRead, key: str | bytes) -> Awaitable[Row | None]:
        """The row with this key, or None; reads of the same moment share a round trip where that is cheaper."""

    def change(self, statement: KeyedWrite, **parameters: Any) -> Awaitable[Row | None]:
        """Make it in a transaction of its own, or one shared with others of the same moment; returns after its COMMIT.
        None: the condition did not hold."""

    async def execute(self, statement: Statement, **parameters: Any) -> Row | None:
        """One statement that changes something, in a transaction of its own; the first row that it gives, after its
        COMMIT."""

    async def write(self, job: Job[T]) -> T:
        """Run the job in a transaction; returns after its COMMIT."""

    def note(self, statement: KeyedWrite, **parameters: Any) -> None:
        """Make it some time soon, at most once for each key and interval; what a crash may lose (last use)."""

    async def close(self) -> None:
        """Write what is noted, end what runs."""
