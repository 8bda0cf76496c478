"""One server for each kind of database, shared by all modules of a worker; every test has clients and people of its
own. The clock moves forward only, as clocks do: tests say how far."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from authserver.models import User
from tests.authserver.protocol.harness import Asker, Clock, Server, settings_for
from tests.conftest import NewDatabase
from tests.running import hashing

Servers = dict[tuple[str, bool], Server]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers() -> AsyncIterator[Servers]:
    running: Servers = {}
    yield running
    for server in running.values():
        await server.__aexit__()


@pytest_asyncio.fixture(loop_scope="session")
async def server(servers: Servers, database_kind: str, new_database: NewDatabase) -> Server:
    key = database_kind, hashing.is_in_full()
    if key not in servers:
        servers[key] = await Server(settings_for(new_database(database_kind))).__aenter__()
    return servers[key]


@pytest.fixture
def clock(server: Server) -> Clock:
    return server.clock


@pytest_asyncio.fixture(loop_scope="session")
async def alexa(server: Server) -> Asker:
    return await server.add_client("alexa")


@pytest_asyncio.fixture(loop_scope="session")
async def confidential(server: Server) -> Asker:
    return await server.add_client("confidential")


@pytest_asyncio.fixture(loop_scope="session")
async def public(server: Server) -> Asker:
    return await server.add_client("public")


@pytest_asyncio.fixture(loop_scope="session")
async def person(server: Server) -> User:
    return await server.add_person()
