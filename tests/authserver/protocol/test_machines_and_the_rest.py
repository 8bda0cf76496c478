"""Programs in their own name and exchanged tokens, where other parts of the protocol meet them: keys, introspection,
revocation, pairwise subjects, claims of one's own."""

from typing import Any

import pytest

from authserver.models import User
from authserver.oauth.presets import TOKEN_EXCHANGE
from tests.authserver.protocol.harness import Asker, Server, claims_of
from tests.authserver.protocol.prover import Prover, refused
from tests.authserver.protocol.signing import Holder
from tests.authserver.protocol.test_client_credentials import given
from tests.authserver.protocol.test_code_exchange import assert_refused
from tests.authserver.protocol.test_token_exchange import ACCESS_TOKEN, app_of, exchanger, swap, swapped, token_of
from tests.running.proving import ProvingKey

PERSONS = {"username", "auth_time", "origin_jti", "event_id", "acr", "amr", "cognito:groups", "sid"}


async def machine(server: Server, **fields: Any) -> Asker:
    api = await server.add_resource("read")
    return await server.add_client("machine", **({"scopes": [f"{api}/read"]} | fields))


async def told(client: Asker, token: str) -> dict[str, Any]:
    answer = await client.introspect(token)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


@pytest.mark.spec("RFC 7662 §2.2", "security 6.65", "RFC 7009 §2.1", "security 6.32")
@pytest.mark.parametrize("end", ["revoked", "disabled"])
async def test_a_machines_token_is_active_to_it_until_it_ends(server: Server, end: str) -> None:
    client, other = await machine(server), await machine(server)
    tokens = await given(client)
    answer = await told(client, tokens["access_token"])
    assert (answer["active"], answer["sub"], answer["scope"]) == (True, client.client_id, tokens["scope"])
    assert PERSONS & set(answer) == set()
    assert await told(other, tokens["access_token"]) == {"active": False}
    if end == "revoked":
        assert (await client.revoke(tokens["access_token"])).status_code == 200
        assert await told(client, tokens["access_token"]) == {"active": False}
        assert (await told(client, (await given(client))["access_token"]))["active"] is True
    else:
        reads = await server.add_client(introspects=["https://api.example.org"])
        named = await machine(server, audience="https://api.example.org")
        token = (await given(named))["access_token"]
        assert (await told(reads, token))["active"] is True
        registered = await server.services.clients.get(named.client_id)
        assert registered is not None
        await server.change(registered.row, active=False)
        server.services.clients.forget()
        assert await told(reads, token) == {"active": False}


@pytest.mark.spec("RFC 9449 §5", "security 6.70")
async def test_a_machine_that_proves_a_key_gets_a_token_bound_to_it(server: Server) -> None:
    key = ProvingKey()
    client = Prover(await machine(server, dpop_bound_access_tokens=True), key)
    refused(await client.ask({"grant_type": "client_credentials"}), "invalid_dpop_proof")
    answer = await client.ask({"grant_type": "client_credentials"}, client.proof())
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "DPoP"
    assert claims_of(answer.json()["access_token"])["cnf"] == {"jkt": key.jkt}


@pytest.mark.spec("RFC 9449 §5", "security 6.70", "RFC 8693 §2.2.2")
async def test_an_exchanged_token_is_bound_to_the_key_of_who_exchanged(server: Server, person: User) -> None:
    app, key = await app_of(server), ProvingKey()
    service = Prover(await exchanger(server, app), key)
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token_type": ACCESS_TOKEN}
    answer = await service.ask(form | {"subject_token": await token_of(app, person)}, service.proof())
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "DPoP"
    bound = answer.json()["access_token"]
    assert claims_of(bound)["cnf"] == {"jkt": key.jkt}
    # a bound token is not exchanged, whoever asks and whatever is proven
    again = await exchanger(server, app, service.client)
    assert_refused(await swap(again, bound), "invalid_request")
    refused(await service.ask(form | {"subject_token": bound}, service.proof()), "invalid_request")


