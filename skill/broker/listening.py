"""What the broker has kept of lamps that announced themselves."""

import asyncio
import contextlib
from collections.abc import Callable

from pydantic import SecretStr

from skill.broker.announcements import subscriptions
from skill.drivers.connection import connection

MOST = 10_000
"""Messages that are taken."""


async def announcements(url: SecretStr, prefix: str, wait: float, heard: Callable[[int], None]) -> dict[str, bytes]:
    """The last message of each topic, from `wait` seconds of listening; `heard` is told how many there are. Raises
    aiomqtt.MqttError."""
    found: dict[str, bytes] = {}
    async with connection(url) as client:
        await client.subscribe([(topic, 1) for topic in subscriptions(prefix)])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                async for message in client.messages:
                    if isinstance(message.payload, bytes) and (len(found) < MOST or message.topic.value in found):
                        found[message.topic.value] = message.payload
                        heard(len(found))
    return found
