"""Whatever is asked, of whatever lamp, however broken: one answer that keeps every rule, and no link is harmed."""

import asyncio
import json
import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skill.access_token import Moment
from skill.boundary import Boundary
from skill.canonical import LampState
from skill.drivers.absent import AbsentDriver
from skill.drivers.simulated import SimulatedDriver
from skill.handlers import HANDLERS
from skill.lamps import Lamps
from skill.storage.migrations import migrate
from skill.storage.registry import open_registry
from skill.storage.store import open_store
from tests.running.bridge import directive
from tests.skill.alexa_rules import check_answer
from tests.skill.issuer import PERSON, STRANGER, Issuer
from tests.skill.verifier import Clock, Verifier

WORDS = ("power", "brightness", "color", "temperature")
UNLINKS = {"EXPIRED_AUTHORIZATION_CREDENTIAL", "INVALID_AUTHORIZATION_CREDENTIAL"}
ABILITIES: list[dict[str, Any]] = [
    {"capabilities": ["power"]},
    {"capabilities": ["power", "brightness"]},
    {"capabilities": ["color"]},
    {"capabilities": ["temperature"], "kelvin_range": [2700, 6500]},
    {"capabilities": list(WORDS), "kelvin_range": [2000, 9000]},
    {},
]


class House:
    """All of skill but HTTP, on a database of its own, with lamps of all abilities."""

    def __init__(self, url: str, issuer: Issuer) -> None:
        self.url, self.issuer = url, issuer
        self.loop = asyncio.new_event_loop()

    async def open(self) -> None:
        await migrate(self.url)
        self.store = await open_store(self.url)
        self.verifier = Verifier(self.issuer, self.store, Clock())
        assert await self.verifier.keys.fetch()
        drivers = {"simulated": SimulatedDriver(self.store, time.time), "mqtt": AbsentDriver("No broker is set up.")}
        self.boundary = Boundary(self.verifier.tokens, Lamps(self.store, drivers))
        self.token = self.issuer.token()
        async with open_registry(self.url) as registry:
            added = [await registry.add(PERSON, "Desk lamp", "simulated", options) for options in ABILITIES]
            strange = await registry.add(STRANGER, "Other lamp", "simulated", {})
            beyond = await registry.add(PERSON, "Hall", "mqtt", {"command_topic": "a"})
        self.simulated = [lamp.endpoint_id for lamp in added]
        self.lamps = [*self.simulated, strange.endpoint_id, beyond.endpoint_id, "lamp-none", "a.b/c"]

    async def answer(self, body: bytes) -> dict[str, Any]:
        random.seed()  # which hypothesis sets back before each example, and message ids come from it
        now = self.verifier.clock()
        answer = await self.boundary.answer(body, Moment(now, now), None)
        assert answer is not None
        return json.loads(orjson.dumps(answer))  # type: ignore[no-any-return]

    async def stand(self, state: LampState) -> None:
        """A lamp without colours stands in white."""
        for lamp, options in zip(self.simulated, ABILITIES, strict=True):
            coloured = "color" in options.get("capabilities", WORDS)
            as_it_can = state if coloured else state._replace(mode="white")
            await self.store.change_simulated_lamp(lamp, lambda _, stands=as_it_can: stands)


@pytest.fixture(scope="module")
def house(module_folder: Path, issuer: Issuer) -> Iterator[House]:
    house = House(f"sqlite:///{module_folder / 'house.db'}", issuer)
    house.loop.run_until_complete(house.open())
    yield house
    house.loop.run_until_complete(house.store.close())
    house.loop.close()


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
fraction = st.floats(0, 1)
colours = st.fixed_dictionaries({"hue": st.floats(0, 360), "saturation": fraction, "brightness": fraction})
PAYLOADS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "SetBrightness": st.fixed_dictionaries({"brightness": st.integers(-1, 101)}),
    "AdjustBrightness": st.fixed_dictionaries({"brightnessDelta": st.integers(-300, 300)}),
    "SetColor": st.fixed_dictionaries({"color": colours}),
    "SetColorTemperature": st.fixed_dictionaries({"colorTemperatureInKelvin": st.integers(500, 11_000)}),
    "AcceptGrant": st.just({"grant": {"type": "OAuth2.AuthorizationCode", "code": "c"}}),
}
states = st.builds(
    LampState,
    power=st.booleans(),
    last_brightness=st.integers(1, 100),
    mode=st.sampled_from(["white", "color"]),
    hue=st.floats(0, 360),
    saturation=fraction,
    value=st.floats(0.01, 1),
    kelvin=st.integers(1000, 10_000),
    online=st.sampled_from([True, True, False]),
)
KINDS = [*HANDLERS, ("Alexa.LockController", "Lock"), ("Alexa.PowerController", "Toggle"), ("Alexa", "TurnOn")]
PLACES = [
    *("directive", "directive/header", "directive/payload", "directive/endpoint", "directive/endpoint/endpointId"),
    *("directive/endpoint/scope", "directive/header/payloadVersion", "directive/header/correlationToken"),
    *("directive/header/name", "directive/header/namespace", "directive/header/messageId"),
    *("directive/payload/brightness", "directive/payload/brightnessDelta", "directive/payload/color"),
    *("directive/payload/color/hue", "directive/payload/colorTemperatureInKelvin", "directive/payload/grant"),
]
CUT = object()


