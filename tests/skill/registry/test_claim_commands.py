"""The operator's commands about whose a lamp is and what it can, as processes."""

import asyncio
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from skill.storage.registry import ClaimRefused, open_registry
from tests.conftest import MigratedDatabase
from tests.running.service import Service

CODE = r"([0-9A-Z]{4}-){3}[0-9A-Z]{4}"


@pytest.fixture(scope="module")
def operator(database_kind: str, migrated_database: MigratedDatabase, module_folder: Path) -> Service:
    url = migrated_database("skill", database_kind)
    return Service("skill", {"SKILL_DATABASE_URL": url, "SKILL_PUBLIC_URL": "https://lamps.example.com"}, module_folder)


def claim(operator: Service, code: str, owner: str) -> bool:
    async def run() -> bool:
        try:
            async with open_registry(operator.settings["SKILL_DATABASE_URL"]) as registry:
                await registry.claim(code, owner, 1_800_000_000)
            return True
        except ClaimRefused:
            return False

    return asyncio.run(run())


def add(operator: Service, *more: str) -> dict[str, str]:
    return dict(operator.cli_json("lamp", "add", "--name", "Desk lamp", "--driver", "simulated", *more))


def test_a_lamp_without_an_owner_comes_with_its_code_once(operator: Service, tmp_path: Path) -> None:
    svg = tmp_path / "sticker.svg"
    added = add(operator, "--svg", str(svg))
    assert added["owner"] is None
    assert re.fullmatch(CODE, added["claim_code"])
    assert added["claim_url"] == f"https://lamps.example.com/claim?code={added['claim_code']}"
    assert ElementTree.fromstring(svg.read_text()).tag.endswith("svg")
    assert svg.stat().st_mode & 0o077 == 0, "who can read the code can have the lamp"
    shown = operator.cli("lamp", "show", added["endpoint_id"])
    assert "(unclaimed)" in shown.stdout
    assert added["claim_code"] not in shown.stdout
    assert "digest" not in shown.stdout
    assert added["endpoint_id"] in operator.cli("lamp", "list", "--unclaimed").stdout
    assert claim(operator, added["claim_code"], "anna")
    assert added["endpoint_id"] not in operator.cli("lamp", "list", "--unclaimed").stdout
    assert operator.cli_json("lamp", "show", added["endpoint_id"])["owner"] == "anna"


@pytest.mark.parametrize("command", ["add", "code"])
def test_a_code_is_shown_also_where_its_picture_cannot_be_written(operator: Service, command: str) -> None:
    arguments = ["--name", "Desk lamp", "--driver", "simulated"] if command == "add" else [add(operator)["endpoint_id"]]
    done = operator.cli("lamp", command, *arguments, "--svg", "/nowhere/sticker.svg")
    assert done.returncode == 1
    assert "/nowhere/sticker.svg cannot be written" in done.stderr
    found = re.search(CODE, done.stdout)
    assert found
    assert claim(operator, found[0], "anna")


def test_people_see_code_address_and_qr_code(operator: Service) -> None:
    done = operator.cli("lamp", "add", "--name", "Desk lamp", "--driver", "simulated")
    assert re.search(rf"^claim_code +{CODE}$", done.stdout, re.MULTILINE)
    assert "https://lamps.example.com/claim?code=" in done.stdout
    assert "\u2580" in done.stdout
    assert "Shown this once" in done.stdout


def test_without_a_public_address_the_code_alone_is_shown(operator: Service, tmp_path: Path) -> None:
    settings = {"SKILL_DATABASE_URL": operator.settings["SKILL_DATABASE_URL"]}
    done = Service("skill", settings, tmp_path).cli("lamp", "add", "--name", "Lamp", "--driver", "simulated")
    assert done.returncode == 0
    assert "claim_code" in done.stdout
    assert "claim_url" not in done.stdout
    assert "SKILL_PUBLIC_URL" in done.stderr


def test_a_new_code_takes_the_place_of_the_one_before(operator: Service, tmp_path: Path) -> None:
    added = add(operator)
    made = operator.cli_json("lamp", "code", added["endpoint_id"], "--svg", str(tmp_path / "code.svg"))
    assert (tmp_path / "code.svg").exists()
    assert not claim(operator, added["claim_code"], "anna")
    assert claim(operator, made["claim_code"].lower().replace("-", " "), "anna")
    refused = operator.cli("lamp", "code", added["endpoint_id"])
    assert refused.returncode == 1
    assert "anna" in refused.stderr
    assert "transfer" in refused.stderr


def test_a_lamp_is_taken_from_its_owner_and_has_a_code_again(operator: Service) -> None:
    lamp = add(operator, "--owner", "anna")["endpoint_id"]
    assert operator.cli_json("lamp", "move", lamp, "--room", " Living  room ")["room"] == "Living room"
    code = operator.cli_json("lamp", "unclaim", lamp)["claim_code"]
    shown = operator.cli_json("lamp", "show", lamp)
    assert (shown["owner"], shown["room"], shown["has_code"]) == (None, None, True)
    assert operator.cli("lamp", "unclaim", lamp).returncode == 1
    assert claim(operator, code, "ben")


