"""One authorization request on its way through the hosted pages, bound to one browser."""

from typing import Any

from sqlmodel import Field, SQLModel

from authserver.models.columns import digest_column, json_column, seconds


class Interaction(SQLModel, table=True):
    """Its id stands in the pages' URLs, its secret in a cookie of its own; without `client_id` it is a visit to the
    pages themselves (sign-in or sign-up that ends nowhere else)."""

    __tablename__ = "interactions"

    interaction_id: str = Field(primary_key=True, max_length=32)
    secret_digest: bytes = Field(sa_column=digest_column())
    client_id: str | None = Field(default=None, foreign_key="clients.client_id", ondelete="CASCADE", max_length=128)
    #: The validated request: `redirect_uri`, `redirect_uri_sent`, `scope` as granted, `state`, `nonce`, …; without
    #: `client_id`: `page`, the path of ours that the visit leads to.
    request: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    created_at: int = Field(sa_column=seconds())
    expires_at: int = Field(sa_column=seconds(index=True))
    #: A session older than this does not satisfy the request (`max_age`); `interactions.OWN_SIGN_IN`: none but one that
    #: is made within the interaction does (`prompt=login`, "not you?").
    auth_not_before: int = Field(default=0, sa_column=seconds())
    #: The session that signed in for this interaction; under another one it starts over.
    session_digest: bytes | None = Field(default=None, sa_column=digest_column(nullable=True))
    sub: str | None = Field(default=None, foreign_key="users.sub", ondelete="CASCADE", max_length=36)
    sign_up_id: str | None = Field(default=None, max_length=32)  # the sign-up that waits for its code here
    recovery_id: str | None = Field(default=None, max_length=32)  # likewise the recovery of a forgotten password
    consented: bool = False
    #: who has proved what in this browser before there is a session (`accounts.entry.FirstFactor`)
    first_factor: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))
    #: canonical address whose mailed link was pressed here: its lock does not hold in this interaction
    unlocked: str | None = Field(default=None, max_length=320)
    completed_at: int | None = Field(default=None, sa_column=seconds(nullable=True))