@st.composite
def asked(draw: st.DrawFn) -> tuple[tuple[str, str], int, dict[str, Any], dict[str, Any]]:
    """A kind, which lamp, a payload, and what is broken: a value, or nothing, in the place of another."""
    kind = draw(st.sampled_from(KINDS))
    payload = draw(PAYLOADS.get(kind[1], st.just({})) | st.just({}))
    broken = draw(st.just({}) | st.dictionaries(st.sampled_from(PLACES), st.just(CUT) | junk, max_size=2))
    return kind, draw(st.integers(0, 9)), payload, broken


def broken_at(message: dict[str, Any], place: str, value: Any) -> None:
    *way, last = place.split("/")
    there: Any = message
    for step in way:
        there = there.get(step) if isinstance(there, dict) else None
    if isinstance(there, dict):
        if value is CUT:
            there.pop(last, None)
        else:
            there[last] = value


@pytest.mark.spec("alexa 2.1", "alexa 2.3", "alexa 2.6", "S06", "S08", "S12", "S13")
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ask=asked(), state=states)
def test_S06_every_answer_to_whatever_is_asked_keeps_every_rule(house: House, ask: Any, state: LampState) -> None:
    kind, lamp, payload, broken = ask
    message = directive(*kind, house.token, house.lamps[lamp], payload, correlation_token=uuid.uuid4().hex + "+/=" * 9)
    for place, value in broken.items():
        broken_at(message, place, value)
    run = house.loop.run_until_complete
    run(house.stand(state))
    answer = run(house.answer(orjson.dumps(message, option=orjson.OPT_NON_STR_KEYS)))
    check_answer(message, answer)
    kind_of_error = answer["event"]["payload"].get("type")
    assert kind_of_error != "INTERNAL_ERROR", "nothing here is our own trouble"
    if not broken:
        assert kind_of_error not in UNLINKS
        if state.online is False and lamp < len(ABILITIES) and kind[1] in ("TurnOn", "TurnOff"):
            assert kind_of_error in ("ENDPOINT_UNREACHABLE", "INVALID_DIRECTIVE")


@pytest.mark.spec("alexa 2.1")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=junk | st.fixed_dictionaries({"directive": junk}), tail=st.binary(max_size=3))
def test_what_is_no_directive_at_all_gets_an_answer_that_keeps_every_rule(
    house: House, document: Any, tail: bytes
) -> None:
    body = orjson.dumps(document) + tail
    answer = house.loop.run_until_complete(house.answer(body))
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError:
        sent = None
    check_answer(sent, answer)
    assert answer["event"]["payload"]["type"] == "INVALID_DIRECTIVE"


@pytest.mark.spec("alexa 2.2", "S02")
def test_S02_what_these_lamps_declare_keeps_every_rule(house: House) -> None:
    """And from here on each of their answers must report just that."""
    message = directive("Alexa.Discovery", "Discover", house.token)
    answer = house.loop.run_until_complete(house.answer(orjson.dumps(message)))
    check_answer(message, answer)
    assert len(answer["event"]["payload"]["endpoints"]) == len(ABILITIES) + 1
    for state in (
        LampState(True, 40, "color", 10.0, 0.0, 0.5, 2700, True),
        LampState(False, 1, kelvin=1000, online=True),
    ):
        house.loop.run_until_complete(house.stand(state))
        for lamp in house.simulated:
            report = directive("Alexa", "ReportState", house.token, lamp)
            check_answer(report, house.loop.run_until_complete(house.answer(orjson.dumps(report))))
