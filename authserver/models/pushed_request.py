"""An authorization request that a client pushed (RFC 9126)."""

from typing import Any

from sqlmodel import Field, SQLModel

from authserver.models.columns import digest_column, json_column, seconds


class PushedRequest(SQLModel, table=True):
    """`request`: its parameters, each once, without what authenticated the client. The reference in the `request_uri`
    is not stored, its digest is. Used once, by one conditional UPDATE, when a code or an error leaves for the client:
    not by loading a page. `expires_at`: until when it may be begun; `kept_until`: when whoever began then has ended."""

    __tablename__ = "pushed_requests"

    digest: bytes = Field(sa_column=digest_column(primary_key=True))
    client_id: str = Field(foreign_key="clients.client_id", ondelete="CASCADE", max_length=128)
    request: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    dpop_jkt: str | None = Field(default=None, max_length=64)
    created_at: int = Field(sa_column=seconds())
    expires_at: int = Field(sa_column=seconds())
    kept_until: int = Field(sa_column=seconds(index=True))
    used_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
