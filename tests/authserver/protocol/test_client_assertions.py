"""`private_key_jwt`: a client proves itself with its key, once, to this server (RFC 7523, OpenID Connect Core §9)."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import httpx2
import orjson
import pytest
from authlib.oauth2.rfc7523 import private_key_jwt_sign

from authserver.models import User
from authserver.secret_values import digest
from tests.authserver.protocol.harness import Server, basic
from tests.authserver.protocol.signing import ASSERTION_TYPE, Holder, signed, signing
from tests.authserver.protocol.test_client_authentication import assert_proven, assert_unproven, form_for
from tests.authserver.protocol.test_code_exchange import assert_refused
from tests.authserver.protocol.test_races import AT_ONCE, replicas

__all__ = ["replicas"]

PATHS = ["/oauth2/token", "/oauth2/revoke", "/oauth2/par"]


async def ask(client: Holder, assertion: str, path: str = "/oauth2/token", **others: str) -> httpx2.Response:
    form = client.authorization() if path == "/oauth2/par" else form_for(path)
    form.pop("client_id", None)
    return await client.server.post(path, form | client.proof(assertion) | others)


def assert_let_in(answer: httpx2.Response) -> None:
    if answer.status_code != 201:
        assert_proven(answer)


@pytest.mark.spec("RFC 7523 §2.2", "OpenID Connect Core §9")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])
async def test_a_client_proves_itself_with_its_key(server: Server, alg: str, path: str) -> None:
    client = await Holder.add(server, signing(alg))
    assert_let_in(await ask(client, client.assertion(), path))
    assert_let_in(await ask(client, client.assertion(), path, client_id=client.client_id))


@pytest.mark.spec("RFC 7523 §2.2", "security 6.53")
async def test_from_code_to_revocation_without_any_secret(server: Server, person: User) -> None:
    client = await Holder.add(server)
    tokens = await client.linked(person)
    again = await client.refresh(tokens["refresh_token"])
    assert again.status_code == 200
    assert (await client.revoke(tokens["refresh_token"])).status_code == 200
    assert (await client.refresh(tokens["refresh_token"])).status_code == 400


@pytest.mark.spec("security 6.40", "RFC 7523 §3", "security 4.jwt-replay")
@pytest.mark.parametrize("path", PATHS)
async def test_an_assertion_is_good_once_and_at_one_endpoint(server: Server, path: str) -> None:
    client = await Holder.add(server)
    assertion = client.assertion()
    assert_let_in(await ask(client, assertion, path))
    for again in PATHS:
        assert_unproven(await ask(client, assertion, again))
    assert_let_in(await ask(client, client.assertion(), path))


@pytest.mark.spec("security 6.40", "RFC 7523 §3", "security 4.jwt-replay")
async def test_of_twenty_uses_of_one_assertion_at_once_exactly_one_is_let_in(replicas: list[Server]) -> None:
    client = await Holder.add(replicas[0])
    for _ in range(5):
        form = form_for("/oauth2/token") | client.proof()
        answers = await asyncio.gather(*(replicas[number % 2].post("/oauth2/token", form) for number in range(AT_ONCE)))
        assert sorted(answer.status_code for answer in answers) == [400] + [401] * (AT_ONCE - 1)


@pytest.mark.spec("security 6.40", "security 4.jwt-signature")
async def test_a_forged_assertion_does_not_spend_the_real_one(server: Server) -> None:
    client, thief = await Holder.add(server), signing("ES256", 9)
    claims = client.claims()
    forged = thief.sign(claims, kid=client.signing.kid)
    assert_unproven(await ask(client, forged))
    assert_let_in(await ask(client, client.signing.sign(claims)))


@pytest.mark.spec("security 6.40")
async def test_a_jti_is_one_of_its_client_alone(server: Server) -> None:
    one, other = await Holder.add(server), await Holder.add(server)
    for client in (one, other):
        assert_let_in(await ask(client, client.assertion(jti="same")))
    for client in (one, other):
        assert_unproven(await ask(client, client.assertion(jti="same")))


#: what is wrong with the claims -> what they say in its place
CLAIMS: dict[str, Callable[[Holder], dict[str, Any]]] = {
    "no-iss": lambda client: {"iss": None},
    "no-sub": lambda client: {"sub": None},
    "no-aud": lambda client: {"aud": None},
    "no-exp": lambda client: {"exp": None},
    "no-jti": lambda client: {"jti": None},
    "empty-jti": lambda client: {"jti": ""},
    "number-jti": lambda client: {"jti": 7},
    "list-jti": lambda client: {"jti": ["a"]},
    "long-jti": lambda client: {"jti": "j" * 513},
    "iss-is-another": lambda client: {"iss": "somebody"},
    "sub-is-another": lambda client: {"sub": "somebody"},
    "both-are-another": lambda client: {"iss": "nobody", "sub": "nobody"},
    "iss-is-a-list": lambda client: {"iss": [client.client_id]},
    "sub-is-a-list": lambda client: {"sub": [client.client_id]},
    "sub-and-iss-are-lists": lambda client: {"sub": [client.client_id], "iss": [client.client_id]},
    "nul": lambda client: {"iss": client.client_id + "\0", "sub": client.client_id + "\0"},
    "aud-is-another-server": lambda client: {"aud": "https://other.example.org"},
    "aud-is-the-token-endpoint": lambda client: {"aud": f"{client.server.settings.issuer}/oauth2/token"},
    "aud-is-par": lambda client: {"aud": f"{client.server.settings.issuer}/oauth2/par"},
    "aud-has-a-slash": lambda client: {"aud": f"{client.server.settings.issuer}/"},
    "aud-is-a-list": lambda client: {"aud": [client.server.settings.issuer]},
    "aud-is-several": lambda client: {"aud": [client.server.settings.issuer, "https://other.example.org"]},
    "expired": lambda client: {"exp": client.server.clock()},
    "long-expired": lambda client: {"exp": client.server.clock() - 3600},
    "exp-is-text": lambda client: {"exp": str(client.server.clock() + 60)},
    "exp-is-true": lambda client: {"exp": True},
    "exp-in-a-day": lambda client: {"exp": client.server.clock() + 86_400},
    "exp-never": lambda client: {"exp": 1e300},
    "nbf-in-61-seconds": lambda client: {"nbf": client.server.clock() + 61},
    "nbf-is-text": lambda client: {"nbf": "now"},
    "iat-in-61-seconds": lambda client: {"iat": client.server.clock() + 61},
    "iat-is-a-list": lambda client: {"iat": [1]},
}


@pytest.mark.spec(
    "security 6.40",
    "RFC 7523 §3",
    "security 3.assertion-aud",
    "security 3.assertion-aud-list",
    "security 3.assertion-aud-endpoint",
    "security 3.assertion-expired",
    "security 3.assertion-sub",
    "security 3.assertion-nbf-late",
    "security 4.jwt-iss",
    "security 4.jwt-sub",
    "security 4.jwt-aud",
    "security 4.jwt-exp",
    "security 4.jwt-nbf",
    "security 4.jwt-iat",
)
@pytest.mark.parametrize("wrong", CLAIMS.values(), ids=CLAIMS)
async def test_an_assertion_that_says_something_else_is_an_invalid_client(
    server: Server, wrong: Callable[[Holder], dict[str, Any]]
) -> None:
    """All look the same; and the next one, in order, is let in: nothing else was wrong."""
    client = await Holder.add(server)
    answer = await ask(client, client.assertion(**wrong(client)))
    assert_unproven(answer)
    nobody = await server.post("/oauth2/token", form_for("/oauth2/token"), {"authorization": basic("nobody", "x")})
    assert answer.content == nobody.content
    assert_let_in(await ask(client, client.assertion()))


@pytest.mark.spec("security 3.assertion-nbf-soon")
@pytest.mark.parametrize("seconds", [8, 10, 30])
async def test_a_clock_that_is_a_little_ahead_is_none_of_a_harm(server: Server, seconds: int) -> None:
    client, now = await Holder.add(server), server.clock()
    assert_let_in(await ask(client, client.assertion(nbf=now + seconds, iat=now + seconds, exp=now + 3600)))
    assert_let_in(await ask(client, client.assertion(nbf=now + 0.5, exp=now + 0.5)))


#: header -> what becomes of it
HEADERS: dict[str, dict[str, Any]] = {
    "other-kid": {"kid": "other"},
    "kid-of-a-path": {"kid": "../../../../dev/null"},
    "kid-is-a-number": {"kid": 1},
    "at+jwt": {"typ": "at+jwt"},
    "request-object": {"typ": "oauth-authz-req+jwt"},
    "dpop": {"typ": "dpop+jwt"},
    "typ-is-a-number": {"typ": 1},
    "crit": {"crit": ["exp"], "exp": 1},
    "empty-crit": {"crit": []},
    "unencoded": {"b64": False, "crit": ["b64"]},
}


@pytest.mark.spec("security 6.40", "security 6.69", "RFC 8725 §3.11", "RFC 7515 §4.1.11")
@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
async def test_a_header_of_something_else_is_an_invalid_client(server: Server, header: dict[str, Any]) -> None:
    client = await Holder.add(server)
    assert_unproven(await ask(client, client.signing.sign(client.claims(), **header)))


@pytest.mark.spec("RFC 7523 §3")
@pytest.mark.parametrize(
    "header", [{"typ": "JWT"}, {"typ": "client-authentication+jwt"}, {"kid": None}, {"jku": "https://evil.example"}]
)
async def test_a_header_that_changes_nothing_is_let_in(server: Server, header: dict[str, Any]) -> None:
    """Keys that the sender names or brings are never looked at; without `kid` there must be no choice."""
    client = await Holder.add(server)
    assert_let_in(await ask(client, client.signing.sign(client.claims(), **header)))


@pytest.mark.spec("security 6.40", "RFC 8725 §3.1", "security 4.jwt-signature")
async def test_no_trick_with_algorithms_passes(server: Server) -> None:
    keys = signing("RS256")
    client = await Holder.add(server, keys)
    claims = client.claims()
    header = {"kid": keys.kid}
    pem = keys.key.as_pem(private=False)
    public = orjson.dumps(keys.public)
    other = signing("RS256", 1)
    tricks = [
        signed(header | {"alg": "none"}, claims, b"x"),
        signed(header | {"alg": "HS256"}, claims, pem),
        signed(header | {"alg": "HS256"}, claims, public),
        signed(header | {"alg": "HS256"}, claims, client.secret.encode()),
        signed(header | {"alg": "HS256"}, claims, digest(client.secret)),
        signed(header | {"alg": "RS512"}, claims, keys.key),
        signed(header | {"alg": "RS256"}, claims, other.key),
        signed(header | {"alg": "RS256", "jwk": other.key.as_dict(private=False)}, claims, other.key),
        signed(header | {"alg": "ES256"}, claims, signing("ES256").key),
        signed(header | {"alg": "EdDSA"}, claims, signing("EdDSA").key),
    ]
    unsigned = base64.urlsafe_b64encode(orjson.dumps({"alg": "None", "kid": keys.kid})).rstrip(b"=").decode()
    good = keys.sign(claims)
    head, payload, signature = good.split(".")
    tricks += [
        f"{unsigned}.{payload}.",
        f"{head}.{payload}.",
        f"{head}.{payload}",
        f"{head}..{signature}",
        f"{good}.x",
        f"{good}==",
        f" {good}",
        good[:-4] + "AAAA",
        "",
        "eyJ",
        "a.b.c",
        "\u00e4.\u00e4.\u00e4",
        "x" * 20_000,
        signed(header | {"alg": "RS256"}, b"[]", keys.key),
        signed(header | {"alg": "RS256"}, b"not json", keys.key),
        signed(header | {"alg": "RS256"}, b'"text"', keys.key),
        signed(header | {"alg": "RS256"}, b'{"sub":"\\ud800","iss":"\\ud800"}', keys.key),
        signed(header | {"alg": "RS256"}, b"[" * 5000, keys.key),
    ]
    for trick in tricks:
        form = form_for("/oauth2/token") | {"client_assertion_type": ASSERTION_TYPE, "client_assertion": trick}
        assert_unproven(await server.post("/oauth2/token", form))
    assert_let_in(await ask(client, good))


@pytest.mark.spec("security 6.69", "security 6.40")
async def test_nothing_that_we_sign_ourselves_authenticates_a_client(server: Server, person: User) -> None:
    """Not even for a client that has registered our own key set."""
    ours = orjson.loads(server.services.keys.jwks)
    client = await Holder.add(server, jwks=ours, token_endpoint_auth_methods=["private_key_jwt"])
    linking = await server.add_client(client_id=f"of-{client.client_id}")
    tokens = await linking.linked(person)
    for token in (tokens["access_token"], tokens["id_token"], tokens["refresh_token"]):
        assert_unproven(await ask(client, token))
        assert_unproven(await ask(client, token, client_id=client.client_id))


@pytest.mark.spec("security 6.37", "RFC 7591 §2")
async def test_the_key_of_a_client_that_does_not_use_it_proves_nothing(server: Server) -> None:
    for methods in (["client_secret_basic"], ["client_secret_post"]):
        client = await Holder.add(server, token_endpoint_auth_methods=methods)
        assert_unproven(await ask(client, client.assertion()))
        client.method = methods[0]
    public = await server.add_client("public", jwks={"keys": [signing().public]})
    holder = Holder(server, public.client_id, "", public.redirect_uri, "none", signing())
    assert_unproven(await ask(holder, holder.assertion()))


@pytest.mark.spec("security 6.37")
async def test_a_client_with_a_key_is_not_let_in_with_less(server: Server) -> None:
    client = await Holder.add(server)
    form = form_for("/oauth2/token")
    assert_unproven(await server.post("/oauth2/token", form | {"client_id": client.client_id}))
    secret = {"client_id": client.client_id, "client_secret": client.secret}
    assert_unproven(await server.post("/oauth2/token", form | secret))
    assert_unproven(await server.post("/oauth2/token", form, {"authorization": basic(client.client_id, client.secret)}))


@pytest.mark.spec("security 6.38", "RFC 6749 §2.3")
async def test_two_ways_at_once_are_an_invalid_request(server: Server) -> None:
    client = await Holder.add(server, token_endpoint_auth_methods=["private_key_jwt", "client_secret_basic"])
    form = form_for("/oauth2/token") | client.proof()
    header = {"authorization": basic(client.client_id, client.secret)}
    assert_refused(await server.post("/oauth2/token", form, header), "invalid_request")
    assert_refused(await server.post("/oauth2/token", form | {"client_secret": client.secret}), "invalid_request")
    assert_proven(await server.post("/oauth2/token", form))
    assert_proven(await server.post("/oauth2/token", form_for("/oauth2/token"), header))


@pytest.mark.spec("RFC 7521 §4.2", "security 6.40")
@pytest.mark.parametrize(
    "change",
    [
        {"client_assertion_type": ""},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_assertion_type": ASSERTION_TYPE.upper()},
        {"client_assertion": ""},
        {"client_id": "nobody"},
    ],
    ids=str,
)
async def test_parameters_that_do_not_fit_together_are_an_invalid_client(
    server: Server, change: dict[str, str]
) -> None:
    client = await Holder.add(server)
    assert_unproven(await server.post("/oauth2/token", form_for("/oauth2/token") | client.proof() | change))
    for name in ("client_assertion", "client_assertion_type"):
        form = form_for("/oauth2/token") | {"client_id": client.client_id} | client.proof()
        del form[name]
        assert_unproven(await server.post("/oauth2/token", form))


@pytest.mark.spec("security 6.40", "decision 12")
async def test_a_client_that_was_switched_off_is_let_in_no_more(server: Server) -> None:
    client = await Holder.add(server)
    registered = await server.services.clients.get(client.client_id)
    assert registered is not None
    await server.change(registered.row, active=False)
    server.services.clients.forget()
    assert_unproven(await ask(client, client.assertion()))


@pytest.mark.spec("OpenID Connect Core §10.1.1", "decision 12")
async def test_several_keys_are_told_apart_by_their_id(server: Server) -> None:
    old, new, same = signing("ES256", 1), signing("ES256", 2), signing("RS256")
    client = await Holder.add(server, old, jwks={"keys": [old.public, new.public, same.public]})
    for keys in (old, new, same):
        client.signing = keys
        assert_let_in(await ask(client, client.assertion()))
    for keys in (old, new):
        assert_unproven(await ask(client, keys.sign(client.claims(), kid=None)))
    assert_let_in(await ask(client, same.sign(client.claims(), kid=None)))


@pytest.mark.spec("RFC 7517 §4.2", "RFC 7517 §4.4", "security 3.assertion-alg")
@pytest.mark.parametrize("member", [{"use": "enc"}, {"alg": "PS256"}, {"key_ops": ["encrypt"]}, {"kid": "x"}], ids=str)
async def test_a_key_for_something_else_verifies_nothing(server: Server, member: dict[str, Any]) -> None:
    keys, spare = signing("RS256"), signing("ES256")
    client = await Holder.add(server, keys, jwks={"keys": [{**keys.public, **member}, spare.public]})
    assert_unproven(await ask(client, client.assertion()))


@pytest.mark.spec("RFC 7523 §2.2")
async def test_authlibs_own_client_is_let_in_where_it_names_the_issuer(server: Server) -> None:
    """Its default is the token endpoint, which no server that obeys RFC 7523bis takes."""
    keys = signing("RS256")
    client = await Holder.add(server, keys)
    made = private_key_jwt_sign(
        keys.key, client.client_id, server.settings.issuer, alg="RS256", issued_at=server.clock()
    )
    assert_let_in(await ask(client, made))
    usual = private_key_jwt_sign(keys.key, client.client_id, f"{server.settings.issuer}/oauth2/token", alg="RS256")
    assert_unproven(await ask(client, usual))


@pytest.mark.spec("security 6.40", "A32")
async def test_the_log_says_why_and_nothing_that_opens_a_door(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    client = await Holder.add(server)
    assertion = client.assertion(aud="https://other.example.org")
    with caplog.at_level("DEBUG"):
        assert_unproven(await ask(client, assertion, client_id=client.client_id))
    assert "another aud than the issuer" in caplog.text
    assert assertion.rpartition(".")[2] not in caplog.text
