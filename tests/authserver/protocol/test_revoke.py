"""`POST /oauth2/revoke` (RFC 7009), with Cognito's answers."""

import httpx2
import pytest

from authserver.housekeeping import purge
from authserver.models import RevokedAccessToken, User
from tests.authserver.protocol.harness import Asker, Clock, Server, claims_of
from tests.authserver.protocol.test_code_exchange import assert_refused


def assert_done(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.content) == (200, b""), answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.spec("A26", "cognito 9.42", "cognito 9.43", "RFC 7009 §2.1", "security 4.revoke-refresh")
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
async def test_revoking_ends_that_grant_and_no_other(server: Server, person: User, preset: str) -> None:
    client, other = await server.add_client(preset), await server.add_client(preset)
    ended, kept, elsewhere = [await c.linked(person) for c in (client, client, other)]
    assert_done(await client.revoke(ended["refresh_token"], token_type_hint="refresh_token"))
    assert_refused(await client.refresh(ended["refresh_token"]))
    assert (await client.refresh(kept["refresh_token"])).status_code == 200
    assert (await other.refresh(elsewhere["refresh_token"])).status_code == 200
    assert_done(await client.revoke(ended["refresh_token"]))


@pytest.mark.spec("security 6.53", "cognito 9.42", "RFC 7009 §2.2")
@pytest.mark.parametrize(
    "token",
    [
        "unknown",
        "v1.AAAAAAAA.unknown.1." + "A" * 43,
        "x" * 60_000,
        "..",
        "\u00e4",
        "a.b.c",
        "eyJx",
        "v1....",
        "v1.a.b.1.c",
    ],
    ids=["word", "key", "very-long", "dots", "not-ascii", "three-parts", "half-a-jwt", "empty-parts", "short-mac"],
)
async def test_an_unknown_token_is_revoked_already(server: Server, confidential: Asker, token: str) -> None:
    if token.startswith("v1.AAAAAAAA"):
        token = token.replace("AAAAAAAA", server.services.secret_keys.current.key_id, 1)
    assert_done(await confidential.revoke(token))


@pytest.mark.spec("security 6.53", "RFC 7009 §2.1", "security 4.revoke-client")
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
async def test_a_token_of_another_client_is_left_alone(server: Server, person: User, preset: str) -> None:
    owner, thief = await server.add_client(preset), await server.add_client(preset)
    tokens = await owner.linked(person)
    assert_done(await thief.revoke(tokens["refresh_token"]))
    assert (await server.grants_of(person))[0].revoked_at is None
    assert (await owner.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.spec("security 6.53", "cognito 9.42", "RFC 7009 §2.1", "security 4.revoke-authenticated")
async def test_who_does_not_authenticate_revokes_nothing(server: Server, confidential: Asker, person: User) -> None:
    token = (await confidential.linked(person))["refresh_token"]
    assert_refused(await server.post("/oauth2/revoke", {"token": token}), "invalid_client", 401)
    impostor = Asker(server, confidential.client_id, "wrong", confidential.redirect_uri)
    assert_refused(await impostor.revoke(token), "invalid_client", 401)
    assert_refused(
        await server.post("/oauth2/revoke", {"token": token, "client_id": confidential.client_id}),
        "invalid_client",
        401,
    )
    assert (await confidential.refresh(token)).status_code == 200


async def assert_refreshes(client: Asker, tokens: dict[str, str]) -> None:
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.spec("RFC 7009 §2.1", "security 6.53", "cognito 9.43", "security 4.revoke-access")
@pytest.mark.parametrize("preset", ["confidential", "public"])
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "unheard_of", ""])
async def test_an_access_token_ends_alone(server: Server, person: User, preset: str, hint: str) -> None:
    """At userinfo and introspection, which look; its grant and the grant's other tokens live on."""
    client = await server.add_client(preset)
    tokens = await client.linked(person)
    other = (await client.refresh(tokens["refresh_token"])).json()
    for _ in range(2):
        assert_done(await client.revoke(tokens["access_token"], **({"token_type_hint": hint} if hint else {})))
    assert (await server.userinfo(tokens["access_token"])).status_code == 401
    assert (await server.userinfo(other["access_token"])).status_code == 200
    await assert_refreshes(client, other)
    if preset == "confidential":
        assert (await client.introspect(tokens["access_token"])).json() == {"active": False}
        assert (await client.introspect(other["access_token"])).json()["active"] is True


@pytest.mark.spec("cognito 9.42", "RFC 7009 §2.2.1", "alexa 0")
@pytest.mark.parametrize("kind", ["access_token", "id_token"])
@pytest.mark.parametrize("preset", ["alexa", "confidential"])
async def test_cognitos_answer_where_the_client_is_set_so(server: Server, person: User, preset: str, kind: str) -> None:
    client = await server.add_client(preset, revoke_access_tokens=False)
    tokens = await client.linked(person)
    assert_refused(await client.revoke(tokens[kind], token_type_hint="access_token"), "unsupported_token_type")
    assert (await server.userinfo(tokens["access_token"])).status_code == 200
    await assert_refreshes(client, tokens)


