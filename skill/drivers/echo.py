"""Whether a lamp behind the broker has done what was asked of it: it says so itself (contract 6.2)."""

import asyncio
from collections.abc import Callable

from skill.canonical import LampState
from skill.drivers.codecs.codec import Wanted
from skill.drivers.heard import Heard, colour_of
from skill.errors import BridgeUnreachable, EndpointUnreachable

CONFIRMATION = 2.0  # seconds for the lamp's echo
SETTLING = 0.3  # seconds more for a lamp that echoed all but the colour: it may be one that it cannot show


async def confirmed(heard: Heard, want: Wanted, said: int, lost: Callable[[], bool]) -> None:
    """By an echo of all that was asked, or of all but a colour that came out otherwise; a lamp that told over this
    connection that it stands so already need not say it again. One that has told nothing over it may have been
    switched meanwhile: it is believed to stand as it did only where it is there and still says nothing. `said` is
    how many messages came before the command, `lost` whether the connection that took it is no more. Raises
    EndpointUnreachable, BridgeUnreachable."""
    until = asyncio.get_running_loop().time() + CONFIRMATION
    was = colour_of(heard.state)

    def obeyed() -> bool:
        return agrees(heard.state, want) and shines_alike(heard.state, want)

    try:
        async with asyncio.timeout_at(until) as deadline:
            while not (heard.said and obeyed()):
                if heard.state.online is False:
                    raise EndpointUnreachable("The lamp went offline.")
                if lost():
                    raise BridgeUnreachable("The broker was lost before the lamp confirmed.")
                heard.news.clear()
                await heard.news.wait()
                if agrees(heard.state, want) and colour_of(heard.state) != was:
                    deadline.reschedule(min(until, asyncio.get_running_loop().time() + SETTLING))
    except TimeoutError:
        if not heard.said and obeyed() and heard.may_be_there:
            return
        if heard.messages == said or not agrees(heard.state, want):
            raise EndpointUnreachable("The lamp did not confirm in time.") from None


def agrees(state: LampState, want: Wanted) -> bool:
    """In all that was said, but for which colour: a lamp that cannot show it says which one it shows instead."""
    if state.power != want.power or (want.brightness is not None and state.last_brightness != want.brightness):
        return False
    return state.mode == ("color" if want.colour else "white" if want.kelvin else state.mode)


def shines_alike(state: LampState, want: Wanted) -> bool:
    if want.colour is not None:
        return (state.hue, state.saturation) == want.colour
    return want.kelvin is None or state.kelvin == want.kelvin
