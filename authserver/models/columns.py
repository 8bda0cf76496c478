"""Column types that hold on SQLite and PostgreSQL alike. Each call makes a column anew: it belongs to one table."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, LargeBinary


def seconds(*, nullable: bool = False, index: bool = False) -> Column[int]:
    """A point in time: Unix seconds, UTC."""
    return Column(BigInteger, nullable=nullable, index=index)


def digest_column(
    *, nullable: bool = False, primary_key: bool = False, unique: bool | None = None, index: bool = False
) -> Column[bytes]:
    """SHA-256 or HMAC-SHA256: 32 bytes."""
    return Column(LargeBinary(32), nullable=nullable, primary_key=primary_key, unique=unique, index=index)


def blob() -> Column[bytes]:
    return Column(LargeBinary, nullable=False)


def json_column(*, nullable: bool = False) -> Column[Any]:
    return Column(JSON(none_as_null=True), nullable=nullable)
