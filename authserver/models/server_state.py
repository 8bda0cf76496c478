"""Small facts about the installation, and leases of jobs that one replica at a time does."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import seconds


class ServerState(SQLModel, table=True):
    """`secret-check` tells whether the secret key fits this database; `pairwise-key` is that of
    oauth/pairwise.py; `revision` counts changes of clients and keys, so that running workers drop what they cached;
    `lease:<job>` says until when a replica does the job."""

    __tablename__ = "server_state"

    name: str = Field(primary_key=True, max_length=64)
    value: str = Field(default="", max_length=2000)
    number: int = Field(default=0, sa_column=seconds())
