"""`/oauth2/userInfo`: only access tokens of ours, while their grant stands (RFC 6750, OpenID Connect Core §5.3)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws, jwt
from joserfc.jwk import OctKey, RSAKey

from authserver.models import User
from authserver.oauth.userinfo import PROFILE_CLAIMS
from tests.authserver.protocol.harness import FORM, Asker, Clock, Server, claims_of, header_of

PATH = "/oauth2/userInfo"


def assert_invalid_token(answer: httpx2.Response) -> None:
    assert answer.status_code == 401, answer.text
    assert answer.json()["error"] == "invalid_token"
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.spec(
    "cognito 9.39",
    "cognito 9.40",
    "oidcc userinfo-get",
    "security 6.49",
    "OpenID Connect Core §5.3.2",
    "oidcc scope-profile",
    "oidcc scope-email",
    "oidcc scope-phone",
)
async def test_an_access_token_opens_the_claims_of_its_scope(server: Server) -> None:
    attributes = {"name": "Buffy", "locale": "en", "updated_at": 1700000000, "phone_number": "+1555", "shoe_size": 38}
    person = await server.add_person(attributes=attributes)
    client = await server.add_client(scopes=["openid", "email", "profile", "phone"])
    expected: dict[str, dict[str, Any]] = {
        "openid": {},
        "openid email": {"email": person.email, "email_verified": True},
        "openid profile": {"name": "Buffy", "locale": "en", "updated_at": 1700000000},
        "openid phone": {"phone_number": "+1555", "phone_number_verified": False},
    }
    for scope, claims in expected.items():
        answer = await server.userinfo((await client.linked(person, scope=scope))["access_token"])
        assert answer.status_code == 200
        assert answer.json() == {"sub": person.sub, "username": person.username} | claims
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.spec("security 6.80", "cognito 9.40")
async def test_openid_alone_gives_everything_only_where_the_client_is_set_so(server: Server) -> None:
    person = await server.add_person(attributes={"name": "Buffy", "phone_number": "+1555"})
    client = await server.add_client("confidential", userinfo_all_attributes=True, userinfo_string_booleans=True)
    info = (await server.userinfo((await client.linked(person))["access_token"])).json()
    assert info["email_verified"] == "true"
    assert info["phone_number_verified"] == "false"
    assert info["name"] == "Buffy"
    alexa = await server.add_client("alexa")
    assert set((await server.userinfo((await alexa.linked(person))["access_token"])).json()) == {"sub", "username"}


@pytest.mark.spec("OpenID Connect Core §5.1.1", "oidcc scope-address", "cognito 1")
async def test_the_postal_address_has_a_scope_and_custom_attributes_belong_to_the_profile(server: Server) -> None:
    address = {"locality": "Sunnydale", "country": "US"}
    person = await server.add_person(attributes={"address": address, "custom:rank": "7", "customs": "no"})
    client = await server.add_client(scopes=["openid", "address", "profile"])
    expected: dict[str, dict[str, Any]] = {
        "openid": {},
        "openid address": {"address": address},
        "openid profile": {"custom:rank": "7"},
    }
    for scope, claims in expected.items():
        tokens = await client.linked(person, scope=scope)
        info = (await server.userinfo(tokens["access_token"])).json()
        assert info == {"sub": person.sub, "username": person.username} | claims
        assert claims.items() <= claims_of(tokens["id_token"]).items()
        assert not {"address", "custom:rank", "customs"} & set(claims_of(tokens["access_token"]))
    generous = await server.add_client(userinfo_all_attributes=True)
    info = (await server.userinfo((await generous.linked(person))["access_token"])).json()
    assert (info["address"], info["custom:rank"], "customs" in info) == (address, "7", False)


@pytest.mark.spec("oidcc scope-all", "OpenID Connect Core §5.4", "OpenID Connect Core §5.1")
async def test_all_scopes_at_once_open_all_that_there_is_in_its_types(server: Server) -> None:
    texts = {name: f"its {name}" for name in PROFILE_CLAIMS if name != "updated_at"}
    address = {"street_address": "1630 Revello Drive", "locality": "Sunnydale", "country": "US"}
    more = {"updated_at": 1700000000, "address": address, "phone_number": "+1555", "phone_number_verified": True}
    person = await server.add_person(attributes=texts | more)
    client = await server.add_client(scopes=["openid", "profile", "email", "address", "phone"])
    tokens = await client.linked(person)
    assert (await server.userinfo(tokens["access_token"])).json() == {
        "sub": person.sub,
        "username": person.username,
        "email": person.email,
        "email_verified": True,
        **texts,
        **more,
    }


@pytest.mark.spec("OpenID Connect Core §5.3.2", "security 6.69", "security 6.80")
@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
async def test_a_signed_answer_is_for_the_client_and_passes_for_no_token(
    server: Server, person: User, alg: str
) -> None:
    await server.ensure_algorithm(alg)
    client = await server.add_client(userinfo_signing_alg=alg, scopes=["openid", "email"], first_party=True)
    tokens = await client.linked(person)
    answer = await server.userinfo(tokens["access_token"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jwt")
    assert answer.headers["cache-control"] == "no-store"
    assert header_of(answer.text)["alg"] == alg
    key = next(key.key for key in server.services.keys.keys if key.kid == header_of(answer.text)["kid"])
    assert jwt.decode(answer.text, key, algorithms=[alg]).claims == {
        "iss": server.settings.issuer,
        "aud": client.client_id,
        "sub": person.sub,
        "username": person.username,
        "email": person.email,
        "email_verified": True,
    }
    assert_invalid_token(await server.userinfo(answer.text))
    assert (await client.introspect(answer.text)).json() == {"active": False}
    cookie = await server.signed_in(person)
    hinted = await server.authorize(client.authorization(id_token_hint=answer.text, prompt="none"), **cookie)
    assert "error=invalid_request" in hinted.headers["location"]
    assert_invalid_token(await server.userinfo(tokens["id_token"]))


@pytest.mark.spec("decision 7")
async def test_an_algorithm_without_a_key_is_our_trouble(server: Server, person: User) -> None:
    client = await server.add_client()
    tokens = await client.linked(person)
    registered = await server.services.clients.get(client.client_id)
    assert registered is not None
    await server.change(registered.row, userinfo_signing_alg="ES512")
    server.services.clients.forget()
    assert (await server.userinfo(tokens["access_token"])).status_code == 503


@pytest.mark.spec("oidcc userinfo-post-header", "oidcc userinfo-post-body", "RFC 6750 §2.2", "security 3.scheme-case")
async def test_the_token_may_come_in_a_form_and_not_twice(server: Server, confidential: Asker, person: User) -> None:
    token = (await confidential.linked(person))["access_token"]
    header = {"authorization": f"Bearer {token}"}
    for answer in (await server.http.post(PATH, headers=header), await server.post(PATH, {"access_token": token})):
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["sub"] == person.sub
    assert (await server.http.get(PATH, headers={"authorization": f"bearer  {token}"})).status_code == 200
    twice = await server.post(PATH, {"access_token": token}, header)
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    again = await server.post(PATH, f"access_token={token}&access_token={token}".encode())
    assert (again.status_code, again.json()["error"]) == (400, "invalid_request")


@pytest.mark.spec("RFC 6750 §2.3", "RFC 9700 §4.3.2", "security 6.15")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_token_in_the_query_is_not_looked_at(
    server: Server, confidential: Asker, person: User, method: str
) -> None:
    token = (await confidential.linked(person))["access_token"]
    answer = await server.http.request(method, f"{PATH}?access_token={token}")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer, DPoP algs=")


@pytest.mark.spec("RFC 6750 §3", "cognito 9.39")
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dTpw", "DPoP", "bear er"])
async def test_without_a_token_the_answer_is_a_bare_challenge(server: Server, header: str | None) -> None:
    answer = await server.http.get(PATH, headers={} if header is None else {"authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer, DPoP algs=")


@pytest.mark.spec("security 6.51", "security 6.69", "cognito 9.39")
@pytest.mark.parametrize("kind", ["id_token", "refresh_token"])
async def test_no_other_token_of_ours_passes_for_an_access_token(server: Server, person: User, kind: str) -> None:
    client = await server.add_client(scopes=["openid", "email"])
    assert_invalid_token(await server.userinfo((await client.linked(person))[kind]))


@pytest.mark.spec("RFC 6750 §3.1", "cognito 9.39")
async def test_without_the_scope_openid_the_token_is_insufficient(server: Server, person: User) -> None:
    client = await server.add_client(scopes=["lamps"])
    answer = await server.userinfo((await client.linked(person))["access_token"])
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


@pytest.mark.spec("security 6.50", "cognito 9.41")
async def test_an_access_token_expires(server: Server, clock: Clock, confidential: Asker, person: User) -> None:
    token = (await confidential.linked(person))["access_token"]
    clock.advance(3599)
    assert (await server.userinfo(token)).status_code == 200
    clock.advance(1)
    assert_invalid_token(await server.userinfo(token))


@pytest.mark.spec(
    "cognito 9.41", "security 6.22", "security 6.54", "RFC 7009 §2.1", "security 4.revoke-refresh-takes-access"
)
async def test_a_token_of_a_revoked_grant_is_refused_and_others_are_not(
    server: Server, confidential: Asker, person: User
) -> None:
    revoked, kept = await confidential.linked(person), await confidential.linked(person)
    assert (await confidential.revoke(revoked["refresh_token"])).status_code == 200
    assert_invalid_token(await server.userinfo(revoked["access_token"]))
    assert (await server.userinfo(kept["access_token"])).status_code == 200


@pytest.mark.spec("cognito 9.41", "security 6.32")
@pytest.mark.parametrize("change", [{"active": False}, {"epoch": 1}], ids=["disabled", "called-back"])
async def test_a_token_of_a_person_who_was_called_back_is_refused(
    server: Server, confidential: Asker, person: User, change: dict[str, Any]
) -> None:
    token = (await confidential.linked(person))["access_token"]
    await server.change(person, **change)
    assert_invalid_token(await server.userinfo(token))


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed(header: dict[str, Any], claims: object, key: Any, algorithm: str) -> str:
    raw = json.dumps(claims).encode()
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    return jws.serialize_compact(header, raw, key, registry=registry)


Forge = Callable[[Server, str], str]
EVIL = RSAKey.generate_key(2048, auto_kid=False)


def none_algorithm(server: Server, token: str) -> str:
    return f"{encoded(header_of(token) | {'alg': 'none'})}.{token.split('.')[1]}."


def none_in_capitals(server: Server, token: str) -> str:
    return f"{encoded(header_of(token) | {'alg': 'nOnE'})}.{token.split('.')[1]}.{token.split('.')[2]}"


def hs256_with_the_public_key(server: Server, token: str) -> str:
    """RFC 8725 §2.1: what is public becomes the secret."""
    kid = header_of(token)["kid"]
    [key] = [key.key for key in server.services.keys.keys if key.kid == kid]
    pem = key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    first = f"{encoded(header_of(token) | {'alg': 'HS256'})}.{token.split('.')[1]}"
    return f"{first}.{encoded(hmac.digest(pem, first.encode(), hashlib.sha256))}"


def hs256_with_the_jwk(server: Server, token: str) -> str:
    header = {"alg": "HS256", "typ": "at+jwt", "kid": header_of(token)["kid"]}
    [key] = [key.key for key in server.services.keys.keys if key.kid == header["kid"]]
    return signed(header, claims_of(token), OctKey.import_key(json.dumps(key.as_dict(private=False))), "HS256")


def embedded_jwk(server: Server, token: str) -> str:
    header = header_of(token) | {"jwk": EVIL.as_dict(private=False)}
    return signed(header, claims_of(token), EVIL, "RS256")


def embedded_jwk_without_kid(server: Server, token: str) -> str:
    header = {"alg": "RS256", "typ": "at+jwt", "jwk": EVIL.as_dict(private=False)}
    return signed(header, claims_of(token), EVIL, "RS256")


def jku(server: Server, token: str) -> str:
    header = header_of(token) | {"jku": "https://evil.example/jwks.json", "kid": "evil"}
    return signed(header, claims_of(token), EVIL, "RS256")


def x5u(server: Server, token: str) -> str:
    return signed(header_of(token) | {"x5u": "https://evil.example/cert"}, claims_of(token), EVIL, "RS256")


def unknown_kid(server: Server, token: str) -> str:
    return signed(header_of(token) | {"kid": "unknown"}, claims_of(token), EVIL, "RS256")


def kid_that_walks(server: Server, token: str) -> str:
    return signed(header_of(token) | {"kid": "../../../../dev/null"}, claims_of(token), EVIL, "RS256")


def kid_that_selects(server: Server, token: str) -> str:
    return signed(header_of(token) | {"kid": "' UNION SELECT 'x"}, claims_of(token), EVIL, "RS256")


def kid_that_is_a_list(server: Server, token: str) -> str:
    return f"{encoded(header_of(token) | {'kid': [header_of(token)['kid']]})}.{token.split('.', 1)[1]}"


def right_kid_wrong_key(server: Server, token: str) -> str:
    return signed(header_of(token), claims_of(token), EVIL, "RS256")


def no_kid(server: Server, token: str) -> str:
    return signed({"alg": "RS256", "typ": "at+jwt"}, claims_of(token), EVIL, "RS256")


def our_key(server: Server, token: str) -> Any:
    return next(key.key for key in server.services.keys.keys if key.kid == header_of(token)["kid"])


def unknown_crit(server: Server, token: str) -> str:
    """Signed by ourselves: only the header rule of RFC 7515 §4.1.11 can refuse it."""
    first = f"{encoded(header_of(token) | {'crit': ['exp-now'], 'exp-now': 1})}.{token.split('.')[1]}"
    return f"{first}.{raw_signature(server, token, first)}"


def empty_crit(server: Server, token: str) -> str:
    first = f"{encoded(header_of(token) | {'crit': []})}.{token.split('.')[1]}"
    return f"{first}.{raw_signature(server, token, first)}"


def raw_signature(server: Server, token: str, first: str) -> str:
    return encoded(our_key(server, token).private_key.sign(first.encode(), padding.PKCS1v15(), SHA256()))


def by_ourselves(**changed: Any) -> Forge:
    """Signed with our own key: only the check of that one claim can refuse it."""

    def forge(server: Server, token: str) -> str:
        claims = {name: value for name, value in (claims_of(token) | changed).items() if value is not None}
        return signed(header_of(token), claims, our_key(server, token), "RS256")

    return forge


def typed(typ: str | None) -> Forge:
    def forge(server: Server, token: str) -> str:
        header = header_of(token) | {"typ": typ}
        first = f"{encoded({k: v for k, v in header.items() if v is not None})}.{token.split('.')[1]}"
        return f"{first}.{raw_signature(server, token, first)}"

    return forge


FORGERIES: dict[str, Forge] = {
    "alg-none": none_algorithm,
    "alg-none-in-capitals": none_in_capitals,
    "hs256-public-key": hs256_with_the_public_key,
    "hs256-jwk": hs256_with_the_jwk,
    "embedded-jwk": embedded_jwk,
    "embedded-jwk-no-kid": embedded_jwk_without_kid,
    "jku": jku,
    "x5u": x5u,
    "unknown-kid": unknown_kid,
    "kid-path": kid_that_walks,
    "kid-sql": kid_that_selects,
    "kid-list": kid_that_is_a_list,
    "wrong-key": right_kid_wrong_key,
    "no-kid": no_kid,
    "unknown-crit": unknown_crit,
    "empty-crit": empty_crit,
    "header-lists-alg": lambda server, token: encoded(["alg"]) + token[token.index(".") :],
    "header-says-alg": lambda server, token: encoded("alg") + token[token.index(".") :],
    "crit-is-a-number": lambda server, token: encoded(header_of(token) | {"crit": 5}) + token[token.index(".") :],
    "crit-is-null": lambda server, token: encoded(header_of(token) | {"crit": None}) + token[token.index(".") :],
    "padded": lambda server, token: token + "=",
    "padded-parts": lambda server, token: ".".join(part + "=" * (-len(part) % 4) for part in token.split(".")),
    "white-space": lambda server, token: token.replace(".", " . "),
    "four-parts": lambda server, token: token + ".x",
    "two-parts": lambda server, token: token.rsplit(".", 1)[0],
    "no-signature": lambda server, token: token.rsplit(".", 1)[0] + ".",
    "upper-case": lambda server, token: token.upper(),
    "header-is-a-list": lambda server, token: f"{encoded([])}.{token.split('.', 1)[1]}",
    "header-is-a-word": lambda server, token: f"{encoded('x')}.{token.split('.', 1)[1]}",
    "header-is-null": lambda server, token: f"{encoded(None)}.{token.split('.', 1)[1]}",
    "header-is-no-json": lambda server, token: f"{encoded(b'{{')}.{token.split('.', 1)[1]}",
    "header-is-no-utf-8": lambda server, token: f"{encoded(bytes([255, 254]))}.{token.split('.', 1)[1]}",
    "deep-json": lambda server, token: f"{encoded(b'[' * 3000 + b']' * 3000)}.{token.split('.', 1)[1]}",
    "not-base64": lambda server, token: "!!!.###.$$$",
    "dots": lambda server, token: "..",
    "very-long": lambda server, token: token + "A" * 20_000,
    "signed-by-us-other-issuer": by_ourselves(iss="https://other.example"),
    "signed-by-us-issuer-list": by_ourselves(iss=["https://auth.example.test"]),
    "signed-by-us-no-issuer": by_ourselves(iss=None),
    "signed-by-us-token-use-id": by_ourselves(token_use="id"),
    "signed-by-us-no-token-use": by_ourselves(token_use=None),
    "signed-by-us-expired": by_ourselves(exp=1),
    "signed-by-us-no-exp": by_ourselves(exp=None),
    "signed-by-us-exp-text": by_ourselves(exp="9999999999"),
    "signed-by-us-exp-true": by_ourselves(exp=True),
    "signed-by-us-other-origin": by_ourselves(origin_jti="00000000-0000-0000-0000-000000000000"),
    "signed-by-us-no-origin": by_ourselves(origin_jti=None),
    "signed-by-us-typ-jwt": typed("JWT"),
    "signed-by-us-no-typ": typed(None),
    "signed-by-us-typ-logout": typed("logout+jwt"),
}


@pytest.mark.spec(
    "security 6.52", "security 6.51", "security 6.69", "RFC 8725 §3.1", "RFC 8725 §3.2", "RFC 7515 §4.1.11"
)
@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_a_forged_access_token_is_refused(
    server: Server, confidential: Asker, person: User, forge: Forge
) -> None:
    token = (await confidential.linked(person))["access_token"]
    assert (await server.userinfo(token)).status_code == 200
    assert_invalid_token(await server.userinfo(forge(server, token)))
    assert_invalid_token(await server.post(PATH, {"access_token": forge(server, token)}))


@pytest.mark.spec("security 6.52")
async def test_a_token_with_bytes_beyond_ascii_is_refused(server: Server) -> None:
    answer = await server.http.get(PATH, headers=[(b"authorization", b"Bearer \xc3\xa4.\xff.x")])
    assert_invalid_token(answer)


@pytest.mark.spec("cognito 9.25")
async def test_userinfo_answers_any_origin_without_credentials(
    server: Server, confidential: Asker, person: User
) -> None:
    token = (await confidential.linked(person))["access_token"]
    for answer in (
        await server.userinfo(token, origin="https://app.example.org"),
        await server.userinfo("nonsense", origin="https://app.example.org"),
    ):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.spec("RFC 6750 §2.2")
async def test_a_body_that_is_no_form_is_not_read(server: Server, confidential: Asker, person: User) -> None:
    token = (await confidential.linked(person))["access_token"]
    answer = await server.http.post(
        PATH, content=json.dumps({"access_token": token}), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 401
    odd = await server.http.post(PATH, content=b"x", headers={"content-type": FORM + "-extra"})
    assert odd.status_code in (401, 415)
