"""Lamps with accounts of their own at a real mosquitto that runs with the files that `skill broker` writes: each does
its work, and reaches no other."""

import asyncio
import contextlib
import getpass
import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiomqtt
import pytest
from pydantic import SecretStr

from skill.broker.passwords import LENGTH, is_user, new_password, users_in, verifier_of, verifies
from skill.canonical import Brightness, Lamp, Power
from skill.drivers.mqtt import MqttDriver
from tests.conftest import MigratedDatabase
from tests.running import components
from tests.running.broker import Broker
from tests.running.service import Service
from tests.running.tasks import end
from tests.skill.firmware import FIRMWARES, Firmware

pytestmark = pytest.mark.spec("alexa 6.2")
SPOKEN = ("json_light", "esphome", "tasmota", "wled", "workshop_without_service")
GATEWAY = "the-gateways-password"


class Plug(NamedTuple):
    """A lamp that is registered, and what its owner typed into it."""

    endpoint_id: str
    firmware: Firmware
    user: str
    password: str

    @property
    def lamp(self) -> Lamp:
        return Lamp(self.endpoint_id, "u1", "Lamp", "mqtt", self.firmware.options)


class Guarded(NamedTuple):
    broker: Broker
    operator: Service
    lamps: dict[str, Plug]

    def client(self, user: str | None, password: str | None = None, **more: Any) -> aiomqtt.Client:
        return aiomqtt.Client(self.broker.host, self.broker.port, username=user, password=password, **more)

    def of(self, plug: Plug, **more: Any) -> aiomqtt.Client:
        return self.client(plug.user, plug.password, **more)

    def write(self) -> dict[str, Any]:
        """The files anew."""
        folder = self.broker.folder
        own = ("--include", str(folder / "own-passwords"), "--out", str(folder / "passwords"))
        self.operator.cli_json("broker", "passwords", *own)
        rules = ("--include", str(folder / "own-acl"), "--out", str(folder / "acl"))
        return dict(self.operator.cli_json("broker", "acl", *rules))


def register(operator: Service, options: dict[str, Any], *more: str) -> str:
    arguments = [
        f"--{name.replace('_', '-')}={value}" for name, value in options.items() if not isinstance(value, bool)
    ]
    arguments += [f"--no-{name.replace('_', '-')}" for name, value in options.items() if value is False]
    added = operator.cli_json("lamp", "add", "--owner", "u1", "--name", "Lamp", "--driver", "mqtt", *arguments, *more)
    return str(added["endpoint_id"])


@pytest.fixture(scope="module")
def guarded(
    migrated_database: MigratedDatabase, tmp_path_factory: pytest.TempPathFactory, module_folder: Path
) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    files = f"password_file {folder / 'passwords'}\nacl_file {folder / 'acl'}"
    broker = Broker(folder, f"user {getpass.getuser()}\nallow_anonymous false\n{files}")
    url = f"mqtt://skill:the%20service@{broker.host}:{broker.port}"
    settings = {"SKILL_DATABASE_URL": migrated_database("skill", "sqlite"), "SKILL_MQTT_URL": url}
    operator = Service("skill", settings, module_folder)
    lamps = {}
    for dialect in SPOKEN:
        firmware = FIRMWARES[dialect]()
        endpoint_id = register(operator, firmware.options)
        made = operator.cli_json("lamp", "credentials", endpoint_id)
        lamps[dialect] = Plug(endpoint_id, firmware, made["broker_user"], made["broker_password"])
    (folder / "own-passwords").write_text(f"gateway:{verifier_of(GATEWAY)}")
    (folder / "own-acl").write_text("user gateway\ntopic readwrite #\ntopic readwrite $aws/#\n")
    guarded = Guarded(broker, operator, lamps)
    assert guarded.write()["accounts"] == len(lamps) + 1
    broker.start()
    yield guarded
    broker.stop()


