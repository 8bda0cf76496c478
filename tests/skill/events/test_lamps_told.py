"""AddOrUpdateReport and DeleteReport: lamps that come, change their name, and go."""

import asyncio
import contextlib
import time

import pytest

from skill.models import NOBODY
from skill.storage.registry import open_registry
from tests.running.service import Service
from tests.skill.events.conftest import User, until

TOLD, GONE = "AddOrUpdateReport", "DeleteReport"


@pytest.mark.spec("S23", "alexa 2.5")
async def test_S23_a_lamp_is_told_when_it_comes_is_renamed_and_goes(skill: Service, linked: User) -> None:
    """By commands, in processes of their own."""
    added = skill.cli_json("lamp", "add", "--owner", linked.sub, "--name", "Desk lamp", "--driver", "simulated")
    lamp = added["endpoint_id"]
    (report,) = await until(lambda: linked.told(lamp, TOLD))
    assert report.message["event"]["payload"]["endpoints"][0]["friendlyName"] == "Desk lamp"
    skill.cli_json("lamp", "rename", lamp, "--name", "Floor lamp")
    report = (await until(lambda: linked.told(lamp, TOLD)[1:]))[0]
    assert report.message["event"]["payload"]["endpoints"][0]["friendlyName"] == "Floor lamp"
    skill.cli_json("lamp", "remove", lamp)
    await until(lambda: linked.told(lamp, GONE))
    assert [each.kind for each in linked.at_amazon.accepted() if lamp in each.about] == [TOLD, TOLD, GONE]


@pytest.mark.spec("S23")
async def test_S23_a_claim_is_told_and_giving_the_lamp_away_once_somebody_takes_it(linked: User) -> None:
    url, now = linked.skill.settings["SKILL_DATABASE_URL"], int(time.time())
    async with open_registry(url) as registry:
        lamp = (await registry.add(NOBODY, "Hall lamp", "simulated", {})).endpoint_id
        code = await registry.code(lamp)
    assert code is not None
    async with open_registry(url) as registry:
        await registry.claim(code, linked.sub, now)
    await until(lambda: linked.told(lamp, TOLD))
    async with open_registry(url) as registry:
        offered = await registry.offer(lamp, linked.sub, now)
    assert offered is not None
    await asyncio.sleep(0.3)
    assert not linked.told(lamp, GONE), "until then it is theirs"
    async with open_registry(url) as registry:
        await registry.claim(offered, "somebody else", now)
    await until(lambda: linked.told(lamp, GONE))
    async with open_registry(url) as registry:
        await registry.give(lamp, linked.sub, now)
    await until(lambda: len(linked.told(lamp, TOLD)) == 2)
    async with open_registry(url) as registry:
        await registry.unclaim(lamp, linked.sub, now)
    await until(lambda: len(linked.told(lamp, GONE)) == 2)
    assert [each.kind for each in linked.at_amazon.accepted() if lamp in each.about] == [TOLD, GONE, TOLD, GONE]


@pytest.mark.spec("S23")
async def test_S23_the_report_says_what_the_lamp_told_of_itself_as_discovery_does(linked: User) -> None:
    details = {"manufacturer": "Acme", "model": "L1", "serial_number": "17", "firmware_version": "1.0"}
    async with open_registry(linked.skill.settings["SKILL_DATABASE_URL"]) as registry:
        lamp = (await registry.add(linked.sub, "Hall lamp", "simulated", {}, details=details)).endpoint_id
    (report,) = await until(lambda: linked.told(lamp, TOLD))
    described = report.message["event"]["payload"]["endpoints"]
    assert described == [each for each in await linked.alexa.discover(linked.token) if each["endpointId"] == lamp]
    assert described[0]["additionalAttributes"]["serialNumber"] == "17"


@pytest.mark.spec("S23")
async def test_S23_the_report_describes_the_lamp_as_discovery_does(linked: User) -> None:
    lamp = await linked.lamp()
    (report,) = await until(lambda: linked.told(lamp, TOLD))
    assert report.message["event"]["payload"]["endpoints"] == await linked.alexa.discover(linked.token)


@pytest.mark.spec("S23")
async def test_S23_what_was_undone_is_not_told_and_what_was_rolled_back_neither(linked: User) -> None:
    """While the gateway is away: many names of a lamp are told as the last, a lamp that is gone as nothing but that."""
    await linked.hold_up()
    url = linked.skill.settings["SKILL_DATABASE_URL"]
    renamed, removed = await linked.lamp("First"), await linked.lamp("Second")
    for name in ("Second", "Third", "Fourth"):
        async with open_registry(url) as registry:
            await registry.rename(renamed, name)
    async with open_registry(url) as registry:
        await registry.remove(removed)
    with contextlib.suppress(RuntimeError):
        async with open_registry(url) as registry:
            await registry.rename(renamed, "Never")
            raise RuntimeError
    linked.at_amazon.gateway_fault = None
    await linked.go_on()
    await until(lambda: linked.told(renamed, TOLD) and linked.told(removed, GONE))
    names = [each.message["event"]["payload"]["endpoints"][0]["friendlyName"] for each in linked.told(renamed, TOLD)]
    assert names == ["Fourth"]
    assert linked.told(removed, TOLD) == []


@pytest.mark.spec("S23", "S01")
async def test_S23_users_hear_of_their_own_lamps_alone(linked: User, another_user: User) -> None:
    theirs, mine = await another_user.lamp(), await linked.lamp()
    await until(lambda: linked.told(mine, TOLD))
    await linked.nothing_waits()
    assert await another_user.waiting() == []
    assert linked.told(theirs, TOLD) == []


@pytest.mark.spec("S23")
async def test_S23_a_lamp_that_cannot_be_described_holds_nothing_up(linked: User) -> None:
    await linked.lamp("!!!")
    lamp = await linked.lamp("Good")
    await until(lambda: linked.told(lamp, TOLD))