def test_a_lamp_is_given_at_once_or_by_a_code(operator: Service) -> None:
    lamp = add(operator, "--owner", "anna")["endpoint_id"]
    assert operator.cli_json("lamp", "transfer", lamp, "--to", "ben")["owner"] == "ben"
    code = operator.cli_json("lamp", "transfer", lamp)["claim_code"]
    shown = operator.cli_json("lamp", "show", lamp)
    assert shown["owner"] == "ben"
    assert shown["claim_expires_at"] is not None
    operator.cli_json("lamp", "transfer", lamp, "--withdraw")
    assert operator.cli("lamp", "transfer", lamp, "--withdraw").returncode == 1
    assert not claim(operator, code, "carl")


def test_what_a_lamp_can_is_changed_and_the_rest_stays(operator: Service) -> None:
    lamp = add(operator, "--owner", "anna")["endpoint_id"]

    def changed(*arguments: str) -> dict[str, object]:
        return dict(operator.cli_json("lamp", "change", lamp, *arguments)["options"])

    assert changed("--capabilities", "temperature", "--kelvin-range", "2200-4000") == {
        "capabilities": ["temperature"],
        "kelvin_range": [2200, 4000],
    }
    assert changed("--kelvin-range", "2700-4000") == {"capabilities": ["temperature"], "kelvin_range": [2700, 4000]}
    assert changed("--capabilities", "power,color") == {"capabilities": ["power", "color"]}
    assert changed("--default", "capabilities") == {}


def test_how_a_lamp_is_reached_is_changed_and_the_rest_stays(operator: Service) -> None:
    lamp = operator.cli_json(
        *("lamp", "add", "--owner", "anna", "--name", "Lamp", "--driver", "mqtt", "--capabilities", "color"),
        *("--command-topic", "change/set", "--state-topic", "change", "--confirm", "optimistic"),
    )["endpoint_id"]

    def changed(*arguments: str) -> dict[str, object]:
        return dict(operator.cli_json("lamp", "change", lamp, *arguments)["options"])

    kept = {"confirm": "optimistic", "capabilities": ["color"]}
    assert changed("--state-topic", "change/state") == {
        **{"command_topic": "change/set", "state_topic": "change/state", "brightness_scale": 255},
        **kept,
    }
    assert changed("--default", "state-topic") == {"command_topic": "change/set", "brightness_scale": 255} | kept
    assert changed("--dialect", "tasmota", "--topic", "change") == {"dialect": "tasmota", "topic": "change"} | kept
    assert changed("--topic", "changed") == {"dialect": "tasmota", "topic": "changed"} | kept


def test_a_topic_of_another_lamp_is_refused_and_the_operator_is_told_whose(operator: Service) -> None:
    bulb = ("lamp", "add", "--owner", "anna", "--name", "Lamp", "--driver", "mqtt", "--command-topic")
    first = operator.cli_json(*bulb, "taken/set")["endpoint_id"]
    refused = operator.cli(*bulb, "taken/set")
    assert refused.returncode == 1
    assert first in refused.stderr
    assert "taken/set" in refused.stderr
    second = operator.cli_json(*bulb, "taken/other")["endpoint_id"]
    assert operator.cli("lamp", "change", second, "--command-topic", "taken/set").returncode == 1
    assert operator.cli_json("lamp", "show", second)["options"]["command_topic"] == "taken/other"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ("lamp code lamp-0", 1),
        ("lamp unclaim lamp-0", 1),
        ("lamp transfer lamp-0", 1),
        ("lamp transfer lamp-0 --to ben", 1),
        ("lamp transfer lamp-0 --to ben --withdraw", 2),
        ("lamp move lamp-0 --room Hall", 1),
        (f"lamp move lamp-0 --room {'x' * 65}", 2),
        ("lamp change lamp-0 --capabilities power", 1),
        ("lamp change lamp-0", 2),
        ("lamp change lamp-0 --default colour", 2),
        ("lamp list --unclaimed --owner anna", 2),
        ("lamp add --name Desk --driver simulated --owner anna --svg /tmp/x.svg", 2),
    ],
)
def test_a_mistake_has_its_exit_status_and_no_trace(operator: Service, arguments: str, status: int) -> None:
    done = operator.cli(*arguments.split(" "))
    assert done.returncode == status
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_change_changes_nothing(operator: Service) -> None:
    lamp = add(operator, "--owner", "anna")["endpoint_id"]
    for wrong in (("--command-topic", "a"), ("--kelvin-range", "9-1"), ("--capabilities", "heat")):
        assert operator.cli("lamp", "change", lamp, *wrong).returncode == 2
    assert operator.cli_json("lamp", "show", lamp)["options"] == {}


@pytest.mark.parametrize("command", ["code", "unclaim", "transfer", "change", "move", "discover", "credentials"])
def test_every_command_has_help(operator: Service, command: str) -> None:
    assert "Usage:" in operator.cli("lamp", command, "--help").stdout
