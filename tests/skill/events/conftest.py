"""A skill that is set up for events, in front of an Amazon of the tests' own and a real broker."""

import asyncio
import inspect
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from sqlalchemy import update
from sqlmodel import col, select

from skill.canonical import LampState
from skill.events.amazon import Amazon
from skill.events.comparing import decoded
from skill.events.grants import PURPOSE, Grants
from skill.models import EventRow, KnownStateRow
from skill.sealing import Sealing
from skill.settings import Settings
from skill.storage.cold import Cold
from skill.storage.registry import open_registry
from tests.conftest import MigratedDatabase
from tests.running.alexa_events import CLIENT_ID as ALEXA_CLIENT
from tests.running.alexa_events import CLIENT_SECRET, AlexaEvents, Received
from tests.running.bridge import Bridge, directive, signed
from tests.running.broker import Broker
from tests.running.home import new_secret, skill_settings
from tests.running.ports import free_port
from tests.running.service import Service
from tests.skill.alexa_rules import check_answer, check_event
from tests.skill.issuer import CLIENT_ID, Issuer
from tests.skill.talking import Alexa

QUICK = {
    "skill.service:WATCH_EVERY": 0.1,
    "skill.events.watching:LAMPS_EVERY": 0.05,
    "skill.events.watching:SETTLING": 0.45,
    "skill.events.watching:FIRST_WORDS": 0.3,
    "skill.events.watching:TICK": 0.02,
    "skill.events.sending:LOOK_EVERY": 0.05,
    "skill.events.sending:RETRY_FIRST": 0.05,
    "skill.events.grants:AFTER_LINKING": 200,
    "skill.events.amazon:EXCHANGE_PATIENCE": 1.5,
}
"""Pauses that production takes longer, of the services here. `test_pauses.py` holds how the true ones stand to each
other."""
TURN = {"skill.storage.outbox:LEASE": 3000, "skill.events.sending:SPARE": 1000}
"""Milliseconds, where a process is killed that has taken what others are to send."""
REGIONS = {"NA": "us-east-1", "EU": "eu-west-1", "FE": "us-west-2"}


class User:
    """Somebody with an Alexa, whom no other test knows."""

    def __init__(self, skill: Service, issuer: Issuer, at_amazon: AlexaEvents) -> None:
        self.skill, self.issuer, self.at_amazon = skill, issuer, at_amazon
        self.sub = str(uuid.uuid4())
        self.alexa = Alexa(Bridge(skill.url, skill.settings["SKILL_BRIDGE_SECRET"]), issuer)

    @property
    def token(self) -> str:
        return self.issuer.token(sub=self.sub)

    async def grant(self, code: str, region: str | None = None) -> dict[str, Any]:
        """The answer to AcceptGrant, from a bridge in that region, or from one that does not tell it."""
        given = {"grant": {"type": "OAuth2.AuthorizationCode", "code": code}}
        message = directive("Alexa.Authorization", "AcceptGrant", self.token, payload=given)
        body = orjson.dumps(message)
        headers = signed(body, self.skill.settings["SKILL_BRIDGE_SECRET"])
        if region is not None:
            headers["x-bridge-region"] = REGIONS.get(region, region)
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.post(f"{self.skill.url}/alexa/directive", content=body, headers=headers)
        assert answer.status_code == 200
        document: dict[str, Any] = answer.json()
        check_answer(message, document)
        return document

    async def link(self, region: str = "NA") -> None:
        answer = await self.grant(self.at_amazon.new_code(region), region)
        assert answer["event"]["header"]["name"] == "AcceptGrant.Response", answer

    async def send(self, namespace: str, name: str, endpoint_id: str, **payload: Any) -> dict[str, Any]:
        return await self.alexa.send(namespace, name, endpoint_id, token=self.token, **payload)

    async def lamp(self, name: str = "Desk lamp", driver: str = "simulated", **options: Any) -> str:
        async with open_registry(self.skill.settings["SKILL_DATABASE_URL"]) as registry:
            return (await registry.add(self.sub, name, driver, options)).endpoint_id

    def told(self, lamp: str, kind: str = "ChangeReport") -> list[Received]:
        """What Alexa has taken of that kind on the lamp."""
        return [each for each in self.at_amazon.accepted(kind) if lamp in each.about]

    async def rows(self, statement: Any) -> list[Any]:
        """Of the service's database."""
        cold = Cold(self.skill.settings["SKILL_DATABASE_URL"])
        async with cold.unit(write=False) as session:
            found = list((await session.exec(statement)).all())
        await cold.close()
        return found

    async def waiting(self) -> list[EventRow]:
        """What is still to be sent for the user."""
        return await self.rows(select(EventRow).where(EventRow.owner == self.sub).order_by(col(EventRow.id)))

    async def has_tried(self) -> bool:
        """And was not answered."""
        return any(row.last_error for row in await self.waiting())

    async def hold_up(self) -> None:
        """Nothing more of the user is sent until `go_on`: the gateway wants an hour's rest, and nothing overtakes."""
        self.at_amazon.gateway_fault = lambda: (503, {}, {"Retry-After": "3600"})
        await self.lamp("Held up")
        await until(self.has_tried)

    async def go_on(self) -> None:
        cold = Cold(self.skill.settings["SKILL_DATABASE_URL"])
        async with cold.unit() as session:
            await session.exec(update(EventRow).where(col(EventRow.owner) == self.sub).values(due_at=0))
        await cold.close()

    async def nothing_waits(self) -> None:
        async def nothing() -> bool:
            return not await self.waiting()

        await until(nothing)

    async def known(self, lamp: str) -> LampState | None:
        """How Alexa believes the lamp to stand."""
        found = await self.rows(select(KnownStateRow.state).where(KnownStateRow.endpoint_id == lamp))
        return decoded(found[0]) if found else None

    async def unplug(self, lamp: str, online: bool = False) -> None:
        """A simulated lamp; nobody hears of it until the service starts."""
        async with open_registry(self.skill.settings["SKILL_DATABASE_URL"]) as registry:
            await registry.plug(lamp, online)


