"""The way to the broker, as `SKILL_MQTT_URL` names it."""

import socket
import ssl
import uuid
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomqtt
from pydantic import SecretStr

KEEP_ALIVE = 15  # seconds
WITHOUT_DELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
"""A command follows an acknowledgement, and would wait 40 ms for that to be acknowledged itself."""


def connection(url: SecretStr, **options: Any) -> aiomqtt.Client:
    """`mqtt://` or `mqtts://`, the latter by the certificates that this machine trusts; a clean start under a name of
    its own. `options` of the client come above what is set here."""
    parts = urlsplit(url.get_secret_value())
    secure = parts.scheme == "mqtts"
    usual: dict[str, Any] = {
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "identifier": f"skill-{uuid.uuid4().hex[:12]}",
        "clean_session": True,
        "keepalive": KEEP_ALIVE,
        "timeout": 5,
        "socket_options": WITHOUT_DELAY,
        "tls_context": ssl.create_default_context() if secure else None,
    }
    return aiomqtt.Client(parts.hostname or "localhost", parts.port or (8883 if secure else 1883), **(usual | options))