@pytest.mark.spec("alexa 0", "cognito 9.42")
async def test_alexas_preset_is_set_so(alexa: Asker, person: User) -> None:
    """Whoever asks userinfo for a live link is never told that it ended."""
    tokens = await alexa.linked(person)
    assert_refused(await alexa.revoke(tokens["access_token"]), "unsupported_token_type")
    assert (await alexa.server.userinfo(tokens["access_token"])).status_code == 200


@pytest.mark.spec("security 6.53", "RFC 7009 §2.1", "security 4.revoke-client")
@pytest.mark.parametrize("preset", ["confidential", "public"])
async def test_an_access_token_of_another_client_is_left_alone(server: Server, person: User, preset: str) -> None:
    owner, thief = await server.add_client(preset), await server.add_client(preset)
    token = (await owner.linked(person))["access_token"]
    assert_done(await thief.revoke(token))
    assert (await server.userinfo(token)).status_code == 200


@pytest.mark.spec("security 6.53", "security 6.69", "RFC 7009 §2.2.1")
async def test_an_id_token_cannot_be_revoked(confidential: Asker, person: User) -> None:
    tokens = await confidential.linked(person)
    assert_refused(await confidential.revoke(tokens["id_token"]), "unsupported_token_type")
    await assert_refreshes(confidential, tokens)


@pytest.mark.spec("security 6.53")
async def test_an_expired_or_altered_access_token_is_revoked_already(
    server: Server, clock: Clock, confidential: Asker, person: User
) -> None:
    token = (await confidential.linked(person))["access_token"]
    for altered in (token + "=", token[:-4] + "AAAA", token.rsplit(".", 1)[0] + "."):
        assert_done(await confidential.revoke(altered))
    assert (await server.userinfo(token)).status_code == 200
    clock.advance(3601)
    assert_done(await confidential.revoke(token))
    async with server.services.database.unit() as session:
        assert await session.get(RevokedAccessToken, claims_of(token)["jti"]) is None


@pytest.mark.spec("security 6.53", "RFC 7009 §2.1", "security 4.revoke-authenticated")
async def test_who_does_not_authenticate_revokes_no_access_token(
    server: Server, confidential: Asker, person: User
) -> None:
    token = (await confidential.linked(person))["access_token"]
    impostor = Asker(server, confidential.client_id, "wrong", confidential.redirect_uri)
    assert_refused(await impostor.revoke(token), "invalid_client", 401)
    nobody = Asker(server, confidential.client_id, "", confidential.redirect_uri, "none")
    assert_refused(await nobody.revoke(token), "invalid_client", 401)
    assert (await server.userinfo(token)).status_code == 200


@pytest.mark.spec("security 6.35")
async def test_a_revoked_access_token_is_remembered_until_it_would_have_expired(
    server: Server, clock: Clock, confidential: Asker, person: User
) -> None:
    token = (await confidential.linked(person))["access_token"]
    await confidential.revoke(token)
    jti = claims_of(token)["jti"]
    await purge(server.services, clock())
    async with server.services.database.unit() as session:
        kept = await session.get(RevokedAccessToken, jti)
        assert kept is not None
        assert kept.expires_at == claims_of(token)["exp"]
    clock.advance(3602)
    await purge(server.services, clock())
    async with server.services.database.unit() as session:
        assert await session.get(RevokedAccessToken, jti) is None


@pytest.mark.spec("RFC 7009 §2.1")
async def test_a_missing_token_is_an_invalid_request(confidential: Asker) -> None:
    assert_refused(await confidential.revoke(""), "invalid_request")
    form, headers = confidential._credentials({})
    assert_refused(await confidential.server.post("/oauth2/revoke", form, headers), "invalid_request")


@pytest.mark.spec("RFC 7009 §2.1", "decision 6")
async def test_an_older_token_of_the_family_ends_it_too(
    server: Server, clock: Clock, public: Asker, person: User
) -> None:
    """Whoever signs out may hold the answer before last; what it asks for is the end of the whole grant."""
    first = await public.linked(person)
    second = (await public.refresh(first["refresh_token"])).json()
    clock.advance(3600 * 24)
    assert_done(await public.revoke(first["refresh_token"]))
    assert_refused(await public.refresh(second["refresh_token"]))


@pytest.mark.spec("A26", "security 6.54")
async def test_revocation_is_noted_with_its_time_and_stays(
    server: Server, clock: Clock, confidential: Asker, person: User
) -> None:
    tokens = await confidential.linked(person)
    clock.advance(5)
    await confidential.revoke(tokens["refresh_token"])
    clock.advance(5)
    await confidential.revoke(tokens["refresh_token"])
    [grant] = await server.grants_of(person)
    assert grant.revoked_at == clock() - 5
    assert grant.origin_jti == claims_of(tokens["access_token"])["origin_jti"]
