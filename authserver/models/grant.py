"""What a person granted to a client: one row for each linking, updated in place."""

from typing import Any

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, SQLModel

from authserver.models.columns import json_column, seconds


class Grant(SQLModel, table=True):
    """The refresh token is derived from the row and not stored (oauth/refresh_token.py).

    `grant_id` stands in refresh tokens only; access tokens carry `origin_jti`, so that none leads to the other.
    """

    __tablename__ = "grants"

    grant_id: str = Field(primary_key=True, max_length=32)
    origin_jti: str = Field(max_length=36, unique=True)
    sub: str = Field(foreign_key="users.sub", ondelete="CASCADE", index=True, max_length=36)
    client_id: str = Field(foreign_key="clients.client_id", ondelete="CASCADE", index=True, max_length=128)
    scope: str = Field(max_length=2000)
    seed: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))
    generation: int = 1
    epoch: int = 0  # the user's at birth; the user's must still be the same
    auth_time: int = Field(sa_column=seconds())
    amr: list[str] = Field(default_factory=list, sa_column=json_column())
    acr: str | None = Field(default=None, max_length=64)
    claims: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())  # e.g. `resource` of the request
    dpop_jkt: str | None = Field(default=None, max_length=64)  # RFC 9449: the key that refreshes have to prove
    sid: str | None = Field(default=None, max_length=36)  # the browser's session in which it was granted
    created_at: int = Field(sa_column=seconds())
    rotated_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
    last_used_at: int = Field(sa_column=seconds())
    expires_at: int = Field(sa_column=seconds(index=True))  # absolute end
    revoked_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
