"""A new e-mail address that waits for its confirmation; the old one holds until then."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import seconds


class EmailChange(SQLModel, table=True):
    """At most one of a person waits. For an address that another account has, the row exists too, without a code that
    could complete it (contracts/security.md 6.58)."""

    __tablename__ = "email_changes"

    change_id: str = Field(primary_key=True, max_length=32)
    sub: str = Field(foreign_key="users.sub", ondelete="CASCADE", index=True, max_length=36)
    email: str = Field(max_length=320)
    email_canonical: str = Field(max_length=320, index=True)
    created_at: int = Field(sa_column=seconds())
    expires_at: int = Field(sa_column=seconds(index=True))
    completed_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
