"""Clients that register themselves (RFC 7591, OpenID Connect Registration), docs/adr/0040."""

import asyncio
import secrets
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlmodel import select

from authserver.models import Client, ClientRegistration, InitialAccessToken, User
from authserver.oauth import resource_registration
from authserver.oauth.dynamic import initial_access
from authserver.secret_values import digest
from tests.authserver.protocol.harness import Asker, Server, challenge_of, claims_of, header_of
from tests.authserver.protocol.registering import (
    CALLBACK,
    DAY,
    PATH,
    Itself,
    assert_refused,
    assert_unproven,
    leave,
    look_again,
    register,
    send,
)
from tests.authserver.protocol.signing import signing
from tests.authserver.protocol.test_changes import holds_within_a_second

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"


async def close(server: Server) -> None:
    """Whatever other tests have opened."""
    async with server.services.database.unit() as session:
        for row in await initial_access.every(session):
            await initial_access.revoke(session, row.token_id, server.clock())
    await look_again(server)


async def named(server: Server) -> set[bool]:
    """Whether the metadata names the endpoint, at both places."""
    return {"registration_endpoint" in (await server.http.get(place)).json() for place in (OPENID, OAUTH)}


async def count(server: Server) -> int:
    async with server.services.database.unit() as session:
        return len((await session.exec(select(ClientRegistration.client_id))).all())


@pytest.mark.spec("RFC 7591 §3", "ASVS 10.4.7")
async def test_without_leave_there_is_no_such_endpoint(server: Server) -> None:
    await close(server)
    assert await named(server) == {False}
    for token in ("", "made-up"):
        assert_refused(await register(server, token), "invalid_request", 404)


@pytest.mark.spec("RFC 7591 §3", "RFC 8414 §2", "OpenID Connect Discovery §3", "decision 12")
async def test_leave_that_is_given_and_taken_holds_within_a_second(server: Server) -> None:
    await close(server)

    async def is_open() -> bool:
        return await named(server) == {True}

    async def is_closed() -> bool:
        return await named(server) == {False}

    async with server.services.database.unit() as session:
        _, row = await initial_access.issue(session, initial_access.Limits(), 1, DAY, "", server.clock())
    await holds_within_a_second(is_open)
    read = (await server.http.get(OPENID)).json()
    assert read["registration_endpoint"] == f"{server.settings.issuer}{PATH}"
    async with server.services.database.unit() as session:
        await initial_access.revoke(session, row.token_id, server.clock())
    await holds_within_a_second(is_closed)


@pytest.mark.spec("RFC 7591 §3")
async def test_leave_ends_with_its_time_and_with_its_last_use(server: Server) -> None:
    await close(server)
    short = await leave(server, lifetime=60)
    server.clock.advance(59)
    assert (await register(server, short)).status_code == 201
    server.clock.advance(1)
    assert await named(server) == {False}
    assert_refused(await register(server, short), "invalid_request", 404)
    once = await leave(server, uses=1)
    assert (await register(server, once)).status_code == 201
    await holds_within_a_second(lambda: _is(named(server), {False}))


async def _is(found: Any, expected: Any) -> bool:
    return bool(await found == expected)


@pytest.mark.spec("RFC 7591 §3.2.1", "OpenID Connect Dynamic Registration §3.2")
async def test_a_client_is_told_all_that_is_registered_and_its_secrets_once(server: Server) -> None:
    token = await leave(server)
    answer = await register(
        server, token, scope="openid email", favourite_colour="blue", **{"client_name#de": "Selbst"}
    )
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told.pop("client_secret_expires_at") == 0
    assert told.pop("client_id_issued_at") == server.clock()
    client_id, secret, access = (told.pop(n) for n in ("client_id", "client_secret", "registration_access_token"))
    assert told.pop("registration_client_uri") == f"{server.settings.issuer}{PATH}?client_id={client_id}"
    assert told == {
        "redirect_uris": [CALLBACK],
        "client_name": "Itself",
        "scope": "openid email",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "application_type": "web",
        "subject_type": "public",
        "id_token_signed_response_alg": "RS256",
        "require_pushed_authorization_requests": False,
        "require_signed_request_object": False,
        "dpop_bound_access_tokens": False,
        "backchannel_logout_session_required": False,
        "post_logout_redirect_uris": [],
    }
    async with server.services.database.unit() as session:
        row = await session.get(ClientRegistration, client_id)
        stored = (
            await session.exec(select(InitialAccessToken).where(InitialAccessToken.digest == digest(token)))
        ).one()
    assert row is not None
    assert row.digest == digest(access)
    assert stored.uses == 1
    for opened in (secret, access, token):
        assert opened not in str(row) + str(stored)