@pytest.fixture
async def driver(guarded: Guarded) -> AsyncIterator[MqttDriver]:
    driver = MqttDriver(SecretStr(guarded.operator.settings["SKILL_MQTT_URL"]), time.time)
    running = asyncio.create_task(driver.run())
    yield driver
    await end(running)


async def shine(guarded: Guarded, plug: Plug, ready: asyncio.Event) -> None:
    """The lamp as its firmware is, with its own account."""
    firmware = plug.firmware
    away = firmware.away
    will = None if away is None else aiomqtt.Will(away.topic, away.payload, qos=1, retain=away.retain)
    async with guarded.of(plug, will=will) as client:
        for topic in firmware.listens_to:
            await client.subscribe(topic, qos=1)
        for said in firmware.birth():
            await client.publish(said.topic, said.payload, qos=1, retain=said.retain)
        ready.set()
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            for said in firmware.obey(message.topic.value, message.payload.decode()):
                await client.publish(said.topic, said.payload, qos=1, retain=said.retain)


@contextlib.asynccontextmanager
async def shining(guarded: Guarded, plug: Plug) -> AsyncIterator[None]:
    ready = asyncio.Event()
    running = asyncio.create_task(shine(guarded, plug, ready))
    try:
        async with asyncio.timeout(10):
            await ready.wait()
        yield
    finally:
        await end(running)


@pytest.mark.parametrize("dialect", SPOKEN)
async def test_a_lamp_with_its_own_account_obeys(guarded: Guarded, driver: MqttDriver, dialect: str) -> None:
    plug = guarded.lamps[dialect]
    async with shining(guarded, plug):
        assert (await driver.apply(plug.lamp, Power(on=True))).state.power is True
        assert (await driver.apply(plug.lamp, Brightness(40))).state.last_brightness == 40


def named(topic: str) -> str:
    """A topic that one can say something on, for one that a firmware listens to."""
    return topic.replace("#", "POWER").replace("+", "POWER")


