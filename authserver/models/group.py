"""Groups of people, as in Cognito: `cognito:groups` of their tokens."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import seconds


class Group(SQLModel, table=True):
    """`precedence`: the lower number comes first in tokens; None comes last."""

    __tablename__ = "groups"

    name: str = Field(primary_key=True, max_length=128)
    description: str = Field(default="", max_length=2048)
    precedence: int | None = None
    created_at: int = Field(sa_column=seconds())
    updated_at: int = Field(sa_column=seconds())


class GroupMember(SQLModel, table=True):
    """One person in one group."""

    __tablename__ = "group_members"

    group_name: str = Field(primary_key=True, foreign_key="groups.name", ondelete="CASCADE", max_length=128)
    sub: str = Field(primary_key=True, foreign_key="users.sub", ondelete="CASCADE", index=True, max_length=36)
    created_at: int = Field(sa_column=seconds())


class CustomAttribute(SQLModel, table=True):
    """An attribute of the operator's own: `custom:<name>` in `User.attributes` and in claims. Kinds are Cognito's:
    `String`, `Number`, `Boolean`, `DateTime`; unlike there it can be changed and removed later."""

    __tablename__ = "custom_attributes"

    name: str = Field(primary_key=True, max_length=64)  # with `custom:`
    kind: str = Field(default="String", max_length=16)
    least: int | None = None  # of a String: characters; of a Number: the value
    most: int | None = None
    created_at: int = Field(sa_column=seconds())
