"""A client's picture on the consent page: uploaded, never fetched (contracts/security.md 6.77)."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import blob, seconds


class ClientLogo(SQLModel, table=True):
    __tablename__ = "client_logos"

    client_id: str = Field(foreign_key="clients.client_id", ondelete="CASCADE", primary_key=True, max_length=128)
    media_type: str = Field(max_length=32)
    picture: bytes = Field(sa_column=blob())
    version: str = Field(max_length=16)  # stands in its URL, so that it may be cached
    updated_at: int = Field(sa_column=seconds())
