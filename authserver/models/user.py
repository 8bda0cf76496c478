"""A person's account."""

from typing import Any

from sqlmodel import Field, SQLModel

from authserver.models.columns import json_column, seconds


class User(SQLModel, table=True):
    """`sub` never changes and is never used again, also if the e-mail address does (contracts/cognito.md row 31)."""

    __tablename__ = "users"

    sub: str = Field(primary_key=True, max_length=36)
    #: the claim; given at birth and never changed, as in Cognito: the `sub` unless a user name was chosen then
    username: str = Field(max_length=128, unique=True)
    #: the user name to sign in with, as compared; may be changed, and None where there is none
    username_canonical: str | None = Field(default=None, max_length=128, unique=True, index=True)
    email: str = Field(max_length=320)
    email_canonical: str = Field(max_length=320, unique=True)  # as compared: NFKC, case-folded
    email_verified: bool = False
    password_hash: str | None = Field(default=None, max_length=512)
    #: the password is the operator's: it must be replaced at the first sign-in, and no longer opens anything after this
    password_expires_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
    #: when that password, made at random, was mailed to `email` and shown to nobody else: who knows it reads the mail
    password_mailed_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
    #: since when a code to the confirmed address is a second factor
    email_code_factor_since: int | None = Field(default=None, sa_column=seconds(nullable=True))
    #: when the password was chosen with a code from the mailbox; until something else than mail has been proved, a code
    #: by mail is no second factor
    password_by_mail_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
    active: bool = True
    #: Raised when all that was issued before must end; grants and codes carry the value of their birth.
    epoch: int = 0
    attributes: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())  # claims: `name`, `locale`
    created_at: int = Field(sa_column=seconds())
    updated_at: int = Field(sa_column=seconds())

    @property
    def locale(self) -> str:
        """The person's language (BCP 47); '' where it is not known."""
        return str(self.attributes.get("locale") or "")
