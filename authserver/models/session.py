"""A browser's session with this server."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import digest_column, json_column, seconds


class Session(SQLModel, table=True):
    """The cookie holds the id, the row its digest. A new id at every sign-in (contracts/security.md 6.47)."""

    __tablename__ = "sessions"

    digest: bytes = Field(sa_column=digest_column(primary_key=True))
    #: what clients know it by (`sid` of ID tokens and logout tokens); opens nothing
    sid: str | None = Field(default=None, max_length=36, index=True)
    sub: str = Field(foreign_key="users.sub", ondelete="CASCADE", index=True, max_length=36)
    epoch: int
    auth_time: int = Field(sa_column=seconds())  # of the last factor: the claim
    #: when this person last signed in from the first factor on; a step-up asks for the second alone and keeps it
    signed_in_at: int = Field(sa_column=seconds())
    amr: list[str] = Field(default_factory=list, sa_column=json_column())
    created_at: int = Field(sa_column=seconds())
    last_seen_at: int = Field(sa_column=seconds())
    expires_at: int = Field(sa_column=seconds(index=True))  # absolute end
    user_agent: str = Field(default="", max_length=400)
    address: str = Field(default="", max_length=64)
