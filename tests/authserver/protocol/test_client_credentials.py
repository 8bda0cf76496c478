"""Programs in their own name (RFC 6749 §4.4), with the scopes of resource servers (contracts/cognito.md 1.2, 2.2)."""

import asyncio
from typing import Any

import pytest
from sqlmodel import col, select, update

from authserver.models import Client, Grant, User
from authserver.storage.changes import announce
from tests.authserver.protocol.harness import Asker, Clock, Server, basic, claims_of, header_of
from tests.authserver.protocol.test_code_exchange import assert_refused

MACHINE_CLAIMS = {"sub", "iss", "version", "client_id", "token_use", "scope", "exp", "iat", "jti"}


async def asks(client: Asker, **form: str) -> Any:
    return await client.token(grant_type="client_credentials", **form)


async def given(client: Asker, **form: str) -> dict[str, Any]:
    answer = await asks(client, **form)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


@pytest.mark.spec("cognito 9.27", "cognito 2", "RFC 6749 §4.4.3", "security 6.50", "security 6.49")
async def test_a_machine_gets_an_access_token_in_its_own_name_and_nothing_else(server: Server, clock: Clock) -> None:
    api = await server.add_resource("read", "write")
    machine = await server.add_client("machine", scopes=[f"{api}/read", f"{api}/write"])
    answer = await asks(machine, scope=f"{api}/read")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope"}
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 3600, f"{api}/read")
    claims = claims_of(tokens["access_token"])
    assert set(claims) == MACHINE_CLAIMS
    assert claims["sub"] == claims["client_id"] == machine.client_id
    assert (claims["token_use"], claims["scope"], claims["version"]) == ("access", f"{api}/read", 2)
    assert (claims["iat"], claims["exp"]) == (clock(), clock() + 3600)
    assert header_of(tokens["access_token"])["typ"] == "at+jwt"


@pytest.mark.spec("cognito 9.27", "RFC 6749 §3.3")
@pytest.mark.parametrize("scope", [None, "", "  "], ids=["none", "empty", "blank"])
async def test_without_scope_a_machine_gets_all_that_it_has_of_resource_servers(
    server: Server, scope: str | None
) -> None:
    api, other = await server.add_resource("read", "write"), await server.add_resource("stir")
    client = await server.add_client(
        scopes=["openid", f"{api}/read", f"{other}/stir", "lamps"],
        grant_types=["authorization_code", "refresh_token", "client_credentials"],
    )
    tokens = await given(client, **({} if scope is None else {"scope": scope}))
    assert tokens["scope"] == f"{api}/read {other}/stir"


@pytest.mark.spec("cognito 9.27", "RFC 6749 §5.2")
async def test_a_machine_has_no_scope_that_tells_of_a_person_or_is_anothers(server: Server) -> None:
    api = await server.add_resource("read", "write")
    client = await server.add_client(
        scopes=["openid", "email", "lamps", "aws.cognito.signin.user.admin", f"{api}/read"],
        grant_types=["authorization_code", "client_credentials"],
    )
    for scope in (
        "openid",
        "email",
        "lamps",
        "aws.cognito.signin.user.admin",
        f"{api}/write",
        f"{api}/unknown",
        f"{api}/read openid",
        f"{api}/READ",
        f"{api}//read",
        api,
    ):
        assert_refused(await asks(client, scope=scope), "invalid_scope")
    bare = await server.add_client("machine", scopes=["openid"])
    assert_refused(await asks(bare), "invalid_scope")


@pytest.mark.spec("RFC 6749 §4.4", "cognito 9.27")
async def test_a_client_that_was_not_given_the_grant_has_no_name_of_its_own(
    server: Server, confidential: Asker, alexa: Asker
) -> None:
    for client in (confidential, alexa):
        assert_refused(await asks(client), "unauthorized_client")


@pytest.mark.spec("RFC 6749 §4.4.2", "RFC 9700 §2.5")
async def test_only_who_authenticates_has_a_name_of_its_own(server: Server) -> None:
    api = await server.add_resource("read")
    grants = ["authorization_code", "client_credentials"]
    public = await server.add_client("public", scopes=[f"{api}/read"], grant_types=grants)
    assert_refused(await asks(public), "invalid_client", 401)
    machine = await server.add_client("machine", scopes=[f"{api}/read"])
    form = {"grant_type": "client_credentials", "client_id": machine.client_id}
    assert_refused(await server.post("/oauth2/token", form), "invalid_client", 401)
    wrong = {"authorization": basic(machine.client_id, "wrong")}
    assert_refused(
        await server.post("/oauth2/token", {"grant_type": "client_credentials"}, wrong), "invalid_client", 401
    )


