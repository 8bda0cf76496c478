"""A six-digit code sent to an address, and the link that the same mail carries."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import digest_column, seconds


class VerificationCode(SQLModel, table=True):
    """`digest` is an HMAC under the server's key over purpose, subject and code: six digits could be guessed from a
    hash. `tries` is raised, and committed, before a guess is compared; five at most (contracts/security.md 6.62)."""

    __tablename__ = "verification_codes"

    code_id: str = Field(primary_key=True, max_length=32)
    purpose: str = Field(max_length=32)  # one of `accounts.verification.Purpose`
    subject: str = Field(max_length=64, index=True)  # what it is for: a sign-up's id, a user's `sub`, …
    digest: bytes = Field(sa_column=digest_column())
    #: of the link's secret, at least 128 bits; the link is good for the browser of `interaction_id` alone
    link_digest: bytes | None = Field(default=None, sa_column=digest_column(nullable=True, unique=True, index=True))
    interaction_id: str | None = Field(default=None, max_length=32)
    email: str | None = Field(default=None, max_length=320)  # canonical: what the link, and no other, confirms
    confirmed_at: int | None = Field(default=None, sa_column=seconds(nullable=True))  # the link's button was pressed
    tries: int = 0
    created_at: int = Field(sa_column=seconds())
    expires_at: int = Field(sa_column=seconds(index=True))
    used_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
