"""What stands in the tokens that we sign; docs/token-profile.md tells it to others."""

import base64
import hashlib
import json
import re
from typing import Any
from uuid import UUID

import pytest
from joserfc import jws, jwt
from joserfc.jwk import KeySet

from authserver.models import User
from authserver.oauth import keys
from tests.authserver.protocol.harness import Asker, Clock, Server, claims_of, header_of
from tests.authserver.protocol.test_code_exchange import assert_refused

ACCESS_CLAIMS = {
    "sub", "iss", "version", "client_id", "origin_jti", "event_id", "token_use", "scope", "auth_time", "exp", "iat",
    "jti", "username", "acr", "amr",
}  # fmt: skip
ID_CLAIMS = {
    "sub", "iss", "aud", "token_use", "cognito:username", "at_hash", "origin_jti", "event_id", "jti", "auth_time",
    "iat", "exp", "amr", "acr",
}  # fmt: skip


async def verified(server: Server, token: str) -> dict[str, Any]:
    """The claims, after a signature check with nothing but the published keys."""
    published = (await server.http.get(f"{server.path}/.well-known/jwks.json")).json()
    decoded = jwt.decode(token, KeySet.import_key_set(published), algorithms=["RS256", "ES256", "EdDSA"])
    claims: dict[str, Any] = decoded.claims
    return claims


@pytest.mark.spec(
    "A27", "security 6.50", "cognito 9.29", "cognito 9.31", "cognito 9.32", "decision 8", "RFC 8725 §3.11"
)
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
async def test_an_access_token_carries_cognitos_claims_and_no_others(
    server: Server, clock: Clock, person: User, preset: str
) -> None:
    client = await server.add_client(preset)
    tokens = await client.linked(person, auth_time=clock() - 7)
    token = tokens["access_token"]
    header, claims = header_of(token), await verified(server, token)
    assert set(header) == {"alg", "kid", "typ"}
    assert (header["alg"], header["typ"]) == ("RS256", "at+jwt")
    assert set(claims) == ACCESS_CLAIMS
    assert claims["token_use"] == "access"
    assert claims["version"] == 2
    assert claims["iss"] == server.settings.issuer
    assert claims["client_id"] == client.client_id
    assert claims["sub"] == claims["username"] == person.sub
    assert claims["scope"] == "openid"
    assert UUID(claims["sub"])
    for name in ("jti", "origin_jti", "event_id"):
        assert UUID(claims[name])
    assert {type(claims[name]) for name in ("exp", "iat", "auth_time", "version")} == {int}
    assert claims["iat"] == clock()
    assert claims["exp"] - claims["iat"] == tokens["expires_in"] == 3600
    assert claims["auth_time"] == clock() - 7
    assert (claims["acr"], claims["amr"]) == ("loa:1", ["pwd"])


@pytest.mark.spec(
    "cognito 9.28",
    "OpenID Connect Core §2",
    "oidcc idtoken-signature",
    "oidcc server",
    "cognito 9.32",
    "security 4.id-token",
)
@pytest.mark.parametrize("preset", ["alexa", "confidential", "public"])
async def test_an_id_token_carries_what_was_asked_for(server: Server, clock: Clock, person: User, preset: str) -> None:
    client = await server.add_client(preset)
    tokens = await client.linked(person, nonce="n-0S6_WzA2Mj \u00e4", auth_time=clock() - 7)
    header, claims = header_of(tokens["id_token"]), await verified(server, tokens["id_token"])
    assert header["alg"] == "RS256"
    assert header.get("typ", "JWT") == "JWT"
    assert set(claims) == ID_CLAIMS | {"nonce"}
    assert claims["token_use"] == "id"
    assert claims["aud"] == client.client_id
    assert claims["iss"] == server.settings.issuer
    assert claims["cognito:username"] == claims["sub"] == person.sub
    assert claims["nonce"] == "n-0S6_WzA2Mj \u00e4"
    assert claims["amr"] == ["pwd"]
    assert claims["exp"] - claims["iat"] == 3600
    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).decode().rstrip("=")
    assert claims["origin_jti"] == claims_of(tokens["access_token"])["origin_jti"]


@pytest.mark.spec(
    "oidcc ensure-request-without-nonce-succeeds", "cognito 9.30", "security 3.nothing-unasked", "oidcc server"
)
async def test_nothing_stands_in_an_id_token_that_nobody_asked_for(server: Server) -> None:
    person = await server.add_person(attributes={"name": "Buffy", "phone_number": "+1555", "admin": True})
    client = await server.add_client(scopes=["openid", "email", "profile"])
    bare = claims_of((await client.linked(person, scope="openid"))["id_token"])
    assert set(bare) == ID_CLAIMS
    email = claims_of((await client.linked(person, scope="openid email"))["id_token"])
    assert set(email) == ID_CLAIMS | {"email", "email_verified"}
    assert email["email_verified"] is True
    profile = claims_of((await client.linked(person, scope="openid profile"))["id_token"])
    assert set(profile) == ID_CLAIMS | {"name"}


