"""`skill lamp discover` beside a real mosquitto, with announcements as lamps leave them there."""

import asyncio
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiomqtt
import orjson
import pytest

from skill.discovery import endpoint
from skill.storage.registry import open_registry
from skill.storage.store import open_store
from tests.conftest import MigratedDatabase
from tests.running.broker import Broker
from tests.running.service import Service
from tests.skill.answers.discovery import AdditionalAttributes

pytestmark = pytest.mark.spec("alexa 6.1")
Say = Callable[[str, dict[str, Any] | None], None]


@pytest.fixture
def prefix() -> str:
    """Of each test its own: announcements stay in the broker."""
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def operator(database_kind: str, migrated_database: MigratedDatabase, mosquitto: Broker, tmp_path: Path) -> Service:
    url = migrated_database("skill", database_kind)
    return Service(
        "skill",
        {"SKILL_DATABASE_URL": url, "SKILL_MQTT_URL": mosquitto.url, "SKILL_PUBLIC_URL": "https://lamps.example.com"},
        tmp_path,
    )


@pytest.fixture
def say(mosquitto: Broker, prefix: str) -> Say:
    async def publish(topic: str, message: dict[str, Any] | None) -> None:
        async with aiomqtt.Client(mosquitto.host, mosquitto.port) as client:
            payload = b"" if message is None else orjson.dumps(message)
            await client.publish(f"{prefix}/{topic}", payload, qos=1, retain=True)

    return lambda topic, message: asyncio.run(publish(topic, message))


def discover(operator: Service, prefix: str, *more: str) -> list[dict[str, Any]]:
    return list(operator.cli_json("lamp", "discover", "--wait", "0.4", "--prefix", prefix, *more))


def lamp(base: str, **more: Any) -> dict[str, Any]:
    described = {"name": "Desk", "ids": "1", "mf": "Acme", "mdl": "L1", "sn": "17", "sw": "1.0"}
    return {"schema": "json", "~": base, "cmd_t": "~/set", "stat_t": "~", "sup_clrm": ["hs"], "dev": described} | more


def test_lamps_that_announce_themselves_are_registered_once_and_can_be_claimed(
    operator: Service, prefix: str, say: Say
) -> None:
    say("light/one/config", lamp("one"))
    say(
        "device/two/config",
        {"dev": {"name": "Two"}, "cmps": {"l": {"p": "light", "schema": "json", "cmd_t": "two/set"}}},
    )
    say("light/old/config", {"cmd_t": "old"})
    dry = discover(operator, prefix, "--dry-run")
    assert sorted(each["outcome"] for each in dry) == ["new", "new", "skipped"]
    assert not any("claim_code" in each for each in dry)
    assert operator.cli_json("lamp", "list") == []
    found = {each["known_as"].removeprefix(f"{prefix}/"): each for each in discover(operator, prefix)}
    assert {name: each["outcome"] for name, each in found.items()} == {
        "light/one/config": "new",
        "device/two/config#l": "new",
        "light/old/config": "skipped",
    }
    assert "default" in found["light/old/config"]["reason"]
    one = found["light/one/config"]
    assert one["lamp"]["owner"] is None
    assert one["lamp"]["details"]["manufacturer"] == "Acme"
    assert re.fullmatch("([0-9A-Z]{4}-){3}[0-9A-Z]{4}", one["claim_code"])
    assert one["claim_url"].endswith(one["claim_code"])
    again = discover(operator, prefix)
    assert sorted(each["outcome"] for each in again) == ["skipped", "unchanged", "unchanged"]
    assert not any("claim_code" in each for each in again)
    assert len(operator.cli_json("lamp", "list", "--unclaimed")) == 2


def test_a_lamp_that_was_found_before_is_brought_up_to_date(operator: Service, prefix: str, say: Say) -> None:
    say("light/a/config", lamp("a"))
    [found] = discover(operator, prefix, "--owner", "anna")
    endpoint_id = found["lamp"]["endpoint_id"]
    assert found["lamp"]["owner"] == "anna"
    assert "claim_code" not in found
    operator.cli_json("lamp", "rename", endpoint_id, "--name", "Annas lamp")
    operator.cli_json("lamp", "change", endpoint_id, "--confirm", "optimistic")
    newer = lamp("a", sup_clrm=["color_temp"], dev={"name": "Desk", "mf": "Acme", "sw": "2.0"})
    say("light/a/config", newer)
    [changed] = discover(operator, prefix)
    assert changed["outcome"] == "changed"
    shown = operator.cli_json("lamp", "show", endpoint_id)
    assert (shown["owner"], shown["name"], shown["options"]["confirm"]) == ("anna", "Annas lamp", "optimistic")
    assert shown["options"]["capabilities"] == ["power", "brightness", "temperature"]
    assert shown["details"]["firmware_version"] == "2.0"
    assert len(operator.cli_json("lamp", "list")) == 1


