"""Lamps, simulated lamps, the issuer's keys, used bridge signatures.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa

from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table(
        "lamp",
        sa.Column("endpoint_id", sa.String(256), nullable=False),
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("driver", sa.String(32), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", name="pk_lamp"),
    )
    op.create_index("ix_lamp_owner", "lamp", ["owner"])
    op.create_table(
        "simulated_lamp",
        sa.Column("endpoint_id", sa.String(256), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("power", sa.Boolean(), nullable=False),
        sa.Column("last_brightness", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("hue", sa.Float(), nullable=False),
        sa.Column("saturation", sa.Float(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("kelvin", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", name="pk_simulated_lamp"),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["lamp.endpoint_id"], name="fk_simulated_lamp_endpoint_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "key_set",
        sa.Column("issuer", sa.String(2048), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", name="pk_key_set"),
    )
    op.create_table(
        "bridge_signature",
        sa.Column("expires_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("signature", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("expires_at", "signature", name="pk_bridge_signature"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("bridge_signature", "key_set", "simulated_lamp", "lamp"):
        op.drop_table(table)
