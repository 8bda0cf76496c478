"""The kinds of values that settings have, as they stand in the environment."""

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, SecretStr
from pydantic_settings import NoDecode


def _words(value: object) -> object:
    return tuple(word for part in value.split(",") if (word := part.strip())) if isinstance(value, str) else value


def _url(value: object) -> object:
    """An absolute http(s) URL without query, fragment or user; kept as text, since `iss` is compared as text."""
    if not isinstance(value, str):
        return value
    parts = _split(value)
    good = parts is not None and parts.scheme in ("http", "https") and parts.hostname
    if parts is None or not good or parts.query or parts.fragment or parts.username:
        raise ValueError("must be an absolute http or https URL without query, fragment or user")
    return value


def _broker_url(value: object) -> object:
    """Empty is not set."""
    if not isinstance(value, str) or not value:
        return value or None
    parts = _split(value)
    if parts is None or parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ValueError("must begin with mqtt:// or mqtts://, and a host: mqtt://[USER:PASSWORD@]HOST[:PORT]")
    return value


def _split(url: str) -> SplitResult | None:
    """None where its host or port cannot be one."""
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def _secret_words(value: object) -> object:
    words = _words(value.get_secret_value() if isinstance(value, SecretStr) else value)
    return tuple(SecretStr(word) if isinstance(word, str) else word for word in words) if words else ()  # type: ignore[attr-defined]


def _duration(value: object) -> object:
    """A plain number is seconds; else ISO 8601 (`PT5M`)."""
    return float(value) if isinstance(value, str) and value.replace(".", "", 1).isdigit() else value


def is_origin(url: str) -> bool:
    """Whether it is the origin of its pages as browsers write it (RFC 6454 §6.2), with nothing after it but a slash."""
    parts = urlsplit(url)
    return parts.path in ("", "/") and parts.port != {"http": 80, "https": 443}.get(parts.scheme)


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Optional = Annotated[str | None, BeforeValidator(lambda value: value or None)]
"""Empty is not set: compose passes on what nobody has said as empty text."""
SecretWords = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_secret_words)]
Url = Annotated[str, BeforeValidator(_url)]
BrokerUrl = Annotated[SecretStr | None, BeforeValidator(_broker_url)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]
