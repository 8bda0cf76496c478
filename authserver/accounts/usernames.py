"""User names to sign in with: whose they are, and how they change hands.

The `username` claim is given at birth and stays, as in Cognito: applications know people by it. The name to sign in
with (`User.username_canonical`) may be changed; as it was typed it is the claim `preferred_username`. Nobody gets a
name that is, or was at birth, somebody else's, as long as they have an account.
"""

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts.names import NotAUsernameError, Username, read_username
from authserver.models import User


def shown(user: User) -> str | None:
    """The name to sign in with as its owner wrote it; None where there is none."""
    written = user.attributes.get("preferred_username")
    try:
        if isinstance(written, str) and read_username(written).canonical == user.username_canonical:
            return written
    except NotAUsernameError:
        pass
    return user.username_canonical


async def is_taken(session: AsyncSession, username: Username, but: str = "") -> bool:
    """Whether it is another's: to sign in with, as a claim, or as a `sub`. `but`: the `sub` of whoever asks."""
    found = await session.exec(
        select(User.sub).where(
            or_(
                col(User.username_canonical) == username.canonical,
                col(User.username).in_({username.canonical, username.name}),
                col(User.sub).in_({username.canonical, username.name}),
            ),
            col(User.sub) != but,
        )
    )
    return found.first() is not None


async def give(session: AsyncSession, user: User, username: Username, now: int) -> bool:
    """They sign in with it from now on; the name before is free at once, unless it is their `username` claim. False
    when it is another's, and nothing has changed then. In the caller's unit of work, which holds the account."""
    if await is_taken(session, username, but=user.sub):
        return False
    try:
        async with session.begin_nested():
            user.username_canonical = username.canonical
            user.attributes = user.attributes | {"preferred_username": username.name}
            user.updated_at = now
            session.add(user)
            await session.flush()
    except IntegrityError:  # somebody was faster
        await session.refresh(user)
        return False
    return True
