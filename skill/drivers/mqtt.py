"""Lamps behind an MQTT broker: commands out, state and availability in, an echo within two seconds (contract 6.2).

One client for the process, MQTT 5 (3.1.1 where the broker has no other), QoS 1, clean start, subscribed again after
every reconnect. What a lamp said is held in memory alone: state and last will are retained by the broker, so every
replica hears them for itself.
"""

import asyncio
import contextlib
import logging
import select
from collections.abc import Iterable, Sequence

import aiomqtt
from paho.mqtt.subscribeoptions import SubscribeOptions
from pydantic import SecretStr

from skill.canonical import Change, Color, Lamp, LampState, Sample
from skill.drivers.codecs import BadOption, Message
from skill.drivers.connection import connection
from skill.drivers.echo import Asked, confirmed
from skill.drivers.heard import UNKNOWN, Heard, without_what_is_set
from skill.drivers.wiring import Wiring
from skill.errors import BridgeUnreachable, EndpointUnreachable, InternalError
from skill.news import Cause, Happening, News
from skill.patience import Patience
from skill.storage.store import Clock

log = logging.getLogger(__name__)

RETAINED = 0.3  # seconds for what the broker kept, after the first subscription
CONNECTING = 1.0  # seconds that a directive waits for a broker that is being connected
PUBLISHING = 2.0  # seconds for the broker's acknowledgement
WHOLE = 4.5  # seconds for all of a change, its turn included: within the answer's budget of five
RETRY_FIRST, RETRY_LONGEST = 0.5, 15.0  # seconds between attempts to connect
MOST_WAITING = 20_000  # messages that wait to be read: beyond them the oldest go, since later ones say how lamps stand
AT_ONCE = 20  # lamps that are subscribed in one packet: one round trip each would take a second for a thousand
LEFT_AT_ONCE = 200  # topics that are left in one packet
CALM = 40  # waiting messages above which no further lamps are subscribed: a lamp's echo waits behind all of them
LOOK = 0.002  # seconds between two looks whether it is calm
FEEL_EVERY = 1.0  # seconds between two looks whether the connection is still there
NO_MQTT_5 = 132  # reason code of a broker that refuses the protocol's version


class _Newest(asyncio.Queue[aiomqtt.Message]):
    """What comes into a full one pushes the oldest out."""

    def put_nowait(self, item: aiomqtt.Message) -> None:
        if self.full():
            self.get_nowait()
        super().put_nowait(item)


