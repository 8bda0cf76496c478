"""Lamps behind an MQTT broker: commands out, state and availability in, an echo within two seconds (contract 6.2).

One client for the process, QoS 1, clean start, subscribed again after every reconnect. What a lamp said is held in
memory alone: state and last will are retained by the broker, so every replica hears them for itself.
"""

import asyncio
import contextlib
import logging
import ssl
import uuid
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import aiomqtt
from pydantic import SecretStr

from skill.canonical import Change, Lamp, LampState, Sample
from skill.drivers.codecs import home_assistant
from skill.drivers.wiring import BadTopic, Wiring
from skill.errors import BridgeUnreachable, EndpointUnreachable, InternalError
from skill.storage.store import Clock

log = logging.getLogger(__name__)

CONFIRMATION = 2.0  # seconds for the lamp's echo
RETAINED = 0.3  # seconds for what the broker kept, after the first subscription
CONNECTING = 1.0  # seconds that a directive waits for a broker that is being connected
PUBLISHING = 2.0  # seconds for the broker's acknowledgement
RETRY_FIRST, RETRY_LONGEST = 0.5, 15.0  # seconds between attempts to connect
KEEP_ALIVE = 15  # seconds
_UNKNOWN = LampState(power=None, last_brightness=None)


@dataclass(slots=True)
class _Heard:
    """What a lamp said so far. `requested` is the percentage last asked for, while the lamp may still echo it."""

    wiring: Wiring
    state: LampState = _UNKNOWN
    at: float = 0.0
    requested: int | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class MqttDriver:
    def __init__(self, url: SecretStr, clock: Clock) -> None:
        self._url, self._clock = url, clock
        self._client: aiomqtt.Client | None = None
        self._connected = asyncio.Event()
        self._heard: dict[str, _Heard] = {}

    async def sample(self, lamp: Lamp, stored: LampState | None) -> Sample:
        heard = await self._listen(lamp)
        return self._sampled(heard)

    async def apply(self, lamp: Lamp, change: Change, stored: LampState | None = None) -> Sample:
        heard = await self._listen(lamp)
        async with heard.turn:  # two directives for one lamp, one after the other
            if heard.state.online is False:
                raise EndpointUnreachable("The lamp is offline.")
            target = change.applied_to(heard.state)
            heard.requested = target.last_brightness
            await self._publish(heard.wiring.command, home_assistant.command(change, target, heard.wiring.scale))
            if heard.wiring.wait_for_echo:
                await self._confirmed(heard, target)
            else:
                heard.state, heard.at = target, self._clock()
            return self._sampled(heard)

    def _sampled(self, heard: _Heard) -> Sample:
        """The uncertainty is the age of what the lamp said (milliseconds)."""
        now = self._clock()
        at = heard.at or now
        return Sample(heard.state, at, max(0, round((now - at) * 1000)))

    async def _confirmed(self, heard: _Heard, target: LampState) -> None:
        try:
            async with asyncio.timeout(CONFIRMATION):
                while not _agrees(heard.state, target):
                    if heard.state.online is False:
                        raise EndpointUnreachable("The lamp went offline.")
                    heard.news.clear()
                    await heard.news.wait()
        except TimeoutError:
            raise EndpointUnreachable("The lamp did not confirm in time.") from None

    async def _publish(self, topic: str, payload: bytes) -> None:
        client = await self._broker()
        try:
            await client.publish(topic, payload, qos=1, retain=False, timeout=PUBLISHING)
        except aiomqtt.MqttError as error:
            raise BridgeUnreachable("The broker did not take the command.") from error

    async def _broker(self) -> aiomqtt.Client:
        if self._client is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._connected.wait(), CONNECTING)
        if self._client is None:
            raise BridgeUnreachable("The broker cannot be reached.")
        return self._client

    async def _listen(self, lamp: Lamp) -> _Heard:
        """Subscribed from the first directive on, or from the first after the lamp's topics changed."""
        client = await self._broker()
        try:
            wiring = Wiring.of(lamp.options)
        except (BadTopic, ValueError, KeyError) as error:
            raise InternalError("The lamp's topics cannot be used.") from error
        heard = self._heard.get(lamp.endpoint_id)
        if heard is not None and heard.wiring == wiring:
            return heard
        heard = self._heard[lamp.endpoint_id] = _Heard(wiring)
        try:
            await self._subscribe(client, heard)
        except aiomqtt.MqttError as error:
            del self._heard[lamp.endpoint_id]
            raise BridgeUnreachable("The broker did not take the subscription.") from error
        if wiring.listens_to:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settled(heard), RETAINED)
        return heard

    @staticmethod
    async def _settled(heard: _Heard) -> None:
        """Until the lamp's retained messages are in, as far as it has topics for them."""
        wants_state, wants_online = heard.wiring.state is not None, heard.wiring.availability is not None
        while (wants_state and heard.at == 0.0) or (wants_online and heard.state.online is None):
            heard.news.clear()
            await heard.news.wait()

    @staticmethod
    async def _subscribe(client: aiomqtt.Client, heard: _Heard) -> None:
        for topic in heard.wiring.listens_to:
            await client.subscribe(topic, qos=1, timeout=PUBLISHING)

    async def run(self) -> None:
        """Keeps the one connection until cancelled."""
        pause = RETRY_FIRST
        while True:
            try:
                async with self._connection() as client:
                    for heard in list(self._heard.values()):
                        await self._subscribe(client, heard)
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
                for heard in self._heard.values():  # what was said of being there holds no longer
                    heard.state = heard.state._replace(online=None)
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
        """The same message twice changes nothing."""
        if not isinstance(payload, bytes):
            return
        for heard in self._heard.values():
            wiring = heard.wiring
            if topic == wiring.availability and (online := home_assistant.availability(payload)) is not None:
                heard.state = heard.state._replace(online=online)
                heard.news.set()
            if topic == wiring.state:
                state = home_assistant.state(payload, heard.state, wiring.scale, heard.requested)
                if state is not None:
                    heard.state, heard.at = state, self._clock()
                    heard.news.set()


def _agrees(state: LampState, target: LampState) -> bool:
    if state.power != target.power:
        return False
    return not target.power or target.last_brightness is None or state.last_brightness == target.last_brightness
