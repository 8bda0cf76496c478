"""What may be seen once, or is no longer taken, until it would have expired anyway."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import digest_column, seconds


class SpentToken(SQLModel, table=True):
    """`digest`: of purpose, sender and `jti` (client assertions, DPoP proofs, request objects): the second insert
    fails, on every replica."""

    __tablename__ = "spent_tokens"

    digest: bytes = Field(sa_column=digest_column(primary_key=True))
    expires_at: int = Field(sa_column=seconds(index=True))


class RevokedAccessToken(SQLModel, table=True):
    """An access token that ended alone, while its grant lives (RFC 7009): by `jti`, never by the token's own text,
    which is malleable."""

    __tablename__ = "revoked_access_tokens"

    jti: str = Field(primary_key=True, max_length=36)
    expires_at: int = Field(sa_column=seconds(index=True))
