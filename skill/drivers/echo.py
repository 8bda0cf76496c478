"""Whether a lamp behind the broker has done what was asked of it: it says so itself (contract 6.2)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from skill.canonical import LampState
from skill.drivers.codecs import Message
from skill.drivers.codecs.codec import Wanted, wanted
from skill.drivers.heard import Heard, colour_of
from skill.errors import BridgeUnreachable, EndpointUnreachable

CONFIRMATION = 2.0  # seconds for the lamp's echo
SETTLING = 0.3  # seconds more for a lamp that echoed all but the colour: it may be one that it cannot show
BESIDE = 1.0  # seconds more for one that says again what it said before, a step beside: that may be no echo
SILENCE = 1.0  # seconds for one that the broker says stands so already


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that brings a lamp from `before` to `target`, as it goes out. `stood`: the lamp has said over this
    connection that it stands so. `messages` is how many it had told, `shone` in which colour it stood, `plain` how by
    its own word."""

    target: LampState
    before: LampState
    command: Message
    want: Wanted
    stood: bool
    messages: int
    shone: tuple[object, ...]
    plain: LampState

    @classmethod
    def of(cls, heard: Heard, target: LampState, before: LampState) -> "Asked":
        want = wanted(target, before)
        stood = heard.said and agrees(heard.state, want) and shines_alike(heard.state, want)
        command = heard.wiring.codec.encode(target, before)
        return cls(target, before, command, want, stood, heard.messages, colour_of(heard.state), heard.plain)

    def obeyed(self, heard: Heard) -> bool:
        return agrees(heard.state, self.want) and shines_alike(heard.state, self.want)

    def repeated(self, heard: Heard) -> bool:
        """Whether the lamp says what it said before, and would be asked for that in other words: it stands a step
        beside, as it stood."""
        plain = heard.plain
        if plain != self.plain:
            return False
        said = self.target._replace(power=plain.power)
        if self.want.brightness is not None:
            said = said._replace(last_brightness=plain.last_brightness)
        if self.want.colour is not None or self.want.kelvin is not None:
            said = said._replace(mode=plain.mode, hue=plain.hue, saturation=plain.saturation, kelvin=plain.kelvin)
        return heard.wiring.codec.encode(said, self.before) != self.command


async def confirmed(heard: Heard, asked: Asked, lost: Callable[[], bool]) -> None:
    """By an echo of all that was asked, or of all but a colour that came out otherwise; a lamp that told over this
    connection that it stands so already need not say it again. One that has told nothing over it may have been
    switched meanwhile: it is believed to stand as it did, or as the broker has kept, only where it is there and still
    says nothing. `lost` is whether the connection that took the command is no more. Raises EndpointUnreachable,
    BridgeUnreachable."""
    if asked.stood:
        return
    now = asyncio.get_running_loop().time
    until = now() + CONFIRMATION
    try:
        async with asyncio.timeout_at(until) as deadline:
            while not (heard.said and asked.obeyed(heard) and not asked.repeated(heard)):
                if heard.state.online is False:
                    raise EndpointUnreachable("The lamp went offline.")
                if lost():
                    raise BridgeUnreachable("The broker was lost before the lamp confirmed.")
                deadline.reschedule(min(until, now() + _patience(heard, asked)))
                heard.news.clear()
                await heard.news.wait()
    except TimeoutError:
        if not heard.said and asked.obeyed(heard) and heard.may_stand_so:
            return
        if heard.messages == asked.messages or not agrees(heard.state, asked.want):
            raise EndpointUnreachable("The lamp did not confirm in time.") from None


def _patience(heard: Heard, asked: Asked) -> float:
    """Seconds from now, in which the lamp may still say something better."""
    if not agrees(heard.state, asked.want):
        return CONFIRMATION
    if not heard.said:
        return SILENCE if heard.seen and asked.obeyed(heard) and heard.may_stand_so else CONFIRMATION
    if asked.obeyed(heard):
        return BESIDE
    return SETTLING if colour_of(heard.state) != asked.shone else CONFIRMATION


def agrees(state: LampState, want: Wanted) -> bool:
    """In all that was said, but for which colour: a lamp that cannot show it says which one it shows instead."""
    if state.power != want.power or (want.brightness is not None and state.last_brightness != want.brightness):
        return False
    return state.mode == ("color" if want.colour else "white" if want.kelvin else state.mode)


def shines_alike(state: LampState, want: Wanted) -> bool:
    if want.colour is not None:
        return (state.hue, state.saturation) == want.colour
    return want.kelvin is None or state.kelvin == want.kelvin
