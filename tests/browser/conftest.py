"""The services that browsers of these tests talk to."""

import pytest

from tests.running.companion import Companion
from tests.running.home import add_alexa
from tests.running.linking import Alexa, Person
from tests.running.service import Service


@pytest.fixture(scope="module")
def database_kind() -> str:
    """What a browser sees does not depend on the database; the pages' own tests run on both."""
    return "sqlite"


@pytest.fixture(scope="module")
def alexa(authserver: Service) -> Alexa:
    return add_alexa(authserver)


@pytest.fixture
def anna(companion: Companion) -> Person:
    """Of each test its own, with her own lamps."""
    return companion.person()
