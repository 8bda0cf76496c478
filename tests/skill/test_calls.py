"""One call and its signature: nothing acts and nothing is answered before the database has said that it is new."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import orjson
import pytest

from skill import boundary
from skill.access_token import Moment
from skill.boundary import Boundary
from skill.drivers.simulated import SimulatedDriver
from skill.lamps import Lamps
from skill.storage.registry import open_registry
from skill.storage.store import Store, open_store
from tests.running.bridge import directive
from tests.skill.alexa_rules import check_answer
from tests.skill.issuer import PERSON
from tests.skill.talking import error_type, values
from tests.skill.verifier import Verifier

BRIGHTNESS = "Alexa.BrightnessController"


class Replica:
    """All of one process but HTTP: a store of its own, the boundary on it, the real token verifier."""

    def __init__(self, store: Store, verifier: Verifier) -> None:
        self.store, self.verifier = store, verifier
        lamps = Lamps(store, {"simulated": SimulatedDriver(store, time.time)})
        self.boundary = Boundary(verifier.tokens, lamps)

    async def answer(
        self, message: dict[str, Any], claim: Awaitable[bool] | None, spent: float = 0.0
    ) -> dict[str, Any] | None:
        now = time.time()
        answer = await self.boundary.answer(orjson.dumps(message), Moment(now, now), claim, spent=spent)
        if answer is not None:
            check_answer(message, orjson.loads(orjson.dumps(answer)))
        return answer

    async def signed(self, message: dict[str, Any], signature: bytes) -> dict[str, Any] | None:
        return await self.answer(message, self.store.claim_signature(signature, int(time.time()) + 300))

    def brighter(self, lamp: str, delta: int = 1, **claims: Any) -> dict[str, Any]:
        token = self.verifier.issuer.token(**claims)
        return directive(BRIGHTNESS, "AdjustBrightness", token, lamp, {"brightnessDelta": delta})


@pytest.fixture
async def replica(store: Store, verifier: Verifier) -> Replica:
    return Replica(store, verifier)


@pytest.fixture
async def other(database_url: str, store: Store, verifier: Verifier) -> AsyncIterator[Replica]:
    """Another process on the same database, as far as the database can tell."""
    own = await open_store(database_url)
    yield Replica(own, verifier)
    await own.close()


@pytest.fixture
async def lamp(database_url: str, store: Store) -> str:
    async with open_registry(database_url) as registry:
        return (await registry.add(PERSON, "Desk lamp", "simulated", {})).endpoint_id


async def brightness(store: Store, lamp: str) -> int | None:
    state = await store.simulated_lamp(lamp)
    assert state is not None
    return state.brightness


def claim_of(outcome: bool | Exception) -> asyncio.Future[bool]:
    """What a database has answered already."""
    claim: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    if isinstance(outcome, Exception):
        claim.set_exception(outcome)
    else:
        claim.set_result(outcome)
    return claim


@pytest.mark.spec("security 6.72")
async def test_a_signature_that_comes_twenty_times_to_two_replicas_acts_once(
    replica: Replica, other: Replica, lamp: str
) -> None:
    """Ten of them wait in one batch of each replica."""
    message = replica.brighter(lamp, 7)
    signature = bytes(32)
    answers = await asyncio.gather(*(each.signed(message, signature) for _ in range(10) for each in (replica, other)))
    (obeyed,) = [answer for answer in answers if answer is not None]
    assert values(obeyed)["brightness"] == 7
    assert await brightness(replica.store, lamp) == 7


@pytest.mark.spec("alexa 2.3", "S24")
async def test_steps_of_one_lamp_from_two_replicas_end_at_their_exact_sum(
    replica: Replica, other: Replica, lamp: str
) -> None:
    answers = await asyncio.gather(
        *(
            each.signed(each.brighter(lamp, 2), number.to_bytes(31, "big") + name)
            for number in range(20)
            for each, name in ((replica, b"a"), (other, b"b"))
        )
    )
    assert sorted(values(answer)["brightness"] for answer in answers if answer) == list(range(2, 82, 2))
    assert await brightness(replica.store, lamp) == 80


@pytest.mark.spec("security 6.72")
@pytest.mark.parametrize("claims", [{}, {"exp": 1}, {"sub": "somebody-else"}], ids=["good", "expired", "foreign"])
async def test_a_used_signature_gets_no_answer_and_changes_nothing(
    replica: Replica, lamp: str, claims: dict[str, Any]
) -> None:
    """Not even an error: an expired token in a replay must not unlink anybody."""
    assert await replica.answer(replica.brighter(lamp, **claims), claim_of(False)) is None
    assert await brightness(replica.store, lamp) == 0


@pytest.mark.spec("alexa 0", "alexa 2.7")
@pytest.mark.parametrize("claims", [{}, {"exp": 1}], ids=["good", "expired"])
async def test_a_claim_that_fails_changes_nothing_and_unlinks_nobody(
    replica: Replica, lamp: str, claims: dict[str, Any]
) -> None:
    answer = await replica.answer(replica.brighter(lamp, **claims), claim_of(OSError("the database is away")))
    assert answer is not None
    assert error_type(answer) == "INTERNAL_ERROR"
    assert await brightness(replica.store, lamp) == 0


@pytest.mark.spec("alexa 0", "security 6.72")
@pytest.mark.parametrize("claims", [{}, {"exp": 1}], ids=["good", "expired"])
async def test_a_claim_that_never_comes_changes_nothing_and_ends_in_time(
    replica: Replica, lamp: str, claims: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boundary, "BUDGET", 0.1)
    never: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    answer = await asyncio.wait_for(replica.answer(replica.brighter(lamp, **claims), never), 2)
    assert answer is not None
    assert error_type(answer) == "INTERNAL_ERROR"
    assert await brightness(replica.store, lamp) == 0


@pytest.mark.spec("S16", "S27")
async def test_S16_what_the_body_took_is_no_longer_there_for_the_answer(replica: Replica, lamp: str) -> None:
    """Or the bridge would give up a directive that is obeyed nevertheless."""
    never: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    late = boundary.BUDGET - 0.1
    answer = await asyncio.wait_for(replica.answer(replica.brighter(lamp), never, spent=late), 2)
    assert answer is not None
    assert error_type(answer) == "INTERNAL_ERROR"
    assert await brightness(replica.store, lamp) == 0


async def test_a_refused_directive_has_used_its_signature(replica: Replica, lamp: str) -> None:
    message, signature = replica.brighter(lamp, exp=1), bytes(32)
    answer = await replica.signed(message, signature)
    assert answer is not None
    assert error_type(answer) == "EXPIRED_AUTHORIZATION_CREDENTIAL"
    assert await replica.signed(message, signature) is None
