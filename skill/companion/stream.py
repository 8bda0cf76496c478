"""The lamps as they stand, pushed to the pages that show them: server-sent events.

Whoever owns a lamp is asked of the database when something happens to it, by its id; a page gets what its person owns
at that moment. What another replica does to a simulated lamp is seen by a look every two seconds.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import orjson

from skill.canonical import Sample
from skill.companion.sessions import Session, Sessions
from skill.companion.showing import Shown, shown
from skill.errors import AlexaError
from skill.lamps import usable, view_of
from skill.news import Happening
from skill.service import Service
from skill.transport import server_is_leaving

log = logging.getLogger(__name__)

LOOK = 2.0  # seconds between two looks at all lamps of who listens, and at their sessions
AT_ONCE = 10  # people of one look
LEAVING = 0.5  # seconds after which a silent stream looks whether the server ends
HEARTBEAT = 15.0  # seconds after which a comment is sent, so that a gone browser is noticed
LONGEST = 900.0  # seconds of one stream; the page opens the next by itself
MOST_OF_PERSON, MOST = 12, 2000  # streams


class Stream:
    """`known` is what the page was told last; `waiting` what it has not been told yet, the newest of each lamp. `only`
    are the lamps that the page shows, None is all that there are and come. Where these are a part of all, `same` is
    whether the part is still made of them, as it was at the `version` of the registry that was looked at last."""

    def __init__(
        self, session: Session, only: frozenset[str] | None, same: Callable[[], Awaitable[bool]] | None
    ) -> None:
        self.owner, self.digest, self.only, self.same = session.owner, session.digest, only, same
        self.version: int | None = None
        self.changed = False
        self.known: dict[str, Shown] = {}
        self.waiting: dict[str, Shown | None] = {}
        self.told = asyncio.Event()
        self.ended = False

    def end(self) -> None:
        self.ended = True
        self.told.set()

    def take(self) -> bytes | None:
        self.told.clear()
        if self.changed:
            self.changed = False
            self.told.set()
            return b"event: changed\ndata: {}\n\n"
        if not self.waiting:
            return None
        body = orjson.dumps(self.waiting)
        self.waiting = {}
        return b"event: lamps\ndata: " + body + b"\n\n"


class Live:
    """All streams of this process."""

    def __init__(self, service: Service, sessions: Sessions) -> None:
        self._service, self._sessions = service, sessions
        self._streams: set[Stream] = set()
        self._showing: dict[str, set[Stream]] = {}
        self._happened: dict[str, Happening] = {}
        self._news = asyncio.Event()
        self._overtaken: list[set[str]] = []  # for each look under way, the lamps that were told of meanwhile

    def room_for(self, session: Session) -> bool:
        of_person = sum(stream.owner == session.owner for stream in self._streams)
        return of_person < MOST_OF_PERSON and len(self._streams) < MOST

    def hear(self, happening: Happening) -> None:
        """Only of lamps that a page shows, and the newest of each."""
        if happening.endpoint_id in self._showing:
            self._happened[happening.endpoint_id] = happening
            self._news.set()

    def _tell(self, stream: Stream, endpoint_id: str, now: Shown | None) -> None:
        """None: it is no longer theirs."""
        if stream.known.get(endpoint_id) == now or not (stream.only is None or endpoint_id in stream.only):
            return
        if now is None:
            self._forget(stream, endpoint_id)
        else:
            stream.known[endpoint_id] = now
            self._showing.setdefault(endpoint_id, set()).add(stream)
        stream.waiting[endpoint_id] = now
        stream.told.set()

    def _forget(self, stream: Stream, endpoint_id: str) -> None:
        stream.known.pop(endpoint_id, None)
        others = self._showing.get(endpoint_id, set())
        others.discard(stream)
        if not others:
            self._showing.pop(endpoint_id, None)

    def end(self, digests: Iterable[bytes]) -> None:
        """These sessions are over."""
        over = set(digests)
        for stream in self._streams:
            if stream.digest in over:
                stream.end()

    async def run(self) -> None:
        """Until cancelled."""
        ended = self._service.news.listen(self.hear)
        looking = asyncio.create_task(self._look_again())
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                happened, self._happened = self._happened, {}
                for happening in happened.values():
                    try:
                        await self._pass_on(happening)
                    except Exception as error:
                        log.warning("a change was not shown: %s", type(error).__name__)
        finally:
            ended()
            looking.cancel()

    async def _pass_on(self, happening: Happening) -> None:
        found = await self._service.store.lamp(happening.endpoint_id)
        for overtaken in self._overtaken:
            overtaken.add(happening.endpoint_id)
        for stream in list(self._showing.get(happening.endpoint_id, ())):
            if found is None or found[0].owner != stream.owner:
                self._tell(stream, happening.endpoint_id, None)
            elif usable(found[0]):
                sample = Sample(happening.after, happening.at, 0)
                self._tell(stream, happening.endpoint_id, shown(view_of(found[0], sample)))

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            try:
                await self.look()
            except Exception as error:
                log.warning("lamps not looked at: %s", type(error).__name__)

    async def look(self) -> None:
        streams = list(self._streams)
        if not streams:
            return
        alive = await self._sessions.alive(sorted({stream.digest for stream in streams}))
        for stream in streams:
            if stream.digest not in alive:
                stream.end()
        owners = sorted({stream.owner for stream in streams if not stream.ended})
        for start in range(0, len(owners), AT_ONCE):
            await asyncio.gather(*(self._look_at(owner) for owner in owners[start : start + AT_ONCE]))
        await self._look_at_parts([stream for stream in streams if stream.same is not None])

    async def _look_at_parts(self, streams: Iterable[Stream]) -> None:
        """Those that are made of other lamps by now are told so, once."""
        version = await self._service.store.registry_version() if streams else None
        for stream in streams:
            if stream.version != version and stream.same is not None and not stream.ended:
                if not await stream.same():
                    stream.changed, stream.same = True, None
                    stream.told.set()
                stream.version = version

    async def _look_at(self, owner: str) -> None:
        """A lamp that is waited for, and one that cannot be asked, is no other person's concern."""
        overtaken: set[str] = set()
        self._overtaken.append(overtaken)
        asked = self._shown_to(owner)
        try:
            now = await self._views(owner, asked)
        except Exception as error:
            log.warning("lamps not looked at: %s", type(error).__name__)
            return
        finally:
            self._overtaken = [one for one in self._overtaken if one is not overtaken]
        for stream in self._streams:  # as they are by now: one that went meanwhile stays forgotten
            if stream.owner == owner:
                for endpoint_id in (stream.known.keys() | now.keys()) - overtaken:
                    if asked is None or endpoint_id in asked:
                        self._tell(stream, endpoint_id, now.get(endpoint_id))

    def _shown_to(self, owner: str) -> frozenset[str] | None:
        """What any page of theirs shows."""
        shown_there = [stream.only for stream in self._streams if stream.owner == owner]
        wanted = [only for only in shown_there if only is not None]
        return frozenset(one for only in wanted for one in only) if len(wanted) == len(shown_there) else None

    async def _views(self, owner: str, only: frozenset[str] | None) -> dict[str, Shown]:
        return {view.endpoint_id: shown(view) for view in await self._service.lamps.views(owner, only)}

    async def events(
        self,
        session: Session,
        only: frozenset[str] | None = None,
        same: Callable[[], Awaitable[bool]] | None = None,
    ) -> AsyncIterator[bytes]:
        """Events `lamps`: endpoint id to how it is shown, null where it is gone; all of them first. `changed` where
        other lamps would be shown. Ends with the browser, with the session and with the server."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST
        beat = loop.time() + HEARTBEAT
        stream = Stream(session, only, same)
        self._streams.add(stream)
        try:
            yield b"retry: 1000\n\n"
            try:
                for endpoint_id, now in (await self._views(session.owner, only)).items():
                    self._tell(stream, endpoint_id, now)
                if not stream.waiting:  # a page that shows lamps of before has to hear that there are none
                    yield b"event: lamps\ndata: {}\n\n"
            except (AlexaError, OSError) as error:
                log.warning("lamps not looked at: %s", type(error).__name__)
            while not stream.ended and loop.time() < until and not server_is_leaving():
                try:
                    async with asyncio.timeout(LEAVING):
                        await stream.told.wait()
                except TimeoutError:
                    pass
                if stream.ended:
                    return
                if (event := stream.take()) is not None:
                    yield event
                elif loop.time() < beat:
                    continue
                else:
                    yield b": still here\n\n"
                beat = loop.time() + HEARTBEAT
        finally:
            self._streams.discard(stream)
            for endpoint_id in list(stream.known):
                self._forget(stream, endpoint_id)
