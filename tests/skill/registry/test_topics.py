"""A topic belongs to one lamp, so that no owner reaches another's through their own (contract 6.2)."""

import asyncio
from typing import Any

import pytest

from skill.drivers.codecs import BadOption
from skill.drivers.topics import BadTopic, check_topic, covering, covers
from skill.drivers.wiring import Wiring, checked
from skill.models import LampRow
from skill.storage.cold import Cold
from skill.storage.registry import TopicTaken, open_registry
from tests.conftest import MigratedDatabase

pytestmark = pytest.mark.spec("alexa 6.2")


@pytest.fixture
def url(database_kind: str, migrated_database: MigratedDatabase) -> str:
    return migrated_database("skill", database_kind)


def light(command: str, state: str | None = None, online: str | None = None) -> dict[str, Any]:
    said = {"command_topic": command, "state_topic": state, "availability_topic": online}
    return {name: topic for name, topic in said.items() if topic is not None}


def zigbee(name: str) -> dict[str, Any]:
    return {"dialect": "zigbee2mqtt", "topic": f"zigbee2mqtt/{name}"}


def tasmota(topic: str, full: str | None = None) -> dict[str, Any]:
    return {"dialect": "tasmota", "topic": topic} | ({"full_topic": full} if full else {})


def wled(topic: str) -> dict[str, Any]:
    return {"dialect": "wled", "topic": topic}


def esphome(topic: str) -> dict[str, Any]:
    return {"dialect": "esphome", "topic": topic}


def thing(name: str, shadow: str | None = None, service: bool = True) -> dict[str, Any]:
    return {"dialect": "aws_shadow", "thing": name, "shadow_service": service} | ({"shadow": shadow} if shadow else {})


ATTACKS = {
    "its command topic": (light("a/set"), light("a/set")),
    "its state as a command": (light("a/set", "a"), light("a")),
    "its state as a state": (light("a/set", "a"), light("b/set", "a")),
    "its state for being there": (light("a/set", "a"), light("b/set", "b", "a")),
    "its commands as a state": (light("a/set"), light("b/set", "a/set")),
    "its commands for being there": (light("a/set"), light("b/set", "b", "a/set")),
    "where it says that it is there": (light("a/set", "a", "a/lwt"), light("b/set", "a/lwt")),
    "a command to where it says that it is there": (light("a/set", "a", "a/lwt"), light("a/lwt")),
    "zigbee by another dialect": (zigbee("desk"), light("zigbee2mqtt/desk/set")),
    "zigbee, one attribute": (zigbee("desk"), light("zigbee2mqtt/desk/set/brightness")),
    "zigbee, its gateway": (zigbee("desk"), light("zigbee2mqtt/bridge/state")),
    "tasmota, another command": (tasmota("desk"), light("cmnd/desk/Dimmer")),
    "tasmota, in another case": (tasmota("desk"), light("cmnd/desk/power")),
    "tasmota, its last will": (tasmota("desk"), light("b/set", "b", "tele/desk/LWT")),
    "tasmota, by a pattern": (tasmota("desk"), tasmota("x", "%prefix%/desk/%topic%/")),
    "tasmota under what another has": (light("cmnd/desk/Dimmer"), tasmota("desk")),
    "tasmota over all of them": (tasmota("hall/desk"), tasmota("hall")),
    "wled, its colour": (wled("wled/desk"), light("wled/desk/col")),
    "wled, its level": (wled("wled/desk"), light("wled/desk")),
    "esphome by another dialect": (esphome("node/light/a"), light("node/light/a/command")),
    "a shadow once more": (thing("ratchet"), thing("ratchet")),
    "a shadow without its service": (thing("ratchet"), thing("ratchet", service=False)),
}
NEIGHBOURS = {
    "below it": (light("a/set", "a"), light("a/set/set", "a/state")),
    "another's name begins with it": (tasmota("desk"), tasmota("desk2")),
    "another case": (light("Home/set"), light("home/set")),
    "a percent sign": (tasmota("a%"), light("cmnd/abc/POWER")),
    "an underscore": (tasmota("a_"), light("cmnd/ab/POWER")),
    "zigbee names with levels": (zigbee("hall"), zigbee("hall/desk")),
    "two behind one gateway": (zigbee("a"), light("b/set", "b", "zigbee2mqtt/bridge/state")),
    "two lights of a node": (esphome("node/light/a"), esphome("node/light/b")),
    "two shadows of a thing": (thing("ratchet"), thing("ratchet", "second")),
    "one place that says for both": (light("a/set", "a", "device/lwt"), light("b/set", "b", "device/lwt")),
}


@pytest.mark.parametrize("case", ATTACKS)
async def test_no_lamp_reaches_into_anothers_topics(url: str, case: str) -> None:
    first, second = ATTACKS[case]
    async with open_registry(url) as registry:
        victim = await registry.add("anna", "Lamp", "mqtt", first)
    with pytest.raises(TopicTaken) as taken:
        async with open_registry(url) as registry:
            await registry.add("mallory", "Lamp", "mqtt", second)
    assert taken.value.endpoint_id == victim.endpoint_id
    assert victim.endpoint_id not in str(taken.value), "which lamp it is, only the operator is told"
    async with open_registry(url) as registry:
        assert [lamp.owner for lamp in await registry.lamps()] == ["anna"]
        await registry.add("mallory", "Own lamp", "mqtt", light("mallory/set"))
        own = (await registry.lamps("mallory"))[0].endpoint_id
        with pytest.raises(TopicTaken):
            await registry.change(own, second)
    async with open_registry(url) as registry:
        assert (await registry.lamps("mallory"))[0].options == light("mallory/set")


