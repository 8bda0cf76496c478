"""`POST /oauth2/revoke` (RFC 7009), with Cognito's answers."""

import httpx2
import pytest

from authserver.models import User
from tests.authserver.protocol.harness import Asker, Clock, Server, claims_of
from tests.authserver.protocol.test_code_exchange import assert_refused


def assert_done(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.content) == (200, b""), answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.spec("A26", "cognito 9.42", "cognito 9.43", "RFC 7009 §2.1")
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


@pytest.mark.spec("security 6.53", "RFC 7009 §2.1")
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
async def test_a_token_of_another_client_is_left_alone(server: Server, person: User, preset: str) -> None:
    owner, thief = await server.add_client(preset), await server.add_client(preset)
    tokens = await owner.linked(person)
    assert_done(await thief.revoke(tokens["refresh_token"]))
    assert (await server.grants_of(person))[0].revoked_at is None
    assert (await owner.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.spec("security 6.53", "cognito 9.42", "RFC 7009 §2.1")
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


@pytest.mark.spec("cognito 9.42", "RFC 7009 §2.2.1")
@pytest.mark.parametrize("kind", ["access_token", "id_token"])
async def test_tokens_that_live_until_they_expire_cannot_be_revoked(
    confidential: Asker, person: User, kind: str
) -> None:
    tokens = await confidential.linked(person)
    answer = await confidential.revoke(tokens[kind], token_type_hint="access_token")
    assert_refused(answer, "unsupported_token_type")
    assert (await confidential.refresh(tokens["refresh_token"])).status_code == 200


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
