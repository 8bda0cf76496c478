"""What the skill stores. Times are Unix seconds in UTC."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Text
from sqlmodel import Field, SQLModel

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)
"""Of the skill alone: a process that imports both services must not mix their tables."""


NOBODY = ""
"""The owner of a lamp that nobody has claimed; a `sub` is never empty."""

_COUNTED = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself in INTEGER alone


class Table(SQLModel):
    """Base of the tables."""

    metadata = metadata


class LampRow(Table, table=True):
    """A lamp and the `sub` that owns it, or NOBODY. `endpoint_id` never changes, is never given twice (contract 2.2).

    `claim_digest` is that of the one code that claims it, while there is one (until `claim_expires_at`, where that is
    said); `claimed_with` that of the code by which its owner got it, so that the same code leads them to it again.
    `discovered_as` is what names a lamp that was found by discovery, so that it is found once. `details` holds
    `manufacturer`, `model`, `serial_number`, `firmware_version` as far as the lamp told them. `broker_user` and
    `broker_verifier` are its account at the broker, which lamps of one device share; the password itself is not kept.
    """

    __tablename__ = "lamp"
    __table_args__ = (
        Index("ix_lamp_claim_digest", "claim_digest", unique=True),
        Index("ix_lamp_claimed_with", "claimed_with"),
        Index("ix_lamp_discovered_as", "discovered_as", unique=True),
        Index("ix_lamp_broker_user", "broker_user"),
    )

    endpoint_id: str = Field(sa_column=Column(String(256), primary_key=True))
    owner: str = Field(sa_column=Column(String(256), nullable=False, index=True))
    name: str = Field(sa_column=Column(String(128), nullable=False))
    driver: str = Field(sa_column=Column(String(32), nullable=False))
    options: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    room: str | None = Field(default=None, sa_column=Column(String(64)))
    claimed_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    claim_digest: bytes | None = Field(default=None, sa_column=Column(LargeBinary(32)))
    claim_expires_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    claimed_with: bytes | None = Field(default=None, sa_column=Column(LargeBinary(32)))
    discovered_as: str | None = Field(default=None, sa_column=Column(String(512)))
    details: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    broker_user: str | None = Field(default=None, sa_column=Column(String(128)))
    broker_verifier: str | None = Field(default=None, sa_column=Column(String(256)))


class LampTopicRow(Table, table=True):
    """A topic that one lamp alone has: where its commands go, where it tells its state. No two lamps have the same."""

    __tablename__ = "lamp_topic"

    topic: str = Field(sa_column=Column(String(1024), primary_key=True))
    endpoint_id: str = Field(
        sa_column=Column(String(256), ForeignKey("lamp.endpoint_id", ondelete="CASCADE"), nullable=False, index=True)
    )


class RegistryVersionRow(Table, table=True):
    """One row, counted up by whatever changes lamps, owners or names, so that every replica hears of it."""

    __tablename__ = "registry_version"

    id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))


class HistoryRow(Table, table=True):
    """Who switched what: a change of a lamp while `owner` owned it. `at` in milliseconds; `cause` is a word of
    `skill.news.Cause`, `who` a name to show, `state` the fields of the `LampState` after it."""

    __tablename__ = "history"
    __table_args__ = (
        Index("ix_history_owner_at", "owner", "at"),
        Index("ix_history_endpoint_id_at", "endpoint_id", "at"),
    )

    id: int | None = Field(default=None, sa_column=Column(_COUNTED, primary_key=True, autoincrement=True))
    endpoint_id: str = Field(
        sa_column=Column(String(256), ForeignKey("lamp.endpoint_id", ondelete="CASCADE"), nullable=False)
    )
    owner: str = Field(sa_column=Column(String(256), nullable=False))
    at: int = Field(sa_column=Column(BigInteger, nullable=False))
    cause: str = Field(sa_column=Column(String(16), nullable=False))
    who: str | None = Field(default=None, sa_column=Column(String(256)))
    state: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class CompanionSessionRow(Table, table=True):
    """Somebody signed in at the companion pages. `digest` is that of the cookie; `sealed` holds the tokens."""

    __tablename__ = "companion_session"

    digest: bytes = Field(sa_column=Column(LargeBinary(32), primary_key=True))
    owner: str = Field(sa_column=Column(String(256), nullable=False, index=True))
    name: str = Field(sa_column=Column(String(256), nullable=False))
    sid: str | None = Field(default=None, sa_column=Column(String(256), index=True))
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    expires_at: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))


class EventGrantRow(Table, table=True):
    """A user's permission to send events to Alexa: the tokens of Login with Amazon, sealed (contract 1.8).

    `region` is `NA`, `EU` or `FE`. `generation` counts up with every change of `sealed`, so that of two replicas that
    renew at once one wins; `renewing_until` (seconds) is the turn of the one that renews.
    """

    __tablename__ = "event_grant"

    owner: str = Field(sa_column=Column(String(256), primary_key=True))
    region: str = Field(sa_column=Column(String(2), primary_key=True))
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    expires_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    generation: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    renewing_until: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))


class EventRow(Table, table=True):
    """An event that waits to be sent. `body` is what the message is made of when it is sent, never a token;
    `message_id` stays the same over every attempt, and `last_error` says how the last one ended. `about` is what a
    newer event of the same kind replaces (an endpoint id). `taken_until` is the turn of the replica that sends it,
    which `attempts` names; times in milliseconds."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_due_at", "due_at"), Index("ix_event_owner_about", "owner", "about"))

    id: int | None = Field(default=None, sa_column=Column(_COUNTED, primary_key=True, autoincrement=True))
    owner: str = Field(sa_column=Column(String(256), nullable=False))
    region: str = Field(sa_column=Column(String(2), nullable=False))
    kind: str = Field(sa_column=Column(String(32), nullable=False))
    about: str | None = Field(default=None, sa_column=Column(String(256)))
    message_id: str = Field(sa_column=Column(String(64), nullable=False))
    body: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    created_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    due_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    taken_until: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    last_error: str | None = Field(default=None, sa_column=Column(String(128)))


class KnownStateRow(Table, table=True):
    """How Alexa believes a lamp to stand: what it was last told, or what it asked for itself. `state` holds the fields
    of a `LampState`; a change is reported by whoever changes this row."""

    __tablename__ = "known_state"

    endpoint_id: str = Field(
        sa_column=Column(String(256), ForeignKey("lamp.endpoint_id", ondelete="CASCADE"), primary_key=True)
    )
    state: str = Field(sa_column=Column(String(512), nullable=False))
    at: int = Field(sa_column=Column(BigInteger, nullable=False))


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
