"""The outbox: mail is written with the change that causes it, and sent by a worker afterwards."""

from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from authserver.models.columns import json_column, seconds


class Mail(SQLModel, table=True):
    """Sent at least once, with a `Message-ID` that a second delivery shares.

    It waits while `due_at` is set; what is done with has a `kept_until`: the day after it was sent, the week after it
    was given up (`sent_at` is None then).
    """

    __tablename__ = "mails"
    __table_args__ = (Index("ix_mails_rank_due_at", "rank", "due_at"),)

    mail_id: str = Field(primary_key=True, max_length=32)
    #: what it is about: a second mail of the same action is not written (`accounts.mail.outbox`)
    action: str | None = Field(default=None, max_length=128, unique=True, index=True)
    kind: str = Field(max_length=32)  # the template
    recipient: str = Field(max_length=320)
    #: what the template needs; emptied when it was sent, since a code may be in it
    details: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    rank: int = 1  # 0: a person waits for it at a page
    code_id: str | None = Field(default=None, max_length=32)  # worth nothing once this code is
    created_at: int = Field(sa_column=seconds())
    due_at: int | None = Field(default=None, sa_column=seconds(nullable=True))  # not before this
    attempts: int = 0
    sent_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
    kept_until: int | None = Field(default=None, sa_column=seconds(nullable=True, index=True))
    error: str = Field(default="", max_length=500)
