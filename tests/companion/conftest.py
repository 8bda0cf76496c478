"""authserver and skill with its companion, once for each module and database."""

import pytest

from tests.running.companion import Companion
from tests.running.linking import Person


@pytest.fixture(scope="module")
def anna(companion: Companion) -> Person:
    return companion.person()


@pytest.fixture(scope="module")
def ben(companion: Companion) -> Person:
    return companion.person()
