"""People's access tokens, made with a running authserver's own key, as its token endpoint makes them."""

import time
import uuid
from typing import Any

from authserver.oauth import keys, tokens
from authserver.oauth.clients import Clients
from authserver.oauth.tokens import Subject
from authserver.secret_values import SecretKey, SecretKeys
from authserver.settings import Settings, read_settings
from authserver.storage.database import Database, DatabaseUrl
from bench.seed.authserver import KEPT


class Mint:
    """Of the authserver with these settings; `open` loads its key."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.settings: Settings = read_settings(Settings, environment)
        self._ring: keys.KeyRing | None = None
        self._client: Any = None

    async def open(self) -> None:
        database = Database(DatabaseUrl.parse(self.settings.database_url.get_secret_value()))
        secret_keys = SecretKeys(SecretKey.of(self.settings.secret_key.get_secret_value()))
        async with database.unit() as session:
            self._ring = await keys.load(session, secret_keys, int(time.time()))
        self._client = await Clients(database, self.settings).get(KEPT.client_id)
        await database.close()

    def token(self, sub: str, origin_jti: str | None = None) -> str:
        assert self._ring is not None, "opened"
        now = int(time.time())
        subject = Subject(
            sub=sub,
            username=sub,
            email=f"{sub}@example.org",
            email_verified=True,
            attributes={},
            origin_jti=origin_jti or str(uuid.uuid4()),
            auth_time=now,
            amr=["pwd"],
            acr=None,
            issued_at=now,
        )
        return tokens.access_token(self._ring, self.settings.issuer, self._client, subject, "openid")
