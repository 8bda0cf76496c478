"""An authorization code: the row stays after use, so that a second use can revoke what the first produced."""

from typing import Any

from sqlmodel import Field, SQLModel

from authserver.models.columns import digest_column, json_column, seconds


class AuthorizationCode(SQLModel, table=True):
    """RFC 6749 §4.1.2: bound to client, redirect URI, challenge; the code itself is not stored."""

    __tablename__ = "authorization_codes"

    digest: bytes = Field(sa_column=digest_column(primary_key=True))
    client_id: str = Field(foreign_key="clients.client_id", ondelete="CASCADE", max_length=128)
    sub: str = Field(foreign_key="users.sub", ondelete="CASCADE", index=True, max_length=36)
    epoch: int
    redirect_uri: str = Field(max_length=2000)
    redirect_uri_sent: bool = True  # whether the authorization request named it (RFC 6749 §4.1.3)
    scope: str = Field(max_length=2000)
    nonce: str | None = None
    code_challenge: str | None = Field(default=None, max_length=128)
    resource: str | None = Field(default=None, max_length=2000)
    auth_time: int = Field(sa_column=seconds())
    amr: list[str] = Field(default_factory=list, sa_column=json_column())
    acr: str | None = Field(default=None, max_length=64)
    claims: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    dpop_jkt: str | None = Field(default=None, max_length=64)  # RFC 9449 §10
    sid: str | None = Field(default=None, max_length=36)
    created_at: int = Field(sa_column=seconds())
    expires_at: int = Field(sa_column=seconds(index=True))
    failures: int = 0  # failed bindings; the fifth burns the code
    used_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
    grant_id: str | None = Field(default=None, max_length=32)  # what the first use produced
