"""No log of a whole linking holds what would open a door, however much is logged."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.running.home import Home
from tests.running.linking import Alexa, Person, walk
from tests.running.reading import Browser
from tests.running.service import Service

WRONG_PASSWORD = "a-wrong-password-that-was-typed"
WRONG_SECRET = "a-wrong-client-secret-that-was-sent"


async def _link_with_mishaps(home: Home, alexa: Alexa, person: Person) -> list[str]:
    """A linking with a wrong password and a wrong secret on the way; gives every secret that was met."""
    secrets = [person.password, WRONG_PASSWORD, WRONG_SECRET, alexa.client_secret]
    async with Browser() as browser:
        page = await browser.open(alexa.authorization_url())
        secrets += [form.hidden["csrf_token"] for form in page.forms if "csrf_token" in form.hidden]
        page = await browser.press(page, "sign_in", username=person.email, password=WRONG_PASSWORD)
        page = await walk(browser, page, person)
        secrets += [cookie.value or "" for cookie in browser.client.cookies.jar]
    [code] = parse_qs(urlsplit(page.left_to or "").query)["code"]
    impostor = Alexa(alexa.issuer, alexa.client_id, WRONG_SECRET, alexa.redirect_uri, credentials=alexa.credentials)
    assert (await impostor.exchange(code)).status_code == 401
    answer = await alexa.exchange(code)
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    refreshed = (await alexa.refresh(tokens["refresh_token"])).json()
    secrets += [code, alexa.verifier]
    for given in (tokens, refreshed):
        secrets += [str(given[name]) for name in ("access_token", "refresh_token", "id_token") if name in given]
        secrets.append(str(given["access_token"]).rpartition(".")[2])  # a token without it opens nothing
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        bearer = {"authorization": f"Bearer {refreshed['access_token']}"}
        assert (await client.get(f"{alexa.issuer}/oauth2/userInfo", headers=bearer)).status_code == 200
    home.add_lamp(person)
    await home.bridge.send("Alexa.Discovery", "Discover", refreshed["access_token"])
    await home.bridge.send("Alexa.Discovery", "Discover", refreshed["access_token"][:-4] + "AAAA")
    return secrets


@pytest.mark.spec("A32")
@pytest.mark.parametrize("credentials", ["basic", "body"])
async def test_no_secret_is_logged_in_a_whole_linking(home: Home, credentials: str) -> None:
    known = home.alexa
    alexa = Alexa(
        known.issuer, known.client_id, known.client_secret, known.redirect_uri, credentials=credentials, pkce=True
    )
    secrets = await _link_with_mishaps(home, alexa, home.add_person())
    await asyncio.sleep(0.2)  # what runs in the background logs as well
    services: tuple[Service, ...] = (home.authserver, home.skill)
    for service in services:
        service.must_not_log(*secrets)
        service.check_log()
    # Nothing would be found in nothing.
    assert "INVALID_AUTHORIZATION_CREDENTIAL" in home.skill.log()
    assert "POST /oauth2/token 200" in home.authserver.log()
