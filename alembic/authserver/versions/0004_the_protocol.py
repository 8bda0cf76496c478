"""the protocol: resource servers, groups, devices, pushed requests, proofs, logout, registration

Revision: 0004, after 0003
"""

import sqlalchemy as sa
import sqlmodel

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "custom_attributes",
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("least", sa.Integer(), nullable=True),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "groups",
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=128), nullable=False),
        sa.Column("description", sqlmodel.sql.sqltypes.AutoString(length=2048), nullable=False),
        sa.Column("precedence", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "resource_servers",
        sa.Column("identifier", sqlmodel.sql.sqltypes.AutoString(length=256), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=256), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("identifier"),
    )
    op.create_table(
        "revoked_access_tokens",
        sa.Column("jti", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("jti"),
    )
    with op.batch_alter_table("revoked_access_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_revoked_access_tokens_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "spent_tokens",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    with op.batch_alter_table("spent_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_spent_tokens_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "device_codes",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("user_code_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", sqlmodel.sql.sqltypes.AutoString(length=128), nullable=False),
        sa.Column("scope", sqlmodel.sql.sqltypes.AutoString(length=2000), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("dpop_jkt", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("interval", sa.Integer(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("decision", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("sub", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("auth_time", sa.BigInteger(), nullable=True),
        sa.Column("amr", sa.JSON(), nullable=False),
        sa.Column("acr", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("sid", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("grant_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sub"], ["users.sub"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest"),
        sa.UniqueConstraint("user_code_digest"),
    )
    with op.batch_alter_table("device_codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_device_codes_client_id"), ["client_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_device_codes_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_device_codes_sub"), ["sub"], unique=False)

    op.create_table(
        "group_members",
        sa.Column("group_name", sqlmodel.sql.sqltypes.AutoString(length=128), nullable=False),
        sa.Column("sub", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_name"], ["groups.name"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sub"], ["users.sub"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_name", "sub"),
    )
    with op.batch_alter_table("group_members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_members_sub"), ["sub"], unique=False)

    op.create_table(
        "logout_notices",
        sa.Column("notice_id", sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
        sa.Column("client_id", sqlmodel.sql.sqltypes.AutoString(length=128), nullable=False),
        sa.Column("sub", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=False),
        sa.Column("sid", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("notice_id"),
    )
    with op.batch_alter_table("logout_notices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_logout_notices_due_at"), ["due_at"], unique=False)

    op.create_table(
        "pushed_requests",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", sqlmodel.sql.sqltypes.AutoString(length=128), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("dpop_jkt", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("kept_until", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest"),
    )
    with op.batch_alter_table("pushed_requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pushed_requests_kept_until"), ["kept_until"], unique=False)

    op.create_table(
        "resource_scopes",
        sa.Column("identifier", sqlmodel.sql.sqltypes.AutoString(length=256), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=256), nullable=False),
        sa.Column("description", sqlmodel.sql.sqltypes.AutoString(length=256), nullable=False),
        sa.ForeignKeyConstraint(["identifier"], ["resource_servers.identifier"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("identifier", "name"),
    )
    with op.batch_alter_table("authorization_codes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dpop_jkt", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True))
        batch_op.add_column(sa.Column("sid", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True))

    with op.batch_alter_table("clients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("refresh_with_session", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("jwks", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("jwks_uri", sqlmodel.sql.sqltypes.AutoString(length=2000), nullable=True))
        batch_op.add_column(
            sa.Column("require_pushed_authorization_requests", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(
            sa.Column("require_signed_request_object", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(
            sa.Column("dpop_bound_access_tokens", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("response_modes", sa.JSON(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "subject_type", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False, server_default="public"
            )
        )
        batch_op.add_column(sa.Column("sector_identifier", sqlmodel.sql.sqltypes.AutoString(length=255), nullable=True))
        batch_op.add_column(
            sa.Column("id_token_signing_alg", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=True)
        )
        batch_op.add_column(
            sa.Column("userinfo_signing_alg", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=True)
        )
        batch_op.add_column(
            sa.Column("introspection_signing_alg", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=True)
        )
        batch_op.add_column(sa.Column("token_claims", sa.JSON(), nullable=False, server_default=sa.text("'{}'")))
        batch_op.add_column(sa.Column("resources", sa.JSON(), nullable=False, server_default=sa.text("'[]'")))
        batch_op.add_column(sa.Column("exchange_from", sa.JSON(), nullable=False, server_default=sa.text("'[]'")))
        batch_op.add_column(sa.Column("revoke_access_tokens", sa.Boolean(), nullable=False, server_default=sa.true()))
        batch_op.add_column(sa.Column("introspects", sa.JSON(), nullable=False, server_default=sa.text("'[]'")))
        batch_op.add_column(
            sa.Column("post_logout_redirect_uris", sa.JSON(), nullable=False, server_default=sa.text("'[]'"))
        )
        batch_op.add_column(
            sa.Column("backchannel_logout_uri", sqlmodel.sql.sqltypes.AutoString(length=2000), nullable=True)
        )
        batch_op.add_column(
            sa.Column("backchannel_logout_session_required", sa.Boolean(), nullable=False, server_default=sa.false())
        )

    # as Cognito answers, and as new clients of this preset are made
    op.execute(sa.text("UPDATE clients SET revoke_access_tokens = false WHERE preset = 'alexa'"))

    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dpop_jkt", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True))
        batch_op.add_column(sa.Column("sid", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True))

    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sid", sqlmodel.sql.sqltypes.AutoString(length=36), nullable=True))
        batch_op.create_index(batch_op.f("ix_sessions_sid"), ["sid"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_sessions_sid", "sessions")
    op.drop_column("authorization_codes", "dpop_jkt")
    op.drop_column("authorization_codes", "sid")
    op.drop_column("clients", "refresh_with_session")
    op.drop_column("clients", "jwks")
    op.drop_column("clients", "jwks_uri")
    op.drop_column("clients", "require_pushed_authorization_requests")
    op.drop_column("clients", "require_signed_request_object")
    op.drop_column("clients", "dpop_bound_access_tokens")
    op.drop_column("clients", "response_modes")
    op.drop_column("clients", "subject_type")
    op.drop_column("clients", "sector_identifier")
    op.drop_column("clients", "id_token_signing_alg")
    op.drop_column("clients", "userinfo_signing_alg")
    op.drop_column("clients", "introspection_signing_alg")
    op.drop_column("clients", "token_claims")
    op.drop_column("clients", "resources")
    op.drop_column("clients", "exchange_from")
    op.drop_column("clients", "revoke_access_tokens")
    op.drop_column("clients", "introspects")
    op.drop_column("clients", "post_logout_redirect_uris")
    op.drop_column("clients", "backchannel_logout_uri")
    op.drop_column("clients", "backchannel_logout_session_required")
    op.drop_column("grants", "dpop_jkt")
    op.drop_column("grants", "sid")
    op.drop_column("sessions", "sid")
    op.drop_table("resource_scopes")
    op.drop_table("pushed_requests")
    op.drop_table("logout_notices")
    op.drop_table("group_members")
    op.drop_table("device_codes")
    op.drop_table("spent_tokens")
    op.drop_table("revoked_access_tokens")
    op.drop_table("resource_servers")
    op.drop_table("groups")
    op.drop_table("custom_attributes")