@pytest.mark.spec("alexa 6.2")
def test_who_may_announce_cannot_lead_somebodys_lamp_elsewhere(operator: Service, prefix: str, say: Say) -> None:
    say("light/a/config", lamp("a"))
    say("light/b/config", lamp("b"))
    first, _ = discover(operator, prefix, "--owner", "anna")
    say("light/a/config", lamp("strange"))
    say("light/b/config", lamp("b", stat_t="a"))
    say("light/c/config", lamp("c", cmd_t="a/set"))
    outcomes = discover(operator, prefix, "--owner", "mallory")
    assert [each["outcome"] for each in outcomes] == ["skipped"] * 3
    assert "--new-topics" in outcomes[0]["reason"]
    assert first["lamp"]["endpoint_id"] in outcomes[2]["reason"]
    assert {lamp["owner"] for lamp in operator.cli_json("lamp", "list")} == {"anna"}
    assert discover(operator, prefix, "--new-topics")[0]["outcome"] == "changed"
    shown = operator.cli_json("lamp", "show", first["lamp"]["endpoint_id"])
    assert shown["options"]["command_topic"] == "strange/set"


def test_an_announcement_that_was_taken_back_is_said_and_removes_no_lamp(
    operator: Service, prefix: str, say: Say, mosquitto: Broker
) -> None:
    say("light/a/config", lamp("a"))
    discover(operator, prefix)
    say("light/a/config", None)
    assert discover(operator, prefix) == []
    assert len(operator.cli_json("lamp", "list")) == 1


def test_people_see_what_was_found_with_codes(operator: Service, prefix: str, say: Say) -> None:
    say("light/a/config", lamp("a", avty_t="lwt", pl_avail="1", pl_not_avail="0"))
    done = operator.cli("lamp", "discover", "--wait", "0.4", "--prefix", prefix)
    assert done.returncode == 0
    assert f"listening at {prefix}/ for 0.4 s" in done.stderr
    assert "1 announcements" in done.stderr
    assert "lwt says 1 and 0" in done.stdout
    assert "claim_code" in done.stdout
    assert "\u2580" in done.stdout
    assert "1 new, 0 changed, 0 unchanged, 0 skipped" in done.stdout


async def test_alexa_is_told_what_the_lamp_told(operator: Service) -> None:
    url = operator.settings["SKILL_DATABASE_URL"]
    details = {"manufacturer": "Acme", "model": "L1", "serial_number": "17", "firmware_version": "1.0"}
    async with open_registry(url) as registry:
        await registry.add("anna", "One", "mqtt", {"command_topic": "1"}, details=details)
        await registry.add("anna", "Two", "mqtt", {"command_topic": "2"}, details={"model": "x" * 300, "junk": 7})
        await registry.add("anna", "Zero", "mqtt", {"command_topic": "3"})
    store = await open_store(url)
    described = {lamp.name: endpoint(lamp) for lamp, _ in await store.lamps_of("anna", 10)}
    await store.close()
    assert described["One"]["additionalAttributes"] == {
        **{"manufacturer": "Acme", "model": "L1"},
        **{"serialNumber": "17", "firmwareVersion": "1.0"},
    }
    assert described["Two"]["additionalAttributes"] == {"manufacturer": "Self-hosted", "model": "x" * 128}
    assert described["Zero"]["additionalAttributes"] == {"manufacturer": "Self-hosted", "model": "Lamp via MQTT"}
    for each in described.values():
        AdditionalAttributes.model_validate(each["additionalAttributes"])


@pytest.mark.parametrize(
    ("settings", "arguments", "status", "words"),
    [
        ({"SKILL_MQTT_URL": ""}, "", 2, "SKILL_MQTT_URL"),
        ({"SKILL_MQTT_URL": "http://localhost"}, "", 2, "SKILL_MQTT_URL"),
        ({"SKILL_MQTT_URL": "mqtt://127.0.0.1:9"}, "", 1, "the broker"),
        ({}, "--prefix a/#", 2, "--prefix"),
        ({}, "--wait 0", 2, "--wait"),
    ],
)
def test_a_mistake_has_its_exit_status(
    operator: Service, settings: dict[str, str], arguments: str, status: int, words: str
) -> None:
    merged = {name: value for name, value in (operator.settings | settings).items() if value}
    done = Service("skill", merged, operator.folder).cli("lamp", "discover", *arguments.split())
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr


async def test_of_very_many_lamps_the_first_are_there_before_the_last(
    operator: Service, mosquitto: Broker, prefix: str
) -> None:
    """On SQLite directives wait for a unit of work, and three seconds at most."""
    async with aiomqtt.Client(mosquitto.host, mosquitto.port) as client:
        for number in range(120):
            payload = orjson.dumps(lamp(f"{prefix}/{number}"))
            await client.publish(f"{prefix}/light/l{number}/config", payload, qos=1, retain=True)
    discovering = asyncio.create_task(asyncio.to_thread(discover, operator, prefix))
    seen = set()
    while not discovering.done():
        async with open_registry(operator.settings["SKILL_DATABASE_URL"]) as registry:
            seen.add(len(await registry.lamps()))
        await asyncio.sleep(0.01)
    outcomes = await discovering
    assert [outcome["outcome"] for outcome in outcomes] == ["new"] * 120
    assert all("claim_code" in outcome for outcome in outcomes)
    assert seen & {50, 100}
