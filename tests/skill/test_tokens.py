"""Contract 2.7 row by row, on the verifier itself: which answer a token gets, and that only a dead one unlinks."""

import hmac
import time
from typing import Any

import orjson
import pytest
from joserfc.jwk import ECKey

from skill.storage.store import Store
from tests.skill.issuer import CLIENT_ID, PERSON, Issuer, b64, public, rsa_key, sign
from tests.skill.verifier import EXPIRED, INVALID, LEEWAY, OURS, PERMISSIONS, Clock, Verifier


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The database has no part in these."""
    return sqlite_url


def hs256_by_public_key(issuer: Issuer) -> str:
    """The classic confusion: the public key's text as an HMAC secret."""
    pem = rsa_key(0).as_pem(private=False)
    signing = b64(b'{"alg":"HS256","kid":"key-1","typ":"at+jwt"}') + "." + b64(_payload(issuer))
    return signing + "." + b64(hmac.digest(pem, signing.encode(), "sha256"))


def _payload(issuer: Issuer, **changes: Any) -> bytes:
    return orjson.dumps(issuer.claims(**changes))


def another_signature(issuer: Issuer) -> str:
    return issuer.token(key=rsa_key(1))


def changed_claims(issuer: Issuer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{b64(_payload(issuer, sub='somebody-else'))}.{signature}"


async def test_a_good_token_names_its_user(verifier: Verifier) -> None:
    assert await verifier(verifier.issuer.token()) == PERSON


@pytest.mark.spec("alexa 0")
async def test_a_token_that_tells_very_many_groups_unlinks_nobody(verifier: Verifier) -> None:
    groups = {"cognito:groups": [f"owners-of-house-{number}" for number in range(900)]}
    assert len(token := verifier.issuer.token(**groups)) > 20_000
    assert await verifier(token) == PERSON


DEAD: dict[str, Any] = {
    "no signature": lambda issuer: sign({"alg": "none", "typ": "at+jwt"}, _payload(issuer), rsa_key(0)),
    "alg none": lambda issuer: (
        sign({"alg": "none", "kid": "key-1", "typ": "at+jwt"}, _payload(issuer), rsa_key(0)) + "AA"
    ),
    "alg None in capitals": lambda issuer: (
        b64(b'{"alg":"NONE","kid":"key-1","typ":"at+jwt"}') + "." + b64(b"{}") + ".AA"
    ),
    "alg HS256 by the public key": hs256_by_public_key,
    "alg RS512 of the same key": lambda issuer: issuer.token({"alg": "RS512"}),
    "alg PS256 of the same key": lambda issuer: issuer.token({"alg": "PS256"}),
    "alg is a list": lambda issuer: b64(b'{"alg":["RS256"],"kid":"key-1"}') + ".e30.AA",
    "signed by another key": another_signature,
    "claims changed": changed_claims,
    "embedded jwk": lambda issuer: issuer.token({"jwk": public("key-1", rsa_key(1))}, rsa_key(1)),
    "embedded jwk, good signature": lambda issuer: issuer.token({"jwk": public("key-1", rsa_key(0))}),
    "jku": lambda issuer: issuer.token({"jku": "http://127.0.0.1:1/jwks.json"}),
    "x5u": lambda issuer: issuer.token({"x5u": "http://127.0.0.1:1/cert.pem"}),
    "x5c": lambda issuer: issuer.token({"x5c": ["AA"]}),
    "unknown crit": lambda issuer: issuer.token({"crit": ["exp2"], "exp2": 1}),
    "b64 false": lambda issuer: issuer.token({"crit": ["b64"], "b64": False}),
    "kid missing": lambda issuer: issuer.token({"kid": None}),
    "kid is a number": lambda issuer: issuer.token({"kid": 1}),
    "padded base64": lambda issuer: issuer.token() + "=",
    "four parts": lambda issuer: issuer.token() + ".AA",
    "five parts": lambda issuer: "a.b.c.d.e",
    "a space": lambda issuer: issuer.token() + " ",
    "a line break": lambda issuer: issuer.token() + "\n",
    "not a token": lambda issuer: "hello",
    "not ASCII": lambda issuer: issuer.token() + "é",
    "longer than 32 KiB": lambda issuer: issuer.token(filling="x" * 25_000),
    "header is no JSON": lambda issuer: "YWJj.e30.AA",
    "header is a list": lambda issuer: b64(b"[]") + ".e30.AA",
    "claims are a list": lambda issuer: sign({"alg": "RS256", "kid": "key-1", "typ": "at+jwt"}, b"[]", rsa_key(0)),
    "claims are no JSON": lambda issuer: sign({"alg": "RS256", "kid": "key-1", "typ": "at+jwt"}, b"{", rsa_key(0)),
}


@pytest.mark.spec("alexa 2.7", "S17", "security 6.52")
@pytest.mark.parametrize("make", DEAD.values(), ids=DEAD.keys())
async def test_S17_a_token_that_nobody_of_ours_signed_is_invalid(verifier: Verifier, make: Any) -> None:
    assert await verifier(make(verifier.issuer)) == INVALID


OTHER_KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an ID token": ({"typ": "JWT"}, {"token_use": "id", "aud": CLIENT_ID, "client_id": None, "username": None}),
    "an ID token without typ": ({"typ": None}, {"token_use": "id", "aud": CLIENT_ID, "client_id": None}),
    "an ID token that claims at+jwt": ({}, {"token_use": "id", "aud": CLIENT_ID}),
    "a logout token": ({"typ": "logout+jwt"}, {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
    "signed userinfo": ({"typ": "JWT"}, {"token_use": None, "exp": None, "client_id": None, "auth_time": None}),
    "signed introspection": ({"typ": "token-introspection+jwt"}, {}),
    "access token claims with typ JWT": ({"typ": "JWT"}, {}),
    "no typ": ({"typ": None}, {}),
    "no token_use": ({}, {"token_use": None}),
    "a machine's token": ({}, {"sub": CLIENT_ID, "username": None, "auth_time": None}),
    "a machine's token with a user name": ({}, {"sub": CLIENT_ID, "auth_time": None}),
    "a machine's token whose client id is a user's sub": (
        {},
        {"client_id": PERSON, "username": None, "auth_time": None},
    ),
    "no username": ({}, {"username": None}),
    "no auth_time": ({}, {"auth_time": None}),
    "no sub": ({}, {"sub": None}),
    "sub is a number": ({}, {"sub": 5}),
    "no client_id": ({}, {"client_id": None}),
    "no exp": ({}, {"exp": None}),
    "exp is text": ({}, {"exp": "9999999999"}),
    "exp is true": ({}, {"exp": True}),
    "no iat": ({}, {"iat": None}),
    "scope is a list": ({}, {"scope": ["openid"]}),
    "bound to a key": ({}, {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}),
}


@pytest.mark.spec("alexa 2.7", "S17", "security 6.51", "security 6.65", "security 6.69", "security 6.70")
@pytest.mark.parametrize("name", OTHER_KINDS)
async def test_S17_our_signature_on_another_kind_of_token_is_invalid(verifier: Verifier, name: str) -> None:
    header, claims = OTHER_KINDS[name]
    assert await verifier(verifier.issuer.token(header, **claims)) == INVALID


OUR_FAULTS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://elsewhere.example"},
    "our issuer with a slash": {"iss": "SLASH"},
    "issuer as a list": {"iss": ["LIST"]},
    "another client": {"client_id": "some-other-client"},
    "an audience of somebody else": {"aud": "https://api.example"},
    "audiences of others": {"aud": ["https://api.example", CLIENT_ID]},
    "the client id as audience": {"aud": CLIENT_ID},
    "an empty audience": {"aud": []},
    "not valid yet": {"iat": time.time() + LEEWAY + 3600},
    "nbf ahead": {"nbf": time.time() + LEEWAY + 3600},
}


@pytest.mark.spec("alexa 2.7", "S17")
@pytest.mark.parametrize("name", OUR_FAULTS)
async def test_S17_what_may_be_our_own_misconfiguration_never_unlinks(verifier: Verifier, name: str) -> None:
    claims = dict(OUR_FAULTS[name])
    replaced = {"SLASH": verifier.issuer.url + "/", "LIST": verifier.issuer.url}
    if "iss" in claims:
        iss = claims["iss"]
        claims["iss"] = [replaced["LIST"]] if isinstance(iss, list) else replaced.get(iss, iss)
    assert await verifier(verifier.issuer.token(**claims)) == OURS


@pytest.mark.spec("alexa 2.7")
async def test_an_audience_that_is_ours_is_accepted(fresh_issuer: Issuer, store: Store, clock: Clock) -> None:
    for settings in ({"audience": "lamps"}, {"public_url": "http://localhost:8001"}):
        verifier = Verifier(fresh_issuer, store, clock, **settings)
        await verifier.keys.fetch()
        mine = next(iter(settings.values()))
        assert await verifier(fresh_issuer.token(aud=mine)) == PERSON
        assert await verifier(fresh_issuer.token(aud=["other", mine])) == PERSON
        assert await verifier(fresh_issuer.token(aud=mine + "x")) == OURS


@pytest.mark.spec("alexa 2.7", "S17")
async def test_S17_an_expired_token_is_expired_only_beyond_the_leeway(verifier: Verifier) -> None:
    now = verifier.clock.now
    assert await verifier(verifier.issuer.token(exp=now - LEEWAY + 2)) == PERSON
    assert await verifier(verifier.issuer.token(exp=now - LEEWAY - 2)) == EXPIRED


@pytest.mark.spec("alexa 2.7")
async def test_expiry_is_judged_by_the_earlier_of_our_clock_and_the_bridges(verifier: Verifier) -> None:
    """A clock of ours that runs ahead must not unlink anybody, nor one of the bridge."""
    now = verifier.clock.now
    token = verifier.issuer.token(exp=now - LEEWAY - 100)
    assert await verifier(token, bridge=now - 200) == PERSON
    assert await verifier(token, bridge=now + 200) == EXPIRED


@pytest.mark.spec("alexa 2.7")
async def test_a_token_that_was_accepted_is_judged_anew_at_every_use(verifier: Verifier) -> None:
    token = verifier.issuer.token(exp=verifier.clock.now + 10)
    assert await verifier(token) == PERSON
    verifier.clock.now += 10 + LEEWAY + 1
    assert await verifier(token) == EXPIRED


@pytest.mark.spec("alexa 2.7")
@pytest.mark.parametrize("scope", [None, "", "email", "openidx", "OPENID"])
async def test_a_token_without_the_scope_has_insufficient_permissions(verifier: Verifier, scope: str | None) -> None:
    assert await verifier(verifier.issuer.token(scope=scope)) == PERMISSIONS


@pytest.mark.spec("alexa 2.7")
async def test_all_required_scopes_must_be_there(verifier: Verifier) -> None:
    other = await verifier.again(required_scope="openid lamps/control")
    assert await other(verifier.issuer.token(scope="lamps/control email openid")) == PERSON
    assert await other(verifier.issuer.token(scope="lamps/control")) == PERMISSIONS


@pytest.mark.spec("alexa 2.7")
async def test_es256_is_accepted_with_its_own_keys_alone(verifier: Verifier) -> None:
    curve = ECKey.generate_key("P-256")
    verifier.issuer.keys["key-2"] = curve
    assert await verifier.keys.fetch()
    assert await verifier(verifier.issuer.token({"alg": "ES256", "kid": "key-2"})) == PERSON
    assert await verifier(verifier.issuer.token({"alg": "ES256", "kid": "key-1"}, curve)) == INVALID
    assert await verifier(verifier.issuer.token({"alg": "RS256", "kid": "key-2"}, rsa_key(0))) == INVALID


@pytest.mark.spec("alexa 2.7")
async def test_an_algorithm_of_the_issuer_that_we_did_not_allow_is_our_fault(verifier: Verifier) -> None:
    other = await verifier.again(algorithms="ES256")
    assert await other(verifier.issuer.token()) == OURS


async def test_the_cache_of_verdicts_is_bounded(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skill.access_token.LARGEST_CACHE", 5)
    for _ in range(12):
        assert await verifier(verifier.issuer.token()) == PERSON
    assert len(verifier.tokens._verdicts) == 5
