"""Lamps behind an MQTT broker: commands out, state and availability in, an echo within two seconds (contract 6.2).

One client for the process, QoS 1, clean start, subscribed again after every reconnect. What a lamp said is held in
memory alone: state and last will are retained by the broker, so every replica hears them for itself.
"""

import asyncio
import contextlib
import logging
import ssl
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomqtt
from pydantic import SecretStr

from skill.canonical import Change, Lamp, LampState, Sample
from skill.drivers.codecs import BadOption, Message
from skill.drivers.codecs.codec import Wanted, wanted
from skill.drivers.wiring import Wiring
from skill.errors import BridgeUnreachable, EndpointUnreachable, InternalError
from skill.news import Cause, Happening, News
from skill.patience import Patience
from skill.storage.store import Clock

log = logging.getLogger(__name__)

CONFIRMATION = 2.0  # seconds for the lamp's echo
SETTLING = 0.3  # seconds more for a lamp that echoed all but the colour: it may be one that it cannot show
RETAINED = 0.3  # seconds for what the broker kept, after the first subscription
CONNECTING = 1.0  # seconds that a directive waits for a broker that is being connected
PUBLISHING = 2.0  # seconds for the broker's acknowledgement
RETRY_FIRST, RETRY_LONGEST = 0.5, 15.0  # seconds between attempts to connect
KEEP_ALIVE = 15  # seconds
_UNKNOWN = LampState(power=None, last_brightness=None)


@dataclass(slots=True)
class _Heard:
    """What a lamp said so far, in how many messages. `requested` is what was last asked for, while the lamp may still
    echo it. `there` is what each of its topics says of its being there: away where one says so. `asked` is whether it
    was asked for its state over this connection."""

    endpoint_id: str
    options: Mapping[str, Any]
    wiring: Wiring
    state: LampState = _UNKNOWN
    at: float = 0.0
    messages: int = 0
    requested: LampState | None = None
    there: dict[str, bool] = field(default_factory=dict)
    asked: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def take(self, topic: str, payload: bytes, at: float) -> None:
        """The same message twice changes nothing."""
        codec = self.wiring.codec
        if topic in codec.availability_topics and (there := codec.availability(topic, payload)) is not None:
            self.there[topic] = there
            self.state = self.state._replace(online=all(self.there.values()))
            self.news.set()
        if topic in codec.state_topics:
            state = codec.decode(topic, payload, self.state, self.requested)
            if state is not None:
                self.state, self.at = state, at
                self.messages += 1
                self.news.set()

    def forget(self) -> None:
        """What was said of being there holds no longer."""
        self.there.clear()
        self.asked = False
        self.state = self.state._replace(online=None)


