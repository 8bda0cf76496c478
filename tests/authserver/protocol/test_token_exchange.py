"""Token exchange (RFC 8693): never more than the subject token, never for a client that was not named."""

import asyncio
from typing import Any

import orjson
import pytest

from authserver.models import RevokedAccessToken, User
from authserver.oauth.presets import TOKEN_EXCHANGE
from tests.authserver.protocol.harness import Asker, Clock, Server, claims_of
from tests.authserver.protocol.test_code_exchange import assert_refused

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


async def exchanger(server: Server, *of: Asker, **fields: Any) -> Asker:
    given = {"grant_types": [TOKEN_EXCHANGE], "scopes": ["openid", "lamps"], "exchange_from": [c.client_id for c in of]}
    return await server.add_client("machine", **(given | fields))


async def swap(client: Asker, token: str, **others: str) -> Any:
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN} | others
    return await client.token(**form)


async def swapped(client: Asker, token: str, **others: str) -> str:
    answer = await swap(client, token, **others)
    assert answer.status_code == 200, answer.text
    access_token: str = answer.json()["access_token"]
    return access_token


async def app_of(server: Server, **fields: Any) -> Asker:
    return await server.add_client(**({"scopes": ["openid", "lamps", "email"]} | fields))


async def token_of(client: Asker, person: User, **code: Any) -> str:
    return str((await client.linked(person, **code))["access_token"])


@pytest.mark.spec("RFC 8693 §2.2.1", "RFC 8693 §4.1")
async def test_the_new_token_is_the_persons_and_says_who_acts(server: Server, clock: Clock, person: User) -> None:
    app = await app_of(server)
    service = await exchanger(server, app)
    subject = await token_of(app, person)
    answer = await swap(service, subject)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert set(told) == {"access_token", "issued_token_type", "token_type", "expires_in", "scope"}
    assert (told["issued_token_type"], told["token_type"]) == (ACCESS_TOKEN, "Bearer")
    old, new = claims_of(subject), claims_of(told["access_token"])
    assert new["act"] == {"sub": service.client_id}
    assert new["client_id"] == service.client_id
    assert new["scope"] == told["scope"] == "openid lamps"
    kept = ("sub", "username", "origin_jti", "auth_time", "amr", "acr", "iss", "token_use")
    assert {name: new[name] for name in kept} == {name: old[name] for name in kept}
    assert new["jti"] != old["jti"]
    assert (await server.userinfo(told["access_token"])).json()["sub"] == person.sub


@pytest.mark.spec("RFC 8693 §2.2.1")
async def test_it_lives_no_longer_than_the_one_before(server: Server, clock: Clock, person: User) -> None:
    app = await app_of(server, access_token_lifetime=600)
    service = await exchanger(server, app, access_token_lifetime=3600)
    short = await exchanger(server, app, access_token_lifetime=60)
    subject = await token_of(app, person)
    clock.advance(500)
    answer = await swap(service, subject)
    assert answer.json()["expires_in"] == 100
    assert claims_of(answer.json()["access_token"])["exp"] == claims_of(subject)["exp"]
    assert (await swap(short, subject)).json()["expires_in"] == 60
    again = await swapped(service, answer.json()["access_token"])
    assert claims_of(again)["exp"] == claims_of(subject)["exp"]
    clock.advance(100)
    assert_refused(await swap(service, subject), "invalid_request")


@pytest.mark.spec("RFC 8693 §2.1")
@pytest.mark.parametrize(
    "wrong",
    [
        {"subject_token": ""},
        {"subject_token": "x"},
        {"subject_token": "eyJhbGciOiJub25lIn0.e30."},
        {"subject_token_type": ""},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"actor_token": "x", "actor_token_type": ACCESS_TOKEN},
        {"actor_token_type": ACCESS_TOKEN},
    ],
    ids=str,
)
async def test_what_is_asked_for_in_another_way_is_an_invalid_request(
    server: Server, person: User, wrong: dict[str, str]
) -> None:
    app = await app_of(server)
    service = await exchanger(server, app)
    subject = await token_of(app, person)
    assert_refused(await swap(service, subject, **wrong), "invalid_request")
    assert (await swap(service, subject, requested_token_type=ACCESS_TOKEN)).status_code == 200


@pytest.mark.spec("RFC 8693 §2", "RFC 9700 §2.5")
async def test_only_a_client_that_was_allowed_it_and_authenticates_exchanges(server: Server, person: User) -> None:
    app = await app_of(server)
    subject = await token_of(app, person)
    assert_refused(await swap(app, subject), "unauthorized_client")
    grants = ["authorization_code", TOKEN_EXCHANGE]
    public = await server.add_client("public", grant_types=grants, exchange_from=[app.client_id])
    assert_refused(await swap(public, subject), "invalid_client", 401)
    service = await exchanger(server, app)
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": subject, "subject_token_type": ACCESS_TOKEN}
    assert_refused(await server.post("/oauth2/token", form | {"client_id": service.client_id}), "invalid_client", 401)


