"""what a person does: second factors, passkeys, known devices, a new address, consent, activity

Revision: 0003, after 0002
"""

import re
from uuid import UUID

import sqlalchemy as sa
import sqlmodel

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "challenges",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("purpose", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("owner", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    with op.batch_alter_table("challenges", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_challenges_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_challenges_owner"), ["owner"], unique=False)

    op.create_table(
        "activities",
        sa.Column("activity_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("sub", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("address", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("user_agent", sqlmodel.sql.sqltypes.AutoString(length=400), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["sub"], ["users.sub"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("activity_id"),
    )
    with op.batch_alter_table("activities", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_activities_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_activities_sub"), ["sub"], unique=False)

    op.create_table(
        "client_logos",
        sa.Column("client_id", sqlmodel.sql.sqltypes.AutoString(length=128), nullable=False),
        sa.Column("media_type", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=False),
        sa.Column("version", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("client_id"),
    )
    op.create_table(
        "consents",
        sa.Column("sub", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("client_id", sqlmodel.sql.sqltypes.AutoString(length=128), nullable=False),
        sa.Column("scope", sqlmodel.sql.sqltypes.AutoString(length=2000), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sub"], ["users.sub"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sub", "client_id"),
    )
    op.create_table(
        "email_changes",
        sa.Column("change_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("sub", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("email", sqlmodel.sql.sqltypes.AutoString(length=320), nullable=False),
        sa.Column("email_canonical", sqlmodel.sql.sqltypes.AutoString(length=320), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["sub"], ["users.sub"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("change_id"),
    )
    with op.batch_alter_table("email_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_email_changes_email_canonical"), ["email_canonical"], unique=False)
        batch_op.create_index(batch_op.f("ix_email_changes_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_email_changes_sub"), ["sub"], unique=False)

    op.create_table(
        "known_devices",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sub", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("skips_second_factor_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["sub"], ["users.sub"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest"),
    )
    with op.batch_alter_table("known_devices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_devices_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_known_devices_sub"), ["sub"], unique=False)

    op.create_table(
        "passkeys",
        sa.Column("credential_id", sa.LargeBinary(length=1023), nullable=False),
        sa.Column("sub", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("aaguid", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("transports", sa.JSON(), nullable=False),
        sa.Column("backup_eligible", sa.Boolean(), nullable=False),
        sa.Column("backed_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["sub"], ["users.sub"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("credential_id"),
    )
    with op.batch_alter_table("passkeys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_passkeys_sub"), ["sub"], unique=False)

    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sub", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["sub"], ["users.sub"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest"),
    )
    with op.batch_alter_table("recovery_codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recovery_codes_sub"), ["sub"], unique=False)

    op.create_table(
        "totps",
        sa.Column("sub", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sub"], ["users.sub"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sub"),
    )
    with op.batch_alter_table("clients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("consent", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=True))

    with op.batch_alter_table("interactions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("first_factor", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("unlocked", sqlmodel.sql.sqltypes.AutoString(length=320), nullable=True))

    # Nothing refers to mails. Those that wait are dropped: they were written out by the version before
    op.drop_table("mails")
    op.create_table(
        "mails",
        sa.Column("mail_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("action", sqlmodel.sql.sqltypes.AutoString(length=128), nullable=True),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("recipient", sqlmodel.sql.sqltypes.AutoString(length=320), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("code_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("kept_until", sa.BigInteger(), nullable=True),
        sa.Column("error", sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
        sa.PrimaryKeyConstraint("mail_id"),
    )
    with op.batch_alter_table("mails", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mails_action"), ["action"], unique=True)
        batch_op.create_index(batch_op.f("ix_mails_kept_until"), ["kept_until"], unique=False)
        batch_op.create_index("ix_mails_rank_due_at", ["rank", "due_at"], unique=False)

    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("username_canonical", sqlmodel.sql.sqltypes.AutoString(length=128), nullable=True)
        )
        batch_op.add_column(sa.Column("password_expires_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("password_mailed_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("email_code_factor_since", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("password_by_mail_at", sa.BigInteger(), nullable=True))
        batch_op.create_index(batch_op.f("ix_users_username_canonical"), ["username_canonical"], unique=True)

    # no step-up before this: whoever had a session had signed in when it says. Nothing refers to sessions: SQLite may
    # build them anew
    op.add_column("sessions", sa.Column("signed_in_at", sa.BigInteger(), nullable=True))
    op.execute("UPDATE sessions SET signed_in_at = auth_time")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.alter_column("signed_in_at", existing_type=sa.BigInteger(), nullable=False)

    with op.batch_alter_table("sign_ups", schema=None) as batch_op:
        batch_op.add_column(sa.Column("username", sqlmodel.sql.sqltypes.AutoString(length=128), nullable=True))
        batch_op.add_column(
            sa.Column("username_canonical", sqlmodel.sql.sqltypes.AutoString(length=128), nullable=True)
        )
        batch_op.create_index(batch_op.f("ix_sign_ups_username_canonical"), ["username_canonical"], unique=False)

    with op.batch_alter_table("recoveries", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("username_canonical", sqlmodel.sql.sqltypes.AutoString(length=128), nullable=True)
        )
        batch_op.add_column(sa.Column("sub", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True))

    with op.batch_alter_table("verification_codes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("link_digest", sa.LargeBinary(length=32), nullable=True))
        batch_op.add_column(sa.Column("interaction_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=True))
        batch_op.add_column(sa.Column("email", sqlmodel.sql.sqltypes.AutoString(length=320), nullable=True))
        batch_op.add_column(sa.Column("confirmed_at", sa.BigInteger(), nullable=True))
        batch_op.create_index(batch_op.f("ix_verification_codes_link_digest"), ["link_digest"], unique=True)

    # columns are added and nothing is rebuilt: SQLite would drop the old table, and with it all that refers to it
    op.execute("UPDATE clients SET consent = 'always' WHERE preset = 'alexa'")
    users = sa.table("users", *map(sa.column, ("sub", "username", "username_canonical", "created_at")))
    connection = op.get_bind()
    taken: set[str] = set()
    named = connection.execute(
        sa.select(users.c.created_at, users.c.sub, users.c.username).where(users.c.username != users.c.sub)
    ).all()
    # of names that differ by case alone, the one that is written as it is compared, else that of the oldest account; in
    # an order of Python's, since databases have orders of their own
    for _, _, sub, username in sorted((name != name.lower(), at, sub, name) for at, sub, name in named):
        canonical = username.lower()
        # others keep their `username` claim, and get a name to sign in with by `authserver user set-username`
        if re.fullmatch("[a-z0-9][a-z0-9._-]{0,127}", canonical) and canonical not in taken and not _is_uuid(canonical):
            taken.add(canonical)
            connection.execute(sa.update(users).where(users.c.sub == sub).values(username_canonical=canonical))


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def downgrade() -> None:
    op.drop_index("ix_verification_codes_link_digest", "verification_codes")
    op.drop_column("verification_codes", "link_digest")
    op.drop_column("verification_codes", "interaction_id")
    op.drop_column("verification_codes", "email")
    op.drop_column("verification_codes", "confirmed_at")
    op.drop_index("ix_users_username_canonical", "users")
    op.drop_column("users", "username_canonical")
    op.drop_column("users", "password_expires_at")
    op.drop_column("users", "password_mailed_at")
    op.drop_index("ix_sign_ups_username_canonical", "sign_ups")
    op.drop_column("sign_ups", "username_canonical")
    op.drop_column("sign_ups", "username")
    op.drop_column("recoveries", "username_canonical")
    op.drop_column("recoveries", "sub")
    op.drop_column("users", "email_code_factor_since")
    op.drop_column("users", "password_by_mail_at")
    op.drop_column("sessions", "signed_in_at")
    op.drop_table("mails")
    op.create_table(
        "mails",
        sa.Column("mail_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("recipient", sqlmodel.sql.sqltypes.AutoString(length=320), nullable=False),
        sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
        sa.Column("text", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("html", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
        sa.PrimaryKeyConstraint("mail_id"),
    )
    op.create_index("ix_mails_due_at", "mails", ["due_at"], unique=False)
    op.drop_column("interactions", "first_factor")
    op.drop_column("interactions", "unlocked")
    op.drop_column("clients", "consent")
    op.drop_table("totps")
    op.drop_table("recovery_codes")
    op.drop_table("passkeys")
    op.drop_table("known_devices")
    op.drop_table("email_changes")
    op.drop_table("consents")
    op.drop_table("client_logos")
    op.drop_table("activities")
    op.drop_table("challenges")
