"""`skill simulate lamp` on a real mosquitto: a process of its own, commanded by a driver, pressed by hand, killed."""

import asyncio
import getpass
import json
import shlex
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from pydantic import SecretStr

from skill.canonical import Brightness, Change, Color, Lamp, Power, Temperature
from skill.drivers.mqtt import MqttDriver
from skill.errors import EndpointUnreachable
from skill.news import Cause, Happening, News
from skill.simulator.commands.lamp import how_to_register
from skill.simulator.firmware import FIRMWARES
from tests.running import components, process
from tests.running.broker import Broker
from tests.running.home import skill_settings
from tests.running.ports import free_port
from tests.running.service import Service
from tests.running.simulated import SimulatedLamp
from tests.running.tasks import end
from tests.skill.issuer import CLIENT_ID, PERSON

OTHERS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "aws_shadow-powerState": (["--power-key", "powerState"], {"power_key": "powerState"}),
    "aws_shadow-without-service": (["--no-shadow-service"], {"shadow_service": False}),
    "home_assistant-hs-kelvin": (
        ["--supported-color-modes", "hs,color_temp", "--color-temp-kelvin", "--brightness-scale", "1000"],
        {"supported_color_modes": ["hs", "color_temp"], "color_temp_kelvin": True, "brightness_scale": 1000},
    ),
    "home_assistant-xy": (
        ["--supported-color-modes", "xy,color_temp"], {"supported_color_modes": ["xy", "color_temp"]}),
    "zigbee2mqtt-xy": (
        ["--supported-color-modes", "xy,color_temp"], {"supported_color_modes": ["xy", "color_temp"]}),
    "wled-own-white": (
        ["--supported-color-modes", "rgb,color_temp"], {"supported_color_modes": ["rgb", "color_temp"]}),
}  # fmt: skip
EVERY = {dialect: ([], {}) for dialect in FIRMWARES} | OTHERS


def slug(name: str) -> str:
    return name.lower().replace("_", "-")


def registered(name: str, dialect: str, options: dict[str, Any]) -> Lamp:
    usual = FIRMWARES[dialect].usual(slug(name))
    return Lamp(f"lamp-{slug(name)}", PERSON, name, "mqtt", {"dialect": dialect} | usual | options)


@pytest.fixture
async def heard(mosquitto: Broker) -> AsyncIterator[tuple[MqttDriver, list[Happening]]]:
    """A driver, and what it tells."""
    news, happened = News(), []  # type: ignore[var-annotated]
    news.listen(happened.append)
    driver = MqttDriver(SecretStr(mosquitto.url), time.time, news)
    running = asyncio.create_task(driver.run())
    yield driver, happened
    await end(running)


async def eventually(driver: MqttDriver, lamp: Lamp, **state: Any) -> None:
    async with asyncio.timeout(20):
        while True:
            found = (await driver.sample(lamp, None)).state
            if {name: getattr(found, name) for name in state} == state:
                return
            await asyncio.sleep(0.02)


@pytest.mark.spec("alexa 6.1", "S06")
@pytest.mark.parametrize("name", EVERY)
async def test_S06_a_simulated_lamp_of_every_dialect_obeys_and_shines_as_asked(
    name: str, heard: tuple[MqttDriver, list[Happening]], mosquitto: Broker
) -> None:
    """What the driver reports is not believed: the lamp itself says how it shines."""
    driver, happened = heard
    arguments, options = EVERY[name]
    dialect = name.partition("-")[0]
    called = f"{name} one"
    lamp = registered(called.replace("_", "-").replace(" ", "-"), dialect, options)
    changes: list[tuple[Change, dict[str, Any]]] = [
        (Power(on=True), {"on": True, "brightness": 100}),
        (Brightness(40), {"on": True, "brightness": 40}),
        (Color(240.0, 1.0, 1.0), {"on": True, "brightness": 40, "mode": "color", "rgb": "#0000ff"}),
        (Color(0.0, 1.0, 1.0), {"on": True, "mode": "color", "rgb": "#ff0000"}),
        (Temperature(4000), {"on": True, "brightness": 40}),
        (Power(on=False), {"on": False}),
    ]
    async with SimulatedLamp(
        "--broker", mosquitto.url, "--dialect", dialect, "--name", called, *arguments
    ) as simulated:
        for change, shining in changes:
            await driver.apply(lamp, change)
            await simulated.until("changed", **shining)
        if "xy" not in name and name != "wled":  # made of red, green and blue there
            assert next(line["kelvin"] for line in reversed(simulated.lines) if line.get("mode") == "white") == 4000
        happened.clear()
        await simulated.type("brightness 70")
        await eventually(driver, lamp, power=True, last_brightness=70)
        await simulated.type("off")
        await eventually(driver, lamp, power=False)
        assert {each.cause for each in happened} == {Cause.lamp}
        await simulated.type("unplug")
        if FIRMWARES[dialect](lamp.options).away is not None:
            await eventually(driver, lamp, online=False)
            with pytest.raises(EndpointUnreachable):
                await driver.apply(lamp, Power(on=True))
            await simulated.type("plug")
            await eventually(driver, lamp, online=True)


