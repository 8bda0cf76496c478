"""Whose turn it is: how pages share one event loop with the token endpoint.

A page costs a hundred times what it costs to let it wait. So requests for pages wait before any work is done for them,
and step aside while a password is hashed; programs (the token endpoint and its like) never wait. While programs are
being served, pages go one at a time and together use `SHARE` of the loop's time; otherwise nothing slows them down.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import ContextVar
from enum import Enum, auto
from types import coroutine
from typing import Any, TypeVar

AT_ONCE = 4  # pages at work while no program is being served
#: of the loop's time for the steps of pages, while programs are being served. What the loop does around them (parsing,
#: drivers, waking up) takes as much again, and a hash slows down the core beside it.
SHARE = 0.015
QUIET = 0.01  # seconds without a token after which none is being served
SLOW = 0.1  # seconds after which a page that is still at work waits for the database, and the next may begin
DEEPEST = 0.25  # seconds: a step that took long by accident stops pages no longer than this

Result = TypeVar("Result")


class State(Enum):
    WAITING = auto()
    WORKING = auto()
    ASIDE = auto()  # a password is being hashed
    OVER = auto()


class Turn:
    """One request for a page, from its arrival to its end. `decided` becomes True when it may begin, False when it was
    sent away because too many wait."""

    __slots__ = ("_turns", "decided", "heavy", "network", "state")

    def __init__(self, turns: "Turns", network: str, heavy: bool) -> None:
        self._turns = turns
        self.network = network
        self.heavy = heavy
        self.state = State.WAITING
        self.decided: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def leave(self) -> None:
        """It has ended, or whoever asked has gone; may be called in any state, and again."""
        self._turns._leave(self)


#: the turn that the running request has; none in commands and jobs of the background
CURRENT: ContextVar[Turn | None] = ContextVar("turn", default=None)


async def aside(work: Awaitable[Result]) -> Result:
    """Wait for work that another thread does; meanwhile others have their turn."""
    turn = CURRENT.get()
    if turn is None:
        return await work
    turn._turns._step_aside(turn)
    try:
        result = await work
    except Exception:
        await turn._turns._come_back(turn)
        raise
    await turn._turns._come_back(turn)
    return result


@coroutine
def timed(work: Coroutine[Any, Any, Result], spent: Callable[[float], None]) -> Generator[Any, Any, Result]:
    """Await `work`; `spent` is told the seconds of each of its steps, which nobody else on the loop could use."""
    value: Any = None
    error: BaseException | None = None
    while True:
        begun = time.perf_counter()
        try:
            awaited = work.send(value) if error is None else work.throw(error)
        except StopIteration as done:
            result: Result = done.value
            return result
        finally:
            spent(time.perf_counter() - begun)
        value, error = None, None
        try:
            value = yield awaited
        except BaseException as thrown:
            error = thrown


class Line:
    """Who waits: networks in turn, each first come first served, so that a storm from one is not before everybody."""

    def __init__(self) -> None:
        self._networks: OrderedDict[str, deque[Turn]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def of(self, network: str) -> int:
        return len(self._networks.get(network, ()))

    def longest(self) -> str:
        return max(self._networks, key=self.of, default="")

    def append(self, turn: Turn) -> None:
        self._networks.setdefault(turn.network, deque()).append(turn)
        self._length += 1

    def next(self) -> Turn:
        network, turns = next(iter(self._networks.items()))
        turn = turns[0]
        self._networks.move_to_end(network)
        self.remove(turn)
        return turn

    def last_of(self, network: str) -> Turn:
        return self._networks[network][-1]

    def remove(self, turn: Turn) -> None:
        turns = self._networks[turn.network]
        turns.remove(turn)
        self._length -= 1
        if not turns:
            del self._networks[turn.network]


class Turns:
    """One for each process. `waiting` requests may wait; `heavy` of those that may need a password hashed may have
    begun, no more than there are places for hashes: whoever begins is not sent away half done."""

    def __init__(self, *, waiting: int, heavy: int) -> None:
        self._most_waiting = waiting
        self._most_heavy = heavy
        self._heavy = 0  # begun and not over
        self._working = 0
        self._light_line, self._heavy_line = Line(), Line()
        self._back: deque[Turn] = deque()  # their hash is there: before all who have not begun
        self._heavy_was_last = False
        self._program_at = 0.0  # when the last one was served
        self._not_before = 0.0  # when pages have paid for the time that they used
        self._began_at = 0.0  # when the last one began or went on
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._light_line) + len(self._heavy_line)

    def program_served(self) -> None:
        """A client got its tokens."""
        self._program_at = time.monotonic()

    def ask(self, network: str, *, heavy: bool) -> Turn:
        """Never waits. Where too many wait, the last of the network that has most of them is sent away."""
        turn = Turn(self, network, heavy)
        self._line(turn).append(turn)
        self._go()
        if len(self) > self._most_waiting:
            away = self._one_too_many(turn)
            self._line(away).remove(away)
            away.state = State.OVER
            away.decided.set_result(False)
        return turn

    def _line(self, turn: Turn) -> Line:
        return self._heavy_line if turn.heavy else self._light_line

    def _one_too_many(self, newest: Turn) -> Turn:
        lines = (self._light_line, self._heavy_line)

        def waiting(network: str) -> int:
            return sum(line.of(network) for line in lines)

        crowd = max((line.longest() for line in lines), key=waiting)
        if waiting(newest.network) >= waiting(crowd):
            return newest
        return max(lines, key=lambda line: line.of(crowd)).last_of(crowd)

    def spent(self, seconds: float) -> None:
        """A page has used the loop for so long."""
        now = time.monotonic()
        if self._is_served(now):
            pause = seconds * (1 - SHARE) / SHARE
            self._not_before = min(max(now, self._not_before) + pause, now + DEEPEST)

    def _is_served(self, now: float) -> bool:
        return now - self._program_at < QUIET

    def _go(self) -> None:
        """Let begin who may; where only time stands in the way, look again when it has passed."""
        while self._back or len(self):
            now = time.monotonic()
            if self._working >= AT_ONCE:
                return
            if self._is_served(now):
                free_at = max(self._not_before, self._began_at + SLOW if self._working else 0.0)
                if now < free_at:
                    self._look_again(now, free_at)
                    return
            turn = self._next()
            if turn is None:
                return
            turn.state = State.WORKING
            self._working += 1
            self._began_at = now
            if not turn.decided.done():  # cancelled this moment: it will leave
                turn.decided.set_result(True)

    def _next(self) -> Turn | None:
        if self._back:
            return self._back.popleft()
        heavy = len(self._heavy_line) > 0 and self._heavy < self._most_heavy
        if heavy and (not self._heavy_was_last or not len(self._light_line)):
            self._heavy_was_last = True
            self._heavy += 1
            return self._heavy_line.next()
        self._heavy_was_last = False
        return self._light_line.next() if len(self._light_line) else None

    def _look_again(self, now: float, free_at: float) -> None:
        """At `free_at`, or sooner where no program may be left by then."""
        sooner = min(free_at, self._program_at + QUIET)
        if self._timer is not None:
            if self._timer_at <= sooner:
                return
            self._timer.cancel()
        self._timer, self._timer_at = asyncio.get_running_loop().call_later(sooner - now, self._time_has_passed), sooner

    def _time_has_passed(self) -> None:
        self._timer = None
        self._go()

    def _step_aside(self, turn: Turn) -> None:
        turn.state = State.ASIDE
        self._working -= 1
        self._go()

    async def _come_back(self, turn: Turn) -> None:
        turn.decided = asyncio.get_running_loop().create_future()
        turn.state = State.WAITING
        self._back.append(turn)
        self._go()
        await turn.decided

    def _leave(self, turn: Turn) -> None:
        state, turn.state = turn.state, State.OVER
        if state is State.OVER:
            return
        if state is State.WAITING and turn in self._back:
            self._back.remove(turn)
        elif state is State.WAITING:
            self._line(turn).remove(turn)
            turn.decided.cancel()
            return
        elif state is State.WORKING:
            self._working -= 1
        if turn.heavy:
            self._heavy -= 1
        self._go()
