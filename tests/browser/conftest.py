"""The services that browsers of these tests talk to."""

import pytest

from tests.running.home import add_alexa
from tests.running.linking import Alexa
from tests.running.service import Service


@pytest.fixture(scope="module")
def database_kind() -> str:
    """What a browser sees does not depend on the database; the pages' own tests run on both."""
    return "sqlite"


@pytest.fixture(scope="module")
def alexa(authserver: Service) -> Alexa:
    return add_alexa(authserver)