@pytest.mark.spec("security 6.66")
@pytest.mark.parametrize("preset", ["alexa", "confidential"])
async def test_an_attribute_never_overrides_a_claim(server: Server, preset: str) -> None:
    names = ["sub", "iss", "aud", "client_id", "token_use", "scope", "cnf", "exp", "username", "email", "version"]
    poison: dict[str, Any] = dict.fromkeys(names, "evil")
    person = await server.add_person(attributes=poison | {"email_verified": True, "cognito:groups": ["admin"]})
    client = await server.add_client(preset, scopes=["openid", "email", "profile", "phone"])
    tokens = await client.linked(person)
    for token in (tokens["access_token"], tokens["id_token"]):
        assert "evil" not in json.dumps(claims_of(token))
        assert "cognito:groups" not in claims_of(token)
    assert "evil" not in (await server.userinfo(tokens["access_token"])).text


@pytest.mark.spec("cognito 9.31")
async def test_sub_stays_when_the_address_changes(server: Server, person: User, confidential: Asker) -> None:
    tokens = await confidential.linked(person)
    await server.change(person, email="new@example.org", email_canonical=f"{person.sub}@example.org")
    again = (await confidential.refresh(tokens["refresh_token"])).json()
    assert claims_of(again["access_token"])["sub"] == claims_of(tokens["access_token"])["sub"] == person.sub


@pytest.mark.spec("decision 8", "security 6.66")
async def test_a_client_may_have_claims_of_its_own_that_override_nothing(server: Server) -> None:
    person = await server.add_person(attributes={"name": "Anna"})
    evil = dict.fromkeys(("sub", "token_use", "iss", "exp", "jti", "origin_jti", "aud"), "evil")
    of_access, of_id = {"client_id": "evil", "scope": "evil", "username": "evil"}, {"name": "evil", "nonce": "evil"}
    client = await server.add_client(
        audience="https://api.example.org",
        scopes=["openid", "profile"],
        token_claims={"access": {"tier": "gold"} | evil | of_access, "id": {"plan": [1]} | evil | of_id},
    )
    tokens = await client.linked(person)
    for made in (tokens, (await client.refresh(tokens["refresh_token"])).json()):
        access, identity = claims_of(made["access_token"]), claims_of(made["id_token"])
        assert (access["tier"], identity["plan"], "plan" in access, "tier" in identity) == ("gold", [1], False, False)
        assert "nonce" not in identity  # none was sent
        assert "evil" not in str([access, identity])


@pytest.mark.spec("decision 8")
async def test_id_tokens_may_be_signed_otherwise_than_access_tokens(server: Server, person: User) -> None:
    await server.ensure_algorithm("EdDSA")
    client = await server.add_client(id_token_signing_alg="EdDSA")
    tokens = await client.linked(person)
    assert [header_of(tokens[kind])["alg"] for kind in ("access_token", "id_token")] == ["RS256", "EdDSA"]
    half = hashlib.sha512(tokens["access_token"].encode()).digest()[:32]
    assert claims_of(tokens["id_token"])["at_hash"] == base64.urlsafe_b64encode(half).decode().rstrip("=")


@pytest.mark.spec("decision 7", "cognito 9.9")
async def test_a_code_is_not_burnt_where_the_id_token_could_not_be_signed(server: Server, person: User) -> None:
    client = await server.add_client(id_token_signing_alg="ES512")
    code, _ = await server.add_code(client, person)
    assert (await client.exchange(code)).status_code == 503
    registered = await server.services.clients.get(client.client_id)
    assert registered is not None
    await server.change(registered.row, id_token_signing_alg=None)
    server.services.clients.forget()
    assert (await client.exchange(code)).status_code == 200


@pytest.mark.spec("cognito 9.31", "decision 8")
async def test_a_user_name_of_its_own_is_said_in_both_tokens(server: Server, confidential: Asker) -> None:
    person = await server.add_person(username="buffy")
    tokens = await confidential.linked(person)
    assert claims_of(tokens["access_token"])["username"] == "buffy"
    assert claims_of(tokens["id_token"])["cognito:username"] == "buffy"