@pytest.mark.spec("RFC 7591 §1.3", "RFC 7636 §4.3", "security 6.16", "ASVS 10.4.7")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_it_links_people_like_any_other_client_and_never_without_pkce(
    server: Server, person: User, method: str
) -> None:
    types = ["authorization_code", "refresh_token"]
    itself = await Itself.of(server, token_endpoint_auth_method=method, grant_types=types, scope="openid email")
    client = itself.asker
    assert ("client_secret" in itself.told) is (method != "none")
    bare = client.authorization(code_challenge=None, code_challenge_method=None)
    answer = await server.authorize(bare)
    assert "error=invalid_request" in answer.headers["location"]
    asked = client.authorization(code_challenge=challenge_of("v" * 43), code_challenge_method="S256")
    answer = await server.authorize(asked, **await server.signed_in(person))
    assert urlsplit(answer.headers["location"]).path == "/consent"  # it is never trusted as a first party
    code, _ = await server.add_code(client, person, "v" * 43)
    tokens = (await client.exchange(code, code_verifier="v" * 43)).json()
    assert claims_of(tokens["id_token"])["aud"] == itself.client_id
    again = (await client.refresh(tokens["refresh_token"])).json()
    assert (again["refresh_token"] != tokens["refresh_token"]) is (method == "none")  # RFC 9700 §2.2.2


@pytest.mark.spec("RFC 7591 §3", "RFC 6750 §3.1", "security 6.69", "ASVS 10.4.7")
@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE"])
async def test_no_other_token_stands_in_for_the_one_that_is_meant(
    server: Server, confidential: Asker, person: User, method: str
) -> None:
    initial = await leave(server)
    itself, other = await Itself.of(server, initial), await Itself.of(server, initial)
    tokens = await confidential.linked(person)
    wrong = [tokens["access_token"], tokens["id_token"], tokens["refresh_token"], other.token, "", "x" * 5000]
    wrong.append(itself.token if method == "POST" else initial)
    body = {"redirect_uris": [CALLBACK], "client_id": itself.client_id} if method in ("POST", "PUT") else None
    for token in wrong:
        answer = await send(server, method, token, body, itself.client_id)
        assert_unproven(answer)
    right = initial if method == "POST" else itself.token
    for scheme in ("DPoP", "Basic", "Token"):
        answer = await server.http.request(
            method, f"{PATH}?client_id={itself.client_id}", headers={"authorization": f"{scheme} {right}"}
        )
        assert_unproven(answer)
    for place in (f"{PATH}?client_id={itself.client_id}&access_token={right}",):
        assert_unproven(await server.http.request(method, place))
    for token in (initial, itself.token):
        assert (await server.userinfo(token)).status_code == 401
        assert (await confidential.introspect(token)).json() == {"active": False}
    assert (await itself.read()).status_code == 200


