"""`/oauth2/authorize` once the redirect URI is proven: all goes to the client, with `error`, `state` and `iss`."""

from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx2
import pytest
from sqlmodel import select

from authserver.models import AuthorizationCode, User
from authserver.secret_values import digest
from tests.authserver.protocol.harness import CALLBACK, FORM, Asker, Server, challenge_of, claims_of
from tests.authserver.protocol.test_code_exchange import DESCRIPTION
from tests.vectors.alexa import STATE_609, STATE_737


def answered(answer: httpx2.Response, redirect_uri: str) -> dict[str, str]:
    """What the client is told, each parameter once, at exactly its redirect URI."""
    assert answer.status_code == 303, f"{answer.status_code} {answer.text[:500]}"
    location = answer.headers["location"]
    assert location.startswith(redirect_uri + ("&" if "?" in redirect_uri else "?")), location
    assert "#" not in location
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    given = parse_qs(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in given.values()), given
    return {name: values[0] for name, values in given.items()}


def assert_error(answer: httpx2.Response, client: Asker, error: str, state: str | None = "xyz") -> None:
    given = answered(answer, client.redirect_uri)
    assert given["error"] == error
    assert given.get("state") == state
    assert given["iss"] == client.server.settings.issuer
    assert set(given) <= {"error", "error_description", "state", "iss"}
    assert DESCRIPTION.fullmatch(given.get("error_description", ""))


def assert_let_in(answer: httpx2.Response, server: Server) -> None:
    assert answer.status_code == 303, answer.text[:500]
    assert answer.headers["location"].startswith(f"{server.settings.issuer}/login?interaction=")


@pytest.mark.spec(
    "security 6.11",
    "A05",
    "cognito 9.5",
    "RFC 6749 §4.1.2.1",
    "RFC 9700 §2.1.2",
    "oidcc response-type-missing",
    "oidcc error-shapes",
    "security 4.response-type",
)
@pytest.mark.parametrize(
    ("response_type", "error"),
    [
        ("token", "unsupported_response_type"),
        ("id_token", "unsupported_response_type"),
        ("id_token token", "unsupported_response_type"),
        ("code token", "unsupported_response_type"),
        ("code id_token", "unsupported_response_type"),
        ("code code", "unsupported_response_type"),
        ("none", "unsupported_response_type"),
        ("CODE", "unsupported_response_type"),
        ("code ", "unsupported_response_type"),
        ('"\\\u00e4\r\n', "unsupported_response_type"),
        ("", "invalid_request"),
        (None, "invalid_request"),
    ],
)
async def test_only_the_response_type_code_is_supported(
    server: Server, alexa: Asker, response_type: str | None, error: str
) -> None:
    assert_error(await server.authorize(alexa.authorization(response_type=response_type)), alexa, error)


@pytest.mark.spec("cognito 9.6", "RFC 6749 §4.1.2.1")
async def test_a_client_without_the_code_grant_is_not_authorized(server: Server) -> None:
    client = await server.add_client(grant_types=["refresh_token"])
    assert_error(await server.authorize(client.authorization()), client, "unauthorized_client")


@pytest.mark.spec("A12", "RFC 6749 §3.3")
@pytest.mark.parametrize("scope", ["admin", "openid admin", "OPENID", "openid\u00a0email", "openid,email", '"\\'])
async def test_an_unknown_scope_is_invalid(server: Server, alexa: Asker, scope: str) -> None:
    assert_error(await server.authorize(alexa.authorization(scope=scope)), alexa, "invalid_scope")


@pytest.mark.spec("cognito 9.7", "RFC 6749 §3.3")
@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        (None, "openid email lamps"),
        ("", "openid email lamps"),
        (" ", "openid email lamps"),
        ("openid", "openid"),
        ("lamps openid", "lamps openid"),
        ("openid  openid lamps ", "openid lamps"),
    ],
)
async def test_the_granted_scope_is_what_was_asked_for_or_the_clients(
    server: Server, person: User, scope: str | None, granted: str
) -> None:
    client = await server.add_client(scopes=["openid", "email", "lamps"], first_party=True)
    answer = await server.authorize(client.authorization(scope=scope), **await server.signed_in(person))
    code = answered(answer, CALLBACK)["code"]
    tokens = (await client.exchange(code)).json()
    assert tokens["scope"] == granted


