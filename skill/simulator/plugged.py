"""Simulated lamps on a real broker: connected, heard, answered, and connected again when the broker comes back.

A lamp has a connection of its own, since a last will belongs to a connection; many may share one where only load is
wanted, and have no last will then.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import aiomqtt
from pydantic import SecretStr

from skill.drivers.connection import connection
from skill.simulator.firmware import Firmware, Light, Said

RETRY_FIRST, RETRY_LONGEST = 0.5, 15.0  # seconds between attempts to connect
KEEP_ALIVE = 15  # seconds
PATIENCE = 5.0  # seconds for an acknowledgement
LEAVING = 2.0  # seconds for what is said at the end
REFUSED = frozenset({4, 5, 134, 135})
"""Reason codes (MQTT 3.1.1 §3.2.2.3, MQTT 5 §3.2.2.2): the broker knows us and will not have us. Retrying is no use."""


@dataclass(slots=True)
class Lamp:
    """`discovery` is what presents it to other applications, where that was asked for."""

    number: int
    name: str
    firmware: Firmware
    discovery: Said | None = None
    plugged: bool = True
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def light(self) -> Light:
        return self.firmware.light

    @property
    def shines(self) -> bool:
        return self.plugged and self.light.on


Kind = Literal["connected", "away", "heard", "puzzled", "changed", "plugged", "unplugged"]


class Event(NamedTuple):
    """What happened; `lamp` is None where it happened to a whole connection."""

    kind: Kind
    lamp: Lamp | None = None
    text: str = ""


class Refused(Exception):
    """The broker does not take these credentials."""


class Connection:
    """`delay` is seconds that a lamp takes to obey; `report` is called for everything that happens."""

    def __init__(
        self, url: SecretStr, lamps: Sequence[Lamp], report: Callable[[Event], None], delay: float = 0.0
    ) -> None:
        self._url, self.lamps, self._report, self._delay = url, lamps, report, delay
        self._client: aiomqtt.Client | None = None
        self._hears: dict[str, list[Lamp]] = {}
        for lamp in lamps:
            for topic in lamp.firmware.listens_to:
                self._hears.setdefault(topic, []).append(lamp)
        self._obeying: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled. Raises Refused."""
        pause = RETRY_FIRST
        while True:
            try:
                async with self._made() as client:
                    await self._arrive(client)
                    pause = RETRY_FIRST
                    async for message in client.messages:
                        if isinstance(message.payload, bytes):
                            await self._take(message.topic.value, message.payload)
            except aiomqtt.MqttError as error:
                code = getattr(error, "rc", None)
                if getattr(code, "value", code) in REFUSED:
                    raise Refused(str(error)) from error
                self._report(Event("away", text=f"{error or 'the connection ended'}; trying again in {pause:g} s"))
            finally:
                self._client = None
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_LONGEST)

    async def _arrive(self, client: aiomqtt.Client) -> None:
        topics = list(self._hears)
        for start in range(0, len(topics), 100):
            await client.subscribe([(topic, 1) for topic in topics[start : start + 100]], timeout=PATIENCE)
        self._client = client
        for lamp in self.lamps:
            if lamp.plugged:
                await self._say([*([lamp.discovery] if lamp.discovery else []), *lamp.firmware.birth()])
        self._report(Event("connected"))

    async def _take(self, topic: str, payload: bytes) -> None:
        any_of = f"{topic.rpartition('/')[0]}/+"
        for lamp in (*self._hears.get(topic, ()), *self._hears.get(any_of, ())):
            if not lamp.plugged:
                continue
            self._report(Event("heard", lamp, f"{topic} {payload.decode('utf-8', 'replace')}"))
            if self._delay:
                task = asyncio.create_task(self._obey_late(lamp, topic, payload))
                self._obeying.add(task)
                task.add_done_callback(self._obeying.discard)
            else:
                await self._obey(lamp, topic, payload)

    async def _obey_late(self, lamp: Lamp, topic: str, payload: bytes) -> None:
        """One command of a lamp after the other, as they came; other lamps do not wait."""
        async with lamp.turn:
            await asyncio.sleep(self._delay)
            with contextlib.suppress(aiomqtt.MqttError):  # the connection says so itself
                await self._obey(lamp, topic, payload)

    async def _obey(self, lamp: Lamp, topic: str, payload: bytes) -> None:
        if not lamp.plugged:
            return
        try:
            answers = lamp.firmware.take(topic, payload.decode())
        except ValueError as error:
            self._report(Event("puzzled", lamp, str(error)))
            return
        self._report(Event("changed", lamp))
        await self._say(answers)

    async def press(self, lamp: Lamp, change: Callable[[Light], None]) -> None:
        """Somebody at its own switch. Without the broker it shines all the same, and is told at the next birth."""
        if lamp.plugged:
            answers = lamp.firmware.press(change)
            self._report(Event("changed", lamp))
            await self._say(answers)

    async def plug(self, lamp: Lamp, there: bool) -> None:
        """Give it its current, or take it."""
        if lamp.plugged is not there:
            lamp.plugged = there
            self._report(Event("plugged" if there else "unplugged", lamp))
            await self._say(lamp.firmware.birth() if there else lamp.firmware.unplugged())

    async def leave(self) -> None:
        """The orderly end, before `run` is cancelled: what the last will would say, in time."""
        with contextlib.suppress(TimeoutError, aiomqtt.MqttError):
            async with asyncio.timeout(LEAVING):
                await self._say(away for lamp in self.lamps if lamp.plugged for away in _gone(lamp.firmware))

    async def _say(self, messages: Iterable[Said]) -> None:
        if (client := self._client) is not None:
            for topic, payload, retain in messages:
                await client.publish(topic, payload, qos=1, retain=retain, timeout=PATIENCE)

    def _made(self) -> aiomqtt.Client:
        away = self.lamps[0].firmware.away if len(self.lamps) == 1 else None
        return connection(
            self._url,
            identifier=f"lamp-{uuid.uuid4().hex[:12]}",
            timeout=PATIENCE,
            will=aiomqtt.Will(away.topic, away.payload, qos=1, retain=away.retain) if away else None,
        )


def _gone(firmware: Firmware) -> list[Said]:
    """A gateway that ends says so of itself and of its lamp."""
    return list(dict.fromkeys([*firmware.unplugged(), *([firmware.away] if firmware.away else [])]))