@pytest.mark.spec("security 6.32", "RFC 8693 §2.2.2")
async def test_a_token_of_a_client_that_is_not_named_is_refused(server: Server, person: User) -> None:
    """Dex GHSA-7qjx-gp9h-65qj: the exchange skipped the policy that every other grant kept."""
    app, other = await app_of(server), await app_of(server)
    service, own = await exchanger(server, app), await exchanger(server)
    assert_refused(await swap(service, await token_of(other, person)), "invalid_request")
    assert_refused(await swap(own, await token_of(app, person)), "invalid_request")


@pytest.mark.spec("RFC 8693 §4.1", "security 6.32")
async def test_two_exchanges_lead_nowhere_that_one_could_not(server: Server, person: User) -> None:
    app = await app_of(server)
    first = await exchanger(server, app)
    second, knows_both = await exchanger(server, first), await exchanger(server, app, first)
    subject = await token_of(app, person)
    through = await swapped(first, subject)
    assert_refused(await swap(second, through), "invalid_request")
    nested = await swapped(knows_both, through)
    assert claims_of(nested)["act"] == {"sub": knows_both.client_id, "act": {"sub": first.client_id}}
    last = await exchanger(server, app, knows_both)
    assert_refused(await swap(last, nested), "invalid_request")
    last = await exchanger(server, app, knows_both, first)
    assert claims_of(await swapped(last, nested))["act"]["act"]["act"] == {"sub": first.client_id}


@pytest.mark.spec("RFC 8693 §4.1")
async def test_a_client_may_exchange_its_own_and_stands_there_once(server: Server, person: User) -> None:
    grants = ["authorization_code", "refresh_token", TOKEN_EXCHANGE]
    app = await app_of(server, grant_types=grants)
    token = await token_of(app, person)
    for _ in range(3):
        token = await swapped(app, token, scope="lamps")
        assert claims_of(token)["act"] == {"sub": app.client_id}
    assert claims_of(token)["scope"] == "lamps"


@pytest.mark.spec("RFC 8693 §4.1")
async def test_the_chain_of_those_who_acted_has_an_end(server: Server, person: User) -> None:
    app = await app_of(server)
    chain, token = [app], await token_of(app, person)
    for _ in range(5):
        chain.append(await exchanger(server, *chain))
        token = await swapped(chain[-1], token)
    chain.append(await exchanger(server, *chain))
    assert_refused(await swap(chain[-1], token), "invalid_request")


@pytest.mark.spec("RFC 8693 §2.1", "RFC 6749 §3.3")
async def test_the_scope_is_that_of_both_and_can_only_be_narrowed(server: Server, person: User) -> None:
    app = await app_of(server)
    service = await exchanger(server, app, scopes=["lamps", "email", "phone"])
    subject = await token_of(app, person, scope="openid lamps")
    assert claims_of(await swapped(service, subject))["scope"] == "lamps"
    for wider in ("openid", "email", "phone", "lamps email", "other"):
        assert_refused(await swap(service, subject, scope=wider), "invalid_scope")
    nothing = await exchanger(server, app, scopes=["phone"])
    assert_refused(await swap(nothing, subject), "invalid_scope")


@pytest.mark.spec("RFC 8693 §2.1", "RFC 8707 §2")
async def test_the_target_is_chosen_among_what_both_allow(server: Server, person: User) -> None:
    api, other = await server.add_resource("read"), await server.add_resource("stir")
    scopes = ["openid", f"{api}/read", f"{other}/stir"]
    app = await app_of(server, scopes=scopes)
    free, bound = await token_of(app, person), await token_of(app, person, resource=api)
    any_of_them, named = (
        await exchanger(server, app, scopes=scopes),
        await exchanger(server, app, scopes=scopes, resources=[other]),
    )
    assert "aud" not in claims_of(await swapped(any_of_them, free))
    for name in ("resource", "audience"):
        claims = claims_of(await swapped(any_of_them, free, **{name: other}))
        assert (claims["aud"], claims["scope"]) == (other, f"openid {other}/stir")
    assert claims_of(await swapped(any_of_them, bound))["aud"] == api
    # bound to one resource server, it leads to another only where the operator said so
    assert_refused(await swap(any_of_them, bound, resource=other), "invalid_target")
    assert_refused(await swap(named, bound), "invalid_target")
    assert_refused(await swap(named, free, resource=api), "invalid_target")
    for wrong in ("https://unknown.example.org", app.client_id, "x"):
        assert_refused(await swap(any_of_them, free, resource=wrong), "invalid_target")
        assert_refused(await swap(any_of_them, free, audience=wrong), "invalid_target")
    assert_refused(await swap(any_of_them, free, resource=api, audience=other), "invalid_target")


