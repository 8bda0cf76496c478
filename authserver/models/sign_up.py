"""A sign-up that waits for its code. There is no account before the address is confirmed."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import seconds


class SignUp(SQLModel, table=True):
    """Whoever registers somebody else's address first has made nothing that the owner could inherit
    (contracts/security.md 6.67). For a known address the row exists too, without a code that could complete it."""

    __tablename__ = "sign_ups"

    sign_up_id: str = Field(primary_key=True, max_length=32)
    email: str = Field(max_length=320)
    email_canonical: str = Field(max_length=320, index=True)
    username: str | None = Field(default=None, max_length=128)  # as typed; reserves nothing
    username_canonical: str | None = Field(default=None, max_length=128, index=True)
    password_hash: str = Field(max_length=512)
    locale: str = Field(default="", max_length=16)
    created_at: int = Field(sa_column=seconds())
    expires_at: int = Field(sa_column=seconds(index=True))
    completed_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
