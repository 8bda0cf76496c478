"""What every settings class rests on, and all that `migrate` needs."""

import ipaddress
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

PREFIX = "AUTHSERVER_"


class SettingsError(Exception):
    """A setting that cannot be served with; the text says which one and what to do."""


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine: `localhost` or a loopback address."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_address(host: str) -> bool:
    """An IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def words_of(text: str) -> frozenset[str]:
    """The words of a comma separated list."""
    return frozenset(filter(None, map(str.strip, text.split(","))))


class DatabaseSettings(BaseModel):
    """All that `migrate` needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: SecretStr = Field(
        SecretStr("sqlite:///var/authserver.db"),
        description="Where accounts, clients, grants and keys are kept: `sqlite:///PATH` or `postgresql://…`.",
    )
    database_wait: int = Field(
        60,
        ge=0,
        description="Seconds that `migrate` waits for a database that does not answer. `serve` waits for ever, and is "
        "not ready meanwhile.",
    )
