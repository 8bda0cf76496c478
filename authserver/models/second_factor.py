"""What proves a person besides the password: an authenticator app, and the codes for when it is lost."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import blob, digest_column, seconds


class Totp(SQLModel, table=True):
    """RFC 6238. The secret is sealed with the server's key; it counts from the moment that one code was right."""

    __tablename__ = "totps"

    sub: str = Field(foreign_key="users.sub", ondelete="CASCADE", primary_key=True, max_length=36)
    secret_sealed: bytes = Field(sa_column=blob())
    created_at: int = Field(sa_column=seconds())
    confirmed_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
    last_step: int = Field(default=0, sa_column=seconds())  # the newest time step whose code was taken: none twice


class RecoveryCode(SQLModel, table=True):
    """One of ten. High entropy: the row holds a digest."""

    __tablename__ = "recovery_codes"

    digest: bytes = Field(sa_column=digest_column(primary_key=True))
    sub: str = Field(foreign_key="users.sub", ondelete="CASCADE", index=True, max_length=36)
    created_at: int = Field(sa_column=seconds())
    used_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