@pytest.mark.spec(
    "security 6.16",
    "RFC 7636 §4.4.1",
    "RFC 9700 §2.1.1",
    "security 3.pkce-required",
    "security 4.downgrade-no-challenge",
)
@pytest.mark.parametrize(
    "without",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": "", "code_challenge_method": ""},
        {"code_challenge": None},
    ],
    ids=["nothing", "empty", "method-alone"],
)
async def test_a_public_client_must_send_a_challenge(
    server: Server, public: Asker, without: dict[str, str | None]
) -> None:
    assert_error(await server.authorize(public.authorization(**without)), public, "invalid_request")


@pytest.mark.spec("security 6.16", "A13", "security 3.pkce-required")
async def test_a_confidential_client_must_send_a_challenge_where_its_policy_says_so(server: Server) -> None:
    strict = await server.add_client("alexa", require_pkce=True)
    assert_error(await server.authorize(strict.authorization()), strict, "invalid_request")
    challenge = {"code_challenge": challenge_of("v" * 43), "code_challenge_method": "S256"}
    assert_let_in(await server.authorize(strict.authorization(**challenge)), server)


@pytest.mark.spec(
    "security 6.17",
    "A13",
    "cognito 9.5",
    "cognito 9.10",
    "RFC 9700 §2.1.1",
    "security 3.pkce-plain",
    "security 4.downgrade-plain",
)
@pytest.mark.parametrize("method", ["plain", None, "", "s256", "S512", "S256 ", "S256,plain"])
@pytest.mark.parametrize("preset", ["alexa", "public"])
async def test_only_s256_is_taken_as_method(server: Server, preset: str, method: str | None) -> None:
    client = await server.add_client(preset)
    asked = client.authorization(code_challenge=challenge_of("v" * 43), code_challenge_method=method)
    assert_error(await server.authorize(asked), client, "invalid_request")


@pytest.mark.spec("security 6.17", "RFC 7636 §4.2")
@pytest.mark.parametrize(
    "challenge",
    ["x" * 42, "x" * 44, "x" * 128, "x" * 42 + "=", "x" * 42 + "+", "x" * 42 + "\u00e4", "x" * 42 + "\n"],
    ids=["short", "long", "very-long", "padded", "base64", "not-ascii", "line-feed"],
)
async def test_a_challenge_that_is_no_sha_256_is_refused(server: Server, alexa: Asker, challenge: str) -> None:
    asked = alexa.authorization(code_challenge=challenge, code_challenge_method="S256")
    assert_error(await server.authorize(asked), alexa, "invalid_request")


@pytest.mark.spec("OpenID Connect Core §3.1.2.1", "RFC 6749 §4.1.2.1")
@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": "none login"},
        {"prompt": "create"},
        {"prompt": "NONE"},
        {"max_age": "soon"},
        {"max_age": "-1"},
        {"max_age": "1.5"},
        {"max_age": "\u00b2"},
        {"max_age": "9" * 400},
        {"response_mode": "fragment"},
        {"response_mode": "form_post.jwt"},
        {"nonce": "n" * 4097},
        {"prompt": "login " * 100},
        {"id_token_hint": "eyJhbGciOiJub25lIn0.e30."},
    ],
    ids=lambda wrong: ",".join(f"{name}={value[:8]}" for name, value in wrong.items()),
)
async def test_a_malformed_parameter_is_an_invalid_request(server: Server, alexa: Asker, wrong: dict[str, str]) -> None:
    assert_error(await server.authorize(alexa.authorization(**wrong)), alexa, "invalid_request")


@pytest.mark.spec("security 6.50", "RFC 8707 §2.2", "cognito 9.29")
async def test_a_resource_becomes_the_audience_and_stays_it(server: Server, person: User) -> None:
    client, lamps = await server.add_client(first_party=True), await server.add_resource()
    asked = client.authorization(resource=lamps)
    answer = await server.authorize(asked, **await server.signed_in(person))
    tokens = (await client.exchange(answered(answer, CALLBACK)["code"])).json()
    again = (await client.refresh(tokens["refresh_token"])).json()
    for access_token in (tokens["access_token"], again["access_token"]):
        assert claims_of(access_token)["aud"] == lamps