@pytest.mark.spec("S14", "alexa 6.2")
@pytest.mark.parametrize("way", ["ctrl-c", "quit", "killed"])
async def test_S14_a_lamp_that_ends_is_offline_for_everybody(
    way: str, heard: tuple[MqttDriver, list[Happening]], mosquitto: Broker
) -> None:
    """Orderly by its own word; killed by the broker's, which had its last will."""
    driver, _ = heard
    lamp = registered(f"ends-{way}", "home_assistant", {})
    async with SimulatedLamp("--broker", mosquitto.url, "--name", f"ends {way}") as simulated:
        await eventually(driver, lamp, online=True)
        if way == "killed":
            assert await simulated.end(signal.SIGKILL) == -signal.SIGKILL
        elif way == "quit":
            await simulated.type("quit")
            assert simulated.process is not None
            assert await asyncio.wait_for(simulated.process.wait(), 10) == 0
        else:
            assert await simulated.end() == 0
        await eventually(driver, lamp, online=False)


async def test_several_lamps_are_each_their_own(heard: tuple[MqttDriver, list[Happening]], mosquitto: Broker) -> None:
    driver, _ = heard
    arguments = ["--count", "3", "--command-topic", "many/{n}/set", "--state-topic", "many/{n}", "--share-connection"]
    async with SimulatedLamp("--broker", mosquitto.url, *arguments) as simulated:
        lamps = [
            Lamp(
                f"lamp-many-{n}", PERSON, "One", "mqtt", {"command_topic": f"many/{n}/set", "state_topic": f"many/{n}"}
            )
            for n in (1, 2, 3)
        ]
        await driver.apply(lamps[1], Power(on=True))
        await simulated.until("changed", number=2, on=True)
        await simulated.type("3 on")
        await eventually(driver, lamps[2], power=True)
        assert (await driver.sample(lamps[0], None)).state.power is False
        await simulated.type("9 on")
        assert "no lamp 9" in (await simulated.until("typed"))["text"]


async def test_a_slow_lamp_obeys_one_after_the_other(
    heard: tuple[MqttDriver, list[Happening]], mosquitto: Broker
) -> None:
    driver, _ = heard
    lamp = registered("slow", "zigbee2mqtt", {})
    async with SimulatedLamp("--broker", mosquitto.url, "--dialect", "zigbee2mqtt", "--name", "slow", "--delay", "0.2"):
        await eventually(driver, lamp, online=True)
        began = time.monotonic()
        await asyncio.gather(*(driver.apply(lamp, Brightness(level)) for level in (10, 20)))
        assert time.monotonic() - began > 0.4
        assert (await driver.sample(lamp, None)).state.last_brightness == 20


