"""A device that waits for a person to agree elsewhere (RFC 8628)."""

from typing import Any

from sqlmodel import Field, SQLModel

from authserver.models.columns import digest_column, json_column, seconds


class DeviceCode(SQLModel, table=True):
    """Neither code is stored: the device code as its digest, the user code as an HMAC, since few characters can be
    guessed. One conditional UPDATE decides and one consumes."""

    __tablename__ = "device_codes"

    digest: bytes = Field(sa_column=digest_column(primary_key=True))
    user_code_digest: bytes = Field(sa_column=digest_column(unique=True))
    client_id: str = Field(foreign_key="clients.client_id", ondelete="CASCADE", index=True, max_length=128)
    scope: str = Field(max_length=2000)
    request: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())  # `resource`, `acr_values`, …
    dpop_jkt: str | None = Field(default=None, max_length=64)
    interval: int = 5  # seconds between polls; raised by `slow_down`
    polled_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
    created_at: int = Field(sa_column=seconds())
    expires_at: int = Field(sa_column=seconds(index=True))
    decision: str = Field(default="", max_length=16)  # "", "approved" or "denied"
    decided_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
    sub: str | None = Field(default=None, foreign_key="users.sub", ondelete="CASCADE", index=True, max_length=36)
    epoch: int = 0
    auth_time: int | None = Field(default=None, sa_column=seconds(nullable=True))
    amr: list[str] = Field(default_factory=list, sa_column=json_column())
    acr: str | None = Field(default=None, max_length=64)
    sid: str | None = Field(default=None, max_length=36)
    used_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
    grant_id: str | None = Field(default=None, max_length=32)  # what the first use produced
