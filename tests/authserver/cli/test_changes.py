"""What commands change holds in a running server within a second."""

from collections.abc import Awaitable, Callable

import httpx2
import pytest

from tests.running.fair import Watch
from tests.running.home import add_alexa, add_person
from tests.running.linking import Alexa
from tests.running.service import Service

WITHIN = 1.0  # seconds, from the end of the command


async def soon(holds: Callable[[], Awaitable[bool]]) -> bool:
    """Whether it comes true in time."""
    async with Watch() as watch:
        while True:
            asked = watch.seconds
            if await holds():
                return True
            if asked > WITHIN:
                return False


async def status_of_authorization(authserver: Service, alexa: Alexa, redirect_uri: str) -> int:
    asked = {"response_type": "code", "client_id": alexa.client_id, "redirect_uri": redirect_uri, "scope": "openid"}
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        return (await client.get(f"{authserver.url}/oauth2/authorize", params=asked)).status_code


async def published(authserver: Service) -> set[str]:
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        answer = await client.get(f"{authserver.url}/.well-known/jwks.json")
    return {key["kid"] for key in answer.json()["keys"]}


async def test_a_new_and_a_removed_redirect_uri(authserver: Service) -> None:
    alexa = add_alexa(authserver)
    uri = "https://app.example.org/callback"
    assert await status_of_authorization(authserver, alexa, uri) == 400
    authserver.cli_json("client", "update", alexa.client_id, "--add-redirect-uri", uri)

    async def known() -> bool:
        return await status_of_authorization(authserver, alexa, uri) in (302, 303)

    async def unknown() -> bool:
        return await status_of_authorization(authserver, alexa, uri) == 400

    assert await soon(known)
    authserver.cli_json("client", "update", alexa.client_id, "--remove-redirect-uri", uri)
    assert await soon(unknown)


async def test_a_second_secret_works_beside_the_first_until_that_is_removed(authserver: Service) -> None:
    alexa = add_alexa(authserver)
    linked = await alexa.link(add_person(authserver))
    second = authserver.cli_json("client", "secret", "add", alexa.client_id)
    authserver.must_not_log(second["client_secret"])
    with_second = Alexa(alexa.issuer, alexa.client_id, second["client_secret"], alexa.redirect_uri)

    async def both() -> bool:
        answers = [await one.refresh(linked.refresh_token) for one in (alexa, with_second)]
        return [answer.status_code for answer in answers] == [200, 200]

    async def only_second() -> bool:
        answers = [await one.refresh(linked.refresh_token) for one in (alexa, with_second)]
        return [answer.status_code for answer in answers] == [401, 200]

    assert await soon(both)
    [first] = [
        row["secret_id"]
        for row in authserver.cli_json("client", "show", alexa.client_id)["secrets"]
        if row["secret_id"] != second["secret_id"]
    ]
    assert authserver.cli("client", "secret", "remove", alexa.client_id, first).returncode == 0
    assert await soon(only_second)


async def test_an_inactive_client_is_refused_and_its_links_come_back_with_it(authserver: Service) -> None:
    alexa = add_alexa(authserver)
    linked = await alexa.link(add_person(authserver))

    async def answers(status: int) -> bool:
        return (await alexa.refresh(linked.refresh_token)).status_code == status

    authserver.cli_json("client", "update", alexa.client_id, "--inactive")
    assert await soon(lambda: answers(401))
    authserver.cli_json("client", "update", alexa.client_id, "--active")
    assert await soon(lambda: answers(200))
    authserver.cli_json("client", "remove", alexa.client_id, "--yes")
    assert await soon(lambda: answers(401))


@pytest.mark.spec("A28", "RFC 7517 §5", "cognito 9.34")
async def test_a_rotated_key_is_published_before_it_signs_and_a_revoked_one_is_gone(authserver: Service) -> None:
    before = await published(authserver)
    made = authserver.cli_json("key", "rotate")
    assert made["state"] == "next"
    assert made["signs_from"] >= made["created_at"] + 7200
    states = {key["kid"]: key["state"] for key in authserver.cli_json("key", "list")}
    assert {kid: states[kid] for kid in before} == dict.fromkeys(before, "current")

    async def both() -> bool:
        return await published(authserver) == before | {made["kid"]}

    async def without() -> bool:
        return await published(authserver) == before

    assert await soon(both)
    assert authserver.cli_json("key", "revoke", made["kid"])["state"] == "revoked"
    assert await soon(without)
    assert authserver.cli("key", "revoke", "-nothing").returncode == 1