@pytest.mark.spec("security 6.13", "RFC 6749 §3.1", "A09", "security 4.duplicates-authorize")
@pytest.mark.parametrize("name", ["scope", "state", "response_type", "code_challenge", "nonce", "prompt", "unknown"])
async def test_a_parameter_twice_with_different_values_is_an_invalid_request(
    server: Server, alexa: Asker, name: str
) -> None:
    query = urlencode(alexa.authorization(**{name: None}) | {name: "first"})
    answer = await server.authorize(f"{query}&{name}=second")
    assert_error(answer, alexa, "invalid_request", state="first" if name == "state" else "xyz")


@pytest.mark.spec("security 6.13", "A09", "cognito 9.12", "alexa 1.11")
async def test_a_parameter_twice_with_one_value_passes(server: Server, alexa: Asker) -> None:
    query = urlencode(alexa.authorization())
    assert_let_in(await server.authorize(f"{query}&{query}"), server)


@pytest.mark.spec(
    "A09", "cognito 9.11", "oidcc unknown-parameter", "alexa 1.1", "oidcc acr-values", "oidcc claims-locales"
)
@pytest.mark.parametrize(
    "extra",
    [
        {"fbclid": "IwAR0"},
        {"extra": "foobar"},
        {"identity_provider": "COGNITO"},
        {"display": "page"},
        {"display": "popup"},
        {"ui_locales": "se de-CH"},
        {"claims_locales": "se"},
        {"acr_values": "1 2"},
        {"login_hint": "buffy@example.org"},
        {"claims": '{"userinfo":{"name":{"essential":true}}}'},
        {"login_hint": "x" * 5000},
        {"display": "hologram"},
        {"client_secret": "in-the-wrong-place"},
    ],
    ids=lambda extra: next(iter(extra.items())),
)
async def test_unknown_and_optional_parameters_do_no_harm(server: Server, alexa: Asker, extra: dict[str, str]) -> None:
    assert_let_in(await server.authorize(alexa.authorization(**extra)), server)


@pytest.mark.spec("oidcc ensure-post-request-succeeds", "OpenID Connect Core §3.1.2.1", "security 6.46")
async def test_an_authorization_request_may_come_by_post(server: Server, alexa: Asker) -> None:
    answer = await server.post("/oauth2/authorize", alexa.authorization())
    assert_let_in(answer, server)
    assert_error(
        await server.post("/oauth2/authorize", alexa.authorization(response_type="token")),
        alexa,
        "unsupported_response_type",
    )


@pytest.mark.spec("oidcc alternate-happy-flow")
async def test_the_order_of_parameters_and_scopes_does_not_matter(server: Server) -> None:
    client = await server.add_client(scopes=["openid", "email"])
    asked = client.authorization(scope="email openid")
    assert_let_in(await server.authorize(dict(reversed(asked.items()))), server)


STATES = {
    "alexa-609": STATE_609,
    "alexa-737": STATE_737,
    "percent-laden": "%25%2B%20%00abc%zz%&=?#+ /\\",
    "unicode": "\u00e4\u20ac\U0001f4a1\u202e\u0301",
    "2-kilobytes": "aB3-_~" * 350,
    "8-kilobytes": "s" * 8192,
    "quotes": "\"'<>`&amp;",
    "white-space": " \t\r\n ",
    "json": '{"a":[1,2,{"b":"c"}]}',
    "another-answer": "x&code=evil&iss=https://evil.example&error=access_denied#code=evil",
    "one-character": "0",
    "control-characters": "".join(chr(code) for code in range(1, 32)) + "\x7f",
}


@pytest.mark.spec(
    "security 3.issuer",
    "security 6.42",
    "A02",
    "cognito 9.2",
    "RFC 6749 §4.1.2",
    "security 6.41",
    "RFC 9207 §2",
    "security 3.long-state",
    "security 4.code-pollution",
)
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
async def test_state_comes_back_byte_for_byte_with_the_code_and_the_issuer(
    server: Server, person: User, state: str
) -> None:
    client = await server.add_client(first_party=True)
    answer = await server.authorize(client.authorization(state=state), **await server.signed_in(person))
    given = answered(answer, CALLBACK)
    assert set(given) == {"code", "state", "iss"}
    assert given["state"] == state
    assert given["iss"] == server.settings.issuer
    assert len(given["code"]) * 6 >= 128


@pytest.mark.spec(
    "security 3.issuer",
    "security 6.42",
    "cognito 9.8",
    "RFC 6749 §4.1.2.1",
    "security 6.41",
    "oidcc error-shapes",
    "security 3.long-state",
)
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
async def test_state_is_on_every_error_redirect(server: Server, alexa: Asker, state: str) -> None:
    answer = await server.authorize(alexa.authorization(response_type="token", state=state))
    assert_error(answer, alexa, "unsupported_response_type", state)


