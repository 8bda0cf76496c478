"""What a lamp behind the broker said so far. Nothing is sent here."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skill.canonical import Change, LampState
from skill.drivers.wiring import Wiring

UNKNOWN = LampState(power=None, last_brightness=None)


@dataclass(slots=True, eq=False)
class Heard:
    """`messages` counts those that told a state as the lamp said them. `requested` is what was last asked for, while
    the lamp may still echo it; `plain` is the state as if nothing had been. `told` is what others were last told of the
    lamp. `there` is what each of its topics says of its being there: away where one says so.

    `over` is the connection over which it is listened to, `asked` whether its state was waited for over that one,
    `seen` which message came last over it on each topic, `said` whether the lamp told its state over it. What was known
    before may have changed while nobody listened; so may what the broker had kept, and a broker that crashed can have
    kept something older: in `doubt` is what differs from what the lamp itself said last. `turn` is held by the
    directive that is being obeyed."""

    endpoint_id: str
    options: Mapping[str, Any]
    wiring: Wiring
    state: LampState = UNKNOWN
    plain: LampState = UNKNOWN
    at: float = 0.0
    messages: int = 0
    requested: LampState | None = None
    told: LampState | None = None
    there: dict[str, bool] = field(default_factory=dict)
    over: object = None
    asked: bool = False
    said: bool = False
    seen: dict[str, int] = field(default_factory=dict)
    doubt: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def take(self, topic: str, payload: bytes, at: float, retained: bool = False) -> None:
        """The same message twice changes nothing. `retained`: the broker had kept it, and gives it to who begins to
        listen; what some brokers mark so beyond the first of a topic is being said now."""
        codec = self.wiring.codec
        if topic in codec.availability_topics and (there := codec.availability(topic, payload)) is not None:
            self.there[topic] = there
            self.state = self.state._replace(online=all(self.there.values()))
            self.news.set()
        if topic in codec.state_topics:
            state = codec.decode(topic, payload, self.state, self.requested)
            if state is None:
                return
            before, self.seen[topic] = self.seen.get(topic), hash(payload)
            if retained and before == self.seen[topic]:
                return
            plain = codec.decode(topic, payload, self.plain, None) or self.plain
            if not retained or before is not None:
                self.messages += 1
                self.said, self.doubt = True, False
            elif self.messages and plain != self.plain:
                self.said, self.doubt = False, True
            self.state, self.plain, self.at = self._with_value(state), plain, at
            self.news.set()

    def _with_value(self, state: LampState) -> LampState:
        """No lamp tells the value of a colour, since its brightness is told apart: it is the one that was asked for
        with this colour, and full in any other."""
        if state.mode != "color":
            return state
        asked = self.requested
        if asked is not None and colour_of(asked) == colour_of(state):
            return state._replace(value=asked.value or 1.0)  # whoever switched a black lamp on made it shine
        return state if colour_of(self.state) == colour_of(state) else state._replace(value=1.0)

    def forget(self) -> None:
        """The connection is lost: what was said of being there holds no longer."""
        self.there.clear()
        self.seen.clear()
        self.over, self.asked, self.said = None, False, False
        self.state = self.state._replace(online=None)
        self.news.set()

    @property
    def may_stand_so(self) -> bool:
        """As is known, though it has not said it itself over this connection: it says that it is there, or never says
        it, and nothing speaks against it."""
        return not self.doubt and (self.state.online is True or not self.wiring.codec.availability_topics)

    async def settled(self) -> None:
        """Until the lamp's retained messages are in, as far as it has topics for them."""
        codec = self.wiring.codec
        while (codec.state_topics and not self.seen) or (codec.availability_topics and self.state.online is None):
            self.news.clear()
            await self.news.wait()


def colour_of(state: LampState) -> tuple[object, ...]:
    """Which colour, or which white."""
    return ("color", state.hue, state.saturation) if state.mode == "color" else ("white", state.kelvin)


def without_what_is_set(change: Change, state: LampState, target: LampState) -> LampState:
    """`state` with what the change sets taken for unknown, so that it is sent even where the lamp is thought to stand
    so: it may have been changed while nobody listened, and an unknown lamp has its colour only by default.

    What is set comes out the same from a state that differs in it."""
    other = change.applied_to(
        state._replace(
            last_brightness=(state.last_brightness or 0) % 100 + 1,
            hue=(state.hue + 180) % 360,
            saturation=1 - state.saturation,
            kelvin=state.kelvin + 1,
        )
    )
    if other.last_brightness == target.last_brightness:
        state = state._replace(last_brightness=None)
    if other.kelvin == target.kelvin:
        state = state._replace(kelvin=0)
    if (other.hue, other.saturation) == (target.hue, target.saturation):
        state = state._replace(hue=-1.0)
    return state
