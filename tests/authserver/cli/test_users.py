"""`authserver user …` on a database that nobody serves."""

import json
import re
import secrets
import time

import bcrypt
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
        assert shown == made | {"sessions": 0, "grants": 0, "groups": [], "second_factors": []}
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
    assert made["username"] == made["sign_in_name"] == name != made["sub"]
    assert operator.cli_json("user", "show", name)["sub"] == made["sub"]
    again = operator.cli("user", "add", new_address(), "--password-stdin", "--username", name, stdin=PASSWORD)
    assert again.returncode == 1


@pytest.mark.spec("security 6.64")
@pytest.mark.parametrize("name", ["anna@example.org", "7b0ec1f7-6c4f-4a53-9d6c-0f6f0d3c5b1e", "a b", "\u212aim"])
def test_a_user_name_that_could_be_taken_for_something_else_is_refused(operator: Service, name: str) -> None:
    done = operator.cli("user", "add", new_address(), "--password-stdin", "--username", name, stdin=PASSWORD)
    assert done.returncode == 2
    assert "--username" in done.stderr


def test_another_user_name_leaves_the_claim_as_it_is(operator: Service) -> None:
    old, new = f"anna-{secrets.token_hex(4)}", f"Bert-{secrets.token_hex(4)}"
    made = operator.cli_json("user", "add", new_address(), "--password-stdin", "--username", old, stdin=PASSWORD)
    other = add_person(operator)
    changed = operator.cli_json("user", "set-username", old, new)
    assert (changed["username"], changed["sign_in_name"]) == (old, new)
    assert changed["attributes"]["preferred_username"] == new
    assert operator.cli_json("user", "show", new.upper())["sub"] == made["sub"]
    for taken in (old, new.lower()):
        assert operator.cli("user", "set-username", other.email, taken).returncode == 1
    for wrong in (made["sub"], "", "<b>"):
        done = operator.cli("user", "set-username", other.email, wrong)
        assert (done.returncode, "NAME" in done.stderr) == (2, True), done.stderr


def test_a_list_of_nothing_says_so_to_people_and_gives_programs_nothing(operator: Service) -> None:
    person = add_person(operator)
    done = operator.cli("grant", "list", "--user", person.email)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "none\n")
    assert operator.cli_json("grant", "list", "--user", person.email) == []


def test_the_operators_rules_for_passwords_hold_for_the_operator_too(on_sqlite: Service) -> None:
    on_sqlite.settings |= {"AUTHSERVER_PASSWORD_MINIMUM": "14", "AUTHSERVER_PASSWORD_RULES": "upper, number"}
    done = on_sqlite.cli("user", "add", new_address(), "--password-stdin", stdin="a kettle")
    assert done.returncode == 1
    assert [words in done.stderr for words in ("at least 14", "upper-case", "digit")] == [True] * 3
    made = on_sqlite.cli("user", "add", new_address(), "--password-stdin", stdin="A kettle on fire 7")
    assert made.returncode == 0
    on_sqlite.settings["AUTHSERVER_PASSWORD_RULES"] = "capitals"
    assert on_sqlite.cli("user", "add", new_address(), "--password-stdin", stdin=PASSWORD).returncode == 2


def test_a_hash_of_another_system_is_taken_and_an_absurd_one_is_not(operator: Service) -> None:
    made = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    added = operator.cli_json("user", "add", new_address(), "--hash-stdin", stdin=made)
    assert made not in str(added)
    for stored, says in ((made.replace("$04$", "$31$"), "costs more"), (PASSWORD, "not a hash"), (made[:20], "whole")):
        done = operator.cli("user", "add", new_address(), "--hash-stdin", stdin=stored)
        assert done.returncode == 1, stored
        assert says in done.stderr
        assert stored not in done.stderr


@pytest.mark.spec("cognito 3.2")
def test_an_invitation_says_nothing_of_the_password_to_the_operator(operator: Service) -> None:
    address = new_address()
    begun = int(time.time())
    made = operator.cli_json("user", "invite", address, "--days", "2")
    assert (made["status"], made["email_verified"]) == ("invited", False)
    assert 0 <= made["invitation_expires_at"] - begun - 2 * 86_400 < 60
    assert not re.search(r"[a-z2-9]{4}(-[a-z2-9]{4}){3}\b", str({**made, "sub": "", "username": ""}))
    again = operator.cli("user", "invite", address)
    assert again.returncode == 1
    assert "--again" in again.stderr
    done = operator.cli("user", "invite", address, "--again", "--json")
    assert "AUTHSERVER_SMTP_URL is not set" in done.stderr  # it waits, and nobody would know
    once_more = json.loads(done.stdout)
    assert once_more["sub"] == made["sub"]
    assert once_more["invitation_expires_at"] > made["invitation_expires_at"]
    assert operator.cli("user", "invite", add_person(operator).email, "--again").returncode == 1


def test_the_status_tells_what_an_operator_wants_to_know_first(operator: Service) -> None:
    confirmed, unconfirmed = add_person(operator), add_person(operator, verified=False)
    disabled, temporary = add_person(operator), new_address()
    operator.cli_json("user", "disable", disabled.sub)
    operator.cli_json("user", "add", temporary, "--password-stdin", "--verified", "--temporary", stdin=PASSWORD)
    of = {user["email"]: user["status"] for user in operator.cli_json("user", "list")}
    assert [of[one] for one in (confirmed.email, unconfirmed.email, disabled.email, temporary)] == [
        "confirmed",
        "unconfirmed",
        "disabled",
        "invited",
    ]
    operator.cli_json("user", "set-password", temporary, "--password-stdin", stdin=PASSWORD)
    assert operator.cli_json("user", "show", temporary)["status"] == "confirmed"
    operator.cli_json("user", "set-password", temporary, "--password-stdin", "--temporary", stdin=PASSWORD)
    assert operator.cli_json("user", "show", temporary)["status"] == "invited"


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