@pytest.mark.spec("security 6.32", "decision 12")
async def test_a_disabled_client_gets_nothing(server: Server, person: User) -> None:
    """authentik CVE-2025-64521: a deactivated account of a service still got tokens."""
    api = await server.add_resource("read")
    client = await server.add_client(
        scopes=["openid", f"{api}/read"], grant_types=["authorization_code", "refresh_token", "client_credentials"]
    )
    tokens = await client.linked(person)
    await given(client)
    async with server.services.database.unit() as session:
        await session.exec(update(Client).where(col(Client.client_id) == client.client_id).values(active=False))
        await announce(session)
    async with asyncio.timeout(20):
        while (await asks(client)).status_code == 200:
            await asyncio.sleep(0.02)
    assert_refused(await asks(client), "invalid_client", 401)
    assert_refused(await client.refresh(tokens["refresh_token"]), "invalid_client", 401)
    code, _ = await server.add_code(await server.add_client(), person)
    assert_refused(await client.exchange(code), "invalid_client", 401)


@pytest.mark.spec("decision 12")
async def test_a_scope_that_is_gone_is_given_to_no_machine(server: Server) -> None:
    api = await server.add_resource("read")
    machine = await server.add_client("machine", scopes=[f"{api}/read", f"{api}/gone"])
    assert (await given(machine))["scope"] == f"{api}/read"


@pytest.mark.spec("security 6.65", "cognito 9.39", "cognito 9.41")
async def test_a_machine_is_nobody_to_userinfo(server: Server) -> None:
    api = await server.add_resource("read")
    machine = await server.add_client("machine", scopes=[f"{api}/read"])
    answer = await server.userinfo((await given(machine))["access_token"])
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.spec("security 6.65")
async def test_a_machine_named_like_a_person_is_still_nobody(server: Server, person: User) -> None:
    api = await server.add_resource("read")
    machine = await server.add_client("machine", scopes=[f"{api}/read"], client_id=person.sub)
    token = (await given(machine))["access_token"]
    assert {"username", "auth_time", "origin_jti", "cognito:groups"} & set(claims_of(token)) == set()
    assert (await server.userinfo(token)).status_code == 401


@pytest.mark.spec("decision 3", "performance 4")
async def test_nothing_is_written_for_a_machine(server: Server) -> None:
    api = await server.add_resource("read")
    machine = await server.add_client("machine", scopes=[f"{api}/read"])
    answers = await asyncio.gather(*(given(machine) for _ in range(20)))
    assert len({claims_of(tokens["access_token"])["jti"] for tokens in answers}) == 20
    async with server.services.database.unit() as session:
        made = (await session.exec(select(Grant.grant_id).where(Grant.client_id == machine.client_id))).all()
    assert list(made) == []


@pytest.mark.spec("RFC 8707 §2", "RFC 8707 §2.2")
async def test_a_machine_may_name_the_resource_server_that_its_token_is_for(server: Server) -> None:
    api, other = await server.add_resource("read"), await server.add_resource("stir")
    machine = await server.add_client("machine", scopes=[f"{api}/read", f"{other}/stir"])
    tokens = await given(machine, resource=api)
    assert (claims_of(tokens["access_token"])["aud"], tokens["scope"]) == (api, f"{api}/read")
    assert "aud" not in claims_of((await given(machine))["access_token"])
    assert_refused(await asks(machine, resource=api, scope=f"{other}/stir"), "invalid_scope")
    unscoped = await server.add_resource()
    assert_refused(await asks(machine, resource=unscoped), "invalid_scope")
    for wrong in ("https://unknown.example.org", f"{api}/", f"{api}#x", "read", machine.client_id):
        assert_refused(await asks(machine, resource=wrong), "invalid_target")


@pytest.mark.spec("RFC 8707 §2", "decision 8")
async def test_the_operator_limits_what_a_machine_may_name(server: Server) -> None:
    api, other = await server.add_resource("read"), await server.add_resource("stir")
    machine = await server.add_client(
        "machine", scopes=[f"{api}/read", f"{other}/stir"], resources=[api], audience="https://usual.example.org"
    )
    assert claims_of((await given(machine))["access_token"])["aud"] == "https://usual.example.org"
    assert claims_of((await given(machine, resource=api))["access_token"])["aud"] == api
    assert_refused(await asks(machine, resource=other), "invalid_target")


@pytest.mark.spec("security 6.13", "RFC 8707 §2")
async def test_a_token_request_names_one_resource_and_not_two(server: Server) -> None:
    api = await server.add_resource("read")
    machine = await server.add_client("machine", scopes=[f"{api}/read"])
    body = f"grant_type=client_credentials&resource={api}&resource={api}".encode()
    headers = {"authorization": basic(machine.client_id, machine.secret)}
    assert_refused(await server.post("/oauth2/token", body, headers), "invalid_request")
