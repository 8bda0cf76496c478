"""Claiming, rooms, topics, accounts at the broker; history; the companion's sessions; events to Alexa.

Revision ID: 0002
Revises: 0001
"""

import logging
from typing import Any

import sqlalchemy as sa

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: None = None
depends_on: None = None

log = logging.getLogger(__name__)

COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LAMP = ("claim_digest", "discovered_as", "broker_user")


def upgrade() -> None:
    for column in (
        sa.Column("room", sa.String(64)),
        sa.Column("claimed_at", sa.BigInteger()),
        sa.Column("claim_digest", sa.LargeBinary(32)),
        sa.Column("claim_expires_at", sa.BigInteger()),
        sa.Column("discovered_as", sa.String(512)),
        sa.Column("details", sa.JSON(none_as_null=True)),
        sa.Column("broker_user", sa.String(128)),
        sa.Column("broker_verifier", sa.String(256)),
    ):
        op.add_column("lamp", column)
    for name in LAMP:
        op.create_index(f"ix_lamp_{name}", "lamp", [name], unique=name != "broker_user")
    op.execute("UPDATE lamp SET claimed_at = created_at")
    _tables_of_lamps()
    _tables_of_events()
    op.create_table(
        "companion_session",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("sid", sa.String(256)),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_companion_session"),
    )
    for name in ("owner", "sid", "expires_at"):
        op.create_index(f"ix_companion_session_{name}", "companion_session", [name])
    _topics_of_lamps_that_are_there()


def _of_lamp(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["endpoint_id"], ["lamp.endpoint_id"], name=f"fk_{table}_endpoint_id", ondelete="CASCADE"
    )


def _tables_of_lamps() -> None:
    op.create_table(
        "lamp_topic",
        sa.Column("topic", sa.String(1024), nullable=False),
        sa.Column("endpoint_id", sa.String(256), nullable=False),
        sa.PrimaryKeyConstraint("topic", name="pk_lamp_topic"),
        _of_lamp("lamp_topic"),
    )
    op.create_index("ix_lamp_topic_endpoint_id", "lamp_topic", ["endpoint_id"])
    version = op.create_table(
        "registry_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_version"),
    )
    op.bulk_insert(version, [{"id": 1, "version": 1}])
    op.create_table(
        "history",
        sa.Column("id", COUNTED, autoincrement=True, nullable=False),
        sa.Column("endpoint_id", sa.String(256), nullable=False),
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("who", sa.String(256)),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_history"),
        _of_lamp("history"),
    )
    op.create_index("ix_history_owner_at", "history", ["owner", "at"])
    op.create_index("ix_history_endpoint_id_at", "history", ["endpoint_id", "at"])


def _tables_of_events() -> None:
    op.create_table(
        "event_grant",
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("region", sa.String(2), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("renewing_until", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "region", name="pk_event_grant"),
    )
    op.create_table(
        "event",
        sa.Column("id", COUNTED, autoincrement=True, nullable=False),
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("region", sa.String(2), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("about", sa.String(256)),
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_until", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.String(128)),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_index("ix_event_due_at", "event", ["due_at"])
    op.create_index("ix_event_owner_about", "event", ["owner", "about"])
    op.create_table(
        "known_state",
        sa.Column("endpoint_id", sa.String(256), nullable=False),
        sa.Column("state", sa.String(512), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", name="pk_known_state"),
        _of_lamp("known_state"),
    )


def _topics_of_lamps_that_are_there() -> None:
    """Oldest first; of two lamps with one topic the older has it."""
    from skill.drivers.codecs import BadOption
    from skill.drivers.wiring import Wiring

    lamp = sa.table("lamp", sa.column("endpoint_id"), sa.column("options", sa.JSON), sa.column("driver"))
    order = sa.column("created_at")
    statement = sa.select(lamp.c.endpoint_id, lamp.c.options).where(lamp.c.driver == sa.literal("mqtt")).order_by(order)
    taken: dict[str, dict[str, Any]] = {}
    for endpoint_id, options in op.get_bind().execute(statement).all():
        try:
            own = Wiring.of(options).own_topics
        except BadOption:
            continue
        for topic in own:
            if topic in taken:
                log.warning("lamp %s shares the topic %s with an older lamp", endpoint_id, topic)
            taken.setdefault(topic, {"topic": topic, "endpoint_id": endpoint_id})
    topics = sa.table("lamp_topic", sa.column("topic"), sa.column("endpoint_id"))
    if taken:
        op.bulk_insert(topics, list(taken.values()))


def downgrade() -> None:
    for table in (
        "known_state",
        "event",
        "event_grant",
        "companion_session",
        "history",
        "registry_version",
        "lamp_topic",
    ):
        op.drop_table(table)
    for name in LAMP:
        op.drop_index(f"ix_lamp_{name}", "lamp")
    for name in (
        "broker_verifier",
        "broker_user",
        "discovered_as",
        "details",
        "claim_expires_at",
        "claim_digest",
        "claimed_at",
        "room",
    ):
        op.drop_column("lamp", name)