class Heard:
    """What a client hears, as topic and payload."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.all: list[tuple[str, bytes]] = []
        self._client = client
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async for message in self._client.messages:
            assert isinstance(message.payload, bytes)
            self.all.append((message.topic.value, message.payload))

    async def until(self, *these: tuple[str, bytes]) -> None:
        async with asyncio.timeout(10):
            while not set(these) <= set(self.all):
                await asyncio.sleep(0.02)

    def topics(self, payload: bytes) -> set[str]:
        return {topic for topic, said in self.all if said == payload}

    async def end(self) -> None:
        await end(self._task)


async def test_a_lamps_last_will_is_heard(guarded: Guarded, driver: MqttDriver) -> None:
    plug = guarded.lamps["json_light"]
    assert plug.firmware.away is not None
    async with shining(guarded, plug):
        assert (await driver.sample(plug.lamp, None)).state.online is True
    async with guarded.of(plug, will=aiomqtt.Will(plug.firmware.away.topic, "offline", qos=1, retain=True)) as client:
        client._client._sock_close()  # the current is cut
    async with asyncio.timeout(5):
        while (await driver.sample(plug.lamp, None)).state.online is not False:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("dialect", SPOKEN)
async def test_another_lamps_topics_can_be_neither_read_nor_written(guarded: Guarded, dialect: str) -> None:
    """By the account of one lamp, those of all the others; its own arrive, so that the silence means something."""
    thief = guarded.lamps[dialect]
    others = [plug.firmware for name, plug in guarded.lamps.items() if name != dialect]
    commands = {topic for firmware in others for topic in firmware.listens_to}
    said = {each.topic for firmware in others for each in (*firmware.birth(), firmware.away) if each is not None}
    foreign = sorted({named(topic) for topic in commands | said} | {"homeassistant/light/a/config"})
    own = [named(topic) for topic in thief.firmware.listens_to]
    told = thief.firmware.birth()[0].topic
    async with guarded.of(thief) as client, guarded.client("gateway", GATEWAY) as gateway:
        for topic in ("#", "$aws/#"):
            await gateway.subscribe(topic, qos=1)
        for topic in ("#", "+/+/+", "$aws/#", *sorted(commands | said), *thief.firmware.listens_to):
            await client.subscribe(topic, qos=1)
        stolen, arrived = Heard(client), Heard(gateway)
        for topic in foreign:
            await client.publish(topic, "thief", qos=1, retain=True)
            await gateway.publish(topic, "secret", qos=1)
        await client.publish(told, "mine", qos=1)
        for topic in own:
            await gateway.publish(topic, "command", qos=1)
        await arrived.until((told, b"mine"), *((topic, b"secret") for topic in foreign))
        await stolen.until(*((topic, b"command") for topic in own))
        await stolen.end()
        await arrived.end()
    assert stolen.topics(b"secret") == set()
    assert {topic for topic, _ in stolen.all} == set(own)
    assert arrived.topics(b"thief") == set()


@pytest.mark.parametrize("who", ["anonymous", "wrong password", "another's password", "unknown", "no password"])
async def test_nobody_else_comes_in(guarded: Guarded, who: str) -> None:
    lamp, other = guarded.lamps["json_light"], guarded.lamps["tasmota"]
    user, password = {
        "anonymous": (None, None),
        "wrong password": (lamp.user, new_password()),
        "another's password": (lamp.user, other.password),
        "unknown": ("lamp-unknown", lamp.password),
        "no password": (lamp.user, ""),
    }[who]
    with pytest.raises(aiomqtt.MqttError, match=r"[Nn]ot authori"):
        async with guarded.client(user, password):
            pass


async def test_the_service_may_do_what_its_lamps_need_and_no_more(guarded: Guarded) -> None:
    firmware = guarded.lamps["json_light"].firmware
    command, told = firmware.listens_to[0], firmware.birth()[0].topic
    announced = {"homeassistant/light/a/config", "homeassistant/device/a/b/config"}
    async with guarded.client("skill", "the service") as skill, guarded.client("gateway", GATEWAY) as gateway:
        await gateway.subscribe("#")
        await skill.subscribe("#")
        arrived, heard = Heard(gateway), Heard(skill)
        for topic in ("alarm/set", told, "homeassistant/light/a/config", command):
            await skill.publish(topic, "of the service", qos=1)
        for topic in ("alarm", "homeassistant/status", command, *announced, told):
            await gateway.publish(topic, "of another", qos=1)
        await arrived.until((command, b"of the service"))
        await heard.until((told, b"of another"))
        await arrived.end()
        await heard.end()
    assert heard.topics(b"of another") == announced | {told}
    assert arrived.topics(b"of the service") == {command}


async def test_a_new_password_holds_after_a_reload_and_the_old_one_no_more(guarded: Guarded) -> None:
    operator, firmware = guarded.operator, FIRMWARES["json_light"]()
    lamp = register(operator, firmware.options)
    first = operator.cli_json("lamp", "credentials", lamp)
    guarded.write()
    guarded.broker.reload()
    async with guarded.client(first["broker_user"], first["broker_password"]):
        pass
    before = users_in((guarded.broker.folder / "passwords").read_text())
    second = operator.cli_json("lamp", "credentials", lamp)
    guarded.write()
    guarded.broker.reload()
    after = users_in((guarded.broker.folder / "passwords").read_text())
    assert {user for user in before if before[user] != after[user]} == {first["broker_user"]}
    with pytest.raises(aiomqtt.MqttError):
        async with guarded.client(first["broker_user"], first["broker_password"]):
            pass
    async with guarded.client(second["broker_user"], second["broker_password"]):
        pass
    operator.cli_json("lamp", "credentials", lamp, "--remove")
    guarded.write()
    assert first["broker_user"] not in (guarded.broker.folder / "passwords").read_text()
    assert first["broker_user"] not in (guarded.broker.folder / "acl").read_text()


def test_two_lights_of_one_device_share_its_account(guarded: Guarded) -> None:
    operator = guarded.operator
    left = register(operator, {"dialect": "esphome", "topic": "twin/light/left"})
    right = register(operator, {"dialect": "esphome", "topic": "twin/light/right"})
    assert operator.cli("lamp", "credentials", right, "--with", left).returncode == 1
    account = operator.cli_json("lamp", "credentials", left)["broker_user"]
    notes = guarded.write()["notes"]
    assert any("twin/status" in note for note in notes), "one of two lamps alone may not say it for both"
    shared = operator.cli_json("lamp", "credentials", right, "--with", left)
    assert shared == {"endpoint_id": right, "broker_user": account}
    assert not guarded.write()["notes"]
    rights = (guarded.broker.folder / "acl").read_text().split(f"user {account}\n")[1].split("\n\n")[0]
    assert sorted(rights.splitlines()) == [
        *(f"topic read twin/light/{side}/command" for side in ("left", "right")),
        *(f"topic write twin/light/{side}/state" for side in ("left", "right")),
        "topic write twin/status",
    ]


def of_account(guarded: Guarded, user: str) -> tuple[bool, list[str]]:
    """Whether it opens anything: its line of passwords, and its rights."""
    folder = guarded.broker.folder
    _, _, rights = (folder / "acl").read_text().partition(f"user {user}\n")
    return user in users_in((folder / "passwords").read_text()), sorted(rights.split("\n\n")[0].splitlines())


def test_lamps_of_two_owners_never_share_an_account(guarded: Guarded) -> None:
    """Neither when it is made, nor when one of them comes to another person afterwards."""
    operator = guarded.operator
    left = register(operator, {"dialect": "esphome", "topic": "pair/light/left"})
    right = register(operator, {"dialect": "esphome", "topic": "pair/light/right"})
    operator.cli("lamp", "transfer", right, "--to", "u2")
    account = operator.cli_json("lamp", "credentials", left)["broker_user"]
    refused = operator.cli("lamp", "credentials", right, "--with", left)
    assert refused.returncode == 1
    assert "different owners" in refused.stderr
    assert "skill lamp transfer" in refused.stderr
    operator.cli("lamp", "unclaim", right)
    assert operator.cli("lamp", "credentials", right, "--with", left).returncode == 1, "whose will it be?"
    operator.cli("lamp", "unclaim", left)
    operator.cli_json("lamp", "credentials", right, "--with", left)  # a device that nobody has yet
    operator.cli("lamp", "transfer", left, "--to", "u1")
    assert not guarded.write()["notes"]
    assert of_account(guarded, account)[0]
    operator.cli("lamp", "transfer", right, "--to", "u2")
    done = guarded.write()
    assert [note for note in done["notes"] if account in note and "skill lamp credentials" in note]
    assert of_account(guarded, account) == (False, [])
    made = operator.cli_json("lamp", "credentials", left)
    assert made["without_account"] == [right], "the old password may be known to whoever has the other"
    assert operator.cli_json("lamp", "show", right)["broker_user"] is None
    own = operator.cli_json("lamp", "credentials", right)
    assert own["broker_user"] != made["broker_user"]
    assert "without_account" not in own
    guarded.write()
    for user, side in ((made["broker_user"], "left"), (own["broker_user"], "right")):
        assert of_account(guarded, user) == (
            True,
            [f"topic read pair/light/{side}/command", f"topic write pair/light/{side}/state"],
        )


def test_the_one_who_joined_gets_a_name_of_its_own_when_the_lamps_part(guarded: Guarded) -> None:
    operator = guarded.operator
    left = register(operator, {"dialect": "esphome", "topic": "parted/light/left"})
    right = register(operator, {"dialect": "esphome", "topic": "parted/light/right"})
    account = operator.cli_json("lamp", "credentials", left)["broker_user"]
    operator.cli_json("lamp", "credentials", right, "--with", left)
    assert account in operator.cli("lamp", "transfer", right, "--to", "u2").stderr, "until the files are written again"
    made = operator.cli_json("lamp", "credentials", right)
    assert made["broker_user"] != account
    assert made["without_account"] == [left]
    assert operator.cli_json("lamp", "show", left)["broker_user"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--driver simulated", "only mqtt lamps"),
        ("--driver mqtt --dialect zigbee2mqtt --topic zigbee2mqtt/a", "gateway"),
        ("--driver mqtt --dialect aws_shadow --thing a", "AWS IoT"),
    ],
)
def test_a_lamp_that_is_no_client_of_the_broker_gets_no_account(guarded: Guarded, arguments: str, words: str) -> None:
    operator = guarded.operator
    lamp = operator.cli_json("lamp", "add", "--owner", "u1", "--name", "Lamp", *arguments.split())["endpoint_id"]
    done = operator.cli("lamp", "credentials", lamp)
    assert done.returncode == 1
    assert words in done.stderr
    assert operator.cli_json("lamp", "show", lamp)["broker_user"] is None


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ("broker passwords --skill-user a:b", 2),
        ("broker acl --skill-user a\nuser", 2),
        ("broker acl --prefix a/#", 2),
        ("broker acl --json", 2),
        ("broker acl --out /nowhere/acl", 1),
        ("broker passwords --include /nowhere/own", 1),
        ("lamp credentials lamp-0", 1),
        ("lamp credentials lamp-0 --remove --with lamp-1", 2),
    ],
)
def test_a_mistake_has_its_exit_status(guarded: Guarded, arguments: str, status: int) -> None:
    done = guarded.operator.cli(*arguments.split(" "))
    assert done.returncode == status
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("broker", "words"),
    [
        ("", "mqtt://USER:PASSWORD@HOST"),
        ("mqtt://localhost", "mqtt://USER:PASSWORD@HOST"),
        ("mqtt://[localhost", "SKILL_MQTT_URL"),
    ],
)
def test_the_files_say_what_they_need_to_know(guarded: Guarded, broker: str, words: str) -> None:
    settings = guarded.operator.settings | {"SKILL_MQTT_URL": broker}
    done = Service("skill", settings, guarded.broker.folder).cli("broker", "acl")
    assert done.returncode == 2
    assert words in " ".join(re.sub("[│╭╰─╮╯]", " ", done.stderr).split())
    assert "Traceback" not in done.stderr


def test_a_file_that_is_there_keeps_who_may_read_it(guarded: Guarded) -> None:
    out = guarded.broker.folder / "kept"
    out.write_text("x")
    out.chmod(0o640)
    guarded.operator.cli_json("broker", "passwords", "--out", str(out))
    assert out.stat().st_mode & 0o777 == 0o640
    fresh = guarded.broker.folder / "fresh"
    guarded.operator.cli_json("broker", "passwords", "--out", str(fresh))
    assert fresh.stat().st_mode & 0o777 == 0o600
    assert not list(guarded.broker.folder.glob(".kept*"))


def test_mosquittos_own_program_makes_what_is_made_here(tmp_path: Path) -> None:
    program = components.executable("mosquitto_passwd", ("mosquitto_passwd",))
    file = tmp_path / "passwords"
    subprocess.run([program, "-b", "-c", file, "lamp", "secret word"], check=True, capture_output=True)
    verifier = users_in(file.read_text())["lamp"]
    assert verifies(verifier, "secret word")
    assert not verifies(verifier, "secret words")
    ours = verifier_of("secret word")
    assert [len(part) for part in ours.split("$")[3:]] == [len(part) for part in verifier.split("$")[3:]]
    assert ours.split("$")[:3] == verifier.split("$")[:3]


def test_accounts_fit_into_what_firmwares_keep() -> None:
    assert len(new_password()) == LENGTH <= 32
    assert new_password() != new_password()
    assert is_user("lamp-0123456789abcdef012")
    assert not any(is_user(name) for name in ("", "a:b", "a b", "a\nb", "#", "x" * 65))
    assert not verifies("", "")
    assert not verifies("$7$x", "")
    assert not verifies("$6$a$b", "")
