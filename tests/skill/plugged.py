"""Lamps on a real broker, for tests to plug in: clients of their own, which speak as firmwares do."""

import asyncio
import contextlib
import json
import socket
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import aiomqtt
import pytest

from skill.canonical import Lamp
from skill.errors import BridgeUnreachable, EndpointUnreachable
from tests.running.broker import Broker
from tests.running.tasks import end
from tests.skill.firmware import FIRMWARES, Firmware

Behave = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any] | None]

WITHOUT_DELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]  # a lamp is no Nagle


def obey(state: dict[str, Any], command: dict[str, Any]) -> dict[str, Any]:
    return state | command


class Bulb:
    """Speaks the JSON light schema; its last will says that it is offline."""

    def __init__(self, broker: Broker, behave: Behave = obey) -> None:
        self.broker, self.behave = broker, behave
        self.base = f"home/{uuid.uuid4().hex}"
        self.state: dict[str, Any] = {"state": "OFF", "brightness": 255, "color_mode": "brightness"}
        self.commands: list[dict[str, Any]] = []
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    def lamp(self, **options: str) -> Lamp:
        topics = {"command_topic": "set", "state_topic": "state", "availability_topic": "status"}
        wired = {name: f"{self.base}/{topic}" for name, topic in topics.items()} | options
        return Lamp(f"lamp-{uuid.uuid4().hex}", "u1", "Bulb", "mqtt", {k: v for k, v in wired.items() if v})

    async def __aenter__(self) -> "Bulb":
        self._ready.clear()
        self._task = asyncio.create_task(self._run())
        await asyncio.wait_for(self._ready.wait(), 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        with contextlib.suppress(aiomqtt.MqttError):  # its broker was stopped
            await end(self._task)

    async def _run(self) -> None:
        status = f"{self.base}/status"
        will = aiomqtt.Will(status, "offline", qos=1, retain=True)
        async with aiomqtt.Client(
            self.broker.host, self.broker.port, will=will, socket_options=WITHOUT_DELAY
        ) as client:
            await client.subscribe(f"{self.base}/set", qos=1)
            await client.publish(f"{self.base}/state", json.dumps(self.state), qos=1, retain=True)
            await client.publish(status, "online", qos=1, retain=True)
            self._ready.set()
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                command = json.loads(message.payload)
                self.commands.append(command)
                answer = self.behave(self.state, command)
                if answer is not None:
                    self.state = answer
                    await client.publish(f"{self.base}/state", json.dumps(answer), qos=1, retain=True)

    async def say(self, topic: str, payload: str) -> None:
        async with aiomqtt.Client(self.broker.host, self.broker.port) as client:
            await client.publish(f"{self.base}/{topic}", payload, qos=1, retain=True)


class Plugged:
    """A lamp of any firmware, on the broker until it is unplugged; `slow` seconds until it obeys. A `steady` one comes
    back to a broker that was away, as firmwares do."""

    def __init__(self, broker: Broker, firmware: Firmware, slow: float = 0.0, steady: bool = False) -> None:
        self.broker, self.firmware, self.slow, self.steady = broker, firmware, slow, steady
        self.endpoint_id = f"lamp-{uuid.uuid4().hex}"
        self.commands: list[tuple[str, str]] = []
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    @property
    def lamp(self) -> Lamp:
        """The same each time."""
        return Lamp(self.endpoint_id, "u1", "Bulb", "mqtt", self.firmware.options)

    async def __aenter__(self) -> "Plugged":
        self._ready.clear()
        self._task = asyncio.create_task(self._run())
        await asyncio.wait_for(self._ready.wait(), 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        with contextlib.suppress(aiomqtt.MqttError):  # its broker was stopped
            await end(self._task)

    async def _run(self) -> None:
        while True:
            try:
                await self._connected()
            except aiomqtt.MqttError:
                if not self.steady:
                    raise
                await asyncio.sleep(0.2)

    async def _connected(self) -> None:
        away = self.firmware.away
        will = aiomqtt.Will(away.topic, away.payload, qos=1, retain=True) if away else None
        async with aiomqtt.Client(
            self.broker.host, self.broker.port, will=will, socket_options=WITHOUT_DELAY
        ) as client:
            await client.subscribe([(topic, 1) for topic in self.firmware.listens_to])
            for said in self.firmware.birth():
                await client.publish(said.topic, said.payload, qos=1, retain=said.retain)
            self._ready.set()
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                assert not message.retain, "a command that the broker keeps switches the lamp again at its next start"
                payload = message.payload.decode()
                self.commands.append((message.topic.value, payload))
                for said in self.firmware.obey(message.topic.value, payload):
                    await asyncio.sleep(self.slow)
                    await client.publish(said.topic, said.payload, qos=1, retain=said.retain)

    async def say(self, topic: str, payload: str) -> None:
        async with aiomqtt.Client(self.broker.host, self.broker.port) as client:
            await client.publish(topic, payload, qos=1, retain=True)

    @property
    def percent(self) -> int:
        """How bright it really shines; 0 is off."""
        light = self.firmware.light
        return light.percent if light.on else 0


async def until_away(command: Callable[[], Awaitable[object]]) -> None:
    """The lamp is silent until the end of the connection was noticed."""
    async with asyncio.timeout(20):
        while True:
            try:
                await command()
            except BridgeUnreachable:
                return
            except EndpointUnreachable:
                await asyncio.sleep(0.02)


every_firmware = pytest.mark.parametrize("firmware", FIRMWARES.values(), ids=FIRMWARES)
