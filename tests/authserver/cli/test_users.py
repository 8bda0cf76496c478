"""`authserver user …` on a database that nobody serves."""

import secrets

import pytest

from tests.running.home import add_person
from tests.running.linking import PASSWORD
from tests.running.service import Service


def new_address() -> str:
    return f"person-{secrets.token_hex(6)}@example.org"


def test_an_account_is_found_by_address_sub_and_in_the_list(operator: Service) -> None:
    address = new_address()
    made = operator.cli_json("user", "add", address, "--password-stdin", "--verified", stdin=PASSWORD)
    assert (made["email"], made["email_verified"], made["active"]) == (address, True, True)
    assert made["username"] == made["sub"]
    for name in (address.upper(), made["sub"]):
        shown = operator.cli_json("user", "show", name)
        assert shown == made | {"sessions": 0, "grants": 0, "second_factors": []}
    assert made in operator.cli_json("user", "list")
    assert "password" not in str(made)


@pytest.mark.spec("security 6.64")
def test_an_address_has_one_account_however_it_is_written(operator: Service) -> None:
    person = add_person(operator)
    done = operator.cli("user", "add", person.email.upper(), "--password-stdin", stdin=PASSWORD)
    assert done.returncode == 1
    assert "already" in done.stderr
    assert not done.stdout


def test_a_user_name_of_ones_own_is_kept_and_unique(operator: Service) -> None:
    name = f"anna-{secrets.token_hex(4)}"
    made = operator.cli_json("user", "add", new_address(), "--password-stdin", "--username", name, stdin=PASSWORD)
    assert made["username"] == name != made["sub"]
    assert operator.cli_json("user", "show", name)["sub"] == made["sub"]
    again = operator.cli("user", "add", new_address(), "--password-stdin", "--username", name, stdin=PASSWORD)
    assert again.returncode == 1


def test_an_account_that_cannot_be_is_refused_and_not_made(on_sqlite: Service) -> None:
    cases = {
        "short": (new_address(), "short", 1, "at least 8 characters"),
        "common": (new_address(), "password1", 1, "tried first"),
        "own words": ("somebody@example.org", "somebody", 1, "e-mail address"),
        "no address": ("not an address", PASSWORD, 2, "not an e-mail address"),
    }
    for case, (address, password, status, says) in cases.items():
        done = on_sqlite.cli("user", "add", address, "--password-stdin", stdin=password)
        assert done.returncode == status, f"{case}: {done.stderr}"
        assert says in done.stderr, case
        assert "Traceback" not in done.stderr
    assert on_sqlite.cli_json("user", "list") == []


def test_a_password_is_never_an_argument_and_never_guessed_from_nothing(on_sqlite: Service) -> None:
    done = on_sqlite.cli("user", "add", new_address())
    assert done.returncode == 2
    assert "--password-stdin" in done.stderr


def test_deleting_asks_first(operator: Service) -> None:
    person = add_person(operator)
    assert operator.cli("user", "delete", person.email, stdin="n\n").returncode == 1
    assert operator.cli("user", "show", person.email).returncode == 0
    assert operator.cli_json("user", "delete", person.email, "--yes") == {
        "sub": person.sub,
        "email": person.email,
        "deleted": True,
    }
    assert operator.cli("user", "show", person.sub).returncode == 1
    assert operator.cli("user", "delete", person.email, "--yes").returncode == 1


def test_people_get_tables_and_programs_get_json(operator: Service) -> None:
    person = add_person(operator)
    shown = operator.cli("user", "list")
    assert shown.returncode == 0
    header, *rows = shown.stdout.splitlines()
    assert header.split()[:2] == ["SUB", "EMAIL"]
    assert any(row.split()[:3] == [person.sub, person.email, "yes"] for row in rows)


def test_second_factors_of_somebody_who_lost_them_are_reset(operator: Service) -> None:
    person = add_person(operator)
    assert operator.cli_json("user", "show", person.email)["second_factors"] == []
    assert operator.cli("user", "second-factor", "reset", person.email, stdin="n\n").returncode == 1
    done = operator.cli_json("user", "second-factor", "reset", person.email, "--yes")
    assert done == {"sub": person.sub, "email": person.email, "ended": []}
    assert operator.cli("user", "second-factor", "reset", "nobody@example.org", "--yes").returncode == 1
