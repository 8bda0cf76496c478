"""A program that takes our access tokens, and what clients may be allowed to do there."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import seconds


class ResourceServer(SQLModel, table=True):
    """As in Cognito: its identifier, usually a URL, is the `resource` of RFC 8707 and the beginning of its scopes."""

    __tablename__ = "resource_servers"

    identifier: str = Field(primary_key=True, max_length=256)
    name: str = Field(max_length=256)
    created_at: int = Field(sa_column=seconds())


class ResourceScope(SQLModel, table=True):
    """In tokens it is written `<identifier>/<name>`."""

    __tablename__ = "resource_scopes"

    identifier: str = Field(
        primary_key=True, foreign_key="resource_servers.identifier", ondelete="CASCADE", max_length=256
    )
    name: str = Field(primary_key=True, max_length=256)
    description: str = Field(default="", max_length=256)
