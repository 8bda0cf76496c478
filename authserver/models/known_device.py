"""A browser in which a person has signed in before."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import digest_column, seconds


class KnownDevice(SQLModel, table=True):
    """The cookie holds a random value, the row its digest; bound to one account, and gone with its password. What fails
    at the sign-in counts against this row, which is finite, and not against the account, which strangers can lock
    (contracts/security.md 6.63)."""

    __tablename__ = "known_devices"

    digest: bytes = Field(sa_column=digest_column(primary_key=True))
    sub: str = Field(foreign_key="users.sub", ondelete="CASCADE", index=True, max_length=36)
    created_at: int = Field(sa_column=seconds())
    last_used_at: int = Field(sa_column=seconds())
    expires_at: int = Field(sa_column=seconds(index=True))
    failures: int = 0  # since the last right password
    #: until then no second factor is asked for here, where the operator allows it
    skips_second_factor_until: int | None = Field(default=None, sa_column=seconds(nullable=True))
