"""Counters of attempts, shared by all replicas."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import seconds


class Attempt(SQLModel, table=True):
    """`name` is `<what>:<digest of whom>`, such as `sign-in:…` for an account or `address:…` for a network address."""

    __tablename__ = "attempts"

    name: str = Field(primary_key=True, max_length=128)
    failures: int = 0
    since: int = Field(sa_column=seconds())  # when this count began
    locked_until: int = Field(default=0, sa_column=seconds())
    expires_at: int = Field(sa_column=seconds(index=True))