@pytest.mark.spec("RFC 8693 §2.1")
async def test_a_token_for_one_service_leads_to_the_next_where_the_operator_said_so(
    server: Server, person: User
) -> None:
    api, other = await server.add_resource(), await server.add_resource()
    app = await app_of(server)
    service = await exchanger(server, app, resources=[other])
    assert claims_of(await swapped(service, await token_of(app, person, resource=api), resource=other))["aud"] == other


@pytest.mark.spec("security 6.69", "security 6.65")
async def test_nothing_but_a_persons_access_token_is_exchanged(server: Server, person: User) -> None:
    api = await server.add_resource("read")
    app = await app_of(server)
    machine = await server.add_client("machine", scopes=[f"{api}/read"])
    service = await exchanger(server, app, machine, scopes=["openid", f"{api}/read"])
    tokens = await app.linked(person)
    own = (await machine.token(grant_type="client_credentials")).json()["access_token"]
    for wrong in (tokens["id_token"], tokens["refresh_token"], own, tokens["access_token"] + "=="):
        assert_refused(await swap(service, wrong), "invalid_request")


@pytest.mark.spec("security 6.70", "RFC 9449 §1")
async def test_a_bound_token_is_not_made_into_one_that_everybody_can_play(
    server: Server, clock: Clock, person: User
) -> None:
    app = await app_of(server)
    service = await exchanger(server, app)
    claims = claims_of(await token_of(app, person))
    signer = server.services.keys.signing("RS256", clock()).signer
    assert (await swap(service, signer.sign(orjson.dumps(claims), "at+jwt"))).status_code == 200
    bound = claims | {"cnf": {"jkt": "x" * 43}}
    assert_refused(await swap(service, signer.sign(orjson.dumps(bound), "at+jwt")), "invalid_request")


@pytest.mark.spec("security 6.32", "security 6.22", "RFC 7009 §2.1", "security 6.74")
@pytest.mark.parametrize("end", ["grant", "token", "person", "epoch", "client", "expired-grant"])
async def test_what_has_ended_is_not_exchanged(server: Server, clock: Clock, person: User, end: str) -> None:
    app = await app_of(server)
    service = await exchanger(server, app)
    tokens = await app.linked(person)
    subject = tokens["access_token"]
    made = await swapped(service, subject)
    assert (await server.userinfo(made)).status_code == 200
    if end == "grant":
        assert (await app.revoke(tokens["refresh_token"])).status_code == 200
    elif end == "token":
        async with server.services.database.unit() as session:
            session.add(RevokedAccessToken(jti=claims_of(subject)["jti"], expires_at=clock() + 3600))
    elif end == "person":
        await server.change(person, active=False)
    elif end == "epoch":
        await server.change(person, epoch=person.epoch + 1)
    elif end == "expired-grant":
        [grant] = await server.grants_of(person)
        await server.change(grant, expires_at=clock())
    else:
        registered = await server.services.clients.get(app.client_id)
        assert registered is not None
        await server.change(registered.row, active=False)
        server.services.clients.forget()
    assert_refused(await swap(service, subject), "invalid_request")
    if end not in ("token", "expired-grant"):
        # what was made of it before ends with it, also for the client that has it
        assert (await server.userinfo(made)).status_code == 401
        assert_refused(await swap(service, made), "invalid_request")


@pytest.mark.spec("security 6.32", "decision 12")
async def test_who_acted_and_is_disabled_since_acts_no_more(server: Server, person: User) -> None:
    app = await app_of(server)
    first = await exchanger(server, app)
    second = await exchanger(server, app, first)
    third = await exchanger(server, app, first, second)
    through = await swapped(first, await token_of(app, person))
    nested = await swapped(second, through)
    assert (await swap(third, nested)).status_code == 200
    registered = await server.services.clients.get(first.client_id)
    assert registered is not None
    await server.change(registered.row, active=False)
    server.services.clients.forget()
    assert_refused(await swap(second, through), "invalid_request")
    assert_refused(await swap(third, nested), "invalid_request")


@pytest.mark.spec("security 6.74", "RFC 8693 §2.2.1")
async def test_exchanges_at_once_make_tokens_and_nothing_that_could_be_refreshed(server: Server, person: User) -> None:
    app = await app_of(server)
    service = await exchanger(server, app)
    subject = await token_of(app, person)
    answers = await asyncio.gather(*(swap(service, subject) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert not any("refresh_token" in answer.json() or "id_token" in answer.json() for answer in answers)
    assert len(await server.grants_of(person)) == 1