@pytest.mark.spec("RFC 7523 §2.2", "security 6.40")
async def test_a_machine_may_authenticate_with_its_key(server: Server) -> None:
    api = await server.add_resource("read")
    columns = {"grant_types": ["client_credentials"], "scopes": [f"{api}/read"]}
    client = await Holder.add(server, **columns)
    assert (await given(client))["scope"] == f"{api}/read"
    form = {"grant_type": "client_credentials"} | client.proof()
    assert (await server.post("/oauth2/token", form)).status_code == 200
    assert_refused(await server.post("/oauth2/token", form), "invalid_client", 401)


@pytest.mark.spec("OpenID Connect Core §8.1", "RFC 8693 §2.2.1")
async def test_an_exchange_tells_no_client_by_what_name_another_knows_the_person(server: Server, person: User) -> None:
    app = await app_of(server, subject_type="pairwise", sector_identifier="app.example")
    service = await exchanger(server, app, subject_type="pairwise", sector_identifier="service.example")
    subject = await token_of(app, person)
    old, new = claims_of(subject), claims_of(await swapped(service, subject))
    assert len({old["sub"], new["sub"], person.sub}) == 3
    assert new["username"] == new["sub"]
    assert old["sub"] not in str(new)


@pytest.mark.spec("OpenID Connect Core §8.1", "RFC 6749 §4.4")
async def test_a_machine_is_itself_also_where_people_are_pairwise(server: Server) -> None:
    client = await machine(server, subject_type="pairwise", sector_identifier="robots.example")
    assert claims_of((await given(client))["access_token"])["sub"] == client.client_id


@pytest.mark.spec("security 6.66", "security 6.65", "cognito 2")
async def test_claims_of_ones_own_make_no_person_of_a_machine(server: Server, person: User) -> None:
    evil = dict.fromkeys([*PERSONS, "sub", "client_id", "scope", "aud", "cnf", "act", "exp", "email"], person.sub)
    client = await machine(server, token_claims={"access": evil | {"site": "north"}})
    token = (await given(client))["access_token"]
    claims = claims_of(token)
    assert claims["site"] == "north"
    assert (PERSONS | {"aud", "cnf", "act", "email"}) & set(claims) == set()
    assert person.sub not in str(claims)
    assert (await server.userinfo(token)).status_code == 401
    assert (await told(client, token))["active"] is True


@pytest.mark.spec("security 6.54", "RFC 7662 §2.2", "RFC 8693 §4.1")
async def test_an_exchanged_token_ends_with_the_link_that_it_came_from(server: Server, person: User) -> None:
    app = await app_of(server)
    service = await exchanger(server, app)
    tokens = await app.linked(person)
    made = await swapped(service, tokens["access_token"])
    answer = await told(service, made)
    assert (answer["active"], answer["client_id"]) == (True, service.client_id)
    assert answer["act"] == {"sub": service.client_id}
    assert await told(app, made) == {"active": False}  # it is not the app's
    assert (await service.revoke(made)).status_code == 200  # alone: the link lives
    assert await told(service, made) == {"active": False}
    assert (await app.refresh(tokens["refresh_token"])).status_code == 200
    again = await swapped(service, tokens["access_token"])
    assert (await app.revoke(tokens["refresh_token"])).status_code == 200
    assert await told(service, again) == {"active": False}


@pytest.mark.spec("RFC 7009 §2.1", "security 6.22")
async def test_a_token_that_was_revoked_alone_is_not_exchanged(server: Server, person: User) -> None:
    app = await app_of(server)
    service = await exchanger(server, app)
    tokens = await app.linked(person)
    assert (await app.revoke(tokens["access_token"])).status_code == 200
    assert_refused(await swap(service, tokens["access_token"]), "invalid_request")
    fresh = (await app.refresh(tokens["refresh_token"])).json()["access_token"]
    assert (await swap(service, fresh)).status_code == 200
