"""Signed authorization requests (RFC 9101), by value and pushed."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from authserver.models import User
from tests.authserver.protocol.harness import CALLBACK, Server, challenge_of, claims_of
from tests.authserver.protocol.signing import Holder, signed, signing
from tests.authserver.protocol.test_authorization_request import answered, assert_error, assert_let_in
from tests.authserver.protocol.test_client_authentication import assert_unproven, form_for
from tests.authserver.protocol.test_code_exchange import assert_refused
from tests.authserver.protocol.test_pushed_requests import PAR, assert_page

OTHER = "https://client.example.org/other"
EVIL = "https://evil.example/callback"


def link(client: Holder, value: str, **beside: str) -> dict[str, str]:
    return {"client_id": client.client_id, "request": value} | beside


@pytest.mark.spec("RFC 9101 §5.1", "RFC 9101 §6.3", "OpenID Connect Core §6.1")
@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])
async def test_only_what_was_signed_counts(server: Server, person: User, alg: str) -> None:
    client = await Holder.add(
        server, signing(alg), first_party=True, redirect_uris=[CALLBACK, OTHER], scopes=["openid", "email"]
    )
    value = client.request_object(
        state="signed",
        scope="openid",
        max_age=3600,
        code_challenge=challenge_of("v" * 43),
        code_challenge_method="S256",
    )
    beside = {"state": "beside", "scope": "email", "redirect_uri": OTHER, "response_type": "token", "prompt": "login"}
    answer = await server.authorize(link(client, value, **beside), **await server.signed_in(person))
    given = answered(answer, CALLBACK)
    assert given["state"] == "signed"
    tokens = await client.exchange(given["code"], code_verifier="v" * 43)
    assert tokens.json()["scope"] == "openid"


@pytest.mark.spec("security 3.jar-outside", "RFC 9101 §6.3")
async def test_what_was_not_signed_is_not_there(server: Server, person: User) -> None:
    client = await Holder.add(server, first_party=True)
    value = client.request_object(state=None, nonce=None)
    answer = await server.authorize(
        link(client, value, state="beside", nonce="beside"), **await server.signed_in(person)
    )
    assert "state" not in answered(answer, CALLBACK)


@pytest.mark.spec("oidcc ensure-request-object-with-redirect-uri", "RFC 9101 §6.3", "security 6.8")
async def test_the_redirect_uri_is_the_one_that_was_signed(server: Server) -> None:
    client = await Holder.add(server, redirect_uris=[CALLBACK, OTHER])
    assert_let_in(await server.authorize(link(client, client.request_object(), redirect_uri=EVIL)), server)
    for beside in ({}, {"redirect_uri": CALLBACK}, {"redirect_uri": EVIL}):
        answer = await server.authorize(link(client, client.request_object(redirect_uri=EVIL), **beside))
        assert_page(answer, "redirect_mismatch")
    answer = await server.authorize(link(client, client.request_object(redirect_uri=None), redirect_uri=CALLBACK))
    assert_page(answer, "redirect_uri_missing")
    asked = client.request_object(redirect_uri=OTHER, response_type="token", state="xyz")
    client.redirect_uri = OTHER
    assert_error(await server.authorize(link(client, asked)), client, "unsupported_response_type")


WRONG: dict[str, Callable[[Holder], str]] = {
    "no-iss": lambda client: client.request_object(iss=None),
    "other-iss": lambda client: client.request_object(iss="somebody"),
    "no-aud": lambda client: client.request_object(aud=None),
    "other-aud": lambda client: client.request_object(aud="https://other.example.org"),
    "other-auds": lambda client: client.request_object(aud=["https://other.example.org", 1]),
    "no-client-id": lambda client: client.request_object(client_id=None),
    "other-client-id": lambda client: client.request_object(client_id="somebody"),
    "list-client-id": lambda client: client.request_object(client_id=[client.client_id]),
    "expired": lambda client: client.request_object(exp=client.server.clock()),
    "exp-in-a-day": lambda client: client.request_object(exp=client.server.clock() + 86_400),
    "exp-is-text": lambda client: client.request_object(exp="never"),
    "nbf-in-61-seconds": lambda client: client.request_object(nbf=client.server.clock() + 61),
    "iat-in-61-seconds": lambda client: client.request_object(iat=client.server.clock() + 61),
    "sub-is-the-client": lambda client: client.request_object(sub=client.client_id),
    "request-inside": lambda client: client.request_object(request=client.request_object()),
    "request-uri-inside": lambda client: client.request_object(request_uri="https://client.example.org/r"),
    "own-reference-inside": lambda client: client.request_object(request_uri="urn:ietf:params:oauth:request_uri:x"),
    "nul": lambda client: client.request_object(state="a\0b"),
    "assertion": lambda client: client.assertion(),
    "typed-assertion": lambda client: client.request_object({"typ": "client-authentication+jwt"}),
    "access-token": lambda client: client.request_object({"typ": "at+jwt"}),
    "crit": lambda client: client.request_object({"crit": ["x"], "x": 1}),
    "other-kid": lambda client: client.request_object({"kid": "other"}),
    "other-key": lambda client: signing("ES256", 9).sign({"client_id": client.client_id}, kid=client.signing.kid),
    "broken": lambda client: client.request_object()[:-6] + "AAAAAA",
    "no-signature": lambda client: client.request_object().rpartition(".")[0] + ".",
    "five-parts": lambda client: "a.b.c.d.e",
    "text": lambda client: "text",
    "deep": lambda client: signed(
        {"alg": "ES256", "kid": client.signing.kid},
        json.dumps(claims_of(client.request_object()) | {"claims": json.loads("[" * 500 + "]" * 500)}).encode(),
        client.signing.key,
    ),
    "long": lambda client: client.request_object(state="s" * 20_000),
    "array": lambda client: signed({"alg": "ES256", "kid": client.signing.kid}, b"[1]", client.signing.key),
    "surrogate": lambda client: signed(
        {"alg": "ES256", "kid": client.signing.kid}, b'{"client_id":"\\ud800"}', client.signing.key
    ),
}


@pytest.mark.spec(
    "security 3.jar-alg",
    "security 3.jar-aud",
    "RFC 9101 §6.2",
    "RFC 9101 §6.3",
    "RFC 9101 §10.8",
    "RFC 8725 §3.11",
    "security 6.69",
)
@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
async def test_an_object_that_is_not_in_order_is_a_page_or_an_error_at_a_registered_address(
    server: Server, make: Callable[[Holder], str]
) -> None:
    client = await Holder.add(server)
    value = make(client)
    assert_page(await server.authorize(link(client, value)), "redirect_uri_missing")
    assert_page(await server.authorize(link(client, value, redirect_uri=EVIL)), "redirect_mismatch")
    beside = {"redirect_uri": CALLBACK, "state": "xyz"}
    assert_error(await server.authorize(link(client, value, **beside)), client, "invalid_request_object")
    assert_refused(await server.post(PAR, {"request": value} | client.proof()), "invalid_request_object")
    assert_let_in(await server.authorize(link(client, client.request_object())), server)


@pytest.mark.spec("security 3.jar-alg", "security 6.52", "RFC 9101 §10.2", "oidcc unsigned-request-object")
async def test_an_object_without_a_signature_or_with_a_borrowed_one_is_never_taken(server: Server) -> None:
    client = await Holder.add(server, signing("RS256"), require_signed_request_object=False)
    claims = claims_of(client.request_object())
    beside = {"redirect_uri": CALLBACK, "state": "xyz"}
    unsigned = signed({"alg": "none"}, claims, b"x")
    assert_error(await server.authorize(link(client, unsigned, **beside)), client, "request_not_supported")
    assert_refused(await server.post(PAR, {"request": unsigned} | client.proof()), "request_not_supported")
    for value in (client.secret.encode(), client.signing.key.as_pem(private=False)):
        borrowed = signed({"alg": "HS256", "kid": client.signing.kid}, claims, value)
        assert_error(await server.authorize(link(client, borrowed, **beside)), client, "invalid_request_object")


@pytest.mark.spec("RFC 9101 §6.1", "oidcc unsigned-request-object")
async def test_a_client_without_keys_cannot_sign(server: Server) -> None:
    client = await server.add_client()
    holder = Holder(server, client.client_id, client.secret, client.redirect_uri, signing=signing())
    asked = holder.authorization(request=holder.request_object())
    assert_error(await server.authorize(asked), client, "request_not_supported")


@pytest.mark.spec("RFC 9101 §5", "OpenID Connect Core §6.1")
async def test_an_object_and_a_reference_at_once_are_refused(server: Server) -> None:
    client = await Holder.add(server)
    beside = {"request_uri": "https://client.example.org/r", "redirect_uri": CALLBACK, "state": "xyz"}
    answer = await server.authorize(link(client, client.request_object(), **beside))
    assert_error(answer, client, "request_uri_not_supported")


@pytest.mark.spec("security 3.jar-aud", "RFC 9101 §6.3")
@pytest.mark.parametrize("aud", ["list", "single"])
async def test_the_audience_may_be_one_of_several_and_a_clock_a_little_ahead(server: Server, aud: str) -> None:
    client, now = await Holder.add(server), server.clock()
    issuer = server.settings.issuer
    audience: Any = ["https://other.example.org", issuer] if aud == "list" else issuer
    assert_let_in(
        await server.authorize(link(client, client.request_object(aud=audience, nbf=now + 8, iat=now + 8))), server
    )


@pytest.mark.spec("security 3.jar-demanded", "security 3.jar-life", "RFC 9101 §10.5")
async def test_a_client_that_must_sign_is_refused_without_and_must_say_until_when(server: Server, person: User) -> None:
    client = await Holder.add(server, require_signed_request_object=True, first_party=True)
    cookie = await server.signed_in(person)
    assert_error(await server.authorize(client.authorization(), **cookie), client, "invalid_request")
    assert_refused(await server.post(PAR, client.authorization() | client.proof()), "invalid_request")
    beside = {"redirect_uri": CALLBACK, "state": "xyz"}
    now = server.clock()
    for times in (
        {"exp": None},
        {"nbf": None},
        {"nbf": now - 4200},
        {"nbf": now - 600, "exp": now + 3300},
    ):  # FAPI 2.0 Message Signing §5.3.1
        wrong = client.request_object(**times)
        assert_error(await server.authorize(link(client, wrong, **beside)), client, "invalid_request_object")
        assert_refused(await server.post(PAR, {"request": wrong} | client.proof()), "invalid_request_object")
    early = client.request_object(nbf=now - 1800, exp=now + 1800)
    assert "code" in answered(await server.authorize(link(client, early), **cookie), CALLBACK)
    answer = await server.authorize(link(client, client.request_object()), **cookie)
    assert "code" in answered(answer, CALLBACK)
    lax = await Holder.add(server)
    assert_let_in(await server.authorize(link(lax, lax.request_object(exp=None, nbf=None))), server)


@pytest.mark.spec("RFC 9126 §3", "RFC 9101 §6.3")
async def test_a_signed_request_can_be_pushed(server: Server, person: User) -> None:
    client = await Holder.add(
        server, require_signed_request_object=True, require_pushed_authorization_requests=True, first_party=True
    )
    cookie = await server.signed_in(person)
    by_value = await server.authorize(link(client, client.request_object(), redirect_uri=CALLBACK), **cookie)
    assert_error(by_value, client, "invalid_request")
    form = {"request": client.request_object(state="signed"), "state": "beside", "redirect_uri": EVIL}
    answer = await server.post(PAR, form | client.proof())
    assert answer.status_code == 201, answer.text
    query = {"client_id": client.client_id, "request_uri": answer.json()["request_uri"]}
    assert answered(await server.authorize(query, **cookie), CALLBACK)["state"] == "signed"
    form = {"request": client.request_object(redirect_uri=EVIL)}
    assert_refused(await server.post(PAR, form | client.proof()), "invalid_request")


@pytest.mark.spec("security 6.69", "RFC 9101 §10.8", "security 6.40")
async def test_a_request_object_is_no_client_assertion(server: Server) -> None:
    client = await Holder.add(server)
    for value in (client.request_object(), client.request_object({"typ": None}), client.request_object(jti="j")):
        assert_unproven(await server.post("/oauth2/token", form_for("/oauth2/token") | client.proof(value)))


@pytest.mark.spec("RFC 8707 §2", "OpenID Connect Core §5.5", "OpenID Connect Core §6.1")
@pytest.mark.parametrize("way", ["by-value", "pushed", "pushed-plainly"])
async def test_several_resources_and_claims_are_understood_in_each_way(server: Server, person: User, way: str) -> None:
    client = await Holder.add(server, first_party=True, scopes=["openid", "email"])
    wanted = [await server.add_resource("read"), await server.add_resource("read")]
    claims = {"id_token": {"email": {"essential": True}}}
    value = client.request_object(resource=wanted, claims=claims, scope="openid")
    if way == "by-value":
        query = link(client, value)
    else:
        form = {"request": value} | client.proof()
        body = urlencode(form)
        if way == "pushed-plainly":
            plain = client.authorization(scope="openid", claims=json.dumps(claims)) | client.proof()
            body = urlencode([*plain.items(), *(("resource", one) for one in wanted)])
        answer = await server.post(PAR, body.encode())
        assert answer.status_code == 201, answer.text
        query = {"client_id": client.client_id, "request_uri": answer.json()["request_uri"]}
    code = answered(await server.authorize(query, **await server.signed_in(person)), CALLBACK)["code"]
    tokens = (await client.exchange(code, resource=wanted[1])).json()
    assert claims_of(tokens["access_token"])["aud"] == wanted[1]
    assert claims_of(tokens["id_token"])["email"] == person.email
    asked = client.request_object(resource=["https://unknown.example.org/"])
    client.redirect_uri = CALLBACK
    assert_error(await server.authorize(link(client, asked)), client, "invalid_target")


@pytest.mark.spec("RFC 7662 §2.1", "security 6.53")
async def test_introspection_takes_an_assertion_too(server: Server, person: User) -> None:
    client = await Holder.add(server)
    tokens = await client.linked(person)
    assert (await client.introspect(tokens["access_token"])).json()["active"] is True
    proof = client.proof()
    form = {"token": tokens["access_token"]} | proof
    assert (await server.post("/oauth2/introspect", form)).json()["active"] is True
    assert_unproven(await server.post("/oauth2/introspect", form))
