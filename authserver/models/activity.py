"""What happened to an account, for its owner to see."""

from typing import Any

from sqlmodel import Field, SQLModel

from authserver.models.columns import json_column, seconds


class Activity(SQLModel, table=True):
    """`kind` is a word of `accounts.activity.Kind`; `details` are shown and hold no secret."""

    __tablename__ = "activities"

    activity_id: str = Field(primary_key=True, max_length=32)
    sub: str = Field(foreign_key="users.sub", ondelete="CASCADE", index=True, max_length=36)
    kind: str = Field(max_length=32)
    at: int = Field(sa_column=seconds(index=True))
    address: str = Field(default="", max_length=64)
    user_agent: str = Field(default="", max_length=400)
    details: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
