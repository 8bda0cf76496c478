"""Colour and white on the simulator's page, and how soon it shows what a lamp behind the broker does by itself."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import orjson
import pytest
import pytest_asyncio

from tests.running.broker import Broker
from tests.running.home import add_lamp
from tests.running.ports import free_port
from tests.running.service import Service
from tests.running.simulated import SimulatedLamp
from tests.skill.simulator.browsing import Visitor
from tests.skill.simulator.conftest import settings
from tests.skill.simulator.linking_issuer import PERSON, LinkingIssuer

SOON = 0.15  # seconds, half of what was promised, and of the pause between two looks without news


@pytest.fixture(scope="module")
def with_broker(
    new_database, module_folder: Path, linking_issuer: LinkingIssuer, mosquitto: Broker
) -> Iterator[tuple[Service, dict[str, str]]]:  # type: ignore[no-untyped-def]
    """A skill with a lamp of each kind; their ids by name."""
    port = free_port()
    chosen = settings(new_database("sqlite"), port, linking_issuer.url) | {"SKILL_MQTT_URL": mosquitto.url}
    service = Service("skill", chosen, module_folder, port)
    service.migrate()
    everything = ["--capabilities", "power,brightness,color,temperature"]
    lamps = {
        "Colour lamp": add_lamp(service, PERSON, "Colour lamp"),
        "Plain lamp": add_lamp(service, PERSON, "Plain lamp", "simulated", "--capabilities", "power,brightness"),
        "White lamp": add_lamp(service, PERSON, "White lamp", "simulated", "--capabilities", "temperature"),
        "Kitchen": add_lamp(
            service,
            PERSON,
            "Kitchen",
            "mqtt",
            "--dialect",
            "zigbee2mqtt",
            "--topic",
            "zigbee2mqtt/kitchen",
            *everything,
        ),
        "Shelf": add_lamp(service, PERSON, "Shelf", "mqtt", "--dialect", "wled", "--topic", "wled/shelf", *everything),
    }
    with service:
        yield service, lamps


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(with_broker: tuple[Service, dict[str, str]], linking_issuer: LinkingIssuer) -> AsyncIterator[Visitor]:
    """Linked, lamps discovered."""
    linking_issuer.reset()
    async with Visitor(with_broker[0].url) as visitor:
        await visitor.link(linking_issuer.url)
        await visitor.act("discover")
        yield visitor


def article(page: str, name: str) -> str:
    """The part of the page that shows one lamp."""
    return next(part for part in page.split('<article class="lamp"') if f"<h2>{name}</h2>" in part)


@pytest.mark.spec("alexa 2.2")
async def test_colour_and_white_are_offered_where_discovery_listed_them(visitor: Visitor) -> None:
    offered = {
        name: ('name="colour"' in article(visitor.page, name), 'name="kelvin"' in article(visitor.page, name))
        for name in ("Colour lamp", "Plain lamp", "White lamp", "Kitchen")
    }
    assert offered == {
        "Colour lamp": (True, True),
        "Plain lamp": (False, False),
        "White lamp": (False, True),
        "Kitchen": (True, True),
    }
    chips = visitor.page.partition('data-region="chips"')[2]
    assert "set the colour lamp to blue" in chips
    assert "make the colour lamp warm white" in chips


async def test_a_swatch_and_the_white_slider_send_their_directives(
    visitor: Visitor, with_broker: tuple[Service, dict[str, str]]
) -> None:
    lamp = with_broker[1]["Colour lamp"]
    page = await visitor.act("control", lamp=lamp, colour="blue")
    assert (visitor.reply(), "set the colour lamp to blue" in page) == ("OK", True)
    assert 'color="#0000ff"' in article(page, "Colour lamp")
    assert re.search(r'value="blue"[^>]* aria-pressed="true"', article(page, "Colour lamp"))
    page = await visitor.act("control", lamp=lamp, do="kelvin", kelvin="5500")
    assert (visitor.reply(), "set the colour lamp to 5500 kelvin" in page) == ("OK", True)
    assert 'color="#fff3e6"' in article(page, "Colour lamp")
    assert 'aria-pressed="true"' not in article(page, "Colour lamp").partition('class="swatches"')[2]
    turns = page.count('class="turn"')
    for nonsense in ({"colour": "mauve"}, {"do": "kelvin", "kelvin": "warm"}, {"do": "explode", "colour": "red"}):
        page = await visitor.act("control", **({"lamp": lamp} | nonsense))
    assert page.count('class="turn"') == turns
    assert 'color="#fff3e6"' in article(page, "Colour lamp")


@pytest.mark.spec("alexa 2.6", "S13")
async def test_S13_a_refusal_of_colour_and_white_is_spoken(
    visitor: Visitor, with_broker: tuple[Service, dict[str, str]]
) -> None:
    await visitor.act("speak", said="set the colour lamp to green")
    await visitor.act("speak", said="make the colour lamp warmer")
    assert visitor.reply().startswith("I can't do that while Colour lamp shows a colour.")
    await visitor.act("speak", said="set the colour lamp to 12000 kelvin")
    assert visitor.reply().startswith("I can only set Colour lamp to something between 1000 and 10000.")
    await visitor.act("speak", said="set the plain lamp to red")
    assert visitor.reply().startswith("Plain lamp doesn't support that.")
    for said in (
        "make the colour lamp warm white",
        "make the colour lamp cooler",
        "set the colour lamp to 3000 kelvin",
    ):
        await visitor.act("speak", said=said)
        assert visitor.reply() == "OK", said


async def events(stream: httpx2.Response) -> AsyncIterator[dict[str, object]]:
    async for line in stream.aiter_lines():
        if line.startswith("data: "):
            yield orjson.loads(line.removeprefix("data: "))["lamps"]


@pytest.mark.parametrize(("name", "dialect"), [("Kitchen", "zigbee2mqtt"), ("Shelf", "wled")])
async def test_a_lamp_switched_by_mqtt_is_seen_within_300_ms(
    visitor: Visitor, with_broker: tuple[Service, dict[str, str]], mosquitto: Broker, name: str, dialect: str
) -> None:
    """From the word at its switch, over the broker, the driver and the news, to the event of the page."""
    lamp = with_broker[1][name]
    arguments = ("--broker", mosquitto.url, "--dialect", dialect, "--name", name)
    async with (
        SimulatedLamp(*arguments) as simulated,
        visitor.client.stream("GET", "/simulator/lamps/stream") as stream,
    ):
        told = events(stream)

        async def until(**wanted: object) -> None:
            async with asyncio.timeout(20):
                async for lamps in told:
                    drawing = lamps.get(lamp)
                    if isinstance(drawing, dict) and wanted.items() <= drawing.items():
                        return

        await until(online=True)
        took = []
        for line, wanted in [
            ("on", {"on": True}),
            ("color red", {"colour": "#ff0000", "coloured": True}),
            ("color blue", {"colour": "#0000ff"}),
            ("brightness 30", {"brightness": 30}),
            ("off", {"on": False}),
        ]:
            await asyncio.sleep(0.4)
            began = time.monotonic()
            await simulated.type(line)
            await until(**wanted)
            took.append(time.monotonic() - began)
        assert sorted(took)[len(took) // 2] < SOON, took