class MqttDriver:
    def __init__(self, url: SecretStr, clock: Clock, news: News | None = None) -> None:
        self._url, self._clock, self._news = url, clock, news or News()
        self._protocol = aiomqtt.ProtocolVersion.V5
        self._client: aiomqtt.Client | None = None
        self._connected = asyncio.Event()
        self._heard: dict[str, Heard] = {}
        self._listening: dict[str, list[Heard]] = {}
        self._left: set[str] = set()
        self._changed = asyncio.Event()

    async def sample(self, lamp: Lamp, stored: LampState | None) -> Sample:
        try:
            with Patience(WHOLE):
                heard = await self._listen(lamp)
        except TimeoutError:
            raise BridgeUnreachable("The broker was too slow.") from None
        return self._sampled(heard.state, heard.at)

    async def apply(
        self, lamp: Lamp, change: Change, stored: LampState | None = None, cause: Cause = Cause.alexa
    ) -> Sample:
        try:
            with Patience(WHOLE):
                heard = await self._listen(lamp)
                async with heard.turn:  # two directives for one lamp, one after the other
                    return await self._obeyed(heard, change, cause)
        except TimeoutError:
            raise EndpointUnreachable("The lamp did not confirm in time.") from None

    async def _obeyed(self, heard: Heard, change: Change, cause: Cause) -> Sample:
        if heard.state.online is False:
            raise EndpointUnreachable("The lamp is offline.")
        target = change.applied_to(heard.state)
        asked = Asked.of(heard, target, without_what_is_set(change, heard.state, target))
        heard.requested = target
        by = Cause.lamp  # where it does not do what was asked
        try:
            client = await self._publish(asked.command)
            if heard.wiring.wait_for_echo:
                await confirmed(heard, asked, lambda: self._client is not client)
            else:
                heard.state, heard.at = target._replace(online=heard.state.online), self._clock()
            by = cause
        finally:
            self._tell(heard, by)
        state = heard.state
        if isinstance(change, Color) and not target.power:  # black is sent as off, and reported as asked
            state = state._replace(mode="color", hue=target.hue, saturation=target.saturation, value=target.value)
        return self._sampled(state, heard.at)

    def _tell(self, heard: Heard, cause: Cause) -> None:
        """What differs from what was told before, once. That a connection was lost is nothing that the lamp did."""
        state, told = heard.state, heard.told
        if told is not None and state.online is None:
            state = state._replace(online=told.online)
        if state not in (told, UNKNOWN):
            heard.told = state
            self._news.tell(Happening(heard.endpoint_id, told, state, heard.at or self._clock(), cause))

    def _sampled(self, state: LampState, at: float) -> Sample:
        """The uncertainty is the age of what the lamp said (milliseconds)."""
        now = self._clock()
        at = at or now
        return Sample(state, at, max(0, round((now - at) * 1000)))

    async def _publish(self, message: Message) -> aiomqtt.Client:
        client = await self._broker()
        try:
            await client.publish(message.topic, message.payload, qos=1, retain=False, timeout=PUBLISHING)
        except aiomqtt.MqttError as error:
            raise BridgeUnreachable("The broker did not take the command.") from error
        return client

    async def _broker(self) -> aiomqtt.Client:
        if self._client is None:
            with contextlib.suppress(TimeoutError), Patience(CONNECTING):
                await self._connected.wait()
        if self._client is None:
            raise BridgeUnreachable("The broker cannot be reached.")
        return self._client

    async def _listen(self, lamp: Lamp) -> Heard:
        """Subscribed at the latest with the first directive over a connection, or the first after the lamp's topics
        changed. This one waits for what the broker kept, and asks a lamp whose state it may not have kept."""
        client = await self._broker()
        heard = self._heard.get(lamp.endpoint_id)
        if heard is None or heard.options != lamp.options:
            try:
                heard = self._keep(lamp)
            except BadOption as error:
                raise InternalError("The lamp's topics cannot be used.") from error
        if heard.over is not client:
            try:
                await self._subscribe(client, [heard])
            except aiomqtt.MqttError as error:
                raise BridgeUnreachable("The broker did not take the subscription.") from error
        elif heard.asked:
            return heard
        heard.asked = True
        if (question := heard.wiring.codec.question) is not None:
            await self._publish(question)
        if heard.wiring.listens_to:
            with contextlib.suppress(TimeoutError), Patience(RETAINED):
                await heard.settled()
        return heard

    def _keep(self, lamp: Lamp) -> Heard:
        """In place of what was known under other options; topics that nobody listens to any more are left, but not
        waited for. Raises BadOption."""
        heard = Heard(lamp.endpoint_id, lamp.options, Wiring.of(lamp.options))
        self._drop(lamp.endpoint_id)
        self._heard[lamp.endpoint_id] = heard
        for topic in heard.wiring.listens_to:
            self._listening.setdefault(topic, []).append(heard)
        if self._left:
            self._changed.set()
        return heard

    def _drop(self, endpoint_id: str) -> None:
        if (heard := self._heard.pop(endpoint_id, None)) is None:
            return
        for topic in heard.wiring.listens_to:
            left = [other for other in self._listening.get(topic, ()) if other is not heard]
            if left:
                self._listening[topic] = left
            else:
                self._listening.pop(topic, None)
                self._left.add(topic)

    async def watch(self, lamps: Iterable[Lamp]) -> None:
        """Listen to these from now on, and no more to others, whether a directive ever names them or not."""
        there = {lamp.endpoint_id: lamp for lamp in lamps}
        for endpoint_id in self._heard.keys() - there.keys():
            self._drop(endpoint_id)
        for lamp in there.values():
            heard = self._heard.get(lamp.endpoint_id)
            if heard is None or heard.options != lamp.options:
                try:
                    self._keep(lamp)
                except BadOption as error:
                    log.warning("lamp %s cannot be listened to: %s", lamp.endpoint_id, error)
        self._changed.set()

    async def _subscribe_all(self, client: aiomqtt.Client) -> None:
        """All lamps over one connection, those that come later too, until cancelled; and topics that nobody listens to
        any more are left. Directives go on meanwhile."""
        while True:
            self._changed.clear()
            try:
                await self._unsubscribe(client)
                while lamps := [heard for heard in self._heard.values() if heard.over is not client]:
                    for start in range(0, len(lamps), AT_ONCE):
                        while len(client.messages) > CALM:  # noqa: ASYNC110 (the client has no event for it)
                            await asyncio.sleep(LOOK)
                        await self._subscribe(client, lamps[start : start + AT_ONCE])
                await self._changed.wait()
            except aiomqtt.MqttError as error:
                log.warning("lamps not listened to yet: %s", error)
                await asyncio.sleep(RETRY_FIRST)

    async def _unsubscribe(self, client: aiomqtt.Client) -> None:
        """Between the look at who listens and the packet nothing waits: who listens from then on subscribes after it.
        Raises MqttError."""
        while left := [topic for topic in self._left if topic not in self._listening][:LEFT_AT_ONCE]:
            self._left.difference_update(left)
            try:
                await client.unsubscribe(left, timeout=PUBLISHING)
            except aiomqtt.MqttError:
                self._left.update(left)
                raise
        self._left.clear()

    async def _subscribe(self, client: aiomqtt.Client, lamps: Sequence[Heard]) -> None:
        """Not to what was left meanwhile. Raises MqttError."""
        topics = list(dict.fromkeys(topic for heard in lamps for topic in heard.wiring.listens_to))
        topics = [topic for topic in topics if topic in self._listening]
        if topics:
            if self._protocol == aiomqtt.ProtocolVersion.V5:
                how = SubscribeOptions(qos=1, noLocal=True)
                await client.subscribe([(topic, how) for topic in topics], timeout=PUBLISHING)
            else:
                await client.subscribe([(topic, 1) for topic in topics], timeout=PUBLISHING)
        for heard in lamps:
            heard.over = client

    async def run(self) -> None:
        """Keeps the one connection until cancelled."""
        pause = RETRY_FIRST
        while True:
            beside: set[asyncio.Task[None]] = set()
            try:
                async with self._connection() as client:
                    log.info("broker connected")
                    pause = RETRY_FIRST
                    self._client = client
                    self._left.clear()
                    self._connected.set()
                    beside = {asyncio.create_task(work(client)) for work in (self._subscribe_all, self._feel)}
                    async for message in client.messages:
                        self._take(message.topic.value, message.payload, message.retain)
            except aiomqtt.MqttError as error:
                log.warning("broker lost or away: %s", error)
                if isinstance(error, aiomqtt.MqttCodeError) and getattr(error.rc, "value", error.rc) == NO_MQTT_5:
                    self._protocol = aiomqtt.ProtocolVersion.V311
            finally:
                self._client = None
                self._connected.clear()
                for heard in self._heard.values():
                    heard.forget()
                while left := {task for task in beside if not task.done()}:  # a cancellation can be lost
                    for task in left:
                        task.cancel()
                    await asyncio.wait(left, timeout=0.5)
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_LONGEST)

    async def _feel(self, client: aiomqtt.Client) -> None:
        """uvloop reads once from a socket that was reset, and lets go of it without a word: what the broker had said
        before hides that it is gone, until two keep-alives later."""
        sock = client._client.socket()
        if sock is None:
            return
        reset = select.poll()
        reset.register(sock, select.POLLERR)
        while not reset.poll(0):  # noqa: ASYNC110 (the loop has no event for it)
            await asyncio.sleep(FEEL_EVERY)
        while client._client.socket() is sock:
            client._client.loop_read()
            await asyncio.sleep(0)

    def _connection(self) -> aiomqtt.Client:
        return connection(
            self._url,
            protocol=self._protocol,
            clean_session=None if self._protocol == aiomqtt.ProtocolVersion.V5 else True,
            queue_type=_Newest,
            max_queued_incoming_messages=MOST_WAITING,
        )

    def _take(self, topic: str, payload: object, retained: bool) -> None:
        """What comes while the lamp is being commanded is told with the end of the command."""
        if isinstance(payload, bytes):
            for heard in self._listening.get(topic, ()):
                heard.take(topic, payload, self._clock(), retained)
                if not heard.turn.locked():
                    self._tell(heard, Cause.lamp)
