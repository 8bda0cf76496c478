"""What the skill stores. Times are Unix seconds in UTC."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, LargeBinary, MetaData, String, Text
from sqlmodel import Field, SQLModel

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)
"""Of the skill alone: a process that imports both services must not mix their tables."""


class Table(SQLModel):
    """Base of the tables."""

    metadata = metadata


class LampRow(Table, table=True):
    """A lamp and the `sub` that owns it. `endpoint_id` never changes and is never given twice (contract 2.2)."""

    __tablename__ = "lamp"

    endpoint_id: str = Field(sa_column=Column(String(256), primary_key=True))
    owner: str = Field(sa_column=Column(String(256), nullable=False, index=True))
    name: str = Field(sa_column=Column(String(128), nullable=False))
    driver: str = Field(sa_column=Column(String(32), nullable=False))
    options: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))


class SimulatedLampRow(Table, table=True):
    """How a simulated lamp stands; here, not in a process, so that every replica sees the same lamp."""

    __tablename__ = "simulated_lamp"

    endpoint_id: str = Field(
        sa_column=Column(String(256), ForeignKey("lamp.endpoint_id", ondelete="CASCADE"), primary_key=True)
    )
    online: bool = Field(default=True, nullable=False)
    power: bool = Field(default=False, nullable=False)
    last_brightness: int = Field(default=100, nullable=False)
    mode: str = Field(default="white", sa_column=Column(String(8), nullable=False))
    hue: float = Field(default=0.0, nullable=False)
    saturation: float = Field(default=0.0, nullable=False)
    value: float = Field(default=1.0, nullable=False)
    kelvin: int = Field(default=2700, nullable=False)


class KeySetRow(Table, table=True):
    """The issuer's public keys as last fetched, so that a restart while the issuer is away still answers."""

    __tablename__ = "key_set"

    issuer: str = Field(sa_column=Column(String(2048), primary_key=True))
    document: str = Field(sa_column=Column(Text, nullable=False))
    fetched_at: int = Field(sa_column=Column(BigInteger, nullable=False))


class BridgeSignatureRow(Table, table=True):
    """A bridge signature that was used, until no replica would take its timestamp any more.

    A signature covers its timestamp, so the pair is as unique as the signature; ordered by time, in one tree, because
    every directive writes here and the old end is purged.
    """

    __tablename__ = "bridge_signature"
    __table_args__ = {"sqlite_with_rowid": False}

    expires_at: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    signature: bytes = Field(sa_column=Column(LargeBinary(32), primary_key=True))