@pytest.mark.spec("security 6.42", "A06", "RFC 6749 §4.1.2", "security 3.nothing-unasked")
@pytest.mark.parametrize("state", [None, ""], ids=["missing", "empty"])
async def test_without_a_state_none_comes_back(server: Server, person: User, state: str | None) -> None:
    client = await server.add_client(first_party=True)
    answer = await server.authorize(client.authorization(state=state), **await server.signed_in(person))
    assert set(answered(answer, CALLBACK)) == {"code", "iss"}
    answer = await server.authorize(client.authorization(state=state, response_type="token"))
    assert_error(answer, client, "unsupported_response_type", None)


@pytest.mark.spec("security 3.long-nonce", "OpenID Connect Core §2")
async def test_a_long_nonce_is_in_the_id_token_whole(server: Server, person: User) -> None:
    client = await server.add_client(first_party=True)
    cookie = await server.signed_in(person)
    for nonce in ("n" * 384, "aB3-_~" * 600):
        answer = await server.authorize(client.authorization(nonce=nonce, state="s" * 384), **cookie)
        given = answered(answer, CALLBACK)
        assert given["state"] == "s" * 384
        assert claims_of((await client.exchange(given["code"])).json()["id_token"])["nonce"] == nonce


@pytest.mark.spec("alexa 1.1", "RFC 6749 §4.1.2")
@pytest.mark.parametrize("uri", [f"{CALLBACK}?tenant=a%20b&x=%C3%A4", f"{CALLBACK}?"], ids=["query", "empty-query"])
async def test_a_redirect_uri_with_a_query_keeps_it(server: Server, person: User, uri: str) -> None:
    client = await server.add_client(first_party=True, redirect_uris=[uri])
    answer = await server.authorize(client.authorization(), **await server.signed_in(person))
    assert answer.headers["location"].startswith(f"{uri}&code=")
    assert parse_qs(urlsplit(answer.headers["location"]).query)["state"] == ["xyz"]


@pytest.mark.spec("RFC 8252 §7.1")
async def test_an_apps_own_scheme_gets_its_answer(server: Server, person: User) -> None:
    client = await server.add_client("public", first_party=True, redirect_uris=["org.example.app:/callback"])
    answer = await server.authorize(client.authorization(), **await server.signed_in(person))
    assert answer.headers["location"].startswith("org.example.app:/callback?code=")


@pytest.mark.spec("OpenID Connect Core §3.1.2.6", "oidcc prompt-none-not-logged-in")
@pytest.mark.parametrize("preset", ["alexa", "confidential"])
async def test_prompt_none_without_a_session_says_login_required(server: Server, preset: str) -> None:
    client = await server.add_client(preset)
    assert_error(await server.authorize(client.authorization(prompt="none")), client, "login_required")


@pytest.mark.spec("security 6.61", "OpenID Connect Core §3.1.2.6")
@pytest.mark.parametrize("preset", ["alexa", "confidential"])
async def test_prompt_none_never_links_without_the_page_that_names_account_and_application(
    server: Server, person: User, preset: str
) -> None:
    client = await server.add_client(preset)
    cookie = await server.signed_in(person)
    assert_error(await server.authorize(client.authorization(prompt="none"), **cookie), client, "consent_required")


@pytest.mark.spec("security 6.61", "A01")
async def test_a_session_alone_issues_no_code_to_alexa(server: Server, alexa: Asker, person: User) -> None:
    answer = await server.authorize(alexa.authorization(), **await server.signed_in(person))
    assert answer.headers["location"].startswith(f"{server.settings.issuer}/consent?interaction=")
    async with server.services.database.unit() as session:
        codes = await session.exec(select(AuthorizationCode).where(AuthorizationCode.sub == person.sub))
        assert codes.all() == []


@pytest.mark.spec("oidcc prompt-none-logged-in", "oidcc id-token-hint")
async def test_prompt_none_with_a_session_keeps_sub_and_auth_time(server: Server, person: User) -> None:
    client = await server.add_client(first_party=True)
    cookie = await server.signed_in(person, auth_time=server.clock() - 300)
    seen = []
    for prompt in (None, "none"):
        answer = await server.authorize(client.authorization(prompt=prompt), **cookie)
        claims = claims_of((await client.exchange(answered(answer, CALLBACK)["code"])).json()["id_token"])
        seen.append((claims["sub"], claims["auth_time"]))
    assert seen == [(person.sub, server.clock() - 300)] * 2


