"""What lets a program register clients (RFC 7591 §3)."""

from typing import Any

from sqlmodel import Field, SQLModel

from authserver.models.columns import digest_column, json_column, seconds


class InitialAccessToken(SQLModel, table=True):
    """`uses_left`: one conditional UPDATE takes one. `policy`: columns that every client made with it gets."""

    __tablename__ = "initial_access_tokens"

    token_id: str = Field(primary_key=True, max_length=32)
    digest: bytes = Field(sa_column=digest_column(unique=True))
    note: str = Field(default="", max_length=200)
    policy: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    uses_left: int = 1
    created_at: int = Field(sa_column=seconds())
    expires_at: int = Field(sa_column=seconds(index=True))
