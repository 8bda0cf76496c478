"""One flow, checked as OpenID's certification suite checks every one of its own; and how long what we make is."""

import base64
import re
from itertools import pairwise

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from authserver.models import User
from authserver.secret_values import new_secret
from tests.authserver.protocol.devices import GRANTS, waiting
from tests.authserver.protocol.harness import CALLBACK, Clock, Server, header_of
from tests.authserver.protocol.test_authorization_request import answered
from tests.authserver.protocol.test_pushed_requests import PREFIX, push

YEAR = 365 * 86_400


@pytest.mark.spec("oidcc every-module", "oidcc server", "oidcc server-client-secret-post", "security 4.id-token")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_whole_flow_is_as_the_suite_wants_it(server: Server, clock: Clock, person: User, method: str) -> None:
    client = await server.add_client(
        first_party=True, token_endpoint_auth_methods=[method], scopes=["openid", "profile", "email"]
    )
    metadata = (await server.http.get("/.well-known/openid-configuration")).json()
    assert method in metadata["token_endpoint_auth_methods_supported"]
    published = (await server.http.get("/.well-known/jwks.json")).json()
    assert len({key["kid"] for key in published["keys"]}) == len(published["keys"]) > 0

    state, nonce = "aB3%&=+ \u00e4", "n-0S6_WzA2Mj"
    asked = client.authorization(state=state, nonce=nonce)
    given = answered(await server.authorize(asked, **await server.signed_in(person, clock() - 60)), CALLBACK)
    assert given == {"code": given["code"], "state": state, "iss": metadata["issuer"]}
    answer = await client.exchange(given["code"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    tokens = answer.json()
    assert tokens["token_type"].lower() == "bearer"
    assert type(tokens["expires_in"]) is int
    assert tokens["expires_in"] > 0

    header = header_of(tokens["id_token"])
    assert header["kid"] in {key["kid"] for key in published["keys"]}
    assert header["alg"] == "RS256"
    claims = jwt.decode(tokens["id_token"], KeySet.import_key_set(published), algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (metadata["issuer"], client.client_id, nonce)
    assert clock() < claims["exp"] < clock() + 50 * YEAR
    assert claims["iat"] <= clock()
    assert clock() - YEAR < claims["auth_time"] == clock() - 60
    assert claims["acr"]
    assert 0 < len(claims["sub"]) <= 255
    assert claims["sub"].isascii()
    assert not {"name", "email", "email_verified"} & set(claims)  # the scope was `openid`

    info = await server.userinfo(tokens["access_token"])
    assert info.status_code == 200
    assert info.json()["sub"] == claims["sub"]


@pytest.mark.spec("security 4.entropy", "oidcc server", "oidcc refresh-token")
async def test_whatever_opens_a_door_has_160_bits_and_never_comes_twice(server: Server, person: User) -> None:
    """32 bytes from the system's source, or 256 bits of a MAC over them; two of a kind share nothing."""
    client = await server.add_client("public", first_party=True, **GRANTS)
    cookie = await server.signed_in(person)
    made: dict[str, list[str]] = {}
    for _ in range(20):
        code = answered(await server.authorize(client.authorization(), **cookie), CALLBACK)["code"]
        tokens = (await client.exchange(code, code_verifier="v" * 43)).json()
        pushed = (await push(client)).json()["request_uri"]
        for kind, value in {
            "code": code,
            "access token": tokens["access_token"].rsplit(".", 1)[1],
            "refresh token": tokens["refresh_token"].rsplit(".", 1)[1],
            "device code": (await waiting(client))["device_code"],
            "request_uri": pushed.removeprefix(PREFIX),
            "client secret": new_secret()[0],
        }.items():
            made.setdefault(kind, []).append(value)
    for kind, values in made.items():
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{43,}", value) for value in values), kind
        raw = [base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)) for value in values]
        assert all(len(one) * 8 >= 160 for one in raw), kind
        assert len(set(raw)) == len(raw), kind
        # of 32 random bytes two agree in none or one, in place; what was counted or timed agrees in most
        for one, two in pairwise(raw):
            assert sum(a == b for a, b in zip(one[:32], two[:32], strict=True)) < 8, kind
