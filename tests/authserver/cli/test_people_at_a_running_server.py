"""What the operator does to accounts and links, as people and Alexa notice it."""

from typing import Any

import orjson
import pytest
from joserfc.util import urlsafe_b64decode

from tests.running.home import add_alexa, add_person
from tests.running.linking import Alexa, Person
from tests.running.reading import Browser
from tests.running.service import Service

NEW_PASSWORD = "another horse, another battery 8"


@pytest.fixture(scope="module")
def alexa(authserver: Service) -> Alexa:
    return add_alexa(authserver)


def claims(token: str) -> dict[str, Any]:
    """Unverified: what stands in it."""
    read: dict[str, Any] = orjson.loads(urlsafe_b64decode(token.split(".")[1].encode()))
    return read


async def refused(alexa: Alexa, refresh_token: str) -> bool:
    answer = await alexa.refresh(refresh_token)
    assert answer.status_code in (200, 400), answer.text
    assert answer.status_code == 200 or answer.json()["error"] == "invalid_grant"
    return answer.status_code == 400


@pytest.mark.spec("security 6.74")
async def test_disabling_ends_all_that_was_issued_and_enabling_brings_none_of_it_back(
    authserver: Service, alexa: Alexa
) -> None:
    person = add_person(authserver)
    async with Browser() as browser:
        linked = await alexa.link(person, browser=browser)
        shown = authserver.cli_json("user", "show", person.email)
        assert (shown["sessions"], shown["grants"]) == (1, 1)
        assert authserver.cli_json("user", "disable", person.email)["active"] is False
        assert await refused(alexa, linked.refresh_token)
        assert authserver.cli_json("user", "enable", person.sub)["active"] is True
        assert await refused(alexa, linked.refresh_token)
        page = await browser.open(alexa.authorization_url())
        assert page.asks_for("username", "password")
    shown = authserver.cli_json("user", "show", person.email)
    assert (shown["sessions"], shown["grants"]) == (0, 0)
    again = await alexa.link(person)
    assert not await refused(alexa, again.refresh_token)


@pytest.mark.spec("security 6.74")
async def test_a_code_of_somebody_who_is_disabled_meanwhile_is_worth_nothing(authserver: Service, alexa: Alexa) -> None:
    person = add_person(authserver)
    waiting = await alexa.authorize(person)
    authserver.cli_json("user", "disable", person.email)
    answer = await alexa.exchange(waiting.code)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_new_password_ends_browser_sessions_and_no_link(authserver: Service, alexa: Alexa) -> None:
    person = add_person(authserver)
    async with Browser() as browser:
        linked = await alexa.link(person, browser=browser)
        page = await browser.open(alexa.authorization_url())
        assert not page.asks_for("username", "password")
        weak = authserver.cli("user", "set-password", person.email, "--password-stdin", stdin="short")
        assert weak.returncode == 1
        done = authserver.cli_json("user", "set-password", person.email, "--password-stdin", stdin=NEW_PASSWORD + "\n")
        assert done["sessions_ended"] == 1
        page = await browser.open(alexa.authorization_url())
        page = await browser.press(page, "sign_in", username=person.email, password=person.password)
        assert page.asks_for("username", "password")
    assert not await refused(alexa, linked.refresh_token)
    await alexa.link(Person(person.email, NEW_PASSWORD, person.sub))


@pytest.mark.spec("RFC 6749 §6")
async def test_deleting_an_account_ends_its_links(authserver: Service, alexa: Alexa) -> None:
    person, other = add_person(authserver), add_person(authserver)
    linked, stays = await alexa.link(person), await alexa.link(other)
    authserver.cli_json("user", "delete", person.email, "--yes")
    assert await refused(alexa, linked.refresh_token)
    assert not await refused(alexa, stays.refresh_token)


@pytest.mark.spec("A26", "A32")
async def test_a_link_is_listed_by_the_id_in_its_access_tokens_and_ended_by_it(
    authserver: Service, alexa: Alexa
) -> None:
    person = add_person(authserver)
    first, second = await alexa.link(person), await alexa.link(person)
    ids = [claims(linked.access_token)["origin_jti"] for linked in (first, second)]
    grants = {grant["origin_jti"]: grant for grant in authserver.cli_json("grant", "list", "--user", person.email)}
    assert set(grants) == set(ids)
    for grant in grants.values():
        assert (grant["client_id"], grant["sub"], grant["email"]) == (alexa.client_id, person.sub, person.email)
        assert (grant["client_name"], grant["scope"], grant["state"]) == ("Alexa", "openid", "live")
    table = authserver.cli("grant", "list", "--all")
    assert ids[0] in table.stdout
    for linked in (first, second):
        inner_id = linked.refresh_token.split(".")[2]
        assert inner_id not in table.stdout + str(grants)
    assert authserver.cli_json("grant", "revoke", ids[0]) == {"revoked": 1}
    assert authserver.cli_json("grant", "revoke", ids[0]) == {"revoked": 0}
    assert await refused(alexa, first.refresh_token)
    assert not await refused(alexa, second.refresh_token)
    assert [grant["origin_jti"] for grant in authserver.cli_json("grant", "list", "--user", person.sub)] == ids[1:]
    every = authserver.cli_json("grant", "list", "--user", person.sub, "--all")
    assert {grant["origin_jti"]: grant["state"] for grant in every} == {ids[0]: "revoked", ids[1]: "live"}


@pytest.mark.spec("A26")
async def test_all_links_of_a_person_to_one_client_end_and_no_others(authserver: Service, alexa: Alexa) -> None:
    other_client = add_alexa(authserver)
    person, neighbour = add_person(authserver), add_person(authserver)
    ended, elsewhere = await alexa.link(person), await other_client.link(person)
    neighbours = await alexa.link(neighbour)
    done = authserver.cli_json("grant", "revoke", "--user", person.email, "--client", alexa.client_id)
    assert done == {"revoked": 1}
    assert await refused(alexa, ended.refresh_token)
    assert not await refused(other_client, elsewhere.refresh_token)
    assert not await refused(alexa, neighbours.refresh_token)
    assert authserver.cli_json("grant", "revoke", "--client", other_client.client_id) == {"revoked": 1}
    assert await refused(other_client, elsewhere.refresh_token)


def test_revoking_names_what_it_means(authserver: Service) -> None:
    assert authserver.cli("grant", "revoke").returncode == 2
    assert authserver.cli("grant", "revoke", "x", "--user", "y").returncode == 2
    assert authserver.cli("grant", "revoke", "3f0c8e1e-0000-4000-8000-000000000000").returncode == 1
    assert authserver.cli("grant", "revoke", "--user", "nobody@example.org").returncode == 1
    assert authserver.cli("grant", "list", "--client", "nothing").returncode == 1
