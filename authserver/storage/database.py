"""One database, reached by SQLAlchemy (cold path) and by the raw driver (hot path)."""

import math
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession


class StorageError(Exception):
    """The database did not do what it was asked: our own trouble, answered with 503 and never blamed on a client."""


_ERRORS: tuple[type[Exception], ...] = (
    sqlite3.Error,
    OperationalError,
    InterfaceError,
    DBAPIError,
    PoolTimeout,
    OSError,
    TimeoutError,
)


def driver_errors() -> tuple[type[Exception], ...]:
    """What the drivers raise when the database is away, locked, full or broken. asyncpg is three megabytes that a
    worker on SQLite never loads, and what is not loaded raises nothing."""
    asyncpg = sys.modules.get("asyncpg")
    return _ERRORS if asyncpg is None else (asyncpg.PostgresError, asyncpg.InterfaceError, *_ERRORS)


STATEMENT = 5.0  # seconds for a statement of the cold path
RESTED = 10.0  # seconds after which a connection of the cold path is asked whether it lives
WAIT = 3.0  # seconds for a free connection

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # NORMAL can lose a rotation that the client already holds
    "PRAGMA busy_timeout=2000",  # milliseconds; well inside Alexa's 4.5 s
    "PRAGMA foreign_keys=ON",
)


@dataclass(frozen=True)
class DatabaseUrl:
    """`sqlite:///PATH` or `postgresql://…`; what follows `postgresql://` is asyncpg's (libpq's) DSN."""

    text: str = field(repr=False)
    kind: Literal["sqlite", "postgresql"]
    path: str = ""  # of the SQLite file

    @property
    def missing_file(self) -> Path | None:
        """Where a SQLite file should be and is not."""
        path = Path(self.path).absolute()
        return path if self.kind == "sqlite" and not path.is_file() else None

    @property
    def sqlite_uri(self) -> str:
        """How SQLite opens the file that is there: without `mode=rw` it would make one of whatever a mistyped path
        names."""
        return f"{Path(self.path).absolute().as_uri()}?mode=rw"

    @classmethod
    def parse(cls, text: str) -> "DatabaseUrl":
        """Raises `ValueError` that says which forms are known."""
        scheme = urlsplit(text).scheme
        if scheme == "sqlite" and text.startswith("sqlite:///") and len(text) > len("sqlite:///"):
            return cls(text, "sqlite", text.removeprefix("sqlite:///"))
        if scheme in ("postgresql", "postgres"):
            if not all(map(_is_port, _ports(text))):
                raise ValueError("the port of a database is a number from 1 to 65535")
            return cls("postgresql" + text.removeprefix(scheme), "postgresql")
        raise ValueError("a database URL is sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")


def _ports(url: str) -> list[str]:
    """As they are written: a DSN may name several hosts, each with its own."""
    hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    return [host.rpartition(":")[2] for host in hosts if ":" in host.rpartition("]")[2]]


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) <= 65_535)


def cold_engine(url: DatabaseUrl, *, patience: float | None = None, **options: Any) -> AsyncEngine:
    """SQLAlchemy's engine for the cold path and for migrations. `patience`: seconds for one statement on PostgreSQL;
    without it a connection that was cut off in silence would hold its request for as long as the kernel tries."""
    if url.kind == "postgresql":

        async def connect() -> Any:
            import asyncpg  # only here, see `driver_errors`

            return await asyncpg.connect(url.text, timeout=10, command_timeout=patience)

        engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, **options)
        refuse_dead_connections(engine)
        return engine
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{url.sqlite_uri}&uri=true", connect_args={"timeout": 2}, **options
    )

    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in SQLITE_PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    return engine


def refuse_dead_connections(engine: AsyncEngine) -> None:
    """PostgreSQL: the pool gives no connection that its server has ended. The driver knows of that at once; only a
    connection that rested for `RESTED` is asked, since something on the way may have forgotten it in silence. Asking
    each time (`pool_pre_ping`) is a round trip for each unit of work."""

    @event.listens_for(engine.sync_engine, "checkin")
    def rests(_connection: Any, record: Any) -> None:
        record.info["rests since"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def look(connection: Any, record: Any, _proxy: Any) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError
        if time.monotonic() - record.info.get("rests since", math.inf) > RESTED:
            try:
                engine.sync_engine.dialect.do_ping(connection)
            except driver_errors() as error:
                raise DisconnectionError from error


class Database:
    """The cold path: `async with database.unit() as session` is one transaction."""

    def __init__(self, url: DatabaseUrl) -> None:
        self.url = url
        self.engine = cold_engine(url, patience=STATEMENT, pool_timeout=WAIT, pool_recycle=1800)

    @asynccontextmanager
    async def unit(self, *, keep_on: tuple[type[BaseException], ...] = ()) -> AsyncIterator[AsyncSession]:
        """One unit of work: commits when the block ends or raises one of `keep_on` (errors of the protocol, whose
        revocations must hold), rolls back on any other exception. Raises `StorageError` when the database fails.

        On SQLite the driver begins the transaction at the first write, so that readers take no lock; units that race
        are decided by conditional updates, not by what they read.
        """
        kept: BaseException | None = None
        try:
            async with AsyncSession(self.engine, expire_on_commit=False) as session:
                try:
                    yield session
                except keep_on as error:
                    kept = error
                await session.commit()
        except driver_errors() as error:
            raise StorageError(f"{type(error).__name__}: the database did not answer") from error
        if kept is not None:
            raise kept

    async def close(self) -> None:
        await self.engine.dispose()
