"""The `claims` parameter (OpenID Connect Core §5.5): what may be asked for one by one, and what is given."""

import json
from typing import Any

import pytest

from authserver.models import AuthorizationCode, Interaction, User
from authserver.oauth.requested_claims import Requested, read
from authserver.secret_values import digest
from tests.authserver.protocol.harness import Asker, Server, claims_of
from tests.authserver.protocol.test_authorization_request import answered, assert_error

ATTRIBUTES = {"name": "Buffy", "locale": "en", "phone_number": "+1555", "custom:rank": "7", "shoe_size": 38}
EVERY_SCOPE = ["openid", "profile", "email", "phone", "address"]


def asking(**places: Any) -> str:
    return json.dumps(places)


async def told(
    server: Server, client: Asker, person: User, claims: str, **asked: str | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The token answer, the ID token's claims, and userinfo's."""
    cookie = await server.signed_in(person)
    answer = await server.authorize(client.authorization(claims=claims, **asked), **cookie)
    code = answered(answer, client.redirect_uri)["code"]
    made = (await client.exchange(code)).json()
    info = await server.userinfo(made["access_token"])
    assert info.status_code == 200
    return made, claims_of(made["id_token"]), info.json()


@pytest.mark.spec("oidcc claims-essential", "OpenID Connect Core §5.5")
async def test_a_single_claim_is_given_where_it_was_asked_for_and_no_other(server: Server) -> None:
    person = await server.add_person(attributes=ATTRIBUTES)
    client = await server.add_client(first_party=True, scopes=EVERY_SCOPE)
    _, token, info = await told(
        server, client, person, asking(userinfo={"name": {"essential": True}}, id_token={"email": None})
    )
    assert info == {"sub": person.sub, "username": person.username, "name": "Buffy"}
    assert token["email"] == person.email
    assert not {"name", "email_verified", "locale"} & set(token)


@pytest.mark.spec("OpenID Connect Core §5.5", "OpenID Connect Core §12.2")
async def test_a_refresh_gives_the_same_claims_and_a_narrower_one_none(server: Server) -> None:
    person = await server.add_person(attributes=ATTRIBUTES)
    client = await server.add_client(first_party=True, scopes=EVERY_SCOPE)
    claims = asking(userinfo={"phone_number": None, "custom:rank": None}, id_token={"name": None})
    made, _, info = await told(server, client, person, claims, scope="openid email")
    single = {"phone_number": "+1555", "custom:rank": "7"}
    assert {name: info.get(name) for name in single} == single
    again = (await client.refresh(made["refresh_token"])).json()
    assert claims_of(again["id_token"])["name"] == "Buffy"
    assert single.items() <= (await server.userinfo(again["access_token"])).json().items()
    narrow = (await client.refresh(made["refresh_token"], scope="openid")).json()
    assert "name" not in claims_of(narrow["id_token"])
    assert set((await server.userinfo(narrow["access_token"])).json()) == {"sub", "username"}


@pytest.mark.spec("OpenID Connect Core §5.5.1", "security 6.80")
async def test_what_the_client_may_not_read_is_left_out_without_a_word(server: Server) -> None:
    person = await server.add_person(attributes=ATTRIBUTES)
    client = await server.add_client(first_party=True, scopes=["openid", "phone"])
    claims = asking(
        userinfo={"name": {"essential": True}, "custom:rank": {"essential": True}, "email": None, "phone_number": None},
        id_token={"name": None, "shoe_size": None, "password_hash": None},
    )
    _, token, info = await told(server, client, person, claims)
    assert info == {"sub": person.sub, "username": person.username, "phone_number": "+1555"}
    assert not {"name", "shoe_size", "password_hash", "custom:rank"} & set(token)


@pytest.mark.spec("security 6.66", "OpenID Connect Core §5.5")
async def test_no_claim_of_the_protocol_can_be_asked_into_another_value(server: Server) -> None:
    wanted = {
        name: {"essential": True, "value": "evil"}
        for name in ("iss", "aud", "client_id", "token_use", "cognito:groups", "cognito:username", "exp", "nonce")
    }
    person = await server.add_person(attributes=dict.fromkeys(wanted, "evil") | {"scope": "evil", "cnf": "evil"})
    client = await server.add_client(first_party=True, scopes=EVERY_SCOPE)
    made, token, info = await told(server, client, person, asking(userinfo=wanted, id_token=wanted))
    assert "evil" not in json.dumps([claims_of(made["access_token"]), token, info])


MALFORMED = {
    "no-json": "{",
    "nan": '{"userinfo": NaN}',
    "list": "[]",
    "text": '"userinfo"',
    "number": "1",
    "null": "null",
    "place-is-a-list": '{"userinfo": []}',
    "place-is-text": '{"id_token": "name"}',
    "claim-is-true": '{"userinfo": {"name": true}}',
    "claim-is-text": '{"userinfo": {"name": "x"}}',
    "essential-is-text": '{"userinfo": {"name": {"essential": "true"}}}',
    "values-is-text": '{"userinfo": {"name": {"values": "x"}}}',
    "sub-is-a-number": '{"id_token": {"sub": {"value": 1}}}',
    "acr-is-an-object": '{"id_token": {"acr": {"values": [{}]}}}',
    "two-subs": '{"id_token": {"sub": {"values": ["a", "b"]}}}',
    "two-subs-in-two-places": '{"id_token": {"sub": {"value": "a"}}, "userinfo": {"sub": {"value": "b"}}}',
    "deep": '{"userinfo": ' + "[" * 1500 + "]" * 1500 + "}",
    "many": json.dumps({"userinfo": {f"c{n}": None for n in range(51)}}),
    "too-long": json.dumps({"userinfo": {"x" * 4096: None}}),
    "half-a-surrogate": '{"userinfo": {"\\ud800": null}}',
}


@pytest.mark.spec("OpenID Connect Core §5.5", "OpenID Connect Core §3.1.2.6")
@pytest.mark.parametrize("claims", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_claims_are_an_invalid_request(
    server: Server, confidential: Asker, person: User, claims: str
) -> None:
    for cookie in ({}, await server.signed_in(person)):
        answer = await server.authorize(confidential.authorization(claims=claims), **cookie)
        assert_error(answer, confidential, "invalid_request")


@pytest.mark.spec("OpenID Connect Core §5.5")
@pytest.mark.parametrize(
    "claims",
    [
        "",
        "{}",
        '{"userinfo": null, "id_token": {}}',
        '{"other": 1, "userinfo": {"nobody#de": null, "x": {"value": [1]}}}',
        '{"id_token": {"acr": null, "auth_time": {"essential": true}, "sub": null}}',
    ],
)
async def test_what_is_not_understood_is_ignored(server: Server, person: User, claims: str) -> None:
    client = await server.add_client(first_party=True)
    _, token, info = await told(server, client, person, claims)
    assert set(info) == {"sub", "username"}
    assert token["acr"] == "loa:1"
    assert "auth_time" in token


@pytest.mark.spec("OpenID Connect Core §5.5.1.1", "oidcc acr-values")
async def test_an_essential_acr_is_a_demand_and_a_voluntary_one_is_not(server: Server, person: User) -> None:
    client = await server.add_client(first_party=True)
    cookie = await server.signed_in(person)

    async def asked(acr: dict[str, Any], **others: str) -> Any:
        claims = asking(id_token={"acr": acr})
        return await server.authorize(client.authorization(claims=claims, **others), **cookie)

    reached = answered(await asked({"essential": True, "values": ["loa:1", "loa:9"]}), client.redirect_uri)
    assert "code" in reached
    assert "code" in answered(await asked({"values": ["loa:4"]}), client.redirect_uri)
    assert "code" in answered(await asked({"essential": True}), client.redirect_uri)
    strong = {"essential": True, "value": "loa:4"}
    assert_error(await asked(strong, prompt="none"), client, "interaction_required")
    assert_error(await asked(strong, prompt="none", acr_values="loa:1"), client, "interaction_required")
    unknown = {"essential": True, "values": ["urn:mace:incommon:iap:silver"]}
    assert_error(await asked(unknown), client, "unmet_authentication_requirements")


@pytest.mark.spec("OpenID Connect Core §5.5.1", "OpenID Connect Core §3.1.2.1")
async def test_a_sub_that_is_asked_for_is_the_only_one_who_may_answer(server: Server, person: User) -> None:
    client, other = await server.add_client(first_party=True), await server.add_person()
    cookie = await server.signed_in(person)
    for place in ("id_token", "userinfo"):
        for who, expected in ((person.sub, "code"), (other.sub, "error"), ("nobody", "error")):
            claims = json.dumps({place: {"sub": {"value": who}}})
            given = answered(
                await server.authorize(client.authorization(claims=claims, prompt="none"), **cookie),
                client.redirect_uri,
            )
            assert expected in given, (place, who)
            assert given.get("error", "login_required") == "login_required"


@pytest.mark.spec("alexa 0", "OpenID Connect Core §5.5")
async def test_nothing_of_it_reaches_a_linking_of_alexa(server: Server, alexa: Asker) -> None:
    """A link that somebody tampered with must not end in tokens that are more, or in a linking that cannot end."""
    claims = asking(userinfo={"email": {"essential": True}}, id_token={"acr": {"essential": True, "value": "loa:4"}})
    answer = await server.authorize(alexa.authorization(claims=claims))
    interaction_id = answer.headers["location"].partition("interaction=")[2]
    async with server.services.database.unit() as session:
        interaction = await session.get(Interaction, interaction_id)
    assert interaction is not None
    assert not {"claims", "acr_values"} & set(interaction.request)


async def test_what_is_kept_is_small_and_only_what_is_given(server: Server, person: User) -> None:
    client = await server.add_client(first_party=True, scopes=["openid", "email"])
    claims = asking(userinfo={"email": {"essential": True, "value": "x"}, "name": None}, id_token={"name": None})
    cookie = await server.signed_in(person)
    answer = await server.authorize(client.authorization(claims=claims), **cookie)
    async with server.services.database.unit() as session:
        code = await session.get(AuthorizationCode, digest(answered(answer, client.redirect_uri)["code"]))
    assert code is not None
    assert code.claims == {"userinfo": ["email"]}
    assert read(claims, []) == Requested()


@pytest.mark.spec("RFC 8707 §2")
async def test_a_resource_and_claims_of_one_request_both_reach_the_grant(server: Server, person: User) -> None:
    api = await server.add_resource()
    client = await server.add_client(first_party=True, scopes=["openid", "email"])
    made, _, info = await told(server, client, person, asking(userinfo={"email": None}), resource=api)
    assert info["email"] == person.email
    again = (await client.refresh(made["refresh_token"])).json()
    assert claims_of(again["access_token"])["aud"] == api
    assert (await server.userinfo(again["access_token"])).json()["email"] == person.email
