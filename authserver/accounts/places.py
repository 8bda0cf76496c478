"""Where in the world a network address is, read from a file on this machine: no address is told to anybody.

Any MMDB file with the fields of GeoLite2 City will do (DB-IP City, or a Country file, which knows no towns). It is a
guess for a person who looks for a device that is not theirs: nothing else may rest on it.
"""

import ipaddress
from dataclasses import dataclass
from typing import Any

import maxminddb


class PlacesError(Exception):
    """The file cannot be read; the text says why."""


@dataclass(frozen=True)
class Place:
    """Names in the language that was asked for, else in English; '' where the file tells none."""

    city: str
    country: str

    def __bool__(self) -> bool:
        return bool(self.city or self.country)


NOWHERE = Place("", "")


class Places:
    """Mapped into memory once, at the start. Raises `PlacesError`."""

    def __init__(self, path: str) -> None:
        """`path`: '' for none; every address is then nowhere."""
        try:
            self._reader = maxminddb.open_database(path) if path else None
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            raise PlacesError(f"{path} is no MMDB file that can be read: {type(error).__name__}") from error

    def of(self, address: str, language: str = "en") -> Place:
        if self._reader is None:
            return NOWHERE
        try:
            found = self._reader.get(ipaddress.ip_address(address))
        except (ValueError, maxminddb.InvalidDatabaseError):  # no address, or one of IPv6 in a file for IPv4
            return NOWHERE
        return Place(_name(found, "city", language), _name(found, "country", language))


def _name(record: Any, what: str, language: str) -> str:
    for step in (what, "names"):
        record = record.get(step) if isinstance(record, dict) else None
    names = record if isinstance(record, dict) else {}
    name = names.get(language) or names.get(language.partition("-")[0]) or names.get("en") or ""
    return name if isinstance(name, str) else ""
