"""`authserver group …`, `authserver attribute …` `authserver user set-attribute`, on a database that nobody serves."""

import secrets

import pytest

from tests.running.home import add_person
from tests.running.service import Service


def new_name(word: str = "group") -> str:
    return f"{word}-{secrets.token_hex(4)}"


@pytest.mark.spec("cognito 9.30")
def test_people_come_and_go(operator: Service) -> None:
    name, person, other = new_name(), add_person(operator), add_person(operator)
    made = operator.cli_json("group", "add", name, "--description", "Who may", "--precedence", "5")
    assert (made["name"], made["description"], made["precedence"], made["members"]) == (name, "Who may", 5, 0)
    for who in (person.email, person.email, other.email):
        assert name in operator.cli_json("group", "add-member", name, who)["groups"]
    shown = operator.cli_json("group", "show", name)
    assert {one["email"] for one in shown["people"]} == {person.email, other.email}
    assert shown["members"] == 2
    assert operator.cli_json("user", "show", person.email)["groups"] == [name]
    assert operator.cli_json("group", "remove-member", name, person.email)["groups"] == []
    again = operator.cli("group", "remove-member", name, person.email)
    assert (again.returncode, "is not in the group" in again.stderr) == (1, True)
    operator.cli_json("group", "remove", name, "--yes")
    assert operator.cli_json("user", "show", other.email)["groups"] == []
    assert operator.cli("group", "show", name).returncode == 1


@pytest.mark.spec("cognito 9.57")
def test_an_update_changes_what_it_names(operator: Service) -> None:
    name = new_name()
    made = operator.cli_json("group", "add", name, "--description", "Who may", "--precedence", "5")

    def updated(*options: str) -> dict[str, object]:
        return operator.cli_json("group", "update", name, *options) | {"updated_at": made["updated_at"]}

    assert updated() == made
    assert updated("--precedence", "0") == made | {"precedence": 0}
    assert updated("--description", "") == made | {"precedence": 0, "description": ""}
    assert updated("--precedence", "none") == made | {"precedence": None, "description": ""}
    assert operator.cli("group", "update", name, "--precedence", "-1").returncode == 2
    assert operator.cli("group", "update", name, "--precedence", "4294967296").returncode == 1


def test_what_is_missing_or_there_already_is_named(operator: Service) -> None:
    name = new_name()
    operator.cli_json("group", "add", name)
    again = operator.cli("group", "add", name)
    assert (again.returncode, "already" in again.stderr) == (1, True)
    for words in (("two words",), ("",), ("x" * 129,)):
        assert operator.cli("group", "add", *words).returncode == 1
    assert "no account" in operator.cli("group", "add-member", name, "nobody@example.org").stderr
    assert "no group" in operator.cli("group", "add-member", new_name(), "nobody@example.org").stderr
    assert operator.cli("group", "remove", name).returncode == 1  # nobody answers the question


def test_the_list_is_in_the_order_of_tokens(operator: Service) -> None:
    last, second, first = new_name(), new_name("b"), new_name("a")
    operator.cli_json("group", "add", last)
    for name in (second, first):
        operator.cli_json("group", "add", name, "--precedence", "7")
    names = [group["name"] for group in operator.cli_json("group", "list")]
    assert [name for name in names if name in (first, second, last)] == [first, second, last]


@pytest.mark.spec("security 6.66")
def test_what_is_said_of_a_person_is_set_and_taken_away(operator: Service) -> None:
    person, name = add_person(operator).email, f"a{secrets.token_hex(4)}"
    operator.cli_json("attribute", "add", name, "--kind", "Number", "--min", "-5")
    given = {"name": "Anna", "address": '{"locality": "Berlin"}', f"custom:{name}": "-5"}
    for attribute, text in given.items():
        told = operator.cli_json("user", "set-attribute", person, attribute, text)["attributes"]
    assert told == given | {"address": {"locality": "Berlin"}}
    for attribute, text in {"sub": "x", "email": "a@example.org", f"custom:{name}": "-6", "custom:no": "x"}.items():
        done = operator.cli("user", "set-attribute", person, attribute, text)
        assert (done.returncode, attribute in done.stderr) == (1, True)
    assert operator.cli_json("user", "show", person)["attributes"] == told
    shown = operator.cli("user", "show", person).stdout  # people see which is which
    for line in ("name  Anna", 'address  {"locality":"Berlin"}', f"custom:{name}  -5"):
        assert line in shown
    left = operator.cli_json("user", "remove-attribute", person, "name")["attributes"]
    assert set(left) == {"address", f"custom:{name}"}
    assert operator.cli("user", "remove-attribute", person, "name").returncode == 1


@pytest.mark.spec("cognito 9.57")
def test_an_attribute_of_ones_own_is_changed_and_removed_with_everybodys_value(operator: Service) -> None:
    name, kept = f"a{secrets.token_hex(4)}", f"b{secrets.token_hex(4)}"
    for one in (name, kept):
        operator.cli_json("attribute", "add", one)
    assert operator.cli_json("attribute", "update", f"custom:{name}", "--max", "3")["max"] == 3
    assert operator.cli_json("attribute", "update", name, "--min", "1") | {"created_at": 0} == {
        "name": f"custom:{name}", "kind": "String", "min": 1, "max": 3, "created_at": 0,
    }  # fmt: skip
    assert operator.cli_json("attribute", "update", name, "--max", "none")["max"] is None
    people = [add_person(operator).email for _ in range(2)]
    for person in people:
        for one in (name, kept):
            operator.cli_json("user", "set-attribute", person, f"custom:{one}", "x")
    operator.cli_json("attribute", "remove", name, "--yes")
    for person in people:
        assert operator.cli_json("user", "show", person)["attributes"] == {f"custom:{kept}": "x"}
    assert f"custom:{name}" not in [one["name"] for one in operator.cli_json("attribute", "list")]
    assert operator.cli("user", "set-attribute", people[0], f"custom:{name}", "x").returncode == 1
