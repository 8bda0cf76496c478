"""What a person has agreed to, so that they need not be asked again."""

from sqlmodel import Field, SQLModel

from authserver.models.columns import seconds


class Consent(SQLModel, table=True):
    """`scope` holds every scope agreed to so far, space separated. Clients that ask at every linking have none."""

    __tablename__ = "consents"

    sub: str = Field(foreign_key="users.sub", ondelete="CASCADE", primary_key=True, max_length=36)
    client_id: str = Field(foreign_key="clients.client_id", ondelete="CASCADE", primary_key=True, max_length=128)
    scope: str = Field(max_length=2000)
    epoch: int = 0  # the user's at that time: disabling an account also takes back what was agreed to
    at: int = Field(sa_column=seconds())
