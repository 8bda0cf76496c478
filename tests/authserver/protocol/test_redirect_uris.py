"""Where an answer may go. Until the redirect URI is proven to be the client's, failures are pages (RFC 9700 §4.1)."""

import logging
from urllib.parse import parse_qs, quote, urlsplit

import httpx2
import pytest

from authserver.models import Client, User
from authserver.oauth.redirects import registration_problem
from authserver.oauth.registration import RegistrationError, register
from tests.authserver.protocol.harness import CALLBACK, PRESETS, Asker, Server
from tests.vectors.alexa import FOREIGN_REDIRECT_URIS, REDIRECT_URIS, STATE_737


def assert_page(answer: httpx2.Response, *never: str) -> None:
    """A page on our own host that says what to do, and sends nobody anywhere."""
    assert answer.status_code == 400, answer.text
    assert "location" not in answer.headers
    assert "refresh" not in answer.headers
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    assert 'http-equiv="refresh"' not in answer.text.lower()
    for text in never:
        assert text not in answer.text, f"the page holds {text!r}"


NEAR_MISSES = {
    "trailing-slash": f"{CALLBACK}/",
    "host-case": "https://Client.example.org/callback",
    "scheme-case": "HTTPS://client.example.org/callback",
    "path-case": "https://client.example.org/Callback",
    "default-port": "https://client.example.org:443/callback",
    "other-port": "https://client.example.org:8443/callback",
    "no-port": "https://client.example.org:/callback",
    "percent-encoded-letter": "https://client.example.org/%63allback",
    "percent-encoded-slash": "https://client.example.org%2Fcallback",
    "extra-query": f"{CALLBACK}?next=https://evil.example",
    "empty-query": f"{CALLBACK}?",
    "extra-segment": f"{CALLBACK}/extra",
    "double-slash": "https://client.example.org//callback",
    "dot": "https://client.example.org/./callback",
    "dot-dot": "https://client.example.org/x/../callback",
    "dot-dot-semicolon": f"{CALLBACK}/..;/",
    "encoded-dots": "https://client.example.org/%2e%2e/callback",
    "double-encoded": "https://client.example.org/%252e%252e/callback",
    "matrix": f"{CALLBACK};evil",
    "registered-as-user": "https://client.example.org@evil.example/callback",
    "user-info": "https://user@client.example.org/callback",
    "user-password": "https://client.example.org:443@evil.example/callback",
    "longer-host": "https://client.example.org.evil.example/callback",
    "subdomain": "https://www.client.example.org/callback",
    "other-top-level": "https://client.example.com/callback",
    "trailing-dot": "https://client.example.org./callback",
    "backslash": "https://evil.example\\client.example.org/callback",
    "backslash-path": "https://client.example.org\\callback",
    "backslash-at": "https://client.example.org\\@evil.example/callback",
    "leading-tab": f"\t{CALLBACK}",
    "inner-tab": "https://client.example.org/call\tback",
    "leading-space": f" {CALLBACK}",
    "trailing-space": f"{CALLBACK} ",
    "newline": f"{CALLBACK}\r\nSet-Cookie: x=y",
    "fragment": f"{CALLBACK}#fragment",
    "empty-fragment": f"{CALLBACK}#",
    "http": "http://client.example.org/callback",
    "no-scheme": "//client.example.org/callback",
    "path-only": "/callback",
    "javascript": "javascript:alert(document.domain)//https://client.example.org/callback",
    "data": "data:text/html,<script>alert(1)</script>",
    "idn-lookalike": "https://cl\u0131ent.example.org/callback",
    "full-width": "https://client\uff0eexample.org/callback",
    "list": f"{CALLBACK} https://evil.example/",
    "wildcard": "https://client.example.org/*",
    "very-long": CALLBACK + "?" + "x" * 8000,
}


@pytest.mark.spec(
    "security 6.1",
    "security 6.2",
    "security 6.3",
    "security 6.4",
    "security 6.5",
    "RFC 9700 §4.1.3",
    "security 4.path-confusion",
    "security 4.no-redirect",
)
@pytest.mark.spec("cognito 9.3", "cognito 9.4", "oidcc ensure-registered-redirect-uri")
@pytest.mark.parametrize("redirect_uri", NEAR_MISSES.values(), ids=NEAR_MISSES)
async def test_a_redirect_uri_that_is_nearly_registered_gets_a_page(
    server: Server, confidential: Asker, redirect_uri: str
) -> None:
    assert_page(await server.authorize(confidential.authorization(redirect_uri=redirect_uri)), redirect_uri[:60])