@pytest.mark.spec(
    "oidcc max-age-1",
    "oidcc max-age-10000",
    "oidcc prompt-login",
    "OpenID Connect Core §3.1.2.1",
)
@pytest.mark.parametrize(
    ("asked", "silent"),
    [
        ({"max_age": "1"}, False),
        ({"max_age": "0"}, False),
        ({"max_age": "299"}, False),
        ({"max_age": "300"}, True),
        ({"max_age": "10000"}, True),
        ({"prompt": "login"}, False),
        ({"prompt": "login consent"}, False),
        ({"prompt": "login select_account"}, False),
        ({}, True),
    ],
    ids=str,
)
async def test_an_old_session_does_not_satisfy_max_age_or_prompt_login(
    server: Server, person: User, asked: dict[str, str], silent: bool
) -> None:
    client = await server.add_client(first_party=True)
    cookie = await server.signed_in(person, auth_time=server.clock() - 300)
    answer = await server.authorize(client.authorization(**asked), **cookie)
    if silent:
        assert "code" in answered(answer, CALLBACK)
    else:
        assert_let_in(answer, server)


@pytest.mark.spec("security 6.48", "security 6.73")
@pytest.mark.parametrize(
    "value", ["", "x", "x" * 43, "\u00e4", "a; b=c"], ids=["empty", "short", "unknown", "umlaut", "two"]
)
async def test_an_unknown_session_id_is_never_adopted(server: Server, value: str) -> None:
    client = await server.add_client(first_party=True)
    header = f"__Host-authserver_session={value}".encode("latin-1").decode("latin-1")
    answer = await server.http.get(
        "/oauth2/authorize", params=client.authorization(), headers=[(b"cookie", header.encode("latin-1"))]
    )
    assert_let_in(answer, server)
    assert "authserver_session=" not in str(answer.headers.get_list("set-cookie"))


@pytest.mark.spec("security 6.32", "security 6.74")
@pytest.mark.parametrize("change", [{"active": False}, {"epoch": 1}], ids=["disabled", "called-back"])
async def test_the_session_of_a_person_who_was_called_back_counts_for_nothing(
    server: Server, person: User, change: dict[str, Any]
) -> None:
    client = await server.add_client(first_party=True)
    cookie = await server.signed_in(person)
    await server.change(person, **change)
    assert_let_in(await server.authorize(client.authorization(), **cookie), server)


@pytest.mark.spec("decision 5", "oidcc server")
async def test_the_code_is_stored_as_a_digest_and_bound_to_the_request(server: Server, person: User) -> None:
    client = await server.add_client(first_party=True)
    challenge = {"code_challenge": challenge_of("q" * 64), "code_challenge_method": "S256", "nonce": "n-\u00e4 1"}
    answer = await server.authorize(client.authorization(**challenge), **await server.signed_in(person))
    code = answered(answer, CALLBACK)["code"]
    async with server.services.database.unit() as session:
        row = await session.get(AuthorizationCode, digest(code))
    assert row is not None
    assert (row.client_id, row.sub, row.redirect_uri) == (client.client_id, person.sub, CALLBACK)
    assert (row.nonce, row.code_challenge) == ("n-\u00e4 1", challenge["code_challenge"])
    assert row.expires_at - row.created_at == 60
    assert code not in str(row)


@pytest.mark.spec("security 6.46")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_redirects_are_303_so_that_no_body_travels_on(server: Server, alexa: Asker, method: str) -> None:
    asked = alexa.authorization(response_type="token")
    if method == "GET":
        answer = await server.authorize(asked)
    else:
        answer = await server.http.post(
            "/oauth2/authorize", content=urlencode(asked, quote_via=quote), headers={"content-type": FORM}
        )
    assert answer.status_code == 303


@pytest.mark.spec("RFC 9110 §9.3.2")
async def test_a_scanner_that_asks_with_head_learns_what_get_says(server: Server, alexa: Asker) -> None:
    answer = await server.http.head("/oauth2/authorize", params=alexa.authorization())
    assert answer.status_code == 303
    assert answer.text == ""
