"""What waits in the outbox goes to Alexa's gateways, in order for each user, and is deleted when it was taken.

One attempt ends before the turn does that it was taken for, and whoever sends has just proven that the turn is still
its own: however slow Amazon is, no other replica sends the same. An event can reach the gateway twice all the same,
always with the same id: where the answer was lost, and where between the answer and the deletion this process died or
stood still, or the database was away. It then says what it said before, of lamps of which nothing else was said since,
because nothing of that user goes out before it is gone.

Each region has events under way of its own: a gateway that does not answer holds up its own users alone. So does Login
with Amazon: whoever waits for it is in nobody's way.
"""

import asyncio
import contextlib
import logging
import random
from collections import Counter

from sqlmodel import col, select

from skill.canonical import Lamp
from skill.discovery import NotDescribable, endpoint
from skill.events.amazon import GATEWAYS, Amazon, AmazonAway, LoginRefused, Reply, Verdict
from skill.events.grants import Grants, Held, NoGrant
from skill.events.messages import add_or_update_report, complete, delete_report
from skill.models import LampRow
from skill.patience import Patience
from skill.responses import Message
from skill.storage.cold import Cold
from skill.storage.outbox import APPEARED, CHANGE, Outbox, Waiting
from skill.storage.store import Clock

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0  # seconds; commands write events in a process of their own
AT_ONCE = 16  # events of one region under way, each of another user
MOST_RENEWING = 16  # more of them, which wait for Login with Amazon
SPARE = 6_000  # milliseconds of a turn that an attempt leaves, for noting how it ended and for clocks that differ
RETRY_FIRST, RETRY_LONGEST = 1.0, 300.0  # seconds
GIVE_UP = 86_400_000  # milliseconds
LAST_ANSWERS = 3.0  # seconds, at the end
LAST_WORDS = 2.0  # seconds, at the end, for giving back what was taken
NO_TOKEN = -1  # no generation: none was asked for


class _TurnIsOver(Exception):
    """The event is somebody else's by now, or gone."""


class _NothingToSay(Exception):
    """Any more."""


