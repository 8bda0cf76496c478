"""Lamps in skill's database, and people's access tokens for them."""

import time
import uuid
from dataclasses import dataclass
from typing import Any

from authserver.oauth import keys, tokens
from authserver.oauth.clients import Clients
from authserver.oauth.tokens import Subject
from authserver.secret_values import SecretKey, SecretKeys
from authserver.settings import Settings, read_settings
from authserver.storage.database import Database, DatabaseUrl
from bench.seed import bulk
from bench.seed.authserver import KEPT
from skill.models import LampRow, SimulatedLampRow


@dataclass(frozen=True)
class Owner:
    """A person with one simulated lamp."""

    sub: str
    endpoint_id: str


def owners(count: int) -> list[Owner]:
    return [Owner(str(uuid.uuid4()), f"lamp-{uuid.uuid4().hex}") for _ in range(count)]


async def seed(url: str, people: list[Owner]) -> None:
    now = int(time.time())
    lamps, states = [], []
    for owner in people:
        lamp = LampRow(
            endpoint_id=owner.endpoint_id,
            owner=owner.sub,
            name="Desk lamp",
            driver="simulated",
            options={},
            created_at=now,
        )
        lamps.append(bulk.row(LampRow, **lamp.model_dump()))
        states.append(bulk.row(SimulatedLampRow, **SimulatedLampRow(endpoint_id=owner.endpoint_id).model_dump()))
    await bulk.write(url, [(LampRow, lamps), (SimulatedLampRow, states)])


class Mint:
    """Makes access tokens with the running authserver's own key, as its token endpoint would."""

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

    def token(self, owner: Owner) -> str:
        assert self._ring is not None, "opened"
        now = int(time.time())
        subject = Subject(
            sub=owner.sub,
            username=owner.sub,
            email=f"{owner.sub}@example.org",
            email_verified=True,
            attributes={},
            origin_jti=str(uuid.uuid4()),
            auth_time=now,
            amr=["pwd"],
            acr=None,
            issued_at=now,
        )
        return tokens.access_token(self._ring, self.settings.issuer, self._client, subject, "openid")
