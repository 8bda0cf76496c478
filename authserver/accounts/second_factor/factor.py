"""What a second factor is to the rest: a name, what it proves, whether somebody has one, and its end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import User


@dataclass(frozen=True)
class Factor:
    """`amr`: what using it proves beside the first factor. `since`: when this person set it up (Unix seconds), None if
    they did not. `end`: it counts no more; whether it was there."""

    name: str
    amr: tuple[str, ...]
    since: Callable[[AsyncSession, User], Awaitable[int | None]]
    end: Callable[[AsyncSession, User], Awaitable[bool]]


class Right(Protocol):
    """The proof that what was typed, or signed, was right. Good for one `consume`, in the unit of work that holds the
    account: False for whoever comes second."""

    @property
    def method(self) -> str: ...
    @property
    def amr(self) -> tuple[str, ...]: ...
    async def consume(self, session: AsyncSession, now: int) -> bool: ...
