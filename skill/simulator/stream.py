"""The lamps as they stand, sent to a listening page whenever one changes: server-sent events."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict

import orjson
from starlette.requests import Request

from skill.drawing import draw
from skill.lamps import LampView
from skill.news import News
from skill.simulator.browsers import Browser
from skill.transport import server_is_leaving

OwnerLamps = Callable[[str], Awaitable[list[LampView]]]

EVERY = 0.3
"""Seconds between two looks at the lamps, for what no news tells: a command in another process."""

TOGETHER = 0.02
"""Seconds for which news are gathered: a lamp tells brightness and colour in two messages, a room switches at once."""

HEARTBEAT = 15.0
"""Seconds after which a comment is sent where nothing changed, so that a gone client is noticed."""

LONGEST = 300.0
"""Seconds that one stream lasts; the page opens the next by itself."""


async def lamp_states(request: Request, browser: Browser, owner_lamps: OwnerLamps, news: News) -> AsyncIterator[bytes]:
    """Events `lamps`: endpoint id to `Drawing`, only those that changed, all of them first. `new` counts lamps that
    Alexa has not discovered. Sent as soon as something happens. Ends with the client, with the link, and with the
    server."""
    happened = asyncio.Event()
    deaf = news.listen(lambda _: happened.set())
    try:
        async for event in _events(request, browser, owner_lamps, happened):
            yield event
    finally:
        deaf()


async def _events(
    request: Request, browser: Browser, owner_lamps: OwnerLamps, happened: asyncio.Event
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ends = loop.time() + LONGEST
    beat = loop.time() + HEARTBEAT
    shown: dict[str, object] = {}
    undiscovered = -1
    yield b"retry: 1000\n\n"
    while loop.time() < ends and not server_is_leaving() and not await request.is_disconnected():
        link = browser.link
        if link is None:
            return
        happened.clear()
        lamps = {lamp.endpoint_id: lamp for lamp in await owner_lamps(link.subject)}
        known = {device.endpoint_id for device in browser.devices or ()}
        now = {endpoint_id: asdict(draw(lamps.get(endpoint_id))) for endpoint_id in known}
        changed = {endpoint_id: drawing for endpoint_id, drawing in now.items() if shown.get(endpoint_id) != drawing}
        new = len(lamps.keys() - known)
        if changed or new != undiscovered:
            shown, undiscovered = dict(now), new
            yield b"event: lamps\ndata: " + orjson.dumps({"lamps": changed, "new": new}) + b"\n\n"
            beat = loop.time() + HEARTBEAT
        elif loop.time() >= beat:
            yield b": still here\n\n"
            beat = loop.time() + HEARTBEAT
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EVERY):
                await happened.wait()
            await asyncio.sleep(TOGETHER)
