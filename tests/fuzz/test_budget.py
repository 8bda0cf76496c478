"""What is drawn can be drawn again."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from development.fuzz import ROOT
from tests.fuzz import budget


def drawn(seed: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    monkeypatch.setattr(budget, "SEED", seed)

    @budget.bounded(20)
    @given(number=st.integers())
    def ask(number: int) -> None:
        found.append(number)

    ask()
    return found


def test_one_seed_draws_the_same_and_another_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn("1", monkeypatch) == drawn("1", monkeypatch) != drawn("2", monkeypatch)


def test_a_round_that_fails_says_how_to_see_it_again() -> None:
    command = [sys.executable, "-m", "development.fuzz", "--seed", "7", "--times", "3", "--", "--no-such-option"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "`python -m development.fuzz --seed 7 --times 3 -- --no-such-option`" in done.stderr
