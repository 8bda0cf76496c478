from collections.abc import Callable

import pytest
import pytest_asyncio

from tests.authserver.accounts.people import People, given_settings, people, people_servers, server
from tests.authserver.pages.browsing import Linking
from tests.authserver.protocol.harness import Asker

__all__ = ["given_settings", "people", "people_servers", "server"]

Linkings = Callable[[], Linking]


@pytest_asyncio.fixture(loop_scope="session")
async def alexa(people: People) -> Asker:
    """With a name that would be markup if anybody let it."""
    client = await people.server.add_client("alexa")
    registered = await people.services.clients.get(client.client_id)
    assert registered is not None
    await people.server.change(registered.row, client_name="Lamps <b>&</b> Co")
    people.services.clients.forget()
    return client


@pytest.fixture
def new_linking(people: People, alexa: Asker) -> Linkings:
    """Another browser each time."""
    return lambda: Linking(people, alexa)


@pytest.fixture
def linking(new_linking: Linkings) -> Linking:
    return new_linking()
