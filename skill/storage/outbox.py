"""What the registry tells the events of; without events nobody listens."""

from sqlmodel.ext.asyncio.session import AsyncSession


async def lamp_appeared(session: AsyncSession, owner: str, endpoint_id: str, now: int) -> None:
    """The lamp is the owner's from now on, or has another name."""


async def lamp_left(session: AsyncSession, owner: str, endpoint_id: str, now: int) -> None:
    """The lamp is the owner's no longer."""
