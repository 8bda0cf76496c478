"""For which request a proof was made: `htu` is compared after the normalisation that RFC 9449 §4.3 asks for."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST = 2000  # characters
ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _escape(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in UNRESERVED else found[0].upper()


def _without_dot_segments(path: str) -> str:
    """RFC 3986 §5.2.4, for a path that begins with a slash."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


@lru_cache(maxsize=64)
def normalised(uri: str) -> str:
    """RFC 3986 §6.2.2 (case, escapes, dot segments) and §6.2.3 (default port, empty path), without query and fragment.

    Raises `ValueError` for what is no http(s) URI of a host.
    """
    if len(uri) > LONGEST or not all(0x21 <= ord(character) <= 0x7E for character in uri):
        raise ValueError("no URI")
    parts = urlsplit(uri)
    host, port = parts.hostname, parts.port
    if parts.scheme not in DEFAULT_PORTS or not host or "@" in parts.netloc or "\\" in uri:
        raise ValueError("no http URI of a host")
    host = ESCAPE.sub(_escape, f"[{host}]" if ":" in host else host).lower()
    if port is not None and port != DEFAULT_PORTS[parts.scheme]:
        host = f"{host}:{port}"
    path = _without_dot_segments(ESCAPE.sub(_escape, parts.path)) if parts.path else "/"
    return f"{parts.scheme}://{host}{path}"
