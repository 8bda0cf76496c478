"""Directives as Alexa sends them: the token at its documented place, a fresh `messageId`, a long `correlationToken`."""

import base64
import secrets
import uuid
from typing import Any

from skill.simulator.browsers import Device

Message = dict[str, Any]

CORRELATION_BYTES = 470
"""As base64 628 characters with `+`, `/` and `=`, like those that Alexa sends."""


def discover(token: str) -> Message:
    """`Alexa.Discovery` / `Discover`: the token is in the payload's scope; there is no `correlationToken`."""
    return {
        "directive": {
            "header": _header("Alexa.Discovery", "Discover"),
            "payload": {"scope": {"type": "BearerToken", "token": token}},
        }
    }


def to_endpoint(token: str, device: Device, namespace: str, name: str, payload: Message) -> Message:
    """A directive to one endpoint: the token is in the endpoint's scope."""
    correlation = base64.b64encode(secrets.token_bytes(CORRELATION_BYTES)).decode()
    return {
        "directive": {
            "header": _header(namespace, name) | {"correlationToken": correlation},
            "endpoint": {
                "scope": {"type": "BearerToken", "token": token},
                "endpointId": device.endpoint_id,
                "cookie": device.cookie,
            },
            "payload": payload,
        }
    }


def _header(namespace: str, name: str) -> Message:
    return {"namespace": namespace, "name": name, "payloadVersion": "3", "messageId": str(uuid.uuid4())}