@pytest.mark.parametrize("case", NEIGHBOURS)
async def test_neighbours_have_their_topics_side_by_side(url: str, case: str) -> None:
    async with open_registry(url) as registry:
        for owner, options in zip(("anna", "ben"), NEIGHBOURS[case], strict=True):
            await registry.add(owner, "Lamp", "mqtt", options)


async def test_one_refusal_among_many_leaves_the_others(url: str) -> None:
    async with open_registry(url) as registry:
        await registry.add("anna", "Lamp", "mqtt", light("a/set"))
        with pytest.raises(TopicTaken):
            await registry.add("ben", "Lamp", "mqtt", light("a/set"))
        await registry.add("ben", "Other lamp", "mqtt", light("b/set", "b", "b/lwt"))
        with pytest.raises(TopicTaken):
            await registry.add("eve", "Lamp", "mqtt", light("b/lwt"))
    async with open_registry(url) as registry:
        assert sorted(lamp.name for lamp in await registry.lamps()) == ["Lamp", "Other lamp"]


async def test_topics_are_free_again_when_a_lamp_goes_or_changes(url: str) -> None:
    async with open_registry(url) as registry:
        lamp = await registry.add("anna", "Lamp", "mqtt", light("a/set", "a"))
        await registry.change(lamp.endpoint_id, light("a/set", "a/state"))
        other = await registry.add("ben", "Lamp", "mqtt", light("b/set", "a"))
        await registry.remove(other.endpoint_id)
        await registry.add("ben", "Lamp", "mqtt", light("b/set", "a"))
        with pytest.raises(TopicTaken):
            await registry.add("eve", "Lamp", "mqtt", light("e/set", "a/state"))


async def test_of_many_lamps_that_want_one_topic_at_once_one_has_it(url: str) -> None:
    async def add(number: int) -> bool:
        try:
            async with open_registry(url) as registry:
                await registry.add(f"person-{number}", "Lamp", "mqtt", light("a/set", f"{number}"))
            return True
        except TopicTaken:
            return False

    assert sum(await asyncio.gather(*(add(number) for number in range(6)))) == 1


@pytest.mark.parametrize(
    "topic",
    [
        *("", "a/#", "+/set", "#", "a\0b", "$SYS/x", "$share/g/a", "$queue/a", "a\nuser root", "a\r", "\u2028a"),
        *("a\x7f", " a", "a ", "a\ud800", "a\uffff", "x" * 1025, "ü" * 600, "/".join("a" * 150)),
    ],
    ids=ascii,
)
def test_a_topic_that_could_be_more_than_one_or_end_the_connection_is_none(topic: str) -> None:
    with pytest.raises(BadTopic):
        check_topic(topic)


@pytest.mark.parametrize("topic", ["a", "/", "home/desk lamp/set", "büro/lampe", "a//b", "zigbee2mqtt/日本", "a$b/$c"])
def test_a_topic_as_firmwares_have_it_is_one(topic: str) -> None:
    assert check_topic(topic) == topic


@pytest.mark.parametrize("options", [tasmota("x" * 1020), zigbee("y" * 1010), light("a", "b", "\n")])
def test_what_is_made_of_a_topic_is_one_too(options: dict[str, Any]) -> None:
    with pytest.raises(BadOption):
        checked(options)


def test_covering_and_covered_say_the_same() -> None:
    topics = ["a", "a/#", "a/b", "a/b/#", "a/b/c", "ab", "ab/#", "/", "/#"]
    for own in topics:
        for topic in topics:
            assert covers(own, topic) == (own in covering(topic)), (own, topic)


def test_what_is_heard_and_said_is_ones_own_but_for_being_there() -> None:
    for options in (light("a/set", "a", "lwt"), zigbee("a"), tasmota("a"), wled("a"), esphome("n/light/a"), thing("a")):
        wiring = Wiring.of(options)
        for topic in (*wiring.codec.command_topics, *wiring.codec.state_topics):
            assert any(covers(own, topic) for own in wiring.own_topics), (options, topic)


async def test_who_shares_a_topic_since_before_this_rule_takes_nothing_more_of_it(url: str) -> None:
    async with open_registry(url) as registry:
        await registry.add("anna", "Lamp", "mqtt", tasmota("desk"))
        own = (await registry.add("mallory", "Lamp", "mqtt", light("b/set"))).endpoint_id
    cold = Cold(url)
    async with cold.unit() as session:
        row = await session.get_one(LampRow, own)
        row.options = light("b/set", "b", "cmnd/desk/POWER")
    await cold.close()
    with pytest.raises(TopicTaken):
        async with open_registry(url) as registry:
            await registry.change(own, light("cmnd/desk/POWER"))
