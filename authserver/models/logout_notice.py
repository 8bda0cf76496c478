"""A client that has to be told that somebody signed out (OpenID Connect Back-Channel Logout 1.0)."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import seconds


class LogoutNotice(SQLModel, table=True):
    """A row of the outbox; the logout token is made when it is sent. One for each client and session."""

    __tablename__ = "logout_notices"

    notice_id: str = Field(primary_key=True, max_length=32)
    client_id: str = Field(foreign_key="clients.client_id", ondelete="CASCADE", max_length=128)
    sub: str = Field(max_length=255)  # whose; the token says it as this client knows the person
    sid: str | None = Field(default=None, max_length=36)
    created_at: int = Field(sa_column=seconds())
    due_at: int | None = Field(default=None, sa_column=seconds(nullable=True, index=True))  # None: given up or done
    attempts: int = 0
    done_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
    error: str = Field(default="", max_length=500)
