"""What no client is registered with: unsafe, malformed, or more than the initial access token allows."""

from typing import Any

import pytest
from sqlmodel import select

from authserver.models import ClientRegistration
from tests.authserver.protocol.harness import Server
from tests.authserver.protocol.registering import CALLBACK, PATH, assert_refused, bearer, leave, register
from tests.authserver.protocol.signing import signing


async def count(server: Server) -> int:
    async with server.services.database.unit() as session:
        return len((await session.exec(select(ClientRegistration.client_id))).all())


BAD_REDIRECTS = {
    "fragment": "https://itself.example.org/callback#x",
    "empty-fragment": "https://itself.example.org/callback#",
    "http": "http://itself.example.org/callback",
    "javascript": "javascript:alert(1)",
    "data": "data:text/html,x",
    "file": "file:///etc/passwd",
    "wildcard": "https://*.example.org/callback",
    "relative": "/callback",
    "empty": "",
    "user": "https://itself.example.org@evil.example/",
    "dots": "https://itself.example.org/a/../callback",
    "line": "https://itself.example.org/\r\nX: 1",
    "semicolon": "https://itself.example.org/;evil",
    "code": "https://itself.example.org/?code=x",
    "markup": "https://itself.example.org/<script>",
    "umlaut": "https://itself.example.org/\u00fc",
}


@pytest.mark.spec(
    "RFC 7591 §3.2.2", "security 6.5", "security 6.6", "security 6.71", "ASVS 10.4.7",
    "OIDC Dynamic redirect-uri-fragment",
)  # fmt: skip
@pytest.mark.parametrize("uri", BAD_REDIRECTS.values(), ids=BAD_REDIRECTS)
async def test_a_dangerous_redirect_uri_is_refused(server: Server, uri: str) -> None:
    token = await leave(server)
    for uris in ([uri], [CALLBACK, uri]):
        assert_refused(await register(server, token, redirect_uris=uris), "invalid_redirect_uri")
    assert_refused(await register(server, token, post_logout_redirect_uris=[uri]), "invalid_client_metadata")


REFUSED: dict[str, dict[str, Any]] = {
    "client-uri-script": {"client_uri": "javascript:alert(1)"},
    "tos-uri-script": {"tos_uri": "JavaScript:alert(1)"},
    "policy-uri-data": {"policy_uri": "data:text/html,x"},
    "logo-uri-script": {"logo_uri": "javascript:alert(1)"},
    "logo-uri-markup": {"logo_uri": 'https://x.example/"><script>'},
    "policy-uri-relative": {"policy_uri": "//evil.example"},
    "jwks-uri-http": {"jwks_uri": "http://itself.example.org/keys"},
    "jwks-uri-file": {"jwks_uri": "file:///etc/passwd"},
    "both-keys": {"jwks": {"keys": [signing().public]}, "jwks_uri": "https://itself.example.org/keys"},
    "private-key": {"jwks": {"keys": [signing().key.as_dict(private=True)]}},
    "jwks-text": {"jwks": "x"},
    "jwks-deep": {"jwks": {"keys": [{"kty": "RSA", "n": {"a": [1]}, "e": 3}]}},
    "key-without-keys": {"token_endpoint_auth_method": "private_key_jwt"},
    "secret-jwt": {"token_endpoint_auth_method": "client_secret_jwt"},
    "tls": {"token_endpoint_auth_method": "tls_client_auth"},
    "password-grant": {"grant_types": ["password"]},
    "implicit": {"grant_types": ["authorization_code", "implicit"]},
    "exchange": {"grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"]},
    "machine": {"grant_types": ["client_credentials"]},
    "no-grants": {"grant_types": []},
    "token-response": {"response_types": ["code", "token"]},
    "no-code": {"response_types": []},
    "scope": {"scope": "openid admin"},
    "scope-phone": {"scope": "openid phone"},
    "id-token-none": {"id_token_signed_response_alg": "none"},
    "id-token-hs256": {"id_token_signed_response_alg": "HS256"},
    "userinfo-none": {"userinfo_signed_response_alg": "none"},
    "encrypted": {"id_token_encrypted_response_alg": "RSA-OAEP"},
    "introspection-hs256": {"introspection_signed_response_alg": "HS256"},
    "subject": {"subject_type": "ephemeral"},
    "sector-http": {"sector_identifier_uri": "http://itself.example.org/sector"},
    "sector-inside": {"sector_identifier_uri": "https://127.0.0.1/sector"},
    "sector-link-local": {"sector_identifier_uri": "https://169.254.169.254/latest"},
    "backchannel-http": {"backchannel_logout_uri": "http://itself.example.org/"},
    "backchannel-scheme": {"backchannel_logout_uri": "org.example.app:/out"},
    "backchannel-session": {"backchannel_logout_session_required": True},
    "application-type": {"application_type": "service"},
    "web-loopback": {"application_type": "web", "redirect_uris": ["http://localhost/cb"]},
    "name-long": {"client_name": "x" * 129},
    "name-control": {"client_name": "A\u202eB"},
    "name-lines": {"client_name": "A\nB"},
    "name-list": {"client_name": ["A"]},
    "contacts-text": {"contacts": "me@example.org"},
    "contacts-many": {"contacts": ["me@example.org"] * 11},
    "max-age-text": {"default_max_age": "1"},
    "max-age-real": {"default_max_age": 1.5},
    "max-age-yes": {"default_max_age": True},
    "max-age-below": {"default_max_age": -1},
    "switch-text": {"dpop_bound_access_tokens": "true"},
    "auth-time-number": {"require_auth_time": 1},
    "method-list": {"token_endpoint_auth_method": ["none"]},
    "grant-type-object": {"grant_types": [{}]},
}


