"""The gateway and Login with Amazon in trouble: nothing is lost, nothing is sent twice, no token is logged."""

import time
from collections.abc import Callable

import pytest

from tests.running.alexa_events import AlexaEvents, Answer, exception
from tests.skill.events.conftest import QUICK, TURN, User, until

TOLD = "AddOrUpdateReport"


@pytest.fixture(scope="module")
def pauses() -> dict[str, float]:
    return QUICK | TURN


def first(count: int, answer: Answer) -> Callable[[], Answer | None]:
    """So many times, then all is well."""
    left = iter(range(count))
    return lambda: None if next(left, None) is None else answer


def of(at_amazon: AlexaEvents, lamp: str) -> list[int]:
    """The statuses that each event on the lamp got."""
    return [each.status for each in at_amazon.received if lamp in each.about]


@pytest.mark.spec("S22", "alexa 1.8")
async def test_S22_a_401_is_one_renewal_and_one_repetition(linked: User, at_amazon: AlexaEvents) -> None:
    forms = len(at_amazon.forms)
    at_amazon.expire_tokens()  # before the time that they were given
    lamp = await linked.lamp()
    await until(lambda: linked.told(lamp, TOLD))
    assert of(at_amazon, lamp) == [401, 202]
    assert [form["grant_type"] for form in at_amazon.forms[forms:]] == ["refresh_token"]
    assert len({each.id for each in at_amazon.received if lamp in each.about}) == 1


@pytest.mark.spec("S22")
async def test_S22_a_token_that_is_never_taken_is_not_renewed_without_end(linked: User, at_amazon: AlexaEvents) -> None:
    forms = len(at_amazon.forms)
    at_amazon.gateway_fault = lambda: exception(401, "INVALID_ACCESS_TOKEN_EXCEPTION")
    lamp = await linked.lamp()
    await until(lambda: len(of(at_amazon, lamp)) >= 6)
    assert len(at_amazon.forms) - forms <= (len(of(at_amazon, lamp)) + 1) // 2
    at_amazon.gateway_fault = None
    await until(lambda: linked.told(lamp, TOLD))


@pytest.mark.spec("S22", "alexa 1.8")
async def test_S22_a_403_drops_the_grant_and_what_waits(linked: User, at_amazon: AlexaEvents) -> None:
    await linked.hold_up()
    lamps = [await linked.lamp(f"Lamp {number}") for number in range(2)]
    assert len(await linked.waiting()) == 3
    at_amazon.gateway_fault = lambda: exception(403, "SKILL_DISABLED_EXCEPTION")
    await linked.go_on()
    await linked.nothing_waits()
    at_amazon.gateway_fault = None
    assert [each.status for each in at_amazon.received[-2:]] == [503, 403]
    assert [of(at_amazon, lamp) for lamp in lamps] == [[], []]
    assert "has disabled the skill" in linked.skill.log()
    endpoints = await linked.alexa.discover(linked.token)
    assert not endpoints[0]["capabilities"][1]["properties"]["proactivelyReported"]
    await linked.link()
    await until(lambda: all(linked.told(lamp, TOLD) for lamp in lamps))


@pytest.mark.spec("S22")
@pytest.mark.parametrize(
    "said",
    [
        (403, {}, {}),
        (403, {"message": "Forbidden"}, {}),
        exception(403, "INSUFFICIENT_PERMISSION_EXCEPTION"),
        exception(403, "SKILL_NEVER_ENABLED_EXCEPTION"),
    ],
    ids=["a page", "JSON", "our own setup", "not known yet"],
)
async def test_S22_a_403_that_does_not_say_that_the_skill_is_disabled_drops_nothing(
    linked: User, at_amazon: AlexaEvents, said: Answer
) -> None:
    at_amazon.gateway_fault = first(1, said)
    lamp = await linked.lamp()
    await until(lambda: linked.told(lamp, TOLD))
    assert of(at_amazon, lamp) == [403, 202]


@pytest.mark.spec("S22")
async def test_S22_a_message_that_is_refused_is_not_repeated(linked: User, at_amazon: AlexaEvents) -> None:
    at_amazon.gateway_fault = first(1, exception(400, "INVALID_REQUEST_EXCEPTION"))
    lamp = await linked.lamp()
    await until(lambda: of(at_amazon, lamp))
    next_one = await linked.lamp()
    await until(lambda: linked.told(next_one, TOLD))
    assert of(at_amazon, lamp) == [400]
    assert "Alexa refuses a AddOrUpdateReport" in linked.skill.log()


@pytest.mark.spec("S22", "RFC 9110 §10.2.3")
async def test_S22_a_gateway_that_wants_rest_gets_it(linked: User, at_amazon: AlexaEvents) -> None:
    at_amazon.gateway_fault = first(1, exception(429, "THROTTLING_EXCEPTION", **{"Retry-After": "1"}))
    lamp = await linked.lamp()
    await until(lambda: linked.told(lamp, TOLD))
    before, after = (each.at for each in at_amazon.received if lamp in each.about)
    assert after - before >= 1


