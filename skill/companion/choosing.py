"""Which of somebody's lamps a page shows: all of them where they are few, else a page of them, or those that are found
by a word. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from skill.models import LampRow

PAGE = 100  # lamps: more make a page that a phone is slow with
LONGEST = 40  # characters that are looked for


@dataclass(frozen=True, slots=True)
class Wish:
    """What the address of a page asks for: a part of a lamp's or a room's name, and which page, from 1."""

    find: str = ""
    page: int = 1

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> "Wish":
        """Whatever stands there."""
        find = " ".join(asked.get("find", "")[:LONGEST].split())
        page = asked.get("page", "")
        number = int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 1
        return cls(find if find.isprintable() else "", max(1, number))

    def at(self, path: str, page: int | None = None) -> str:
        """The address of this, or of another page of it."""
        page = page or self.page
        asked = ({"find": self.find} if self.find else {}) | ({"page": str(page)} if page > 1 else {})
        return f"{path}?{urlencode(asked)}" if asked else path


@dataclass(frozen=True, slots=True)
class Part:
    """`rows` in the order of the page, rooms by name and lamps without one last: the lamps `first` to `last` (from 1)
    of `found`, out of `total`. `whole` are the rooms that stand on this page with all of their lamps."""

    wish: Wish
    rows: Sequence[LampRow]
    first: int
    found: int
    total: int
    whole: frozenset[str | None]

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1

    @property
    def all(self) -> bool:
        return len(self.rows) == self.total

    @property
    def made_of(self) -> tuple[object, ...]:
        """What a reader of the page sees of which lamps there are."""
        return [row.endpoint_id for row in self.rows], self.first, self.found, self.all

    @property
    def live(self) -> str:
        """Where the page hears of these lamps, and that others belong to them; of those that come, where it shows
        all."""
        asked = {"find": self.wish.find, "page": str(self.wish.page)}
        return "/live" if self.all else f"/live?{urlencode(asked)}"

    @property
    def earlier(self) -> int | None:
        """The page before."""
        return self.wish.page - 1 if self.first > 1 else None

    @property
    def later(self) -> int | None:
        return self.wish.page + 1 if self.last < self.found else None


def order(room: str | None) -> tuple[bool, list[tuple[bool, int, str]], str]:
    """Rooms by name as a person reads it, 9 before 10; lamps without one last."""
    parts = re.split(r"(\d+)", (room or "").casefold())
    read = [(False, int(part), "") if part.isdecimal() else (True, 0, part) for part in parts if part]
    return not room, read, room or ""


def choose(rows: Sequence[LampRow], wish: Wish) -> Part:
    """A page that is not there is the last one."""
    words = wish.find.casefold()
    found = [row for row in rows if words in row.name.casefold() or words in (row.room or "").casefold()]
    found.sort(key=lambda row: order(row.room))
    page = min(wish.page, max(1, -(-len(found) // PAGE)))
    start = (page - 1) * PAGE
    shown = found[start : start + PAGE]
    elsewhere = {id(row) for row in rows} - {id(row) for row in shown}
    torn = {row.room or None for row in rows if id(row) in elsewhere}
    whole = frozenset(row.room or None for row in shown) - torn
    return Part(Wish(wish.find, page), shown, start + 1, len(found), len(rows), whole)
