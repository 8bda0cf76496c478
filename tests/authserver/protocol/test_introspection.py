"""`POST /oauth2/introspect` (RFC 7662, RFC 9701): what a token is good for, told to those whom it concerns."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from joserfc import jwt

from authserver.accounts import administration
from authserver.models import Client, User
from authserver.oauth import granted, tokens
from tests.authserver.protocol.harness import FORM, Asker, Clock, Server, claims_of, header_of
from tests.authserver.protocol.test_code_exchange import assert_refused
from tests.authserver.protocol.test_userinfo import FORGERIES, Forge, assert_invalid_token

JWT = "application/token-introspection+jwt"
API = "https://api.example.org"
INACTIVE = {"active": False}


def told(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    read: dict[str, Any] = answer.json()
    return read


@pytest.mark.spec("RFC 7662 §2.2", "security 6.49")
async def test_an_access_token_says_of_itself_what_its_claims_say(server: Server, person: User) -> None:
    client = await server.add_client(audience=API, scopes=["openid", "email"])
    token = (await client.linked(person))["access_token"]
    claims = claims_of(token)
    assert told(await client.introspect(token)) == {
        "active": True,
        "token_type": "Bearer",
        "client_id": client.client_id,
        "username": person.username,
        "sub": person.sub,
        "iss": server.settings.issuer,
        "aud": API,
        "scope": "openid email",
        "exp": claims["iat"] + 3600,
        **{name: claims[name] for name in ("iat", "jti", "auth_time", "acr", "amr")},
    }


@pytest.mark.spec("RFC 7662 §2.2")
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "unheard_of"])
async def test_a_refresh_token_tells_its_grant_and_no_hint_leads_astray(
    server: Server, confidential: Asker, person: User, hint: str
) -> None:
    made = await confidential.linked(person)
    answer = told(await confidential.introspect(made["refresh_token"], token_type_hint=hint))
    [grant] = await server.grants_of(person)
    registered = await server.services.clients.get(confidential.client_id)
    assert registered is not None
    assert answer == {
        "active": True,
        "iss": server.settings.issuer,
        "sub": person.sub,
        "username": person.username,
        "client_id": confidential.client_id,
        "scope": "openid",
        "iat": grant.created_at,
        "exp": min(grant.expires_at, grant.last_used_at + registered.refresh_idle_lifetime),
        "auth_time": grant.auth_time,
        "amr": ["pwd"],
        "acr": "loa:1",
    }
    assert "token_type" not in answer  # RFC 6749 §5.1 knows none for it
    assert told(await confidential.introspect(made["access_token"], token_type_hint=hint))["active"]


@pytest.mark.spec("security 6.53", "security 6.79", "RFC 7662 §2.1")
async def test_who_does_not_authenticate_is_told_nothing(server: Server, confidential: Asker, person: User) -> None:
    made = await confidential.linked(person)
    public = await server.add_client("public")
    own = (await public.linked(person))["access_token"]
    impostor = Asker(server, confidential.client_id, "wrong", confidential.redirect_uri)
    secretless = Asker(server, confidential.client_id, "", confidential.redirect_uri, "none")
    for answer in (
        await server.post("/oauth2/introspect", {"token": made["access_token"]}),
        await impostor.introspect(made["access_token"]),
        await secretless.introspect(made["refresh_token"]),
        await public.introspect(own),
        await public.introspect("unknown"),
    ):
        assert_refused(answer, "invalid_client", 401)


@pytest.mark.spec("security 6.79", "security 6.53", "RFC 7662 §2.2")
async def test_tokens_of_another_client_look_like_ones_that_do_not_exist(
    server: Server, confidential: Asker, person: User
) -> None:
    stranger = await server.add_client()
    made = await confidential.linked(person)
    unknown = await stranger.introspect("unknown")
    for token in (made["access_token"], made["refresh_token"], made["id_token"]):
        answer = await stranger.introspect(token)
        assert (answer.status_code, answer.content) == (unknown.status_code, unknown.content)
        assert dict(answer.headers) == dict(unknown.headers)
    assert told(unknown) == INACTIVE


@pytest.mark.spec("security 6.79", "RFC 9701 §5")
async def test_a_resource_servers_client_learns_of_tokens_for_it_and_no_others(server: Server, person: User) -> None:
    api = await server.add_client(introspects=[API])
    for_it, for_another, for_nobody = (
        await server.add_client(audience=API),
        await server.add_client(audience=API + "/"),
        await server.add_client(),
    )
    made = await for_it.linked(person)
    assert told(await api.introspect(made["access_token"]))["client_id"] == for_it.client_id
    assert told(await api.introspect(made["refresh_token"])) == INACTIVE
    for other in (for_another, for_nobody):
        assert told(await api.introspect((await other.linked(person))["access_token"])) == INACTIVE
    registered = await server.add_resource()
    its_own = await server.add_client(introspects=[registered])
    asked = await for_nobody.linked(person, resource=registered)
    assert told(await its_own.introspect(asked["access_token"]))["aud"] == registered
    assert told(await api.introspect(asked["access_token"])) == INACTIVE
    assert told(await for_another.introspect(made["access_token"])) == INACTIVE


Ending = Callable[[Server, Asker, User, dict[str, Any]], Awaitable[None]]


async def by_refresh_token(_server: Server, client: Asker, _person: User, made: dict[str, Any]) -> None:
    assert (await client.revoke(made["refresh_token"])).status_code == 200


async def unlinked(server: Server, client: Asker, person: User, _made: dict[str, Any]) -> None:
    async with server.services.database.unit() as session:
        assert await granted.revoke(session, server.clock(), sub=person.sub) > 0


async def all_of_the_client(server: Server, client: Asker, _person: User, _made: dict[str, Any]) -> None:
    async with server.services.database.unit() as session:
        assert await granted.revoke(session, server.clock(), client_id=client.client_id) > 0


async def disabled(server: Server, _client: Asker, person: User, _made: dict[str, Any]) -> None:
    async with server.services.database.unit() as session:
        row = await session.get(User, person.sub)
        assert row is not None
        await administration.disable(session, row, server.clock())


async def disabled_and_enabled(server: Server, client: Asker, person: User, made: dict[str, Any]) -> None:
    await disabled(server, client, person, made)
    async with server.services.database.unit() as session:
        row = await session.get(User, person.sub)
        assert row is not None
        await administration.enable(session, row, server.clock())


async def called_back(server: Server, _client: Asker, person: User, _made: dict[str, Any]) -> None:
    await server.change(person, epoch=person.epoch + 1)


async def deleted(server: Server, _client: Asker, person: User, _made: dict[str, Any]) -> None:
    async with server.services.database.unit() as session:
        row = await session.get(User, person.sub)
        assert row is not None
        await administration.remove(session, row, server.clock())


ENDINGS: dict[str, Ending] = {
    "revoked": by_refresh_token,
    "unlinked": unlinked,
    "revoke-all-of-a-client": all_of_the_client,
    "disabled": disabled,
    "disabled-and-enabled": disabled_and_enabled,
    "epoch": called_back,
    "deleted": deleted,
}


@pytest.mark.spec(
    "security 6.54", "security 6.32", "RFC 7662 §4", "cognito 9.41", "security 4.revoke-refresh-takes-access"
)
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
async def test_what_ends_a_grant_ends_its_tokens_here(
    server: Server, confidential: Asker, person: User, ending: Ending
) -> None:
    """Keycloak CVE-2026-8922: introspection went on telling tokens of before the great revocation active."""
    made = await confidential.linked(person)
    assert told(await confidential.introspect(made["access_token"]))["active"]
    await ending(server, confidential, person, made)
    for token in (made["access_token"], made["refresh_token"]):
        assert told(await confidential.introspect(token)) == INACTIVE


@pytest.mark.spec("RFC 7662 §4")
async def test_a_clients_end_ends_its_tokens_for_the_resource_server(server: Server, person: User) -> None:
    api, client = await server.add_client(introspects=[API]), await server.add_client(audience=API)
    token = (await client.linked(person))["access_token"]
    async with server.services.database.unit() as session:
        row = await session.get(Client, client.client_id)
    assert told(await api.introspect(token))["active"]
    await server.change(row, active=False)
    server.services.clients.forget()
    assert told(await api.introspect(token)) == INACTIVE


@pytest.mark.spec("RFC 7662 §2.2")
async def test_an_expired_access_token_is_not_active_while_its_grant_lives(
    confidential: Asker, clock: Clock, person: User
) -> None:
    made = await confidential.linked(person)
    clock.advance(3600)
    assert told(await confidential.introspect(made["access_token"])) == INACTIVE
    assert told(await confidential.introspect(made["refresh_token"]))["active"]


@pytest.mark.spec("RFC 7662 §2.2", "security 6.34")
async def test_an_idle_or_old_refresh_token_is_not_active(server: Server, clock: Clock, person: User) -> None:
    idle = await server.add_client(refresh_idle_lifetime=3600)
    old = await server.add_client(refresh_absolute_lifetime=3600)
    found = [(client, (await client.linked(person))["refresh_token"]) for client in (idle, old)]
    clock.advance(3601)
    for client, token in found:
        assert told(await client.introspect(token)) == INACTIVE


@pytest.mark.spec("security 6.28", "security 6.29", "RFC 7662 §2.2")
@pytest.mark.parametrize("preset", ["alexa", "confidential"])
async def test_a_rotated_refresh_token_is_active_while_it_would_be_answered_and_asking_revokes_nothing(
    server: Server, clock: Clock, person: User, preset: str
) -> None:
    client = await server.add_client(preset, refresh_rotation=True)
    first = (await client.linked(person))["refresh_token"]
    second = (await client.refresh(first)).json()["refresh_token"]
    assert told(await client.introspect(first))["active"] == told(await client.introspect(second))["active"] is True
    clock.advance(600)
    assert told(await client.introspect(first))["active"] is (preset == "alexa")
    assert (await client.refresh(second)).status_code == 200


@pytest.mark.spec("security 6.52", "security 6.51", "security 6.69")
@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_a_forged_access_token_is_not_active(
    server: Server, confidential: Asker, person: User, forge: Forge
) -> None:
    token = (await confidential.linked(person))["access_token"]
    assert told(await confidential.introspect(forge(server, token))) == INACTIVE


@pytest.mark.spec("security 6.51", "security 6.69")
async def test_what_is_no_access_or_refresh_token_is_not_active(
    server: Server, confidential: Asker, person: User
) -> None:
    made = await confidential.linked(person)
    signed = await confidential.introspect(made["access_token"], accept=JWT)
    for value in ("", " ", "x", made["id_token"], signed.text, made["refresh_token"][:-1], "v1.a.b.1.c"):
        answer = await confidential.introspect(value)
        if value:
            assert told(answer) == INACTIVE
        else:
            assert_refused(answer, "invalid_request")


@pytest.mark.spec("RFC 7662 §2.2", "security 6.65")
async def test_a_machines_token_is_its_clients(server: Server, confidential: Asker) -> None:
    """It has no grant and no person."""
    now = server.clock()
    claims = {
        "sub": confidential.client_id, "client_id": confidential.client_id, "iss": server.settings.issuer,
        "token_use": "access", "scope": "lamps/read", "iat": now, "exp": now + 600, "jti": "a-machines-jti",
    }  # fmt: skip
    token = tokens.signed(server.services.keys, "RS256", claims, now, "at+jwt")
    answer = told(await confidential.introspect(token))
    assert (answer["active"], answer["sub"], "username" in answer) == (True, confidential.client_id, False)
    assert_invalid_token(await server.userinfo(token))
    posing = tokens.signed(server.services.keys, "RS256", claims | {"sub": "somebody"}, now, "at+jwt")
    assert told(await confidential.introspect(posing)) == INACTIVE
    assert (await confidential.revoke(token)).status_code == 200
    assert told(await confidential.introspect(token)) == INACTIVE


@pytest.mark.spec("security 3.introspection-jwt", "RFC 9701 §4", "RFC 9701 §5", "security 6.69")
@pytest.mark.parametrize("alg", [None, "ES256"])
async def test_a_signed_answer_is_for_whoever_asked_and_for_nothing_else(
    server: Server, person: User, alg: str | None
) -> None:
    await server.ensure_algorithm("ES256")
    client = await server.add_client(introspection_signing_alg=alg)
    token = (await client.linked(person))["access_token"]
    answer = await client.introspect(token, accept=f"application/json;q=0.5, {JWT}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, JWT)
    assert answer.headers["cache-control"] == "no-store"
    header = header_of(answer.text)
    assert (header["typ"], header["alg"]) == ("token-introspection+jwt", alg or "RS256")
    [key] = [key.key for key in server.services.keys.keys if key.kid == header["kid"]]
    claims = jwt.decode(answer.text, key, algorithms=[header["alg"]]).claims
    assert claims == {
        "iss": server.settings.issuer,
        "aud": client.client_id,
        "iat": server.clock(),
        "token_introspection": claims["token_introspection"],
    }
    assert claims["token_introspection"]["active"] is True
    assert claims["token_introspection"]["sub"] == person.sub
    inactive = claims_of((await client.introspect("unknown", accept=JWT)).text)
    assert inactive["token_introspection"] == INACTIVE
    assert_invalid_token(await server.userinfo(answer.text))
    hinted = await server.authorize(client.authorization(id_token_hint=answer.text, prompt="none"))
    assert "error=invalid_request" in hinted.headers["location"]


@pytest.mark.spec("RFC 9701 §4")
async def test_whoever_does_not_ask_for_a_signature_gets_json_unless_it_is_set_so(
    server: Server, confidential: Asker, person: User
) -> None:
    token = (await confidential.linked(person))["access_token"]
    for accept in ("", "*/*", "application/*", "application/json", "application/jwt"):
        assert told(await confidential.introspect(token, accept=accept))["active"]
    signing = await server.add_client(introspection_signing_alg="RS256")
    answer = await signing.introspect((await signing.linked(person))["access_token"])
    assert answer.headers["content-type"] == JWT


@pytest.mark.spec("RFC 7662 §2.1", "security 6.15", "security 4.duplicates-token")
async def test_only_a_post_with_a_form_asks(server: Server, confidential: Asker, person: User) -> None:
    token = (await confidential.linked(person))["access_token"]
    form, headers = confidential._credentials({"token": token})
    assert (await server.http.get(f"/oauth2/introspect?token={token}", headers=headers)).status_code == 405
    assert_refused(await server.post("/oauth2/introspect?x=1", form, headers), "invalid_request")
    assert_refused(await server.post("/oauth2/introspect", {}, headers), "invalid_request")
    twice = await server.post("/oauth2/introspect", f"token={token}&token={token}".encode(), headers)
    assert_refused(twice, "invalid_request")
    json = await server.http.post("/oauth2/introspect", json={"token": token}, headers=headers)
    assert json.status_code == 415
    assert FORM not in json.headers["content-type"]
