"""What the rules about people need of the running server."""

from collections.abc import Callable
from typing import Protocol

from authserver.accounts.passwords import Passwords
from authserver.secret_values import SecretKeys
from authserver.settings import Settings
from authserver.storage.database import Database
from authserver.storage.hot import HotStore


class Surroundings(Protocol):
    """`services.Services` is one; tests build their own."""

    @property
    def settings(self) -> Settings: ...
    @property
    def secret_keys(self) -> SecretKeys: ...
    @property
    def clock(self) -> Callable[[], int]: ...
    @property
    def database(self) -> Database: ...
    @property
    def hot(self) -> HotStore: ...
    @property
    def passwords(self) -> Passwords: ...
