"""A passkey, and what a browser is asked to sign with one."""

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, SQLModel

from authserver.models.columns import blob, digest_column, json_column, seconds


class Passkey(SQLModel, table=True):
    """A public key credential (WebAuthn Level 3 §4). Its user handle is the 16 bytes of the account's `sub`."""

    __tablename__ = "passkeys"

    credential_id: bytes = Field(sa_column=Column(LargeBinary(1023), primary_key=True))
    sub: str = Field(foreign_key="users.sub", ondelete="CASCADE", index=True, max_length=36)
    public_key: bytes = Field(sa_column=blob())  # COSE
    sign_count: int = Field(default=0, sa_column=seconds())
    name: str = Field(default="", max_length=64)  # the person's own
    aaguid: str = Field(default="", max_length=36)
    transports: list[str] = Field(default_factory=list, sa_column=json_column())
    backup_eligible: bool = False  # it may be on several devices, by somebody's cloud; never changes (WebAuthn §6.1.3)
    backed_up: bool = False
    created_at: int = Field(sa_column=seconds())
    last_used_at: int | None = Field(default=None, sa_column=seconds(nullable=True))


class Challenge(SQLModel, table=True):
    """Random bytes to be signed once, for one browser: `owner` is an interaction's id or a session's hex digest."""

    __tablename__ = "challenges"

    digest: bytes = Field(sa_column=digest_column(primary_key=True))
    purpose: str = Field(max_length=32)
    owner: str = Field(index=True, max_length=64)
    expires_at: int = Field(sa_column=seconds(index=True))
    used_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