class Sending:
    def __init__(self, cold: Cold, grants: Grants, amazon: Amazon, clock: Clock) -> None:
        self._cold, self._grants, self._amazon, self._clock = cold, grants, amazon, clock
        self._outbox = Outbox(cold)
        self._woken = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], Waiting] = {}
        self._renewing: Counter[str] = Counter()

    def wake(self) -> None:
        """There may be something to send."""
        self._woken.set()

    async def run(self, alone: bool) -> None:
        """`alone`: no other process sends, so that nobody can be at what was taken before."""
        if alone:
            with contextlib.suppress(Exception):  # it comes back when the turn is over
                await self._outbox.release()
        while True:
            self._woken.clear()
            if not await self._take():
                with contextlib.suppress(TimeoutError), Patience(LOOK_EVERY):
                    await self._woken.wait()

    async def close(self) -> None:
        """What is on its way may arrive; the rest is for the next process, at once."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=LAST_ANSWERS)
        left = dict(self._under_way)
        for task in left:
            task.cancel()
        with contextlib.suppress(Exception), Patience(LAST_WORDS):  # else its turn ends by itself
            for event in left.values():
                await self._outbox.put_off(event, self._now_ms(), "the service ended")

    async def _take(self) -> bool:
        """Whether there may be more to take at once."""
        under_way = Counter(event.region for event in self._under_way.values())
        room = {region: AT_ONCE - under_way[region] + self._renewing[region] for region in GATEWAYS}
        if max(room.values()) <= 0:
            return False
        try:
            taken = await self._outbox.take(room, self._now_ms())
        except Exception as error:
            log.warning("events not looked up: %s", type(error).__name__)
            return False
        for event in taken:
            task = asyncio.create_task(self._deliver(event))
            self._under_way[task] = event
            task.add_done_callback(self._delivered)
        return bool(taken)

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an event was not sent, its turn will come again: %s: %s", type(error).__name__, error)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    async def _deliver(self, event: Waiting) -> None:
        if self._now_ms() - event.created_at > GIVE_UP:
            log.error("%s for user %s given up after a day", event.kind, event.owner)
            await self._outbox.sent(event)
            return
        try:
            with Patience((event.taken_until - SPARE - self._now_ms()) / 1000):
                reply, generation = await self._attempt(event)
        except _TurnIsOver:
            log.info("%s for user %s is not ours to send any more", event.kind, event.owner)
            return
        except (NoGrant, _NothingToSay):
            await self._outbox.sent(event)
            return
        except LoginRefused as refusal:
            log.error("Login with Amazon refuses SKILL_ALEXA_CLIENT_ID or its secret: %s", refusal)
            reply, generation = Reply(Verdict.later, f"Login with Amazon: {refusal}"), NO_TOKEN
        except AmazonAway as failure:
            reply, generation = Reply(Verdict.later, str(failure)), NO_TOKEN
        except TimeoutError:
            reply, generation = Reply(Verdict.later, "all of it took too long"), NO_TOKEN
        await self._obey(event, reply, generation)

    async def _attempt(self, event: Waiting) -> tuple[Reply, int]:
        """The gateway's word, and the generation of the grant that it is on; a token that is not taken is renewed once.
        Raises _TurnIsOver, _NothingToSay, NoGrant, LoginRefused, AmazonAway."""
        refused: int | None = None
        while True:
            held = await self._token(event, refused)
            message = await self._message(event)
            if not await self._outbox.keep(event, self._now_ms()):
                raise _TurnIsOver
            whole = complete(message, event.message_id, held.token)
            reply = await self._amazon.send(event.region, held.token, whole)
            if reply.verdict is not Verdict.bad_token or refused is not None:
                return reply, held.generation
            refused = held.generation

    async def _token(self, event: Waiting, refused: int | None) -> Held:
        """Raises NoGrant, LoginRefused, AmazonAway."""
        if (held := await self._grants.at_hand(event.owner, event.region, refused)) is not None:
            return held
        if self._renewing[event.region] >= MOST_RENEWING:
            raise AmazonAway("too many others wait for Login with Amazon")
        self._renewing[event.region] += 1
        self._woken.set()  # there is room for another
        try:
            return await self._grants.token(event.owner, event.region, refused)
        finally:
            self._renewing[event.region] -= 1

    async def _obey(self, event: Waiting, reply: Reply, generation: int) -> None:
        match reply.verdict:
            case Verdict.accepted:
                log.info("%s sent for user %s", event.kind, event.owner)
                await self._outbox.sent(event)
            case Verdict.disabled:
                log.warning("user %s has disabled the skill in %s: %s", event.owner, event.region, reply.reason)
                if not await self._grants.drop(event.owner, event.region, generation):
                    await self._outbox.put_off(event, self._now_ms(), reply.reason)  # there is a new grant meanwhile
            case Verdict.refused:
                log.error("Alexa refuses a %s for user %s: %s", event.kind, event.owner, reply.reason)
                await self._outbox.sent(event)
            case _:
                pause = max(_pause(event.attempts), reply.pause or 0.0)
                log.warning("%s for user %s waits %.0f s: %s", event.kind, event.owner, pause, reply.reason)
                await self._outbox.put_off(event, self._now_ms() + int(pause * 1000), reply.reason)

    async def _message(self, event: Waiting) -> Message:
        """Raises _NothingToSay."""
        if event.kind == CHANGE:
            if not await self._outbox.holds(event):
                raise _NothingToSay
            return dict(event.body["message"])
        if event.kind != APPEARED:
            return delete_report(event.body["lamps"])
        described = []
        for lamp in await self._owned(event.owner, event.body["lamps"]):
            try:
                described.append(endpoint(lamp, proactive=True))
            except NotDescribable as reason:
                log.warning("lamp %s not told to Alexa: %s", lamp.endpoint_id, reason)
        if not described:
            raise _NothingToSay
        return add_or_update_report(described)

    async def _owned(self, owner: str, endpoint_ids: list[str]) -> list[Lamp]:
        wanted = select(LampRow).where(LampRow.owner == owner, col(LampRow.endpoint_id).in_(endpoint_ids))
        async with self._cold.unit(write=False) as session:
            rows = (await session.exec(wanted.order_by(col(LampRow.created_at)))).all()
        return [Lamp(row.endpoint_id, row.owner, row.name, row.driver, row.options, row.details) for row in rows]


def _pause(attempts: int) -> float:
    """Seconds, growing, and never the same for two replicas."""
    longest = min(RETRY_LONGEST, RETRY_FIRST * 2.0 ** min(attempts, 20))
    return random.uniform(longest / 2, longest)  # noqa: S311
