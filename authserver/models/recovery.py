"""A forgotten password on its way to a new one."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import seconds


class Recovery(SQLModel, table=True):
    """Begun for an address, known or not: for one without an account that may sign in the row exists too, without a
    code that could complete it (contracts/security.md 6.58). Bound to a browser by the interaction that names it."""

    __tablename__ = "recoveries"

    recovery_id: str = Field(primary_key=True, max_length=32)
    email: str = Field(max_length=320)  # as typed, address or user name; mail goes to the stored address
    #: the account's, to which the codes of this recovery are bound; where there is no account, what was typed
    email_canonical: str = Field(max_length=320, index=True)
    username_canonical: str | None = Field(default=None, max_length=128)  # where no address was typed
    sub: str | None = Field(default=None, max_length=36)  # whose; names may change hands meanwhile
    created_at: int = Field(sa_column=seconds())
    expires_at: int = Field(sa_column=seconds(index=True))
    completed_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
