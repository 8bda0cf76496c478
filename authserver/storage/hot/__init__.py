"""The hot path: token, userinfo, revocation and session look-up, without an ORM session per request.

A `Statement` is written once as SQLAlchemy Core over the models' tables and compiled at import for both databases. A
`HotStore` runs it on the raw driver: reads at once, writes as *jobs*, committed together with all others of the same
loop tick; the answer waits for the COMMIT. contracts/performance.md sections 3 and 4 tell why.
"""

from authserver.storage.database import DatabaseUrl
from authserver.storage.hot.protocol import HotStore, Job, Row, Transaction
from authserver.storage.hot.statement import KeyedRead, KeyedWrite, Statement

__all__ = ["HotStore", "Job", "KeyedRead", "KeyedWrite", "Row", "Statement", "Transaction", "open_store"]


async def open_store(url: DatabaseUrl) -> HotStore:
    """The implementation for this database. Raises `StorageError` when it cannot be reached."""
    if url.kind == "postgresql":
        from authserver.storage.hot.postgres import PostgresStore  # the one with its driver, and not the other

        return await PostgresStore.open(url)
    from authserver.storage.hot.sqlite import SqliteStore

    return SqliteStore(url)