@pytest.mark.spec("security 6.50", "decision 8", "cognito 9.29")
async def test_an_audience_is_there_only_where_the_client_has_one(server: Server, person: User) -> None:
    client = await server.add_client(audience="https://lamps.example.org")
    tokens = await client.linked(person)
    assert claims_of(tokens["access_token"])["aud"] == "https://lamps.example.org"
    other = await server.add_resource()
    asked = await client.linked(person, resource=other)
    assert claims_of(asked["access_token"])["aud"] == other


@pytest.mark.spec("A27", "decision 8", "RFC 7518 §3.1")
@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
async def test_a_client_may_choose_another_algorithm(server: Server, person: User, algorithm: str) -> None:
    async with server.services.database.unit() as session:
        await keys.ensure(session, server.services.secret_keys.current, algorithm, server.clock())
    async with server.services.database.unit() as session:
        server.services.oauth.keys = await keys.load(session, server.services.secret_keys, server.clock())
    client = await server.add_client(signing_alg=algorithm)
    tokens = await client.linked(person)
    for name in ("access_token", "id_token"):
        assert header_of(tokens[name])["alg"] == algorithm
        await verified(server, tokens[name])
    assert (await server.userinfo(tokens["access_token"])).status_code == 200
    metadata = (await server.http.get("/.well-known/openid-configuration")).json()
    assert {"RS256", algorithm} <= set(metadata["id_token_signing_alg_values_supported"])
    if algorithm == "EdDSA":
        half = hashlib.sha512(tokens["access_token"].encode()).digest()[:32]
        assert claims_of(tokens["id_token"])["at_hash"] == base64.urlsafe_b64encode(half).decode().rstrip("=")


@pytest.mark.spec("A23", "A27")
async def test_without_a_key_of_its_algorithm_a_client_is_not_to_blame(
    server: Server, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await server.add_client()
    token = (await client.linked(person))["refresh_token"]
    none = keys.KeyRing((), b'{"keys":[]}', '"none"')
    monkeypatch.setattr(server.services.oauth, "keys", none)
    answer = await client.refresh(token)
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    monkeypatch.undo()
    assert (await client.refresh(token)).status_code == 200


@pytest.mark.spec("oidcc server", "RFC 6819 §5.1.4.2.2", "oidcc refresh-token")
async def test_nothing_secret_is_guessable_or_comes_twice(server: Server, alexa: Asker, person: User) -> None:
    made = [await alexa.linked(person) for _ in range(20)]
    for name in ("access_token", "refresh_token"):
        assert len({tokens[name] for tokens in made}) == 20
    macs = {tokens["refresh_token"].rsplit(".", 1)[1] for tokens in made}
    grants = {tokens["refresh_token"].split(".")[2] for tokens in made}
    assert len(macs) == len(grants) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", tokens["refresh_token"]) for tokens in made)  # RFC 6749 A.17
    assert len({claims_of(tokens["access_token"])["jti"] for tokens in made}) == 20


@pytest.mark.spec("decision 6", "A30")
@pytest.mark.parametrize(("own", "expected"), [(None, 3600), (600, 600), (86_400, 86_400)])
async def test_expires_in_is_the_clients_or_the_servers(
    server: Server, person: User, own: int | None, expected: int
) -> None:
    client = await server.add_client("alexa", access_token_lifetime=own)
    tokens = await client.linked(person)
    claims = claims_of(tokens["access_token"])
    assert tokens["expires_in"] == claims["exp"] - claims["iat"] == expected


@pytest.mark.spec("security 6.52")
async def test_the_signature_is_over_what_was_sent(server: Server, confidential: Asker, person: User) -> None:
    token = (await confidential.linked(person))["access_token"]
    head, body, signature = token.split(".")
    claims = claims_of(token) | {"sub": "somebody-else"}
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert (await server.userinfo(f"{head}.{forged}.{signature}")).status_code == 401
    assert jws.extract_compact(token.encode()).headers()["kid"] in {key.kid for key in server.services.keys.keys}
    assert_refused(await confidential.refresh(token))
    assert body


@pytest.mark.spec("OpenID Connect Core §3.1.2.1", "oidcc id-token-hint")
async def test_an_id_token_of_somebody_with_much_to_tell_is_a_hint_as_any_other(server: Server) -> None:
    person = await server.add_person(attributes={f"custom:note{number}": "n" * 2048 for number in range(5)})
    client = await server.add_client(first_party=True, scopes=["openid", "profile"])
    hint = (await client.linked(person))["id_token"]
    assert len(hint) > 10_000
    asked = client.authorization(prompt="none", id_token_hint=hint)
    assert "code=" in (await server.authorize(asked, **await server.signed_in(person))).headers["location"]