async def until(what: Callable[[], Any], within: float = 20.0) -> Any:
    """What it gives, or gives when it is awaited, once that is something."""
    deadline = time.monotonic() + within
    while not (found := await _given(what())):
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.02)
    return found


async def _given(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def settings_of(database_url: str, port: int, issuer: Issuer, events: AlexaEvents, **others: str) -> dict[str, str]:
    return skill_settings(
        database_url,
        port,
        issuer.url,
        CLIENT_ID,
        SKILL_SECRET_KEY=new_secret(),
        SKILL_ALEXA_CLIENT_ID=ALEXA_CLIENT,
        SKILL_ALEXA_CLIENT_SECRET=CLIENT_SECRET,
        SKILL_AMAZON_URL=events.url,
        **others,
    )


@pytest.fixture(scope="module")
def amazon_for_module() -> Iterator[AlexaEvents]:
    events = AlexaEvents(checks=[check_event])
    yield events
    events.stop()
    events.check()


@pytest.fixture
def at_amazon(amazon_for_module: AlexaEvents) -> Iterator[AlexaEvents]:
    """Good again after each test, and strict in all of them."""
    yield amazon_for_module
    amazon_for_module.login_fault = amazon_for_module.gateway_fault = None
    amazon_for_module.silent.clear()
    amazon_for_module.delay, amazon_for_module.rotates, amazon_for_module.may_repeat = 0.0, False, False
    amazon_for_module.check()


@pytest.fixture(scope="module")
def pauses() -> dict[str, float]:
    return QUICK


@pytest.fixture(scope="module")
def skill(
    database_kind: str,
    migrated_database: MigratedDatabase,
    module_folder: Path,
    issuer: Issuer,
    amazon_for_module: AlexaEvents,
    mosquitto: Broker,
    pauses: dict[str, float],
) -> Iterator[Service]:
    port = free_port()
    url = migrated_database("skill", database_kind)
    settings = settings_of(url, port, issuer, amazon_for_module, SKILL_MQTT_URL=mosquitto.url)
    service = Service("skill", settings, module_folder, port, pauses)
    service.must_not_log(CLIENT_SECRET, settings["SKILL_SECRET_KEY"])
    with service:
        yield service
        service.must_not_log(*amazon_for_module.secrets)


@pytest.fixture
def settings(at_amazon: AlexaEvents) -> Settings:
    given: dict[str, Any] = {"alexa_client_secret": CLIENT_SECRET, "secret_key": new_secret()}
    return Settings(
        development=True,
        database_url="sqlite:///nowhere.db",  # type: ignore[arg-type]
        issuer="http://localhost:8000",
        client_ids=("alexa",),
        alexa_client_id=ALEXA_CLIENT,
        amazon_url=at_amazon.url,
        **given,
    )


@pytest.fixture
async def amazon(settings: Settings) -> AsyncIterator[Amazon]:
    amazon = Amazon(settings)
    yield amazon
    await amazon.close()


def grants_in(cold: Cold, settings: Settings, amazon: Amazon) -> Grants:
    return Grants(cold, Sealing(settings.secret_keys, PURPOSE), amazon, time.time)


@pytest.fixture
def user(skill: Service, issuer: Issuer, at_amazon: AlexaEvents) -> User:
    return User(skill, issuer, at_amazon)


@pytest.fixture
def another_user(skill: Service, issuer: Issuer, at_amazon: AlexaEvents) -> User:
    return User(skill, issuer, at_amazon)


@pytest.fixture
async def linked(user: User) -> User:
    await user.link()
    return user
