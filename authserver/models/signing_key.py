"""The key ring: next, current and retired signing keys."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import blob, json_column, seconds


class SigningKey(SQLModel, table=True):
    """State follows from the times alone, so that all replicas agree: published from `created_at`, signs from
    `signs_from` until the next key of its algorithm does, dropped at `expires_at` or when revoked."""

    __tablename__ = "signing_keys"

    kid: str = Field(primary_key=True, max_length=64)
    alg: str = Field(max_length=16)
    private_sealed: bytes = Field(sa_column=blob())  # PKCS#8, sealed with the server's secret key
    public_jwk: dict[str, str] = Field(default_factory=dict, sa_column=json_column())
    created_at: int = Field(sa_column=seconds())
    signs_from: int = Field(sa_column=seconds())
    #: Set when a successor is made: the last token that this key signed has ended by then.
    expires_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
    revoked_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
