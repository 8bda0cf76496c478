"""The running service: what is open between start and end, and whether it is ready."""

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from skill import possession
from skill.access_token import AccessTokens, Caller, Moment
from skill.boundary import Boundary, refusal
from skill.bridge_call import TOLERANCE, BridgeCall
from skill.directives import loads
from skill.drivers import Driver
from skill.drivers.absent import AbsentDriver
from skill.drivers.simulated import SimulatedDriver
from skill.errors import InternalError
from skill.handlers import HANDLERS, Handler
from skill.jwks import IssuerFetcher, IssuerKeys
from skill.lamps import Lamps, LampView
from skill.news import News
from skill.possession import NotProven
from skill.responses import Message
from skill.settings import Settings
from skill.storage.database import SCHEMA, revision
from skill.storage.store import Clock, Store, open_store

if TYPE_CHECKING:
    from skill.drivers.mqtt import MqttDriver

log = logging.getLogger(__name__)

WATCH_EVERY = 1.0  # seconds between two looks for lamps that were added or removed
PURGE_EVERY = 60.0  # seconds
PURGE_PAUSE = 0.05  # seconds between the batches of one purge
PURGE_BATCH = 1000  # rows
PURGE_MARGIN = 2 * TOLERANCE  # seconds that another clock may be behind ours, while both take the calls of one bridge
SAY_EVERY = 3.0  # seconds between two lines about a database that is not there
CANCEL_AGAIN, CANCEL_MOST = 0.5, 10  # seconds after which a job that goes on is cancelled again; times


Part = TypeVar("Part")
BEARER, DPOP = "Bearer", "DPoP"


class Presented(NamedTuple):
    """An access token as it came over HTTP, with the DPoP headers of the request and what they must be for."""

    scheme: str
    token: str
    proofs: Sequence[str]
    method: str
    path: str


def _open(part: Part | None) -> Part:
    if part is None:
        raise InternalError("The service is starting.")
    return part