@pytest.mark.spec("A03", "security 6.1", "security 6.3", "alexa 1.2")
@pytest.mark.parametrize("redirect_uri", FOREIGN_REDIRECT_URIS.values(), ids=FOREIGN_REDIRECT_URIS)
async def test_a_fourth_redirect_url_of_alexa_gets_a_page(server: Server, alexa: Asker, redirect_uri: str) -> None:
    assert_page(await server.authorize(alexa.authorization(redirect_uri=redirect_uri, state=STATE_737)), STATE_737)


@pytest.mark.spec("A03", "cognito 9.3", "alexa 1.2")
@pytest.mark.parametrize("redirect_uri", REDIRECT_URIS.values(), ids=REDIRECT_URIS)
async def test_each_redirect_url_of_alexa_is_let_in(server: Server, alexa: Asker, redirect_uri: str) -> None:
    answer = await server.authorize(alexa.authorization(redirect_uri=redirect_uri))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{server.settings.issuer}/login?")


@pytest.mark.spec("security 6.3", "OIDC Dynamic redirect-uri-query")
@pytest.mark.parametrize(
    ("query", "allowed"),
    [("?a=1&b=2", True), ("?b=2&a=1", False), ("?a=1", False), ("?a=1&b=2&c=3", False), ("", False)],
)
async def test_a_registered_query_is_part_of_the_redirect_uri(server: Server, query: str, allowed: bool) -> None:
    client = await server.add_client(redirect_uris=[f"{CALLBACK}?a=1&b=2"])
    answer = await server.authorize(client.authorization(redirect_uri=CALLBACK + query, response_type="token"))
    if allowed:
        assert answer.headers["location"].startswith(f"{CALLBACK}?a=1&b=2&error=unsupported_response_type&")
    else:
        assert_page(answer)


@pytest.mark.spec("security 6.8", "A04", "cognito 9.4", "RFC 6749 §4.1.2.1", "security 4.no-redirect")
@pytest.mark.parametrize(
    "client_id",
    [
        None,
        "",
        "unknown",
        "x" * 129,
        "x" * 5000,
        "\u00e4\u20ac",
        "<script>alert(1)</script>",
        "' OR '1'='1",
        "../admin",
    ],
    ids=["missing", "empty", "unknown", "long", "very-long", "not-ascii", "script", "sql", "path"],
)
async def test_an_unknown_client_gets_a_page_and_no_redirect(
    server: Server, confidential: Asker, client_id: str | None
) -> None:
    answer = await server.authorize(confidential.authorization(client_id=client_id))
    assert_page(answer, "<script>alert", "' OR '", "../admin", CALLBACK)


@pytest.mark.spec("security 6.8", "decision 12")
async def test_a_client_made_inactive_gets_a_page(server: Server) -> None:
    client = await server.add_client(active=False)
    assert_page(await server.authorize(client.authorization()))
    assert (await client.exchange("x")).status_code == 401


@pytest.mark.spec("security 6.9", "security 6.10", "CVE-2026-41479", "CVE-2026-44681")
@pytest.mark.parametrize(
    "wrong",
    [
        {"response_type": "nonsense"},
        {"response_type": None},
        {"response_type": "token"},
        {"scope": "not-openid"},
        {"scope": ""},
        {"scope": None},
        {"prompt": "none"},
        {"prompt": "none login"},
        {"code_challenge_method": "plain", "code_challenge": "x" * 43},
        {"request": "eyJhbGciOiJub25lIn0.e30."},
        {"request_uri": "https://evil.example/request"},
        {"response_mode": "fragment"},
        {"max_age": "-1"},
        {"nonce": "n" * 5000},
    ],
    ids=lambda wrong: ",".join(f"{name}={str(value)[:20]}" for name, value in wrong.items()),
)
@pytest.mark.parametrize("target", ["unregistered-redirect", "unknown-client"])
async def test_no_other_fault_makes_a_foreign_redirect(
    server: Server, confidential: Asker, wrong: dict[str, str | None], target: str
) -> None:
    foreign = (
        {"redirect_uri": "https://evil.example/"} if target == "unregistered-redirect" else {"client_id": "nobody"}
    )
    assert_page(await server.authorize(confidential.authorization(**(wrong | foreign))), "evil.example")


@pytest.mark.spec("security 6.13", "security 6.1")
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("name", ["redirect_uri", "client_id"])
async def test_two_addresses_or_two_clients_get_a_page(
    server: Server, confidential: Asker, name: str, order: int
) -> None:
    other = await server.add_client(redirect_uris=["https://evil.example/callback"])
    asked = confidential.authorization()
    evil = {"redirect_uri": "https://evil.example/callback", "client_id": other.client_id}[name]
    twice = [quote(value, safe="") for value in ([asked[name], evil] if order else [evil, asked[name]])]
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in asked.items() if key != name)
    assert_page(await server.authorize(f"{query}&{name}={twice[0]}&{name}={twice[1]}"))


