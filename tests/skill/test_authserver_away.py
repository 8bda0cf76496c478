"""authserver away, as a real process that ends: directives go on, no answer unlinks anybody (contract 0, 2.7)."""

import asyncio

import httpx2
import pytest

from tests.running.home import Home
from tests.skill.issuer import PERSON, Issuer
from tests.skill.verifier import Verifier

TEN_MINUTES = 600  # seconds


@pytest.fixture
def impatient(home: Home) -> Home:
    """Its keys are fetched again and again, so that a few seconds hold what ten minutes hold otherwise."""
    home.skill.settings["SKILL_JWKS_REFRESH"] = "0.2"
    home.skill.settings["SKILL_JWKS_COOLDOWN"] = "0.2"
    home.skill.restart()
    return home


@pytest.mark.spec("alexa 0", "alexa 2.7", "S18", "decision 13")
async def test_S18_while_authserver_is_away_directives_go_on_also_after_the_skill_was_killed(impatient: Home) -> None:
    home, person = impatient, impatient.add_person()
    lamp, linked = home.add_lamp(person), await impatient.alexa.link(person)

    async def obeys(percent: int) -> None:
        answer = await home.bridge.send(
            "Alexa.BrightnessController", "SetBrightness", linked.access_token, lamp, brightness=percent
        )
        assert answer["event"]["header"]["name"] == "Response", answer

    await obeys(10)
    home.authserver.kill()
    with pytest.raises(httpx2.TransportError):
        await home.alexa.refresh(linked.refresh_token)
    for percent in range(20, 40):
        await obeys(percent)
        await asyncio.sleep(0.05)
    assert home.skill.log().count("key set of the issuer not fetched") >= 2
    home.skill.kill()
    home.skill.start()  # ready by the key set that it kept
    for percent in range(40, 50):
        await obeys(percent)
    stranger = await home.bridge.send("Alexa.PowerController", "TurnOn", linked.access_token + "x", lamp)
    assert stranger["event"]["payload"]["type"] == "INVALID_AUTHORIZATION_CREDENTIAL", "what is forged is still known"
    home.authserver.start()
    again = await home.alexa.refresh(linked.refresh_token)
    assert again.status_code == 200, again.text
    answer = await home.bridge.send("Alexa", "ReportState", again.json()["access_token"], lamp)
    assert answer["event"]["header"]["name"] == "StateReport"


@pytest.mark.spec("alexa 2.7", "S18")
async def test_S18_ten_minutes_without_authserver_refuse_nobody(verifier: Verifier, fresh_issuer: Issuer) -> None:
    token = fresh_issuer.token()
    assert await verifier(token) == PERSON
    fresh_issuer.stop()
    began = verifier.clock.now
    while verifier.clock.now < began + TEN_MINUTES:
        verifier.clock.now += 30
        assert not await verifier.keys.fetch()
        assert await verifier(token) == PERSON
    restarted = await verifier.again()
    assert restarted.keys.loaded
    assert await restarted(token) == PERSON
    assert await restarted(fresh_issuer.token()) == PERSON
