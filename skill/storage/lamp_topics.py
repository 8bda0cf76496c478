"""Whose topic it is: no lamp is ever told on another's, nor listens where another speaks (contract 6.2)."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from sqlalchemy import delete, func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from skill.drivers.codecs import BadOption
from skill.drivers.topics import BELOW, covering, covers
from skill.drivers.wiring import Wiring
from skill.models import LampRow, LampTopicRow

MQTT = "mqtt"
MOST = 500
"""Values of one statement."""


class TopicTaken(Exception):
    """Another lamp has the topic. Which one, `endpoint_id`, is for the operator alone: the text does not say it."""

    def __init__(self, topic: str, endpoint_id: str) -> None:
        super().__init__(f"another lamp has the topic {topic}")
        self.topic, self.endpoint_id = topic, endpoint_id


class Topics:
    """Within one unit of work, which holds the registry's version: two of them never look at once."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._telling: dict[str, set[str]] | None = None

    async def free(
        self, endpoint_id: str, driver: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> Callable[[], Awaitable[None]]:
        """What takes the topics of the options `after` for this lamp once it is there, and gives back the rest of those
        `before`. What it had before is not asked again: lamps that share one since times without this rule keep it.
        Raises TopicTaken and BadOption; then nothing has happened."""
        if driver != MQTT:
            return _nothing
        own, listens = set((wiring := Wiring.of(after)).own_topics), set(wiring.listens_to)
        old_own, old_listens = _of(before)
        await self._free(endpoint_id, own - old_own, (own | listens) - (old_own | old_listens))

        async def take() -> None:
            gone = col(LampTopicRow.endpoint_id) == endpoint_id
            await self._session.exec(delete(LampTopicRow).where(gone, col(LampTopicRow.topic).not_in(own)))
            self._session.add_all(LampTopicRow(topic=each, endpoint_id=endpoint_id) for each in sorted(own - old_own))
            await self._session.flush()
            if self._telling is not None:
                for topic in listens - own:
                    self._telling.setdefault(topic, set()).add(endpoint_id)

        return take

    async def _free(self, endpoint_id: str, own: Collection[str], used: Collection[str]) -> None:
        """`used` are the topics that are neither told nor heard of by any other; `own` also such as another lamp only
        hears its gateway on. Raises TopicTaken."""
        if not used:
            return
        topic = col(LampTopicRow.topic)
        above = sorted({each for one in used for each in covering(one)})
        for start in range(0, len(above), MOST):
            await self._none(endpoint_id, topic.in_(above[start : start + MOST]), used)
        areas = sorted(each for each in own if each.endswith(BELOW))
        if areas:  # compared as they are: LIKE is blind to case on one database
            below = [func.substr(topic, 1, len(area) - 1) == area[:-1] for area in areas]
            await self._none(endpoint_id, or_(*below), used)
        for heard, lamps in (await self._heard()).items() if own else ():
            if any(covers(each, heard) for each in own) and (others := lamps - {endpoint_id}):
                raise TopicTaken(heard, min(others))

    async def _none(self, endpoint_id: str, condition: Any, used: Collection[str]) -> None:
        statement = select(LampTopicRow).where(condition, col(LampTopicRow.endpoint_id) != endpoint_id)
        if (
            row := (await self._session.exec(statement.order_by(col(LampTopicRow.topic)).limit(1))).first()
        ) is not None:
            named = next(
                (each for each in sorted(used) if covers(row.topic, each) or covers(each, row.topic)), row.topic
            )
            raise TopicTaken(named, row.endpoint_id)

    async def _heard(self) -> dict[str, set[str]]:
        """Where lamps are told that they are there, by whom it may be: one may share that, and none may have it."""
        if self._telling is None:
            self._telling = {}
            statement = select(LampRow.endpoint_id, LampRow.options).where(LampRow.driver == MQTT)
            for endpoint_id, options in (await self._session.exec(statement)).all():
                own, listens = _of(options)
                for topic in listens - own:
                    self._telling.setdefault(topic, set()).add(endpoint_id)
        return self._telling


async def _nothing() -> None: ...


def _of(options: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """What the lamp has, and what it listens to; nothing where it never worked."""
    try:
        wiring = Wiring.of(options)
    except BadOption:
        return set(), set()
    return set(wiring.own_topics), set(wiring.listens_to)
