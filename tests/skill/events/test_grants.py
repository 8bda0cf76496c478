"""AcceptGrant: the code of Login with Amazon becomes a grant, or the linking is told that it did not."""

import asyncio
import time

import pytest

from skill.bridge import lambda_function
from skill.models import EventGrantRow
from skill.storage.cold import Cold
from tests.running.alexa_events import LOGIN, AlexaEvents, exception
from tests.running.bridge import directive
from tests.running.service import Service
from tests.skill.events.conftest import User, until
from tests.skill.talking import Alexa, error_type

ACCEPTED = "AcceptGrant.Response"


async def grant_of(skill: Service, user: User, region: str = "NA") -> EventGrantRow | None:
    cold = Cold(skill.settings["SKILL_DATABASE_URL"])
    async with cold.unit(write=False) as session:
        found = await session.get(EventGrantRow, (user.sub, region))
    await cold.close()
    return found


def proactive(endpoint: dict[str, object]) -> set[bool]:
    capabilities = endpoint["capabilities"]
    assert isinstance(capabilities, list)
    return {each["properties"]["proactivelyReported"] for each in capabilities if "properties" in each}


@pytest.mark.spec("S21", "alexa 1.8")
async def test_S21_a_code_becomes_a_sealed_grant_of_this_user(
    skill: Service, user: User, at_amazon: AlexaEvents
) -> None:
    code = at_amazon.new_code()
    answer = await user.grant(code, "NA")
    assert answer["event"]["header"]["name"] == ACCEPTED
    assert at_amazon.forms[-1]["code"] == code
    kept = await grant_of(skill, user)
    assert kept is not None
    assert kept.expires_at > time.time() + 3000
    grant = at_amazon.grants[-1]
    assert grant.access.encode() not in kept.sealed
    assert grant.refresh.encode() not in kept.sealed


@pytest.mark.spec("S21")
@pytest.mark.parametrize("region", ["NA", "EU", "FE"])
async def test_S21_events_go_to_the_gateway_of_the_region_that_the_bridge_tells(
    user: User, at_amazon: AlexaEvents, region: str
) -> None:
    await user.link(region)
    lamp = await user.lamp()
    await until(lambda: user.told(lamp, "AddOrUpdateReport"))
    assert {each.region for each in user.told(lamp, "AddOrUpdateReport")} == {region}


@pytest.mark.spec("S21", "S27")
async def test_S21_the_bridge_tells_its_region(
    skill: Service, user: User, at_amazon: AlexaEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    bridge = lambda_function.Bridge(skill.url, skill.settings["SKILL_BRIDGE_SECRET"])
    grant = {"grant": {"type": "OAuth2.AuthorizationCode", "code": at_amazon.new_code("EU")}}
    message = directive("Alexa.Authorization", "AcceptGrant", user.token, payload=grant)
    answer = await asyncio.to_thread(bridge.forward, message)
    assert answer["event"]["header"]["name"] == ACCEPTED
    assert await grant_of(skill, user, "EU") is not None


@pytest.mark.spec("S21")
@pytest.mark.parametrize("told", [None, "ap-southeast-2", "EU"], ids=["nothing", "elsewhere", "no region of AWS"])
async def test_S21_a_bridge_that_tells_no_region_means_the_operators(
    skill: Service, user: User, told: str | None
) -> None:
    answer = await user.grant(user.at_amazon.new_code("NA"), told if told != "EU" else "x-EU")
    assert answer["event"]["header"]["name"] == ACCEPTED
    assert await grant_of(skill, user, "NA") is not None


@pytest.mark.spec("S21", "alexa 1.8")
async def test_S21_whatever_Login_with_Amazon_refuses_is_ACCEPT_GRANT_FAILED(
    skill: Service, user: User, at_amazon: AlexaEvents
) -> None:
    assert error_type(await user.grant("a-code-that-nobody-made")) == "ACCEPT_GRANT_FAILED"
    for fault in [
        (500, {}, {}),
        (0, {}, {}),
        (200, {"token": "?"}, {}),
        (302, {}, {"Location": "/"}),
        exception(503, "X"),
    ]:
        at_amazon.login_fault = lambda fault=fault: fault  # type: ignore[misc]
        assert error_type(await user.grant(at_amazon.new_code())) == "ACCEPT_GRANT_FAILED"
    assert await grant_of(skill, user) is None
    at_amazon.login_fault = None
    await user.link()  # and whoever tries again succeeds


@pytest.mark.spec("S21", "alexa 0.5")
async def test_S21_a_Login_with_Amazon_that_does_not_answer_fails_in_time(user: User, at_amazon: AlexaEvents) -> None:
    forms = len(at_amazon.forms)
    at_amazon.silent.add(LOGIN)
    assert error_type(await user.grant(at_amazon.new_code())) == "ACCEPT_GRANT_FAILED"
    at_amazon.silent.clear()
    await user.link()
    assert len(at_amazon.forms) - forms == 2, "a code is tried once"


@pytest.mark.spec("S21", "S17")
async def test_S21_a_grantee_is_verified_like_any_user(skill: Service, user: User, at_amazon: AlexaEvents) -> None:
    user.issuer, forms = user.issuer, len(at_amazon.forms)
    alexa = Alexa(user.alexa.bridge, user.issuer)
    grant = {"type": "OAuth2.AuthorizationCode", "code": at_amazon.new_code()}
    answer = await alexa.send("Alexa.Authorization", "AcceptGrant", token="no.token.atall", grant=grant)
    assert error_type(answer) == "ACCEPT_GRANT_FAILED"
    assert len(at_amazon.forms) == forms


@pytest.mark.spec("S21", "alexa 1.6")
async def test_S21_linking_again_takes_the_place_of_the_grant(
    skill: Service, linked: User, at_amazon: AlexaEvents
) -> None:
    first = await grant_of(skill, linked)
    await linked.link()
    second = await grant_of(skill, linked)
    assert first is not None
    assert second is not None
    assert second.generation == first.generation + 1
    at_amazon.grants[-2].dead = True
    lamp = await linked.lamp()
    await until(lambda: linked.told(lamp, "AddOrUpdateReport"))


@pytest.mark.spec("S21", "alexa 2.2")
async def test_S21_lamps_are_reported_proactively_exactly_where_there_is_a_grant(
    user: User, another_user: User
) -> None:
    for each in (user, another_user):
        await each.lamp()
    await user.link()
    assert [proactive(each) for each in await user.alexa.discover(user.token)] == [{True}]
    assert [proactive(each) for each in await user.alexa.discover(another_user.token)] == [{False}]


@pytest.mark.spec("S21", "S23")
async def test_S21_lamps_that_were_there_before_the_grant_are_told_under_it(user: User) -> None:
    lamps = [await user.lamp(f"Lamp {number}") for number in range(30)]
    await user.link()
    await until(lambda: user.told(lamps[-1], "AddOrUpdateReport") and user.told(lamps[0], "AddOrUpdateReport"))
    assert all(len(user.told(lamp, "AddOrUpdateReport")) == 1 for lamp in lamps)


@pytest.mark.spec("S21")
async def test_S21_the_operator_sees_grants_and_drops_them(skill: Service, linked: User) -> None:
    assert skill.cli_json("events", "status")["grants"]["NA"] >= 1
    assert skill.cli_json("events", "drop-grant", linked.sub) == {"owner": linked.sub, "dropped": 1}
    assert await grant_of(skill, linked) is None
    assert skill.cli("events", "drop-grant", linked.sub).returncode == 1
    assert "grants" in skill.cli("events", "status").stdout
