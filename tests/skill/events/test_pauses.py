"""How the pauses of production stand to each other: the services of these tests have shorter ones."""

import pytest

from skill.drivers import echo
from skill.events import amazon, grants, sending, watching
from skill.storage.outbox import LEASE


@pytest.mark.spec("S25")
def test_S25_a_lamp_rests_for_longer_than_a_command_waits_for_its_echo() -> None:
    assert watching.SETTLING > echo.CONFIRMATION + echo.SETTLING
    assert watching.TICK < watching.FIRST_WORDS < watching.SETTLING < watching.SETTLING_LONGEST


@pytest.mark.spec("S21", "alexa 0.5")
def test_S21_an_exchange_leaves_time_to_answer_a_directive_with_what_came_of_it() -> None:
    assert amazon.EXCHANGE_PATIENCE + 1 <= 5


@pytest.mark.spec("S22")
def test_S22_renewals_and_two_sendings_fit_into_one_attempt() -> None:
    once = amazon.RENEWAL_PATIENCE + amazon.SENDING_PATIENCE
    assert 2 * once <= (LEASE - sending.SPARE) / 1000
    assert amazon.SENDING_PATIENCE < LEASE / 1000 / 2
    assert amazon.RENEWAL_PATIENCE < grants.TURN
