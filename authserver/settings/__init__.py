"""What an operator may set, and what stops the start. Every setting is `AUTHSERVER_<NAME>` in the environment.

Each class adds its own to those of the one before: a command reads what it needs and no more.
"""

from authserver.settings.database import PREFIX, DatabaseSettings, SettingsError, is_loopback, words_of
from authserver.settings.people import PeopleSettings
from authserver.settings.reading import SECRET_FIELDS, SettingsKind, read_settings
from authserver.settings.server import Settings

__all__ = [
    "PREFIX",
    "SECRET_FIELDS",
    "DatabaseSettings",
    "PeopleSettings",
    "Settings",
    "SettingsError",
    "SettingsKind",
    "is_loopback",
    "read_settings",
    "words_of",
]
