"""Groups of people, whose names stand in tokens (`cognito:groups`): the rules of `authserver group …`.

Every function works in the caller's unit of work. Groups are read with each token and never cached: what changes here
holds from the next token on.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts.administration import AccountError
from authserver.models import Group, GroupMember, User

LONGEST_NAME = 128  # characters, as in Cognito
LONGEST_DESCRIPTION = 2048
MOST_PRECEDENCE = 2**31 - 1
#: bytes of the names of one person's groups as JSON: access tokens travel in headers, and verifiers bound them
LARGEST = 1500


@dataclass(frozen=True)
class Listed:
    """A group and how many are in it."""

    group: Group
    members: int


@dataclass(frozen=True)
class Member:
    """A person in a group. `since`: Unix seconds."""

    sub: str
    email: str
    since: int


def _check(name: str, description: str, precedence: int | None) -> None:
    """Cognito's rules; no blank stands in a name, which the statements of the hot path rely on. Raises
    `AccountError`."""
    kinds = {unicodedata.category(character)[0] for character in name}
    if not 0 < len(name) <= LONGEST_NAME or not kinds <= set("LMNPS"):
        raise AccountError(f"a group's name has 1 to {LONGEST_NAME} letters, digits, symbols and no blanks")
    if len(description) > LONGEST_DESCRIPTION or not all(character.isprintable() for character in description):
        raise AccountError(f"a group's description has at most {LONGEST_DESCRIPTION} printable characters")
    if precedence is not None and not 0 <= precedence <= MOST_PRECEDENCE:
        raise AccountError(f"a group's precedence is 0 to {MOST_PRECEDENCE}; the lowest comes first in tokens")


async def find(session: AsyncSession, name: str) -> Group | None:
    return await session.get(Group, name) if len(name) <= LONGEST_NAME else None


async def every(session: AsyncSession) -> Sequence[Listed]:
    """In the order of tokens."""
    members = select(func.count()).where(col(GroupMember.group_name) == col(Group.name)).scalar_subquery()
    order = (col(Group.precedence).is_(None), col(Group.precedence), col(Group.name))
    return [
        Listed(group, count) for group, count in (await session.exec(select(Group, members).order_by(*order))).all()
    ]


async def members_of(session: AsyncSession, group: Group) -> Sequence[Member]:
    """Oldest first."""
    found = await session.exec(
        select(User.sub, User.email, GroupMember.created_at)
        .join(GroupMember, col(GroupMember.sub) == col(User.sub))
        .where(GroupMember.group_name == group.name)
        .order_by(col(GroupMember.created_at), col(User.sub))
    )
    return [Member(*row) for row in found.all()]


async def of_person(session: AsyncSession, user: User) -> Sequence[str]:
    """In the order of tokens."""
    found = await session.exec(
        select(Group.name)
        .join(GroupMember, col(GroupMember.group_name) == col(Group.name))
        .where(GroupMember.sub == user.sub)
        .order_by(col(Group.precedence).is_(None), col(Group.precedence), col(Group.name))
    )
    return found.all()


async def add(session: AsyncSession, name: str, description: str, precedence: int | None, now: int) -> Group:
    """Raises `AccountError`."""
    _check(name, description, precedence)
    group = Group(name=name, description=description, precedence=precedence, created_at=now, updated_at=now)
    session.add(group)
    try:
        await session.flush()
    except IntegrityError as error:
        raise AccountError(f"there is a group {name} already") from error
    return group


async def change(
    session: AsyncSession, group: Group, now: int, *, description: str | None, precedence: int | None, ordered: bool
) -> None:
    """Sets what is named: `description` unless None, `precedence` where `ordered`. Raises `AccountError`."""
    if description is not None:
        group.description = description
    if ordered:
        group.precedence = precedence
    _check(group.name, group.description, group.precedence)
    group.updated_at = now
    session.add(group)


async def remove(session: AsyncSession, group: Group) -> None:
    """Its people stay; their next tokens do not name it."""
    await session.exec(delete(Group).where(col(Group.name) == group.name))


async def join(session: AsyncSession, group: Group, user: User, now: int) -> bool:
    """False: was in it before. Raises `AccountError` when the names of this person's groups would be too long for a
    token, or the group or the person is gone."""
    names = await of_person(session, user)
    if group.name in names:
        return False
    if len(orjson.dumps([*names, group.name])) > LARGEST:
        raise AccountError(f"the names of one person's groups may have {LARGEST} bytes together: they stand in tokens")
    session.add(GroupMember(group_name=group.name, sub=user.sub, created_at=now))
    try:
        await session.flush()
    except IntegrityError as error:
        raise AccountError("the group or the account changed at this moment; try again") from error
    return True


async def leave(session: AsyncSession, group: Group, user: User) -> bool:
    """False: was not in it."""
    gone = await session.exec(
        delete(GroupMember)
        .where(col(GroupMember.group_name) == group.name, col(GroupMember.sub) == user.sub)
        .returning(col(GroupMember.sub))
    )
    return gone.first() is not None
