"""What a running server holds, built once in `app`; handlers find it as `request.app.state.services`."""

from collections.abc import Callable
from dataclasses import dataclass, field

from authserver.accounts.passwords import Passwords
from authserver.accounts.places import Places
from authserver.oauth.clients import Clients
from authserver.oauth.dynamic.turnstile import Turnstile
from authserver.oauth.keys import KeyRing
from authserver.oauth.server import OAuthServer
from authserver.secret_values import SecretKeys
from authserver.settings import Settings
from authserver.storage.database import Database
from authserver.storage.hot import HotStore


@dataclass
class Services:
    """Built by `app.prepare`."""

    settings: Settings
    secret_keys: SecretKeys = field(repr=False)
    clock: Callable[[], int]  # Unix seconds
    database: Database
    hot: HotStore
    clients: Clients
    passwords: Passwords
    oauth: OAuthServer
    places: Places
    registration_until: int = 0  # Unix seconds until which clients may register themselves; read anew at each change
    turnstile: Turnstile = field(default_factory=Turnstile)

    def registration_is_open(self) -> bool:
        return self.registration_until > self.clock()

    @property
    def keys(self) -> KeyRing:
        """Replaced as a whole when the ring changes."""
        return self.oauth.keys
