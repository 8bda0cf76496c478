"""The outbox: mail is written with the change that causes it, and sent by a worker afterwards."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import seconds


class Mail(SQLModel, table=True):
    """Sent at least once, with a `Message-ID` that a second delivery shares. Kept for a day after it was sent."""

    __tablename__ = "mails"

    mail_id: str = Field(primary_key=True, max_length=32)
    #: what it is about, where a repeated request must not send it again (`letters`)
    action: str | None = Field(default=None, max_length=128, unique=True, index=True)
    recipient: str = Field(max_length=320)
    subject: str = Field(max_length=500)
    text: str
    html: str
    created_at: int = Field(sa_column=seconds())
    due_at: int = Field(sa_column=seconds(index=True))  # not before this
    attempts: int = 0
    sent_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
    error: str = Field(default="", max_length=500)