class MqttDriver:
    def __init__(self, url: SecretStr, clock: Clock, news: News | None = None) -> None:
        self._url, self._clock, self._news = url, clock, news or News()
        self._client: aiomqtt.Client | None = None
        self._connected = asyncio.Event()
        self._heard: dict[str, _Heard] = {}
        self._listening: dict[str, list[_Heard]] = {}

    async def sample(self, lamp: Lamp, stored: LampState | None) -> Sample:
        heard = await self._listen(lamp)
        return self._sampled(heard)

    async def apply(
        self, lamp: Lamp, change: Change, stored: LampState | None = None, cause: Cause = Cause.alexa
    ) -> Sample:
        heard = await self._listen(lamp)
        async with heard.turn:  # two directives for one lamp, one after the other
            known = heard.state if heard.at else None
            if heard.state.online is False:
                raise EndpointUnreachable("The lamp is offline.")
            target = change.applied_to(heard.state)
            before = _without_what_is_set(change, heard.state, target)
            heard.requested = target
            said = heard.messages
            await self._publish(heard.wiring.codec.encode(target, before))
            if heard.wiring.wait_for_echo:
                try:
                    await self._confirmed(heard, wanted(target, before), said)
                except EndpointUnreachable:
                    self._tell(lamp.endpoint_id, known, heard, Cause.lamp)  # not what was asked for
                    raise
            else:
                heard.state, heard.at = target, self._clock()
            self._tell(lamp.endpoint_id, known, heard, cause)
            return self._sampled(heard)

    def _tell(self, endpoint_id: str, before: LampState | None, heard: _Heard, cause: Cause) -> None:
        if heard.state != before:
            self._news.tell(Happening(endpoint_id, before, heard.state, heard.at or self._clock(), cause))

    def _sampled(self, heard: _Heard) -> Sample:
        """The uncertainty is the age of what the lamp said (milliseconds)."""
        now = self._clock()
        at = heard.at or now
        return Sample(heard.state, at, max(0, round((now - at) * 1000)))

    async def _confirmed(self, heard: _Heard, want: Wanted, said: int) -> None:
        """By an echo of all that was asked, or of all but a colour that came out otherwise. `said` is how many messages
        came before the command."""
        until = asyncio.get_running_loop().time() + CONFIRMATION
        was = _colour(heard.state)
        try:
            async with asyncio.timeout_at(until) as deadline:
                while not (_agrees(heard.state, want) and _shines_alike(heard.state, want)):
                    if heard.state.online is False:
                        raise EndpointUnreachable("The lamp went offline.")
                    heard.news.clear()
                    await heard.news.wait()
                    if _agrees(heard.state, want) and _colour(heard.state) != was:
                        deadline.reschedule(min(until, asyncio.get_running_loop().time() + SETTLING))
        except TimeoutError:
            if heard.messages == said or not _agrees(heard.state, want):
                raise EndpointUnreachable("The lamp did not confirm in time.") from None

    async def _publish(self, message: Message) -> None:
        client = await self._broker()
        try:
            await client.publish(message.topic, message.payload, qos=1, retain=False, timeout=PUBLISHING)
        except aiomqtt.MqttError as error:
            raise BridgeUnreachable("The broker did not take the command.") from error

    async def _broker(self) -> aiomqtt.Client:
        if self._client is None:
            with contextlib.suppress(TimeoutError), Patience(CONNECTING):
                await self._connected.wait()
        if self._client is None:
            raise BridgeUnreachable("The broker cannot be reached.")
        return self._client

    async def _listen(self, lamp: Lamp) -> _Heard:
        """Subscribed from the first directive on, or from the first after the lamp's topics changed. A lamp whose state
        the broker may not have kept is asked for it, once a connection."""
        client = await self._broker()
        heard = self._heard.get(lamp.endpoint_id)
        if heard is None or heard.options != lamp.options:
            try:
                wiring = Wiring.of(lamp.options)
            except BadOption as error:
                raise InternalError("The lamp's topics cannot be used.") from error
            self._drop(lamp.endpoint_id)
            heard = _Heard(lamp.endpoint_id, lamp.options, wiring)
            self._keep(lamp.endpoint_id, heard)
            try:
                await self._subscribe(client, [heard])
            except aiomqtt.MqttError as error:
                self._drop(lamp.endpoint_id)
                raise BridgeUnreachable("The broker did not take the subscription.") from error
        elif heard.asked or heard.wiring.codec.question is None:
            return heard
        heard.asked = True
        if (question := heard.wiring.codec.question) is not None:
            await self._publish(question)
        if heard.wiring.listens_to:
            with contextlib.suppress(TimeoutError), Patience(RETAINED):
                await self._settled(heard)
        return heard

    def _keep(self, endpoint_id: str, heard: _Heard) -> None:
        self._heard[endpoint_id] = heard
        for topic in heard.wiring.listens_to:
            self._listening.setdefault(topic, []).append(heard)

    def _drop(self, endpoint_id: str) -> None:
        if (heard := self._heard.pop(endpoint_id, None)) is None:
            return
        for topic in heard.wiring.listens_to:
            left = [other for other in self._listening.get(topic, ()) if other is not heard]
            if left:
                self._listening[topic] = left
            else:
                self._listening.pop(topic, None)

    async def watch(self, lamps: Iterable[Lamp]) -> None:
        """Listen to these from now on, and no more to others, whether a directive ever names them or not."""
        there = {lamp.endpoint_id: lamp for lamp in lamps}
        for endpoint_id in self._heard.keys() - there.keys():
            self._drop(endpoint_id)
        new = []
        for lamp in there.values():
            heard = self._heard.get(lamp.endpoint_id)
            if heard is not None and heard.options == lamp.options:
                continue
            try:
                wiring = Wiring.of(lamp.options)
            except BadOption as error:
                log.warning("lamp %s cannot be listened to: %s", lamp.endpoint_id, error)
                continue
            self._drop(lamp.endpoint_id)
            heard = _Heard(lamp.endpoint_id, lamp.options, wiring)
            self._keep(lamp.endpoint_id, heard)
            new.append(heard)
        if new and (client := self._client) is not None:
            with contextlib.suppress(aiomqtt.MqttError):  # with the next connection, then
                await self._subscribe(client, new)

    @staticmethod
    async def _settled(heard: _Heard) -> None:
        """Until the lamp's retained messages are in, as far as it has topics for them."""
        codec = heard.wiring.codec
        while (codec.state_topics and heard.at == 0.0) or (codec.availability_topics and heard.state.online is None):
            heard.news.clear()
            await heard.news.wait()

    @staticmethod
    async def _subscribe(client: aiomqtt.Client, lamps: Iterable[_Heard]) -> None:
        """Many topics in one packet: one round trip each would take a second for a thousand lamps."""
        topics = list(dict.fromkeys(topic for heard in lamps for topic in heard.wiring.listens_to))
        for start in range(0, len(topics), 100):
            await client.subscribe([(topic, 1) for topic in topics[start : start + 100]], timeout=PUBLISHING)

    async def run(self) -> None:
        """Keeps the one connection until cancelled."""
        pause = RETRY_FIRST
        while True:
            try:
                async with self._connection() as client:
                    await self._subscribe(client, list(self._heard.values()))
                    log.info("broker connected")
                    pause = RETRY_FIRST
                    self._client = client
                    self._connected.set()
                    async for message in client.messages:
                        self._take(message.topic.value, message.payload)
            except aiomqtt.MqttError as error:
                log.warning("broker lost or away: %s", error)
            finally:
                self._client = None
                self._connected.clear()
                for heard in self._heard.values():
                    heard.forget()
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_LONGEST)

    def _connection(self) -> aiomqtt.Client:
        parts = urlsplit(self._url.get_secret_value())
        secure = parts.scheme == "mqtts"
        return aiomqtt.Client(
            parts.hostname or "localhost",
            parts.port or (8883 if secure else 1883),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            identifier=f"skill-{uuid.uuid4().hex[:12]}",
            clean_session=True,
            keepalive=KEEP_ALIVE,
            timeout=5,
            tls_context=ssl.create_default_context() if secure else None,
        )

    def _take(self, topic: str, payload: object) -> None:
        """What comes while the lamp is being commanded is told with the end of the command."""
        if isinstance(payload, bytes):
            for heard in self._listening.get(topic, ()):
                before = heard.state if heard.at else None
                heard.take(topic, payload, self._clock())
                if not heard.turn.locked():
                    self._tell(heard.endpoint_id, before, heard, Cause.lamp)


def _agrees(state: LampState, want: Wanted) -> bool:
    """In all that was said, but for which colour: a lamp that cannot show it says which one it shows instead."""
    if state.power != want.power or (want.brightness is not None and state.last_brightness != want.brightness):
        return False
    return state.mode == ("color" if want.colour else "white" if want.kelvin else state.mode)


def _colour(state: LampState) -> tuple[object, ...]:
    return state.mode, state.hue, state.saturation, state.kelvin


def _shines_alike(state: LampState, want: Wanted) -> bool:
    if want.colour is not None:
        return (state.hue, state.saturation) == want.colour
    return want.kelvin is None or state.kelvin == want.kelvin


def _without_what_is_set(change: Change, state: LampState, target: LampState) -> LampState:
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
