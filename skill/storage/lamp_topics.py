"""Whose topic it is: no lamp is ever told on another's, nor listens where another speaks (contract 6.2)."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from skill.drivers.codecs import BadOption
from skill.drivers.topics import TopicIndex
from skill.drivers.wiring import Wiring
from skill.models import LampRow, LampTopicRow

MQTT = "mqtt"


class TopicTaken(Exception):
    """Another lamp has the topic. Which one, `endpoint_id`, is for the operator alone: the text does not say it."""

    def __init__(self, topic: str, endpoint_id: str) -> None:
        super().__init__(f"another lamp has the topic {topic}")
        self.topic, self.endpoint_id = topic, endpoint_id


class _Known(NamedTuple):
    """Of all lamps: what each has for itself, and what it listens to beside: where its gateway, say, tells that it is
    there, which others may share, and none may have."""

    own: TopicIndex
    heard: TopicIndex


class Topics:
    """Within one unit of work, which holds the registry's version: two of them never look at once."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._known: _Known | None = None

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
        known = await self._all()
        _none(known.own, (own | (listens - old_listens)) - old_own, endpoint_id)
        _none(known.heard, own - old_own, endpoint_id)

        async def take() -> None:
            gone = col(LampTopicRow.endpoint_id) == endpoint_id
            await self._session.exec(delete(LampTopicRow).where(gone, col(LampTopicRow.topic).not_in(own)))
            self._session.add_all(LampTopicRow(topic=each, endpoint_id=endpoint_id) for each in sorted(own - old_own))
            await self._session.flush()
            if before:
                self.forget()
                return
            for topic in own:
                known.own.add(topic, endpoint_id)
            for topic in listens - own:
                known.heard.add(topic, endpoint_id)

        return take

    def forget(self) -> None:
        """A lamp has gone, or changed: it is looked up anew."""
        self._known = None

    async def _all(self) -> _Known:
        if self._known is None:
            self._known = _Known(TopicIndex(), TopicIndex())
            for topic, endpoint_id in (
                await self._session.exec(select(LampTopicRow.topic, LampTopicRow.endpoint_id))
            ).all():
                self._known.own.add(topic, endpoint_id)
            statement = select(LampRow.endpoint_id, LampRow.options).where(LampRow.driver == MQTT)
            for endpoint_id, options in (await self._session.exec(statement)).all():
                own, listens = _of(options)
                for topic in listens - own:
                    self._known.heard.add(topic, endpoint_id)
        return self._known


def _none(index: TopicIndex, topics: Iterable[str], endpoint_id: str) -> None:
    """Raises TopicTaken where one of them concerns another."""
    for topic in sorted(topics):
        if others := index.by(topic) - {endpoint_id}:
            raise TopicTaken(topic, min(others))


def _of(options: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """What the lamp has, and what it listens to; nothing where it never worked."""
    try:
        wiring = Wiring.of(options)
    except BadOption:
        return set(), set()
    return set(wiring.own_topics), set(wiring.listens_to)


async def _nothing() -> None: ...
