"""Skill is killed in the moment in which somebody has claimed a lamp: neither claim nor event is lost."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.conftest import MigratedDatabase
from tests.running.alexa_events import CLIENT_ID, CLIENT_SECRET, AlexaEvents
from tests.running.bridge import Bridge
from tests.running.companion import Companion, Visitor, companion_service
from tests.running.home import add_alexa
from tests.running.ports import free_port
from tests.running.service import Service

LAMPS = 5


@pytest.mark.spec("S23", "alexa 1.8")
async def test_S23_a_claim_and_its_event_survive_a_kill(
    authserver: Service, database_kind: str, migrated_database: MigratedDatabase, tmp_path: Path
) -> None:
    """Five times: claimed by the page, and killed as soon as the page says so. Each lamp is told once."""
    alexa, at_amazon = add_alexa(authserver), AlexaEvents()
    skill = companion_service(
        authserver,
        migrated_database("skill", database_kind),
        tmp_path,
        free_port(),
        SKILL_CLIENT_IDS=alexa.client_id,
        SKILL_ALEXA_CLIENT_ID=CLIENT_ID,
        SKILL_ALEXA_CLIENT_SECRET=CLIENT_SECRET,
        SKILL_AMAZON_URL=at_amazon.url,
    )
    try:
        with skill:
            companion = Companion(authserver, skill)
            person = companion.person()
            token = (await alexa.link(person)).tokens["access_token"]
            bridge = Bridge(skill.url, skill.settings["SKILL_BRIDGE_SECRET"])
            grant = {"type": "OAuth2.AuthorizationCode", "code": at_amazon.new_code()}
            answer = await bridge.send("Alexa.Authorization", "AcceptGrant", token, grant=grant)
            assert answer["event"]["header"]["name"] == "AcceptGrant.Response"
            claimed = []
            async with Visitor(companion.url) as visitor:
                await visitor.sign_in(person)
                at_amazon.may_repeat = True  # the gateway may have taken what the killed one was still to delete
                for _ in range(LAMPS):
                    lamp, code = await companion.free_lamp()
                    await visitor.get("/claim")
                    assert (await visitor.post("/claim", code=code)).status_code == 303
                    skill.kill()
                    skill.start()
                    claimed.append(lamp)
                    assert (await companion.row(lamp)).owner == person.sub
                    again = await visitor.post("/claim", code=code)
                    assert again.headers["location"].startswith(f"/lamps/{lamp}"), (
                        "sent again, it leads to the same lamp"
                    )
            found = await bridge.send("Alexa.Discovery", "Discover", token)
            assert {each["endpointId"] for each in found["event"]["payload"]["endpoints"]} == set(claimed)
            deadline = time.monotonic() + 20
            while told_of(at_amazon) != set(claimed):
                assert time.monotonic() < deadline, "an event was lost"
                await asyncio.sleep(0.05)
            at_amazon.check()
    finally:
        at_amazon.stop()


def told_of(at_amazon: AlexaEvents) -> set[str]:
    return {lamp for each in at_amazon.accepted("AddOrUpdateReport") for lamp in each.about}
