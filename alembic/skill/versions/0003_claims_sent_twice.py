"""By which code a lamp came to its owner: a claim that is sent twice leads to it twice.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa

from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.add_column("lamp", sa.Column("claimed_with", sa.LargeBinary(32)))
    op.create_index("ix_lamp_claimed_with", "lamp", ["claimed_with"])


def downgrade() -> None:
    op.drop_index("ix_lamp_claimed_with", "lamp")
    op.drop_column("lamp", "claimed_with")
