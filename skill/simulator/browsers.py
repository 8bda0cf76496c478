"""What Alexa's cloud would remember of each customer, here one browser: pending linkings, tokens, devices, the talk.

Kept in this process and bounded, since the simulator exists in development mode only, where one process serves. A
restart forgets it; then the account is linked again, which must always work anyway.
"""

import asyncio
import hashlib
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from skill.simulator.journal import Journal

BROWSERS = 64
PENDING_LINKINGS = 8
LINKING_SECONDS = 3600
TURNS = 6
STATE_PREFIX = "A2SAAEAE"
STATE_CHARACTERS = 737
"""Prefix, length and alphabet of a `state` captured from Alexa."""


@dataclass(frozen=True, slots=True)
class Link:
    """The tokens of a linked account. `expires_at` in Unix seconds, `subject` the `sub`, `account` a name to show."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: float
    subject: str
    account: str


@dataclass(frozen=True, slots=True)
class Device:
    """An endpoint as discovery described it; `interfaces` are those whose directives it takes."""

    endpoint_id: str
    name: str
    description: str
    interfaces: frozenset[str]
    cookie: dict[str, str]


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said (empty where a button was pressed silently) and Alexa's answer; `detail` is for the developer."""

    number: int
    said: str
    reply: str
    detail: str = ""
    suggestions: tuple[str, ...] = ()
    well: bool = True


@dataclass(frozen=True, slots=True)
class Notice:
    """Why a linking did not finish or has ended, and what to do about it."""

    title: str
    text: str
    code: str = ""


@dataclass(slots=True)
class Browser:
    identifier: str = field(repr=False)
    form_token: str = field(repr=False)
    link: Link | None = None
    devices: tuple[Device, ...] | None = None
    """None until the first discovery: nothing found is an empty tuple."""
    notice: Notice | None = None
    journal: Journal = field(default_factory=Journal)
    turns: deque[Turn] = field(default_factory=lambda: deque(maxlen=TURNS))
    turn_count: int = 0
    renewing: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    """Held while the access token is renewed, so that directives sent at once share one refresh."""
    _pending: OrderedDict[str, float] = field(default_factory=OrderedDict, repr=False)

    def new_state(self, now: float) -> str:
        """A `state` for one linking, valid in this browser alone; only its digest is kept."""
        value = STATE_PREFIX + secrets.token_urlsafe(STATE_CHARACTERS)[: STATE_CHARACTERS - len(STATE_PREFIX)]
        self._pending[_digest(value)] = now + LINKING_SECONDS
        while len(self._pending) > PENDING_LINKINGS:
            self._pending.popitem(last=False)
        return value

    def take_state(self, value: str, now: float) -> bool:
        """Whether this browser began the linking that `value` names. RFC 6749 §10.12; a state holds once."""
        return self._pending.pop(_digest(value), 0.0) > now

    def say(
        self, said: str, reply: str, detail: str = "", suggestions: tuple[str, ...] = (), well: bool = True
    ) -> None:
        self.turn_count += 1
        self.turns.appendleft(Turn(self.turn_count, said, reply, detail, suggestions, well))

    def forget_link(self) -> None:
        self.link = None
        self.devices = None
        self.turns.clear()

    def device(self, endpoint_id: str) -> Device | None:
        return next((device for device in self.devices or () if device.endpoint_id == endpoint_id), None)


class Browsers:
    """The browsers of this process by cookie value. Those without a link are forgotten first, the longest unused of
    them: whoever only comes by, without cookies, unlinks nobody."""

    def __init__(self, limit: int = BROWSERS) -> None:
        self._limit = limit
        self._browsers: OrderedDict[str, Browser] = OrderedDict()

    def find(self, identifier: str | None) -> Browser | None:
        if identifier is None or identifier not in self._browsers:
            return None
        self._browsers.move_to_end(identifier)
        return self._browsers[identifier]

    def new(self) -> Browser:
        browser = Browser(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        self._browsers[browser.identifier] = browser
        if len(self._browsers) > self._limit:
            unlinked = (each for each, kept in self._browsers.items() if kept.link is None and kept is not browser)
            del self._browsers[next(unlinked, next(iter(self._browsers)))]
        return browser


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
