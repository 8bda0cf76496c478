"""The log of requests and answers that the page shows, with whatever would open a door shortened before it is kept."""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import orjson
from markupsafe import Markup, escape

ENTRIES = 30
"""Entries kept of each lane."""

_LONG = {"token", "access_token", "refresh_token", "id_token", "code", "state", "code_verifier", "correlationToken"}
_HIDDEN = {"client_secret", "Authorization", "password"}
_JWT = re.compile(r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*")
_JSON = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*")(?P<key>\s*:)?|(?P<bare>\b(?:true|false|null)\b|-?\b\d+(?:\.\d+)?\b)')

Lane = Literal["directives", "linking"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One exchange. `at` Unix seconds; `milliseconds` None where the browser, not the server, made the request."""

    number: int
    lane: Lane
    title: str
    outcome: str
    well: bool
    at: float
    milliseconds: float | None
    sent: Markup
    received: Markup


@dataclass(slots=True)
class Journal:
    """Newest first, bounded."""

    directives: deque[Entry] = field(default_factory=lambda: deque(maxlen=ENTRIES))
    linking: deque[Entry] = field(default_factory=lambda: deque(maxlen=ENTRIES))
    count: int = 0

    def note(
        self,
        lane: Lane,
        title: str,
        outcome: str,
        *,
        well: bool,
        at: float,
        sent: str,
        received: str,
        milliseconds: float | None = None,
    ) -> None:
        """`sent` and `received` are texts of `pretty` or `as_lines`: already shortened."""
        self.count += 1
        entry = Entry(
            self.count, lane, title, outcome, well, at, milliseconds, coloured(sent), coloured(received)
        )  # fmt: skip
        (self.directives if lane == "directives" else self.linking).appendleft(entry)


def shortened(name: str, value: object) -> object:
    """A value as it may be shown under its name: enough to recognise a token again, too little to use it."""
    if isinstance(value, Mapping):
        return {str(key): shortened(str(key), inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [shortened(name, inner) for inner in value]
    if not isinstance(value, str):
        return value
    if name in _HIDDEN:
        scheme, _, rest = value.rpartition(" ")
        return f"{scheme} ••••••••".strip() if rest else ""
    if name in _LONG:
        return _cut(value)
    return _JWT.sub(lambda match: _cut(match[0]), value)


def pretty(message: object) -> str:
    """A JSON message, indented and shortened."""
    return orjson.dumps(shortened("", message), option=orjson.OPT_INDENT_2, default=str).decode()


def as_lines(fields: Mapping[str, str], between: str = "=") -> str:
    """Form fields or headers, one a line, shortened."""
    return "\n".join(f"{name}{between}{shortened(name, value)}" for name, value in fields.items())


def coloured(text: str) -> Markup:
    """The text escaped; in what is JSON of it, names, strings and numbers are marked for the style sheet."""
    parts: list[str | Markup] = []
    last = 0
    begin = 0 if text.startswith("{") else text.find("\n{")
    for match in _JSON.finditer(text, begin) if begin >= 0 else ():
        parts.append(escape(text[last : match.start()]))
        kind = "k" if match["key"] else "s" if match["text"] else "n"
        parts.append(
            Markup('<span class="{}">{}</span>{}').format(kind, match["text"] or match["bare"], match["key"] or "")
        )
        last = match.end()
    parts.append(escape(text[last:]))
    return Markup("").join(parts)


def _cut(value: str) -> str:
    if len(value) <= 8:
        return "•" * len(value)
    return f"{value[:8]}… ({len(value)} characters)"
