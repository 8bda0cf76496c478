"""Clients that registered themselves (RFC 7591), and what lets them."""

from typing import Any

from sqlmodel import Field, SQLModel

from authserver.models.columns import digest_column, json_column, seconds


class InitialAccessToken(SQLModel, table=True):
    """The operator's leave to register, so many times and with no more than this. Only the token's digest is stored.
    Counted by one conditional UPDATE. `redirect_hosts`: []: any."""

    __tablename__ = "initial_access_tokens"

    token_id: str = Field(primary_key=True, max_length=32)
    digest: bytes = Field(sa_column=digest_column(unique=True))
    about: str = Field(default="", max_length=256)
    most_uses: int
    uses: int = 0
    scopes: list[str] = Field(default_factory=list, sa_column=json_column())
    grant_types: list[str] = Field(default_factory=list, sa_column=json_column())
    redirect_hosts: list[str] = Field(default_factory=list, sa_column=json_column())
    created_at: int = Field(sa_column=seconds())
    expires_at: int = Field(sa_column=seconds())
    revoked_at: int | None = Field(default=None, sa_column=seconds(nullable=True))


class ClientRegistration(SQLModel, table=True):
    """Beside its `Client`. `digest`: of its registration access token (RFC 7592). `limits`: the initial access token's,
    which may be long gone. `told`: metadata that it gave about itself, which nothing here acts on. `used_at`: its first
    tokens; what never gets any is removed."""

    __tablename__ = "client_registrations"

    client_id: str = Field(primary_key=True, foreign_key="clients.client_id", ondelete="CASCADE", max_length=128)
    digest: bytes = Field(sa_column=digest_column())
    token_id: str = Field(max_length=32)  # the initial access token's, for the operator
    limits: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    told: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    created_at: int = Field(sa_column=seconds())
    used_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
