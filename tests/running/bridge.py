"""The bridge between Alexa and skill: signed calls of `POST /alexa/directive`."""

import hashlib
import hmac
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from typing import Any

import httpx2
import orjson

SENT: defaultdict[bytes, set[int]] = defaultdict(set)
"""The seconds for which a body was signed: the same words signed for the same second would be a replay."""


CHECKS: list[Callable[[Any, dict[str, Any]], None]] = []
"""Called with each directive and its answer; a test run fills it once, for all tests."""


def directive(
    namespace: str,
    name: str,
    token: str,
    endpoint_id: str | None = None,
    payload: dict[str, Any] | None = None,
    correlation_token: str | None = None,
) -> dict[str, Any]:
    """A directive with the token in the place that its kind documents."""
    header = {"namespace": namespace, "name": name, "payloadVersion": "3", "messageId": str(uuid.uuid4())}
    scope = {"type": "BearerToken", "token": token}
    message: dict[str, Any] = {"header": header, "payload": dict(payload or {})}
    if namespace == "Alexa.Discovery":
        message["payload"]["scope"] = scope
    elif namespace == "Alexa.Authorization":
        message["payload"]["grantee"] = scope
    else:
        header["correlationToken"] = correlation_token or "dFDb+c/" + "A" * 600 + "=="
        message["endpoint"] = {"scope": scope, "endpointId": endpoint_id, "cookie": {}}
    return {"directive": message}


def signed(body: bytes, secret: str, timestamp: int | None = None) -> dict[str, str]:
    """The headers with which the bridge proves itself: hex HMAC-SHA256 of `timestamp "." body`."""
    at = str(int(time.time()) if timestamp is None else timestamp)
    signature = hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"x-bridge-timestamp": at, "x-bridge-signature": signature, "content-type": "application/json"}


class Bridge:
    """Forwards directives to skill at `url`. Every answer with status 200 is held against its directive by `CHECKS`."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self.secret = secret

    async def forward(self, message: dict[str, Any]) -> httpx2.Response:
        body = orjson.dumps(message)
        at = next(second for second in count(int(time.time()), -1) if second not in SENT[body])
        SENT[body].add(at)
        async with httpx2.AsyncClient(trust_env=False, timeout=30, verify=False) as client:
            headers = signed(body, self.secret, at)
            answer = await client.post(f"{self.url}/alexa/directive", content=body, headers=headers)
        if answer.status_code == 200:
            for check in CHECKS:
                check(message, answer.json())
        return answer

    async def send(self, namespace: str, name: str, token: str, endpoint_id: str | None = None, **payload: Any) -> Any:
        """Alexa's view: the answer's body, after the 200 that every authenticated call gets."""
        answer = await self.forward(directive(namespace, name, token, endpoint_id, payload))
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        return answer.json()
