"""The operator's commands as processes: output, exit status, and the databases that they leave."""

import re
from pathlib import Path

import pytest

from tests.conftest import NewDatabase
from tests.running.service import Service

ADD_MQTT = ("lamp", "add", "--owner", "u1", "--name", "Bulb", "--driver", "mqtt")


@pytest.fixture(scope="module")
def operator(database_kind: str, new_database: NewDatabase, module_folder: Path) -> Service:
    """With the database URL and nothing else."""
    service = Service("skill", {"SKILL_DATABASE_URL": new_database(database_kind)}, module_folder)
    assert service.cli_json("migrate") == {"before": None, "after": "0003"}
    return service


def test_migrate_twice_changes_nothing(operator: Service) -> None:
    assert operator.cli_json("migrate") == {"before": "0003", "after": "0003"}


def test_a_lamp_is_added_listed_renamed_and_removed(operator: Service) -> None:
    added = operator.cli_json("lamp", "add", "--owner", "u1", "--name", "Desk lamp", "--driver", "simulated")
    assert re.fullmatch(r"lamp-[0-9a-f]{32}", added["endpoint_id"])
    assert (added["owner"], added["name"], added["driver"]) == ("u1", "Desk lamp", "simulated")
    lamp = added["endpoint_id"]
    assert [each["endpoint_id"] for each in operator.cli_json("lamp", "list", "--owner", "u1")] == [lamp]
    assert operator.cli_json("lamp", "list", "--owner", "u2") == []
    assert "no lamps" in operator.cli("lamp", "list", "--owner", "u2").stderr
    assert operator.cli_json("lamp", "rename", lamp, "--name", "Küche 2")["name"] == "Küche 2"
    assert operator.cli_json("lamp", "show", lamp)["name"] == "Küche 2"
    assert lamp in operator.cli("lamp", "list").stdout
    assert operator.cli_json("lamp", "plug", lamp, "--out") == {"endpoint_id": lamp, "online": False}
    operator.cli_json("lamp", "remove", lamp)
    assert operator.cli("lamp", "show", lamp).returncode == 1


def test_an_mqtt_lamp_keeps_its_topics(operator: Service) -> None:
    added = operator.cli_json(
        *("lamp", "add", "--owner", "u1", "--name", "Bulb", "--driver", "mqtt", "--command-topic", "home/bulb/set"),
        *("--state-topic", "home/bulb", "--availability-topic", "home/bulb/status", "--confirm", "optimistic"),
    )
    assert operator.cli_json("lamp", "show", added["endpoint_id"])["options"] == {
        "command_topic": "home/bulb/set",
        "state_topic": "home/bulb",
        "availability_topic": "home/bulb/status",
        "brightness_scale": 255,
        "confirm": "optimistic",
    }
    assert operator.cli("lamp", "plug", added["endpoint_id"], "--out").returncode == 1


@pytest.mark.spec("alexa 6.1")
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ("zigbee2mqtt --topic zigbee2mqtt/desk", {"topic": "zigbee2mqtt/desk"}),
        ("tasmota --topic desk --full-topic %topic%/%prefix%/", {"topic": "desk", "full_topic": "%topic%/%prefix%/"}),
        (
            "wled --topic wled/desk --supported-color-modes rgb,color_temp",
            {
                "topic": "wled/desk",
                "supported_color_modes": ["rgb", "color_temp"],
                "capabilities": ["power", "brightness", "color", "temperature"],
            },
        ),
        ("esphome --topic desk/light/lamp --confirm optimistic", {"topic": "desk/light/lamp", "confirm": "optimistic"}),
        (
            "aws_shadow --thing ratchet --power-key powerState --no-shadow-service",
            {"thing": "ratchet", "power_key": "powerState", "shadow_service": False},
        ),
    ],
)
def test_a_lamp_of_every_dialect_is_added(operator: Service, arguments: str, options: dict[str, object]) -> None:
    added = operator.cli_json(*ADD_MQTT, "--dialect", *arguments.split())
    assert added["options"] == {"confirm": "echo", "dialect": arguments.split()[0]} | options


