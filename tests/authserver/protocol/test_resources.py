"""For which resource server a token is (RFC 8707): named in the authorization request, chosen in the token request."""

from typing import Any
from urllib.parse import quote, urlencode

import pytest

from authserver.models import User
from tests.authserver.protocol.harness import CALLBACK, Asker, Server, claims_of
from tests.authserver.protocol.test_authorization_request import answered, assert_error, assert_let_in
from tests.authserver.protocol.test_code_exchange import assert_refused


async def two(server: Server) -> tuple[str, str]:
    return await server.add_resource("read"), await server.add_resource("stir")


async def client_of(server: Server, *resources: str, **fields: Any) -> Asker:
    scopes = ["openid", *(f"{one}/{name}" for one, name in zip(resources, ("read", "stir"), strict=False))]
    return await server.add_client(first_party=True, scopes=scopes, **fields)


async def code_for(server: Server, client: Asker, person: User, *resources: str) -> str:
    query = urlencode(client.authorization(scope=None), quote_via=quote)
    query += "".join(f"&resource={quote(one, safe='')}" for one in resources)
    answer = await server.authorize(query, **await server.signed_in(person))
    return answered(answer, CALLBACK)["code"]


def aud(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return claims_of(answer.json()["access_token"]).get("aud")


@pytest.mark.spec("RFC 8707 §2")
async def test_a_resource_that_is_not_registered_is_an_invalid_target(server: Server) -> None:
    client, api = await server.add_client(), await server.add_resource()
    assert_let_in(await server.authorize(client.authorization(resource=api)), server)
    for wrong in (
        "https://unknown.example.org",
        f"{api}/",
        f"{api}?x=1",
        api.upper(),
        f"{api} {api}x",
        f"{api}  {api}",
    ):
        assert_error(await server.authorize(client.authorization(resource=wrong)), client, "invalid_target")


@pytest.mark.spec("RFC 8707 §2")
async def test_an_operator_limits_what_a_client_may_name(server: Server) -> None:
    api, other = await two(server)
    client = await server.add_client(resources=[api])
    assert_let_in(await server.authorize(client.authorization(resource=api)), server)
    assert_error(await server.authorize(client.authorization(resource=other)), client, "invalid_target")


@pytest.mark.spec("RFC 8707 §2", "alexa 0")
@pytest.mark.parametrize("resource", ["https://unknown.example.org", "https://a.example.org https://b.example.org"])
async def test_what_somebody_adds_to_alexas_link_does_not_keep_a_person_out(
    server: Server, alexa: Asker, person: User, resource: str
) -> None:
    assert_let_in(await server.authorize(alexa.authorization(resource=resource)), server)
    tokens = await alexa.linked(person)
    assert aud(await alexa.refresh(tokens["refresh_token"], resource=resource)) is None
    code, _ = await server.add_code(alexa, person)
    assert aud(await alexa.exchange(code, resource=resource)) is None


@pytest.mark.spec("RFC 8707 §2", "RFC 8707 §2.2", "security 6.13")
async def test_of_several_resources_each_token_is_for_one(server: Server, person: User) -> None:
    api, other = await two(server)
    client = await client_of(server, api, other)
    code = await code_for(server, client, person, api, other, api)
    assert_refused(await client.exchange(code), "invalid_target")
    assert_refused(await client.exchange(code, resource="https://unknown.example.org"), "invalid_target")
    answer = await client.exchange(code, resource=api)
    assert (aud(answer), answer.json()["scope"]) == (api, f"openid {api}/read")
    assert claims_of(answer.json()["id_token"])["aud"] == client.client_id
    refresh_token = answer.json()["refresh_token"]
    second = await client.refresh(refresh_token, resource=other)
    assert (aud(second), second.json()["scope"]) == (other, f"openid {other}/stir")
    assert aud(await client.refresh(refresh_token, resource=api)) == api
    assert_refused(await client.refresh(refresh_token), "invalid_target")
    assert_refused(await client.refresh(refresh_token, resource=api, scope=f"{other}/stir"), "invalid_scope")


@pytest.mark.spec("RFC 8707 §2.2")
async def test_no_resource_can_be_chosen_that_was_not_asked_for(server: Server, person: User) -> None:
    api, other = await two(server)
    client = await client_of(server, api, other)
    code = await code_for(server, client, person, api)
    assert_refused(await client.exchange(code, resource=other), "invalid_target")
    tokens = (await client.exchange(code)).json()
    assert claims_of(tokens["access_token"])["aud"] == api
    assert_refused(await client.refresh(tokens["refresh_token"], resource=other), "invalid_target")
    plain = await client.linked(person)
    assert_refused(await client.refresh(plain["refresh_token"], resource=api), "invalid_target")
    assert "aud" not in claims_of((await client.refresh(plain["refresh_token"])).json()["access_token"])


@pytest.mark.spec("RFC 8707 §2.2", "decision 8")
async def test_the_clients_own_audience_may_be_named(server: Server, person: User) -> None:
    own = "https://usual.example.org"
    client = await server.add_client(audience=own)
    tokens = await client.linked(person)
    assert aud(await client.refresh(tokens["refresh_token"], resource=own)) == own
    assert aud(await client.refresh(tokens["refresh_token"])) == own


@pytest.mark.spec("RFC 8707 §2", "security 6.32")
@pytest.mark.parametrize("rotation", [False, True], ids=["kept", "rotating"])
async def test_a_resource_that_is_taken_from_the_client_gives_no_token_and_ends_nothing(
    server: Server, person: User, rotation: bool
) -> None:
    """The policy is looked at in every grant (Dex GHSA-7qjx-gp9h-65qj)."""
    api, other = await two(server)
    client = await client_of(server, api, other, refresh_rotation=rotation)
    first, later = await code_for(server, client, person, api), await code_for(server, client, person, api)
    tokens = (await client.exchange(first)).json()
    row = (await server.services.clients.get(client.client_id)).row  # type: ignore[union-attr]
    await server.change(row, resources=[other])
    server.services.clients.forget()
    assert_refused(await client.refresh(tokens["refresh_token"]), "invalid_target")
    assert_refused(await client.exchange(later), "invalid_target")
    await server.change(row, resources=[api])
    server.services.clients.forget()
    assert aud(await client.refresh(tokens["refresh_token"])) == api
    assert aud(await client.exchange(later)) == api


@pytest.mark.spec("RFC 8707 §2")
@pytest.mark.parametrize(
    "resource",
    [
        "skill",
        "//skill.example",
        "https://skill.example/#x",
        "https://skill.example/" + "x" * 2000,
        "",
        "\u00e4:b",
        "::",
    ],
    ids=["word", "no-scheme", "fragment", "too-long", "empty", "not-ascii", "colons"],
)
async def test_a_resource_that_is_no_absolute_uri_is_an_invalid_target(
    server: Server, alexa: Asker, resource: str
) -> None:
    answer = await server.authorize(alexa.authorization(resource=resource))
    if resource:
        assert_error(answer, alexa, "invalid_target")
    else:
        assert_let_in(answer, server)