@pytest.mark.spec("security 6.7", "RFC 6749 §3.1.2.3", "OpenID Connect Core §3.1.2.1")
async def test_the_redirect_uri_may_be_left_out_only_by_oauth_clients_that_have_one(server: Server) -> None:
    one = await server.add_client(scopes=["lamps"])
    several = await server.add_client(scopes=["lamps"], redirect_uris=[CALLBACK, f"{CALLBACK}2"])
    openid = await server.add_client(scopes=["lamps", "openid"])
    let_in = await server.authorize(one.authorization(redirect_uri=None, scope="lamps"))
    assert let_in.headers["location"].startswith(f"{server.settings.issuer}/login")
    error = await server.authorize(one.authorization(redirect_uri=None, scope="lamps", response_type="token"))
    assert error.headers["location"].startswith(f"{CALLBACK}?error=unsupported_response_type")
    assert_page(await server.authorize(several.authorization(redirect_uri=None, scope="lamps")))
    assert_page(await server.authorize(openid.authorization(redirect_uri=None, scope="openid")))
    assert_page(await server.authorize(openid.authorization(redirect_uri=None, scope=None)))
    assert_page(await server.authorize(openid.authorization(redirect_uri="", scope="openid")))


@pytest.mark.spec("cognito 9.58", "security 6.1", "alexa 1.11")
async def test_the_log_tells_the_operator_what_came_and_what_is_registered(
    server: Server, alexa: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    came = "https://pitangui.amazon.com/api/skill/link/M3EXAMPLEOTHER"
    with caplog.at_level(logging.WARNING):
        answer = await server.authorize(alexa.authorization(redirect_uri=came))
    assert came in caplog.text
    for registered in REDIRECT_URIS.values():
        assert registered in caplog.text
        assert registered not in answer.text
    assert came not in answer.text


@pytest.mark.spec("A32", "security 6.1")
async def test_what_a_stranger_sends_makes_no_lines_of_its_own_in_the_log(
    server: Server, confidential: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for forged in ({"client_id": "x\nCRITICAL forged"}, {"redirect_uri": f"{CALLBACK}\r\nCRITICAL forged"}):
            assert_page(await server.authorize(confidential.authorization(**forged)))
    assert not [record for record in caplog.records if "\n" in record.getMessage() and "forged" in record.getMessage()]


GOOD_REGISTRATIONS = [
    "https://client.example.org/callback",
    "https://client.example.org:8443/callback?tenant=1&promocode=2",
    "http://localhost:3000/callback",
    "http://127.0.0.1/callback",
    "http://[::1]:9/callback",
    "org.example.app:/callback",
]
BAD_REGISTRATIONS = {
    "fragment": "https://client.example.org/callback#x",
    "empty-fragment": "https://client.example.org/callback#",
    "http": "http://client.example.org/callback",
    "http-lookalike": "http://localhost.evil.example/callback",
    "http-address": "http://10.0.0.1/callback",
    "javascript": "javascript:alert(1)",
    "data": "data:text/html,x",
    "file": "file:///etc/passwd",
    "vbscript": "vbscript:x",
    "about": "about:blank",
    "blob": "blob:https://client.example.org/x",
    "own-scheme-without-dot": "myapp:/callback",
    "semicolon": "https://client.example.org/callback;x",
    "comma": "https://client.example.org/callback,x",
    "line-feed": "https://client.example.org/callback\nx",
    "carriage-return": "https://client.example.org/callback\rx",
    "space": "https://client.example.org/call back",
    "quote": 'https://client.example.org/"callback',
    "wildcard-host": "https://*.example.org/callback",
    "wildcard-path": "https://client.example.org/*",
    "user": "https://user@client.example.org/callback",
    "dot-dot": "https://client.example.org/x/../callback",
    "encoded-dot-dot": "https://client.example.org/x/%2E%2e/callback",
    "backslash": "https://client.example.org\\evil",
    "not-ascii": "https://cl\u00efent.example.org/callback",
    "no-host": "https:///callback",
    "relative": "/callback",
    "empty": "",
    "bad-port": "https://client.example.org:99999/callback",
    "answer-in-query": "https://client.example.org/callback?code=1",
    "state-in-query": "https://client.example.org/callback?a=b&state",
    "issuer-in-query": "https://client.example.org/callback?iss=https%3A%2F%2Fevil.example",
    "error-in-query": "https://client.example.org/callback?error=",
    "answer-in-query-encoded": "https://client.example.org/callback?c%6Fde=1",
    "too-long": "https://client.example.org/" + "x" * 1024,
}


@pytest.mark.spec("security 6.5", "security 6.6", "security 6.71", "RFC 8252 §7")
@pytest.mark.parametrize("redirect_uri", GOOD_REGISTRATIONS)
def test_such_redirect_uris_can_be_registered(redirect_uri: str) -> None:
    assert registration_problem(redirect_uri) is None


@pytest.mark.spec(
    "security 6.5", "security 6.6", "security 6.71", "RFC 9700 §2.1", "RFC 6749 §3.1.2", "security 4.code-pollution"
)
@pytest.mark.parametrize("redirect_uri", BAD_REGISTRATIONS.values(), ids=BAD_REGISTRATIONS)
async def test_such_redirect_uris_are_refused_at_registration(server: Server, redirect_uri: str) -> None:
    assert registration_problem(redirect_uri)
    async with server.services.database.unit() as session:
        with pytest.raises(RegistrationError):
            await register(
                session, "An app", PRESETS["confidential"] | {"redirect_uris": [redirect_uri]}, server.clock()
            )
        session.expunge_all()


LOOPBACK = [
    "http://127.0.0.1/callback",
    "http://[::1]/callback",
    "http://127.0.0.1:7000/fixed",
    "http://localhost/callback",
    CALLBACK,
]


@pytest.mark.spec("security 6.6", "RFC 8252 §7.3", "RFC 9700 §4.1.3")
@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:49152/callback", "http://[::1]:1/callback", "http://127.0.0.1/callback"]
)
async def test_a_native_app_is_answered_at_the_loopback_port_that_it_was_given(
    server: Server, person: User, uri: str
) -> None:
    native = await server.add_client("public", first_party=True, redirect_uris=LOOPBACK)
    native.redirect_uri = uri
    answer = await server.authorize(native.authorization(), **await server.signed_in(person))
    assert answer.headers["location"].startswith(f"{uri}?code=")
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    elsewhere = await native.exchange(code, code_verifier="v" * 43, redirect_uri="http://127.0.0.1:49153/callback")
    assert elsewhere.json()["error"] == "invalid_grant"
    assert (await native.exchange(code, code_verifier="v" * 43)).status_code == 200


NOT_FREE = {
    "no-port": "http://127.0.0.1:/callback",
    "port-zero": "http://127.0.0.1:0/callback",
    "port-beyond": "http://127.0.0.1:65536/callback",
    "port-padded": "http://127.0.0.1:080/callback",
    "port-signed": "http://127.0.0.1:+80/callback",
    "port-arabic": "http://127.0.0.1:\u0668\u0660/callback",
    "user": "http://127.0.0.1:80@evil.example/callback",
    "longer-host": "http://127.0.0.1:80.evil.example/callback",
    "other-path": "http://127.0.0.1:80/callback/",
    "query": "http://127.0.0.1:80/callback?x",
    "fragment": "http://127.0.0.1:80/callback#x",
    "dots": "http://127.0.0.1:80/x/../callback",
    "line-feed": "http://127.0.0.1:80/callback\n",
    "other-address": "http://127.0.0.2:80/callback",
    "short-address": "http://127.1:80/callback",
    "long-address": "http://[0:0:0:0:0:0:0:1]:80/callback",
    "https": "https://127.0.0.1:80/callback",
    "capitals": "HTTP://127.0.0.1:80/callback",
    "name": "http://localhost:80/callback",
    "registered-with-a-port": "http://127.0.0.1:7001/fixed",
    "not-loopback": "https://client.example.org:8443/callback",
}


@pytest.mark.spec("security 6.6", "security 6.2", "RFC 8252 §8.3")
@pytest.mark.parametrize("uri", NOT_FREE.values(), ids=NOT_FREE)
async def test_nothing_but_the_port_of_a_loopback_address_is_free(server: Server, uri: str) -> None:
    native = await server.add_client("public", redirect_uris=LOOPBACK)
    assert_page(await server.authorize(native.authorization(redirect_uri=uri)))


@pytest.mark.spec("security 6.6")
@pytest.mark.parametrize("preset", ["confidential", "alexa"])
async def test_a_client_with_a_secret_has_no_free_port(server: Server, preset: str) -> None:
    client = await server.add_client(preset, redirect_uris=LOOPBACK)
    assert_page(await server.authorize(client.authorization(redirect_uri="http://127.0.0.1:49152/callback")))
    assert (await server.authorize(client.authorization(redirect_uri=LOOPBACK[0]))).status_code == 303


@pytest.mark.spec("security 6.1", "RFC 9700 §4.1.3")
async def test_a_redirect_uri_removed_meanwhile_is_not_used_at_the_end(server: Server) -> None:
    """The request is proven again when the code is issued."""
    client = await server.add_client(first_party=True)
    async with server.services.database.unit() as session:
        row = await session.get(Client, client.client_id)
        assert row is not None
    await server.change(row, redirect_uris=["https://client.example.org/new"])
    server.services.clients.forget()
    assert_page(await server.authorize(client.authorization()))