async def test_a_broker_that_is_away_is_said_and_waited_for(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    simulated = SimulatedLamp("--broker", broker.url)
    await simulated.start()
    assert "is away" in (await simulated.until("away"))["text"]
    await simulated.type("brightness 30")
    await simulated.until("changed", brightness=30)
    broker.start()
    await simulated.until("connected")
    async with aiomqtt.Client(broker.host, broker.port) as client:
        await client.subscribe("lamps/simulated-lamp/state", qos=1)
        async with asyncio.timeout(10):
            message = await anext(aiter(client.messages))
    assert json.loads(message.payload)["brightness"] == 76  # type: ignore[arg-type]
    broker.stop()
    await simulated.until("away")
    broker.start()
    await simulated.until("connected")
    assert await simulated.end(signal.SIGTERM) == 0
    broker.stop()


async def test_a_broker_that_refuses_ends_it_and_no_password_is_said(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "passwords").write_text("")
    (tmp_path / "m.conf").write_text(
        f"user {getpass.getuser()}\nlistener {port} 127.0.0.1\npassword_file {tmp_path}/passwords\n"
    )
    program = components.executable("mosquitto", components.MOSQUITTO)
    broker = process.start([program, "-c", tmp_path / "m.conf"], tmp_path / "m.log")
    try:
        simulated = SimulatedLamp("--broker", f"mqtt://lamp:geheim-1234@127.0.0.1:{port}")
        await simulated.start()
        assert simulated.process is not None
        out, err = await asyncio.wait_for(simulated.process.communicate(), 30)
        assert simulated.process.returncode == 1, (out, err)
        assert b"refused" in err
        assert b"geheim" not in out + err
    finally:
        process.stop(broker)


@pytest.mark.spec("alexa 6.1")
async def test_a_discoverable_lamp_presents_itself_and_stays_known(mosquitto: Broker) -> None:
    async with SimulatedLamp("--broker", mosquitto.url, "--name", "Seen", "--discoverable"):
        pass
    async with aiomqtt.Client(mosquitto.host, mosquitto.port) as client:
        await client.subscribe("homeassistant/light/lamps-seen/config", qos=1)
        async with asyncio.timeout(10):
            message = await anext(aiter(client.messages))
    config = json.loads(message.payload)  # type: ignore[arg-type]
    assert (config["command_topic"], config["device"]["name"]) == ("lamps/seen/set", "Seen")


def test_a_registered_lamp_is_simulated_as_the_registry_has_it_and_says_how_to_register(
    sqlite_url: str, tmp_path: Path, mosquitto: Broker
) -> None:
    port = free_port()
    settings = skill_settings(sqlite_url, port, "http://127.0.0.1:1", CLIENT_ID, SKILL_MQTT_URL=mosquitto.url)
    skill = Service("skill", settings, tmp_path, port)
    skill.migrate()
    offered = how_to_register("Bed's lamp", {"dialect": "tasmota", "topic": "bed", "capabilities": ["power", "color"]})
    words = [PERSON if word == "SUB" else word for word in shlex.split(offered)]
    words[words.index("Bed's lamp")] = "Bed lamp"
    made = skill.cli_json(*words[1:])
    assert made["options"]["topic"] == "bed"

    async def obeys() -> None:
        environment = {name: settings[name] for name in ("SKILL_DATABASE_URL", "SKILL_MQTT_URL")}
        async with (
            SimulatedLamp("--endpoint", made["endpoint_id"], environment=environment) as simulated,
            aiomqtt.Client(mosquitto.host, mosquitto.port) as client,
        ):
            await client.publish("cmnd/bed/HSBColor", "120,100,50", qos=1)
            assert (await simulated.until("changed", on=True))["rgb"] == "#00ff00"

    asyncio.run(obeys())


async def test_a_discoverable_lamp_is_found_and_registered_as_it_is(
    sqlite_url: str, tmp_path: Path, mosquitto: Broker
) -> None:
    port = free_port()
    settings = skill_settings(sqlite_url, port, "http://127.0.0.1:1", CLIENT_ID, SKILL_MQTT_URL=mosquitto.url)
    skill = Service("skill", settings, tmp_path, port)
    skill.migrate()
    colours = ["--supported-color-modes", "hs,color_temp", "--brightness-scale", "100", "--kelvin-range", "2000-6500"]
    async with SimulatedLamp("--broker", mosquitto.url, "--name", "Found lamp", "--discoverable", *colours):
        await asyncio.to_thread(skill.cli, "lamp", "discover", "--owner", PERSON, "--wait", "1")
        lamps = await asyncio.to_thread(skill.cli_json, "lamp", "list", "--owner", PERSON)
    (found,) = [lamp for lamp in lamps if lamp["name"] == "Found lamp"]
    assert found["options"]["command_topic"] == "lamps/found-lamp/set"
    assert found["options"]["brightness_scale"] == 100
    assert set(found["options"]["supported_color_modes"]) == {"hs", "color_temp"}
    assert set(found["options"]["capabilities"]) == {"power", "brightness", "color", "temperature"}
    assert found["options"]["kelvin_range"] == [2000, 6493]  # whole mired on the way


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["simulate", "lamp"], "which broker"),
        (["simulate", "lamp", "--broker", "http://x"], "mqtt://"),
        (["simulate", "lamp", "--broker", "mqtt://x", "--name", "\udcff"], "--name"),
        (["simulate", "lamp", "--broker", "mqtt://x", "--thing", "\x1b[2J", "--dialect", "aws_shadow"], "--thing"),
        (["simulate", "lamp", "--broker", "mqtt://x", "--dialect", "tasmota", "--topic", "a/#"], "--topic"),
        (["simulate", "lamp", "--broker", "mqtt://x", "--topic", "a"], "no use for it"),
        (["simulate", "lamp", "--broker", "mqtt://x", "--count", "2", "--command-topic", "a"], "{n}"),
        (["simulate", "lamp", "--broker", "mqtt://x", "--dialect", "wled", "--discoverable"], "--discoverable"),
        (["simulate", "lamp", "--broker", "mqtt://x", "--capabilities", "flying"], "capabilities"),
        (["simulate", "lamp", "--broker", "mqtt://x", "--endpoint", "lamp-1"], "SKILL_DATABASE_URL"),
    ],
    ids=lambda value: " ".join(value[2:]) if isinstance(value, list) else "",
)
def test_what_cannot_be_simulated_is_said(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = Service("skill", {}, tmp_path).cli(*arguments)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_a_misspelt_setting_stops_it(tmp_path: Path) -> None:
    done = Service("skill", {"SKILL_MQT_URL": "mqtt://x"}, tmp_path).cli("simulate", "lamp")
    assert (done.returncode, "SKILL_MQT_URL" in done.stderr) == (2, True)
