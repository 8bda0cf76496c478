"""People of authserver in this process: one server for each kind of database, shared by the tests of a worker. Every
test has addresses, accounts and a network of its own."""

import itertools
import re
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import attempts, entry, sign_in, sign_up, verification
from authserver.accounts.entry import Browser, Proof
from authserver.accounts.mail import letters
from authserver.accounts.passwords import Passwords
from authserver.accounts.sign_in import Refusal, SignedIn, Unconfirmed
from authserver.accounts.verification import CodeRefusal, Proven, Purpose
from authserver.models import Mail, Session, SignUp, User
from authserver.oauth import interactions
from authserver.services import Services
from tests.authserver.protocol.harness import Clock, Server, settings_for
from tests.conftest import NewDatabase
from tests.running import hashing

PASSWORD = "lanterns over quiet water"
OTHER = "not the password at all"
_networks = itertools.count(1)


def new_address() -> str:
    return f"person-{secrets.token_hex(6)}@example.org"


@dataclass(frozen=True)
class ReadMail:
    """A mail in the outbox, with what it says; empty once it was sent."""

    mail_id: str
    kind: str
    action: str | None
    sent_at: int | None
    subject: str
    text: str
    html: str


def read(services: Services, mail: Mail) -> ReadMail:
    letter = letters.written(services.settings, mail) if mail.details else letters.Letter("", "", "")
    return ReadMail(mail.mail_id, mail.kind, mail.action, mail.sent_at, letter.subject, letter.text, letter.html)


@dataclass
class People:
    """Signing up and in as the pages do it, from one network address."""

    server: Server
    network: str = field(default_factory=lambda: f"10.{next(_networks) // 250}.{next(_networks) % 250}.7")

    @property
    def services(self) -> Services:
        return self.server.services

    @property
    def clock(self) -> Clock:
        return self.server.clock

    async def add(self, password: str = PASSWORD, **fields: object) -> User:
        return await self.server.add_person(password_hash=await self.services.passwords.hash(password), **fields)

    async def sign_in(self, email: str, password: str = PASSWORD) -> SignedIn | Unconfirmed | Refusal:
        return await sign_in.sign_in(self.services, email, password, self.network)

    async def enter(self, proof: Proof, cookies: dict[str, str] | None = None) -> tuple[Session, str] | None:
        """As the pages do it, in an interaction of its own; None when something is still missing."""
        async with self.services.database.unit() as session:
            return await enter(self, session, proof, cookies)

    async def use_up_network(self) -> None:
        """The next attempt from here is over the network's limit."""
        services = self.services
        for _ in range(services.settings.address_attempts):
            assert not await attempts.count_address(
                services.hot, services.settings, services.secret_keys, self.network, self.clock()
            )

    async def begin(self, email: str, password: str = PASSWORD, username: str = "") -> SignUp:
        begun = await sign_up.begin(self.services, email, password, self.network, username=username)
        assert isinstance(begun, SignUp), begun
        return begun

    async def guess(self, begun: SignUp, code: str) -> Proven | CodeRefusal:
        return await verification.check(
            self.services, Purpose.SIGN_UP, begun.sign_up_id, begun.email_canonical, code, self.network
        )

    async def complete(self, begun: SignUp, code: str) -> User | None:
        proven = await self.guess(begun, code)
        assert isinstance(proven, Proven), proven
        async with self.services.database.unit() as session:
            return await sign_up.complete(session, begun, proven, self.clock())

    async def mails(self, recipient: str) -> list["ReadMail"]:
        """Newest last, as they arrive."""
        async with self.services.database.unit() as session:
            found = await session.exec(
                select(Mail).where(Mail.recipient == recipient).order_by(col(Mail.created_at), col(Mail.mail_id))
            )
            return [read(self.services, mail) for mail in found.all()]

    async def code(self, recipient: str) -> str:
        """The code in the only or last mail of this second or later ones."""
        return code_in((await self.mails(recipient))[-1].text)

    async def link(self, recipient: str) -> str:
        """The URL of the link in that mail."""
        return link_in((await self.mails(recipient))[-1].text)


async def enter(
    people: People, session: AsyncSession, proof: Proof, cookies: dict[str, str] | None = None
) -> tuple[Session, str] | None:
    services = people.services
    interaction, _cookie = await interactions.create(
        services.settings, session, people.clock(), client_id=None, request={}
    )
    return await entry.enter(services, session, interaction, proof, Browser(cookies or {}, "test", people.network))


def code_in(text: str) -> str:
    found = re.search(r"^\s+(\d{6})$", text, re.MULTILINE)
    assert found, text
    return found.group(1)


def link_in(text: str) -> str:
    found = re.search(r"^\s+(https?://\S+/confirmUser\?link=\S+)$", text, re.MULTILINE)
    assert found, text
    return found.group(1)


@contextmanager
def all_places_taken(services: Services) -> Iterator[None]:
    """As many passwords wait to be hashed as the server bears."""
    usual, services.passwords = services.passwords, Passwords(queue=1, threads=1)
    try:
        with services.passwords.place(), services.passwords.place():
            yield
    finally:
        services.passwords.close()
        services.passwords = usual


@contextmanager
def hashes_wait(services: Services) -> Iterator[Callable[[], bool]]:
    """Nothing is hashed meanwhile; tells whether somebody waits for it."""
    executor = services.passwords._executor
    released = threading.Event()
    begun = [threading.Event() for _ in range(executor._max_workers)]

    def hold(has_begun: threading.Event) -> None:
        has_begun.set()
        released.wait(60)

    for one in begun:
        executor.submit(hold, one)
    assert all(one.wait(20) for one in begun)
    try:
        yield lambda: executor._work_queue.qsize() > 0
    finally:
        released.set()


def wrong(code: str, by: int = 1) -> str:
    return f"{(int(code) + by) % 1_000_000:06d}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def people_servers() -> AsyncIterator[dict[tuple[Any, ...], Server]]:
    running: dict[tuple[Any, ...], Server] = {}
    yield running
    for server in running.values():
        await server.__aexit__()


@pytest.fixture
def given_settings() -> dict[str, Any]:
    """What a module's server has that is not the default; overridden there."""
    return {}


@pytest_asyncio.fixture(loop_scope="session")
async def server(
    people_servers: dict[tuple[Any, ...], Server],
    database_kind: str,
    new_database: NewDatabase,
    given_settings: dict[str, Any],
) -> Server:
    key = (database_kind, hashing.is_in_full(), *sorted(given_settings.items()))
    if key not in people_servers:
        settings = settings_for(new_database(database_kind), **given_settings)
        people_servers[key] = await Server(settings).__aenter__()
    return people_servers[key]


@pytest.fixture
def people(server: Server) -> People:
    return People(server)