class Service:
    """Opens in the background, so that `/healthz` answers at once and `/readyz` can say what is missing."""

    def __init__(self, settings: Settings, clock: Clock = time.time) -> None:
        self.settings, self.clock = settings, clock
        self.on_give_up: Callable[[], None] = lambda: None
        self.news = News()
        self._missing: str | None = "starting"
        self._store: Store | None = None
        self._keys: IssuerKeys | None = None
        self._lamps: Lamps | None = None
        self._tokens: AccessTokens | None = None
        self._boundary: Boundary | None = None
        self.beside: list[Callable[[], Coroutine[Any, Any, None]]] = []
        """What runs from the opening to the end."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = contextlib.AsyncExitStack()

    def not_ready(self) -> str | None:
        """What is missing; None is ready. A later outage of the issuer or the broker does not unready (decision 13)."""
        if self._missing is not None:
            return self._missing
        return None if self._keys is not None and self._keys.loaded else "the issuer's keys were never fetched"

    async def answer(self, body: bytes, call: BridgeCall | None, spent: float = 0.0) -> Message | None:
        """The Alexa message to a directive; None where the bridge's signature was used before. `spent`: seconds since
        the call came. Never raises."""
        if self._boundary is None or self._store is None:
            return refusal(loads(body), InternalError("The service is starting."))
        now = self.clock()
        if call is None:
            return await self._boundary.answer(body, Moment(now, now), None, spent=spent)
        moment = Moment(min(now, call.timestamp), max(now, call.timestamp))
        claim = self._store.claim_signature(call.signature, call.expires_at)
        return await self._boundary.answer(body, moment, claim, call.region, spent)

    async def simulated(self, body: bytes) -> Message:
        """The same path for the simulator, which stands where the bridge stands."""
        answer = await self.answer(body, None)
        assert answer is not None  # only a signature can be used before
        return answer

    async def caller(self, presented: Presented) -> Caller:
        """Who presents an access token over HTTP. Raises NotProven, or the AlexaError of `AccessTokens.verify`."""
        if self._tokens is None or self._store is None:
            raise InternalError("The service is starting.")
        now = self.clock()
        if presented.scheme == BEARER:
            return await self._tokens.verify(presented.token, Moment(now, now))
        if self.settings.public_url is None:
            raise NotProven("The service does not know its own address.")
        uri = self.settings.public_url.rstrip("/") + presented.path
        held = possession.verify(presented.proofs, presented.method, uri, presented.token, now)
        caller = await self._tokens.verify(presented.token, Moment(now, now), held.thumbprint)
        if not await self._store.claim_signature(held.digest, held.expires_at):
            raise NotProven("The DPoP proof was used before.")
        return caller

    async def owner_lamps(self, owner: str) -> list[LampView]:
        return [] if self._lamps is None else await self._lamps.views(owner)

    @property
    def lamps(self) -> Lamps:
        """Raises InternalError while the service is starting; so do `keys` and `store`."""
        return _open(self._lamps)

    @property
    def keys(self) -> IssuerKeys:
        return _open(self._keys)

    @property
    def store(self) -> Store:
        return _open(self._store)

    def start(self) -> None:
        self._spawn(self._open())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("background work failed", exc_info=error)
            self.on_give_up()

    async def _open(self) -> None:
        if (store := await self._database()) is None:
            self.on_give_up()
            return
        self._closing.push_async_callback(store.close)
        fetch = IssuerFetcher(self.settings)
        self._closing.push_async_callback(fetch.close)
        keys = IssuerKeys(self.settings, store, fetch, self.clock)
        await keys.load()
        handlers = self._with_events(store)
        drivers = {"simulated": SimulatedDriver(store, self.clock, self.news), "mqtt": self._mqtt(store)}
        self._store, self._keys, self._lamps = store, keys, Lamps(store, drivers)
        self._tokens = AccessTokens(self.settings, keys)
        self._boundary = Boundary(self._tokens, self._lamps, handlers)
        self._missing = None
        self._spawn(keys.keep_fresh())
        self._spawn(self._purge(store))
        for work in self.beside:
            self._spawn(work())
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 50)
        log.info("open: issuer %s", self.settings.issuer)

    def _with_events(self, store: Store) -> Mapping[tuple[str, str], Handler]:
        """Before the drivers, so that it hears the first that they tell."""
        if self.settings.alexa_client_id is None:
            return HANDLERS
        from skill.events.running import Events  # only where they are set up

        events = Events(self.settings, self.clock, self.news, store.registry_version)
        self._closing.push_async_callback(events.close)
        for work in events.work:
            self._spawn(work)
        return {**HANDLERS, **events.handlers}

    def _mqtt(self, store: Store) -> Driver:
        if (url := self.settings.mqtt_url) is None:
            return AbsentDriver("No broker is set up.")
        from skill.drivers.mqtt import MqttDriver  # only where there is a broker: its client is large

        driver = MqttDriver(url, self.clock, self.news)
        self._spawn(driver.run())
        self._spawn(self._watch(store, driver))
        return driver

    async def _watch(self, store: Store, driver: "MqttDriver") -> None:
        """All lamps behind the broker are listened to, so that what they do by themselves is seen."""
        seen = None
        while True:
            try:
                if (version := await store.registry_version()) != seen:
                    await driver.watch(await store.lamps_by("mqtt"))
                    seen = version
            except Exception as error:
                log.warning("lamps not looked up: %s", type(error).__name__)
            await asyncio.sleep(WATCH_EVERY)

    async def _database(self) -> Store | None:
        """Waits for a database at the current schema, says so every few seconds, and gives up in the end."""
        url = self.settings.database_url.get_secret_value()
        give_up_at = time.monotonic() + self.settings.database_wait.total_seconds()
        said_at = float("-inf")
        while True:
            try:
                if (found := await revision(url)) == SCHEMA:
                    return await open_store(url)
                self._missing = f"the database is at schema {found or 'none'}, not {SCHEMA}: run `skill migrate`"
            except Exception as error:
                self._missing = f"the database cannot be reached: {type(error).__name__}"
            if time.monotonic() >= give_up_at:
                log.critical("giving up: %s", self._missing)
                return None
            if time.monotonic() - said_at >= SAY_EVERY:
                said_at = time.monotonic()
                log.warning("waiting: %s", self._missing)
            await asyncio.sleep(0.25)

    async def _purge(self, store: Store) -> None:
        while True:
            try:
                purged = await store.purge_signatures(int(self.clock()) - PURGE_MARGIN, PURGE_BATCH)
            except Exception as error:
                log.warning("used signatures not purged: %s", type(error).__name__)
                purged = 0
            await asyncio.sleep(PURGE_PAUSE if purged == PURGE_BATCH else PURGE_EVERY)

    async def close(self) -> None:
        """A cancellation can be lost: `asyncio.wait_for`, which the broker's client uses, forgets one that comes with
        the answer. So whoever goes on is asked again, and the promised ten seconds hold all the same."""
        for _ in range(CANCEL_MOST):
            if not self._tasks:
                break
            for task in list(self._tasks):
                task.cancel()
            await asyncio.wait(list(self._tasks), timeout=CANCEL_AGAIN)
        await self._closing.aclose()