@pytest.mark.spec("RFC 7591 §3", "ASVS 10.4.7", "decision 2")
async def test_of_twenty_at_once_no_more_register_than_may(server: Server) -> None:
    token, before = await leave(server, uses=3), await count(server)
    answers = await asyncio.gather(*(register(server, token, client_name=f"No {n}") for n in range(20)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[:3] == [201, 201, 201]
    assert set(statuses[3:]) <= {401, 404}
    assert await count(server) == before + 3


@pytest.mark.spec("RFC 7591 §3.2.2")
async def test_a_refusal_does_not_use_the_leave_up(server: Server) -> None:
    token = await leave(server, uses=1)
    assert_refused(await register(server, token, redirect_uris=["http://evil.example/"]), "invalid_redirect_uri")
    assert_refused(await register(server, token, scope="admin"), "invalid_client_metadata")
    # a rule that only the registry knows: rolled back with the use that was counted already
    await server.add_client("confidential", redirect_uris=[CALLBACK])
    assert_refused(await register(server, token, client_name="a CONFIDENTIAL\u3000app"), "invalid_client_metadata")
    assert (await register(server, token)).status_code == 201


@pytest.mark.spec(
    "RFC 7591 §2", "RFC 8252 §7", "OIDC Dynamic logo-uri", "OIDC Dynamic policy-uri", "OIDC Dynamic tos-uri"
)
async def test_all_that_a_client_may_say_of_itself_is_kept(server: Server) -> None:
    said: dict[str, Any] = {
        "redirect_uris": ["http://127.0.0.1:8123/cb", "org.example.app:/cb", CALLBACK],
        "application_type": "native",
        "client_uri": "https://itself.example.org/",
        "logo_uri": "https://itself.example.org/logo.png",
        "policy_uri": "https://itself.example.org/policy",
        "tos_uri": "https://itself.example.org/tos?x=1",
        "contacts": ["me@example.org"],
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "software_version": "1.2",
        "jwks": {"keys": [signing().public]},
        "token_endpoint_auth_method": "private_key_jwt",
        "require_auth_time": True,
        "default_max_age": 3600,
        "require_pushed_authorization_requests": True,
        "require_signed_request_object": True,
        "dpop_bound_access_tokens": True,
        "userinfo_signed_response_alg": "RS256",
        "introspection_signed_response_alg": "RS256",
        "post_logout_redirect_uris": ["https://itself.example.org/out"],
        "backchannel_logout_uri": "https://itself.example.org/told",
        "backchannel_logout_session_required": True,
    }
    itself = await Itself.of(server, **said)
    assert {name: itself.told[name] for name in said} == said
    assert "client_secret" not in itself.told
    assert (await itself.read()).json() == itself.told


@pytest.mark.spec("RFC 7591 §2", "security 6.57")
async def test_a_client_without_a_name_is_shown_by_its_id(server: Server) -> None:
    itself = await Itself.of(server, client_name=None)
    assert itself.told["client_name"] == itself.client_id


@pytest.mark.spec("RFC 7591 §5", "ASVS 10.4.7", "security 6.57")
async def test_the_leave_bounds_scopes_grants_and_where_people_are_sent(server: Server) -> None:
    api = await server.add_resource("read")
    scopes = ("openid", f"{api}/read")
    types = ("authorization_code", "client_credentials")
    token = await leave(server, scopes=scopes, grant_types=types, redirect_hosts=("itself.example.org",))
    assert (await Itself.of(server, token)).told["scope"] == f"openid {api}/read"
    robot = await Itself.of(server, token, grant_types=["client_credentials"], redirect_uris=None)
    assert (robot.told["scope"], robot.told["response_types"]) == (f"{api}/read", [])
    answer = await robot.asker.token(grant_type="client_credentials")
    assert answer.json()["scope"] == f"{api}/read"
    for members in (
        {"scope": "email"},
        {"grant_types": ["authorization_code", "refresh_token"]},
    ):
        assert_refused(await register(server, token, **members), "invalid_client_metadata")
    for uri in ("https://other.example.org/cb", "https://itself.example.org.evil.example/", "org.example.app:/cb"):
        assert_refused(await register(server, token, redirect_uris=[uri]), "invalid_redirect_uri")


@pytest.mark.spec("RFC 7591 §5", "ASVS 10.4.7", "security 6.77", "OpenID Connect Back-Channel Logout §2.2")
@pytest.mark.parametrize(
    "name",
    [
        "post_logout_redirect_uris", "backchannel_logout_uri", "jwks_uri", "sector_identifier_uri", "client_uri",
        "logo_uri", "policy_uri", "tos_uri",
    ],
)  # fmt: skip
async def test_the_leave_bounds_the_host_of_every_address_that_a_client_names(server: Server, name: str) -> None:
    def at(uri: str) -> dict[str, Any]:
        return {name: [uri] if name.endswith("uris") else uri}

    token = await leave(server, redirect_hosts=("itself.example.org",))
    for host in ("other.example.org", "x.itself.example.org", "itself.example.org.", "itself.example.org.evil.example"):
        answer = await register(server, token, **at(f"https://{host}/there"))
        assert_refused(answer, "invalid_client_metadata")
        assert "initial access token" in answer.json()["error_description"], answer.text
    if name != "sector_identifier_uri":  # it would be fetched
        here = at("https://ITSELF.example.org:8443/here")
        itself = await Itself.of(server, token, **here)
        assert {name: itself.told[name]} == here
        assert_refused(await itself.put(**at("https://other.example.org/")), "invalid_client_metadata")
        assert (await itself.read()).json()[name] == here[name]


@pytest.mark.spec("OpenID Connect Dynamic Registration §2", "OpenID Connect Core §8.1")
async def test_pairwise_subjects_need_one_host(server: Server, person: User) -> None:
    token = await leave(server)
    several = [CALLBACK, "https://other.example.org/callback"]
    answer = await register(server, token, subject_type="pairwise", redirect_uris=several)
    assert_refused(answer, "invalid_client_metadata")
    itself = await Itself.of(server, token, subject_type="pairwise")
    code, _ = await server.add_code(itself.asker, person, "v" * 43)
    tokens = (await itself.asker.exchange(code, code_verifier="v" * 43)).json()
    assert claims_of(tokens["id_token"])["sub"] != person.sub


@pytest.mark.spec(
    "OIDC Dynamic userinfo-rs256",
    "OpenID Connect Core §5.3.2",
    "oidcc idtoken-signature",
    "OIDC Dynamic id-token-rs256",
)
async def test_signatures_are_as_it_registered_them(server: Server, person: User) -> None:
    await server.ensure_algorithm("ES256")
    token = await leave(server)
    for alg in ("RS256", "ES256"):
        itself = await Itself.of(
            server, token, id_token_signed_response_alg=alg, userinfo_signed_response_alg=alg, scope="openid"
        )
        code, _ = await server.add_code(itself.asker, person, "v" * 43)
        tokens = (await itself.asker.exchange(code, code_verifier="v" * 43)).json()
        assert header_of(tokens["id_token"])["alg"] == alg
        signed = await server.userinfo(tokens["access_token"])
        assert signed.headers["content-type"] == "application/jwt"
        assert header_of(signed.text)["alg"] == alg


@pytest.mark.spec("OpenID Connect Dynamic Registration §2", "oidcc max-age-1")
async def test_a_default_max_age_holds_where_the_request_names_none(server: Server, person: User) -> None:
    itself = await Itself.of(server, default_max_age=60)
    client = itself.asker
    pkce = {"code_challenge": challenge_of("v" * 43), "code_challenge_method": "S256", "prompt": "none"}
    old = await server.signed_in(person, server.clock() - 100)
    answer = await server.authorize(client.authorization(**pkce), **old)
    assert "error=login_required" in answer.headers["location"]
    answer = await server.authorize(client.authorization(**pkce, max_age="1000"), **old)
    assert "error=consent_required" in answer.headers["location"]
    answer = await server.authorize(client.authorization(**pkce), **await server.signed_in(person))
    assert "error=consent_required" in answer.headers["location"]


@pytest.mark.spec(
    "security 6.7",
    "OIDC Dynamic redirect-uri-missing",
    "OIDC Dynamic redirect-uri-query",
    "OpenID Connect Core §3.1.2.1",
)
async def test_of_two_redirect_uris_the_request_names_one(server: Server) -> None:
    itself = await Itself.of(server, redirect_uris=[f"{CALLBACK}?a=1", f"{CALLBACK}?a=2"], scope="openid")
    pkce = {"code_challenge": challenge_of("v" * 43), "code_challenge_method": "S256"}
    client = itself.asker
    for uri in (None, CALLBACK, f"{CALLBACK}?a=3", f"{CALLBACK}?a=1&b=2"):
        answer = await server.authorize(client.authorization(redirect_uri=uri, **pkce))
        assert answer.status_code == 400
        assert "location" not in answer.headers
    assert (await server.authorize(client.authorization(**pkce))).status_code == 303


@pytest.mark.spec("security 6.57", "ASVS 10.4.7")
async def test_its_name_is_text_on_the_consent_page(server: Server, person: User) -> None:
    name = f"<script>alert('{secrets.token_hex(4)}')</script>"
    itself = await Itself.of(server, client_name=name)
    pkce = {"code_challenge": challenge_of("v" * 43), "code_challenge_method": "S256"}
    cookie = await server.signed_in(person)
    begun = await server.authorize(itself.asker.authorization(**pkce), **cookie)
    cookies = "; ".join([cookie["cookie"], begun.headers["set-cookie"].partition(";")[0]])
    page = await server.http.get(begun.headers["location"], headers={"cookie": cookies})
    assert page.status_code == 200
    assert "&lt;script&gt;alert" in page.text
    assert name not in page.text


@pytest.mark.spec("ASVS 10.4.7", "RFC 7591 §5", "security 6.55")
async def test_one_network_may_ask_so_often_and_no_more(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await leave(server)
    itself = await Itself.of(server, token)
    bounded = server.services.settings.model_copy(update={"address_visits": 1})
    monkeypatch.setattr(server.services, "settings", bounded)
    assert_refused(await itself.put(), "temporarily_unavailable", 429)
    answer = await register(server, token)
    assert_refused(answer, "temporarily_unavailable", 429)
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.spec("security 6.65", "A31")
async def test_it_never_has_what_the_operator_alone_gives(server: Server) -> None:
    itself = await Itself.of(
        server, preset="alexa", first_party=True, consent="remembered", require_pkce=False, audience="x", active=False
    )
    async with server.services.database.unit() as session:
        row = await session.get(Client, itself.client_id)
    assert row is not None
    assert (row.preset, row.first_party, row.require_pkce, row.audience, row.active) == ("", False, True, None, True)
    assert row.exchange_from == row.introspects == row.resources == []


@pytest.mark.spec("RFC 7591 §5")
async def test_a_scope_that_is_gone_is_registered_by_nobody(server: Server) -> None:
    api = await server.add_resource("read", "write")
    token = await leave(server, scopes=("openid", f"{api}/read"))
    async with server.services.database.unit() as session:
        await resource_registration.remove_scope(session, api, "read")
    answer = await register(server, token)
    assert_refused(answer, "invalid_client_metadata")
