"""The cookies of the companion. On https they are `__Host-` and Secure; on http loopback they have plain names."""

import time
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from skill.sealing import CannotOpen, Sealing

SESSION, FLOW, NOTE = "lampgate_companion", "lampgate_companion_flow", "lampgate_companion_note"
LANGUAGE = "lampgate_companion_language"
FLOW_SECONDS = 1800
"""A sign-in may pass by a mail that has to be read."""
NOTE_SECONDS = 600


class Cookies:
    """`set` and `forget` write, `value` reads. `sealed` ones hold small JSON that only this service reads; they carry
    their own end, since a browser need not obey Max-Age."""

    def __init__(self, public_url: str, keys: Sequence[bytes]) -> None:
        self._secure = public_url.startswith("https:")
        self._sealing = Sealing(keys, "companion cookie")

    def name(self, name: str) -> str:
        return f"__Host-{name}" if self._secure else name

    def value(self, request: Request, name: str) -> str | None:
        return request.cookies.get(self.name(name))

    def set(self, answer: Response, name: str, value: str, seconds: int | None) -> None:
        """`seconds` None: until the browser is closed."""
        answer.set_cookie(
            self.name(name), value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=self._secure
        )

    def forget(self, answer: Response, name: str) -> None:
        answer.delete_cookie(self.name(name), path="/", httponly=True, samesite="lax", secure=self._secure)

    def seal(self, answer: Response, name: str, content: dict[str, Any], seconds: int, belongs_to: str = "") -> None:
        """`belongs_to` names the session: what was said to one person is not read by the next one at this browser."""
        body = orjson.dumps(content | {"until": int(time.time()) + seconds})
        self.set(answer, name, self._sealing.seal(body, f"{name} {belongs_to}").hex(), seconds)

    def open(self, request: Request, name: str, belongs_to: str = "") -> dict[str, Any] | None:
        try:
            sealed = bytes.fromhex(self.value(request, name) or "")
            content: dict[str, Any] = orjson.loads(self._sealing.open(sealed, f"{name} {belongs_to}"))
        except (CannotOpen, ValueError):
            return None
        return content if content.pop("until") > time.time() else None