@pytest.mark.spec(
    "RFC 7591 §2", "RFC 7591 §3.2.2", "RFC 7591 §5", "OpenID Connect Dynamic Registration §2", "security 6.55",
    "security 6.77", "ASVS 10.4.7", "OIDC Dynamic id-token-none",
)  # fmt: skip
@pytest.mark.parametrize("members", REFUSED.values(), ids=REFUSED)
async def test_what_is_unsafe_malformed_or_more_than_is_allowed_is_refused(
    server: Server, members: dict[str, Any]
) -> None:
    before = await count(server)
    answer = await register(server, await leave(server), **members)
    assert_refused(answer, "invalid_redirect_uri" if "redirect_uris" in members else "invalid_client_metadata")
    assert "evil" not in answer.text
    assert "alert" not in answer.text
    assert await count(server) == before


@pytest.mark.spec("RFC 7591 §2.3", "RFC 7591 §3.1.1")
async def test_software_statements_are_not_taken(server: Server) -> None:
    answer = await register(server, await leave(server), software_statement="eyJhbGciOiJub25lIn0.e30.")
    assert_refused(answer, "unapproved_software_statement")


BODIES: dict[str, tuple[bytes, str, int]] = {
    "form": (b"redirect_uris=x", "application/x-www-form-urlencoded", 415),
    "no-type": (b"{}", "", 415),
    "text": (b"{}", "text/plain", 415),
    "broken": (b"{", "application/json", 400),
    "list": (b"[]", "application/json", 400),
    "null": (b"null", "application/json", 400),
    "empty": (b"", "application/json", 400),
    "twice": (b'{"client_name": "a", "client_name": "b"}', "application/json", 400),
    "twice-inside": (b'{"jwks": {"keys": [], "keys": []}}', "application/json", 400),
    "nan": (b'{"default_max_age": NaN}', "application/json", 400),
    "surrogate": (b'{"client_name": "\\ud800"}', "application/json", 400),
    "nul": (b'{"client_name": "a\\u0000b"}', "application/json", 400),
    "latin": (b'{"client_name": "\xfc"}', "application/json", 400),
    "digits": (b'{"default_max_age": ' + b"9" * 5000 + b"}", "application/json", 400),
    "deep": (b'{"jwks": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", "application/json", 400),
    "deep-enough": (b'{"jwks": ' + b"[" * 20 + b"]" * 20 + b"}", "application/json", 400),
    "large": (b'{"client_name": "' + b"x" * 70_000 + b'"}', "application/json", 413),
    "many": (b'{"redirect_uris": [' + b'"x",' * 9000 + b'"x"]}', "application/json", 400),
}


@pytest.mark.spec("RFC 7591 §3.1", "security 6.13")
@pytest.mark.parametrize(("body", "kind", "status"), BODIES.values(), ids=BODIES)
async def test_what_is_no_plain_json_object_is_refused(server: Server, body: bytes, kind: str, status: int) -> None:
    headers = bearer(await leave(server)) | ({"content-type": kind} if kind else {})
    answer = await server.http.post(PATH, content=body, headers=headers)
    assert_refused(
        answer, "invalid_redirect_uri" if b"redirect_uris" in body and status == 400 else "invalid_request", status
    )
