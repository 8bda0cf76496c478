"""Events in a running service: what stands behind Discover and AcceptGrant, and what works in the background."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from skill.access_token import Caller
from skill.directives import ACCEPT_GRANT, DISCOVER, Directive
from skill.errors import AcceptGrantFailed
from skill.events.amazon import Amazon, AmazonAway, LoginRefused
from skill.events.grants import PURPOSE, Grants
from skill.events.sending import Sending
from skill.events.watching import Watching
from skill.handlers import Handler
from skill.handlers.authorization import code_of
from skill.handlers.discovery import discover
from skill.lamps import Lamps
from skill.news import News
from skill.responses import Message, grant_accepted
from skill.sealing import Sealing
from skill.settings import Settings
from skill.storage.cold import Cold
from skill.storage.store import Clock


class Events:
    def __init__(self, settings: Settings, clock: Clock, news: News, version: Callable[[], Awaitable[int]]) -> None:
        self._cold = Cold(settings.database_url.get_secret_value())
        self._amazon = Amazon(settings)
        self._grants = Grants(self._cold, Sealing(settings.secret_keys, PURPOSE), self._amazon, clock)
        self._sending = Sending(self._cold, self._grants, self._amazon, clock)
        self._watching = Watching(self._cold, clock, self._grants.lamps, version, self._sending.wake)
        self._alone = settings.on_sqlite  # one serving process
        self._region = settings.event_region
        self._deaf = news.listen(self._watching.hear)

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """In the place of those that know of no events."""
        return {ACCEPT_GRANT: self._accept_grant, DISCOVER: self._discover}

    @property
    def work(self) -> tuple[Coroutine[Any, Any, None], ...]:
        return self._watching.keep_looking(), self._watching.run(), self._sending.run(self._alone)

    async def _discover(self, directive: Directive, caller: Caller, lamps: Lamps) -> Message:
        return await discover(directive, caller, lamps, proactive=await self._grants.has(caller.sub))

    async def _accept_grant(self, directive: Directive, caller: Caller, lamps: Lamps) -> Message:
        """Whatever fails is told, and the linking with it: whoever links tries again at once. A success without a grant
        would leave a user whose lamps are silent until everything is linked anew."""
        code = code_of(directive)
        await lamps.claimed()
        try:
            await self._grants.accept(caller.sub, directive.region or self._region, code)
        except LoginRefused as refusal:
            raise AcceptGrantFailed(f"Login with Amazon refuses the code: {refusal}.") from refusal
        except AmazonAway as failure:
            raise AcceptGrantFailed("Login with Amazon cannot be reached.") from failure
        with contextlib.suppress(Exception):  # it is kept all the same, and looked for every second
            await self._watching.look()
        self._sending.wake()
        return grant_accepted(directive)

    async def close(self) -> None:
        self._deaf()
        await asyncio.gather(self._watching.close(), self._sending.close(), return_exceptions=True)
        await self._grants.close()
        await self._amazon.close()
        await self._cold.close()
