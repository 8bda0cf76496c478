"""What the page "Sign-in and security" lists: one row for each way to sign in, given by the file of its own page."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request

from authserver.models import User


@dataclass(frozen=True)
class Row:
    """`title` names the thing, `state` is how it stands in a word or two, `path` the page (below the issuer) that
    changes it."""

    title: str
    state: str
    path: str


#: None where there is nothing to list for this account
RowOf = Callable[[Request, AsyncSession, User], Awaitable[Row | None]]