@pytest.mark.spec("S22")
@pytest.mark.parametrize("answer", [(500, {}, {}), (503, {}, {}), (0, {}, {})], ids=["500", "503", "no answer"])
async def test_S22_trouble_of_the_gateway_is_repeated_with_the_same_id(
    linked: User, at_amazon: AlexaEvents, answer: Answer
) -> None:
    at_amazon.gateway_fault = first(2, answer)
    lamp = await linked.lamp()
    await until(lambda: linked.told(lamp, TOLD))
    assert of(at_amazon, lamp) == [answer[0], answer[0], 202]
    assert len({each.id for each in at_amazon.received if lamp in each.about}) == 1


@pytest.mark.spec("S22", "alexa 1.8")
async def test_S22_tokens_are_renewed_with_a_head_start(linked: User, at_amazon: AlexaEvents) -> None:
    at_amazon.lifetime = 250  # less than the head start
    try:
        await linked.link()
        lamp = await linked.lamp()
        await until(lambda: linked.told(lamp, TOLD))
        assert at_amazon.forms[-1]["grant_type"] == "refresh_token"
        assert 401 not in of(at_amazon, lamp)
    finally:
        at_amazon.lifetime = 3600


@pytest.mark.spec("S22")
async def test_S22_a_refresh_token_that_is_replaced_at_every_use_is_kept(linked: User, at_amazon: AlexaEvents) -> None:
    at_amazon.rotates = True
    for number in range(3):
        at_amazon.expire_tokens()
        lamp = await linked.lamp(f"Lamp {number}")
        await until(lambda lamp=lamp: linked.told(lamp, TOLD))  # type: ignore[misc]


@pytest.mark.spec("S22")
async def test_S22_a_grant_that_was_taken_back_is_dropped_and_our_own_fault_drops_none(
    linked: User, at_amazon: AlexaEvents
) -> None:
    mine = at_amazon.grants[-1]
    at_amazon.expire_tokens()
    at_amazon.login_fault = first(2, (401, {"error": "invalid_client"}, {}))
    lamp = await linked.lamp()
    await until(lambda: linked.told(lamp, TOLD))
    assert "refuses SKILL_ALEXA_CLIENT_ID" in linked.skill.log()
    mine.dead = True
    at_amazon.expire_tokens()
    other = await linked.lamp()
    await until(lambda: "has taken back the grant" in linked.skill.log())
    assert linked.told(other, TOLD) == []


@pytest.mark.spec("S22")
async def test_S22_a_new_state_takes_the_place_of_one_that_waits(linked: User, at_amazon: AlexaEvents) -> None:
    """Of what was perhaps taken everything is told again, under a new id; what is on its way just then goes before."""
    lamp = await linked.lamp()
    await until(lambda: linked.told(lamp, TOLD))
    await linked.send("Alexa.PowerController", "TurnOn", lamp)
    await until(lambda: linked.known(lamp))
    at_amazon.gateway_fault = lambda: (503, {}, {"Retry-After": "1"})
    await linked.unplug(lamp)
    linked.skill.restart()
    await until(lambda: 503 in of(at_amazon, lamp))
    await linked.unplug(lamp, online=True)
    (first,) = await linked.waiting()
    linked.skill.restart()

    async def replaced() -> bool:
        newest = (await linked.waiting())[-1]
        return newest.message_id != first.message_id and "UNREACHABLE" not in str(newest.body)

    await until(replaced)
    at_amazon.gateway_fault = None
    await linked.nothing_waits()
    *before, last = linked.told(lamp)
    assert last.changed == {"connectivity": {"value": "OK"}}
    assert len(before) <= 1


@pytest.mark.spec("S22")
async def test_S22_events_that_wait_outlive_kills_and_outages_and_each_comes_once(
    linked: User, another_user: User, at_amazon: AlexaEvents
) -> None:
    await another_user.link("EU")
    lamps = []
    at_amazon.stop()
    for number in range(6):
        lamps.append((linked, await linked.lamp(f"Lamp {number}")))
        lamps.append((another_user, await another_user.lamp(f"Lamp {number}")))
        if number in (1, 4):
            await until(linked.has_tried)
            linked.skill.kill()
            linked.skill.start()
    status = linked.skill.cli_json("events", "status")
    assert status["waiting"][TOLD] >= 12
    assert status["last_errors"]
    at_amazon.delay, at_amazon.may_repeat, again = 0.1, True, time.time()
    at_amazon.start()
    await until(lambda: at_amazon.accepted(TOLD) and at_amazon.accepted(TOLD)[-1].at > again)
    linked.skill.kill()
    linked.skill.start()
    await until(lambda: all(user.told(lamp, TOLD) for user, lamp in lamps), within=120)
    assert all(len(user.told(lamp, TOLD)) == 1 for user, lamp in lamps)