@pytest.mark.spec("alexa 6.2")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("--dialect tasmota", "--topic"),
        ("--dialect tasmota --topic desk/#", "--topic"),
        ("--dialect aws_shadow --thing a/b", "--thing"),
        ("--dialect wled --topic $aws/things/a/shadow", "--topic"),
        ("--dialect zigbee2mqtt --topic z/desk --state-topic z/desk", "--state-topic"),
        ("--command-topic home/+", "--command-topic"),
    ],
)
def test_a_mistake_in_a_topic_names_the_option(operator: Service, arguments: str, named: str) -> None:
    done = operator.cli(*ADD_MQTT, *arguments.split())
    assert done.returncode == 2
    assert named in done.stderr


@pytest.mark.spec("alexa 2.2")
def test_a_lamp_keeps_what_it_can(operator: Service) -> None:
    added = operator.cli_json(
        *("lamp", "add", "--owner", "u1", "--name", "Bulb", "--driver", "simulated"),
        *("--capabilities", "power,temperature", "--kelvin-range", "2200-4000"),
    )
    assert added["options"] == {"capabilities": ["power", "temperature"], "kelvin_range": [2200, 4000]}
    colour = operator.cli_json(*ADD_MQTT, "--command-topic", "home/colour/set", "--capabilities", "color")
    assert colour["options"]["capabilities"] == ["color"]
    assert "capabilities" not in operator.cli_json(*ADD_MQTT, "--command-topic", "home/plain/set")["options"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ("lamp add --owner u1 --name !!! --driver simulated", 2),
        ("lamp add --owner u1 --name Desk --driver zigbee", 2),
        ("lamp add --owner u1 --name Desk --driver mqtt", 2),
        ("lamp add --owner u1 --name Desk --driver mqtt --command-topic home/#", 2),
        ("lamp add --owner u1 --name Desk --driver mqtt --command-topic $SYS/x", 2),
        ("lamp add --owner u1 --name Desk --driver simulated --command-topic home/x", 2),
        ("lamp add --driver simulated", 2),
        ("lamp add --owner u1 --name Desk --driver simulated --capabilities heat", 2),
        ("lamp add --owner u1 --name Desk --driver simulated --kelvin-range 6500-2200", 2),
        ("lamp add --owner u1 --name Desk --driver simulated --kelvin-range 500-2200", 2),
        ("lamp add --owner u1 --name Desk --driver mqtt --command-topic a --kelvin-range 2200-6500", 2),
        ("lamp show lamp-0", 1),
        ("lamp rename lamp-0 --name Desk", 1),
        ("lamp remove lamp-0", 1),
        ("lamp plug lamp-0 --out", 1),
        ("lamp fly", 2),
        ("serve", 2),
    ],
)
def test_a_mistake_has_its_exit_status_and_no_trace(operator: Service, arguments: str, status: int) -> None:
    done = operator.cli(*arguments.split())
    assert done.returncode == status
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command", ["", "serve", "migrate", "lamp", *(f"lamp {c}" for c in ("add", "list", "show", "plug"))]
)
def test_every_command_has_help(sqlite_url: str, tmp_path: Path, command: str) -> None:
    done = Service("skill", {}, tmp_path).cli(*command.split(), "--help")
    assert done.returncode == 0
    assert "Usage:" in done.stdout


def test_a_database_that_was_not_migrated_is_named(sqlite_url: str, tmp_path: Path) -> None:
    Path(sqlite_url.removeprefix("sqlite:///")).touch()
    done = Service("skill", {"SKILL_DATABASE_URL": sqlite_url}, tmp_path).cli("lamp", "list")
    assert done.returncode == 1
    assert "no such table" in done.stderr
    assert "skill migrate" in done.stderr


@pytest.mark.parametrize(
    "command", ["lamp list", "events status", "simulate lamp --broker mqtt://localhost --endpoint lamp-0"]
)
def test_a_path_that_is_mistyped_makes_no_file(tmp_path: Path, command: str) -> None:
    file = tmp_path / "typo.db"
    done = Service("skill", {"SKILL_DATABASE_URL": f"sqlite:///{file}"}, tmp_path).cli(*command.split())
    assert done.returncode == 1
    assert str(file) in done.stderr
    assert "skill migrate" in done.stderr
    assert not file.exists()


def test_a_misspelt_setting_stops_every_command(sqlite_url: str, tmp_path: Path) -> None:
    settings = {"SKILL_DATABASE_URL": sqlite_url, "SKILL_LOGLEVEL": "info"}
    done = Service("skill", settings, tmp_path).cli("migrate")
    assert done.returncode == 2
    assert "SKILL_LOGLEVEL" in done.stderr
