"""Metadata and keys, as other people's libraries read them (RFC 8414, OpenID Connect Discovery, RFC 7517)."""

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.discovery import OpenIDProviderMetadata
from authlib.oidc.discovery import get_well_known_url as openid_place

from authserver.accounts import second_factor
from authserver.models import User
from tests.authserver.protocol.harness import Asker, Server, claims_of, settings_for
from tests.conftest import NewDatabase

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"
JWKS = "/.well-known/jwks.json"


async def metadata_at(server: Server, place: str) -> dict[str, Any]:
    answer = await server.http.get(place)
    assert answer.status_code == 200, f"{place}: {answer.status_code}"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "max-age" in answer.headers["cache-control"]
    read: dict[str, Any] = answer.json()
    return read


@pytest.mark.spec("A29", "cognito 9.35", "cognito 9.36", "RFC 8414 §2", "OpenID Connect Discovery §3", "oidcc config")
@pytest.mark.parametrize("place", [OPENID, OAUTH])
async def test_the_metadata_passes_a_foreign_validator(server: Server, place: str) -> None:
    read = await metadata_at(server, place)
    OpenIDProviderMetadata(read).validate()
    AuthorizationServerMetadata({name: value for name, value in read.items() if "id_token" not in name}).validate()


@pytest.mark.spec("A29", "cognito 9.36", "security 6.41", "RFC 9207 §3")
async def test_the_metadata_says_what_alexa_and_careful_clients_look_for(server: Server) -> None:
    read = await metadata_at(server, OPENID)
    assert read["issuer"] == server.settings.issuer
    assert read["response_types_supported"] == ["code"]
    assert set(read["grant_types_supported"]) == {
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:device_code",
    }
    assert read["code_challenge_methods_supported"] == ["S256"]
    assert {"client_secret_basic", "client_secret_post"} <= set(read["token_endpoint_auth_methods_supported"])
    assert read["authorization_response_iss_parameter_supported"] is True
    assert "RS256" in read["id_token_signing_alg_values_supported"]
    assert "none" not in read["id_token_signing_alg_values_supported"]
    assert "openid" in read["scopes_supported"]
    assert read["request_uri_parameter_supported"] is False
    assert "request_parameter_supported" in read


@pytest.mark.spec("oidcc config", "OpenID Connect Discovery §3")
async def test_every_address_in_the_metadata_is_ours_and_answers(server: Server) -> None:
    read = await metadata_at(server, OPENID)
    for name, value in read.items():
        if name.endswith(("_endpoint", "_uri")):
            assert value.startswith(f"{server.settings.issuer}/"), name
            answer = await server.http.get(urlsplit(value).path)
            assert answer.status_code != 404, name


#: what RFC 8414 and those after it have registered, besides what OpenID's documents name
MEMBERS = {
    "issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "registration_endpoint",
    "device_authorization_endpoint", "end_session_endpoint", "revocation_endpoint", "introspection_endpoint",
    "pushed_authorization_request_endpoint", "require_pushed_authorization_requests", "scopes_supported",
    "response_types_supported", "response_modes_supported", "grant_types_supported", "subject_types_supported",
    "acr_values_supported", "id_token_signing_alg_values_supported", "userinfo_signing_alg_values_supported",
    "introspection_signing_alg_values_supported", "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported", "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported", "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported", "code_challenge_methods_supported",
    "authorization_response_iss_parameter_supported", "backchannel_logout_supported",
    "backchannel_logout_session_supported", "dpop_signing_alg_values_supported", "request_parameter_supported",
    "request_object_signing_alg_values_supported", "require_signed_request_object", "request_uri_parameter_supported",
    "claims_parameter_supported", "claims_supported", "ui_locales_supported", "claims_locales_supported",
    "display_values_supported", "prompt_values_supported", "service_documentation", "op_policy_uri", "op_tos_uri",
}  # fmt: skip


@pytest.mark.spec("oidcc config", "oidcc rp-initiated-logout-discovery", "oidcc backchannel-logout-discovery")
async def test_the_metadata_have_their_members_in_their_forms_and_no_others(server: Server) -> None:
    read = await metadata_at(server, OPENID)
    assert set(read) <= MEMBERS
    for name, value in read.items():
        if name.endswith("_supported") and not isinstance(value, bool):
            assert isinstance(value, list), name
            assert value, name
            assert all(isinstance(one, str) for one in value), name
            assert len(set(value)) == len(value), name
        if name.endswith("_endpoint") or name in ("issuer", "jwks_uri"):
            parts = urlsplit(value)
            assert (parts.scheme, parts.query, parts.fragment) == ("https", "", ""), name
    assert read["issuer"] + OPENID == server.settings.issuer + OPENID == str((await server.http.get(OPENID)).url)
    assert (await server.http.get(urlsplit(read["jwks_uri"]).path)).json()["keys"]
    assert read["end_session_endpoint"] == f"{server.settings.issuer}/oauth2/logout"
    assert (read["backchannel_logout_supported"], read["backchannel_logout_session_supported"]) == (True, True)
    assert {"sub", "iss", "auth_time", "acr"} <= set(read["claims_supported"])
    assert "public" in read["subject_types_supported"]


@pytest.mark.spec("oidcc config", "OpenID Connect Discovery §3")
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, ["loa:1", "loa:3", "loa:4"]),
        ({"second_factor": "off"}, ["loa:1", "loa:3"]),
        ({"second_factor": "off", "issuer": "https://192.0.2.1"}, ["loa:1"]),
    ],
    ids=["all", "passkeys-alone", "passwords-alone"],
)
def test_the_metadata_tell_how_sure_a_sign_in_can_be_here(changed: dict[str, str], told: list[str]) -> None:
    """A passkey is two factors at once, whether the operator allows others or not."""
    assert second_factor.levels(settings_for("sqlite://", **changed)) == told


CANONICAL = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")


@pytest.mark.spec("oidcc config-locales", "OpenID Connect Discovery §3")
async def test_languages_are_told_as_canonical_tags(server: Server) -> None:
    """RFC 5646 §2.1.1: the language small, the script like a title, the region in capitals."""
    told = (await metadata_at(server, OPENID))["ui_locales_supported"]
    assert "en" in told
    assert [tag for tag in told if not CANONICAL.fullmatch(tag)] == []


@pytest.mark.spec("OpenID Connect Discovery §3")
async def test_no_claim_comes_that_the_metadata_does_not_tell(server: Server) -> None:
    person = await server.add_person(attributes={"name": "Buffy", "phone_number": "+1555"})
    client = await server.add_client(scopes=["openid", "email", "profile", "phone"])
    tokens = await client.linked(person, nonce="n")
    told = set((await metadata_at(server, OPENID))["claims_supported"])
    said = set(claims_of(tokens["id_token"])) | set((await server.userinfo(tokens["access_token"])).json())
    assert said - told <= {"event_id", "username"}  # Cognito's own, which it does not tell either


@pytest.mark.spec("A27", "cognito 9.37", "cognito 9.33", "RFC 7517 §5", "oidcc server")
async def test_the_keys_are_public_distinct_and_cacheable(server: Server) -> None:
    answer = await server.http.get(JWKS)
    assert answer.headers["content-type"] == "application/json"
    assert "max-age" in answer.headers["cache-control"]
    published = answer.json()["keys"]
    assert len({key["kid"] for key in published}) == len(published) > 0
    for key in published:
        assert {"kty", "kid", "alg", "use"} <= set(key)
        assert key["use"] == "sig"
        assert not {"d", "p", "q", "dp", "dq", "qi", "k", "oth"} & set(key)
    etag = answer.headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}'):  # RFC 9110 §13.1.2, compared weakly
        again = await server.http.get(JWKS, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.spec("cognito 9.32", "RFC 7518 §3.3")
async def test_rsa_keys_have_2048_bits(server: Server) -> None:
    for key in (await server.http.get(JWKS)).json()["keys"]:
        if key["kty"] == "RSA":
            assert len(key["n"]) * 6 >= 2048
            assert key["e"] == "AQAB"


@pytest.mark.spec("cognito 9.25")
@pytest.mark.parametrize(
    "path", ["/oauth2/token", "/oauth2/revoke", "/oauth2/userInfo", OPENID, OAUTH, JWKS], ids=lambda path: path
)
async def test_scripts_of_any_origin_may_ask_without_credentials(server: Server, path: str) -> None:
    headers = {"origin": "https://app.example.org", "access-control-request-method": "POST"}
    answer = await server.http.options(path, headers=headers | {"access-control-request-headers": "authorization"})
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in answer.headers
    asked = await (server.http.get(path) if "well-known" in path else server.post(path, {"x": "y"}))
    assert asked.headers["access-control-allow-origin"] == "*"


@pytest.mark.spec("cognito 9.25")
@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/userInfo", OPENID])
async def test_programs_in_browsers_may_send_headers_that_nobody_here_reads(server: Server, path: str) -> None:
    """Amplify names itself at the token endpoint; a page that is traced adds headers to whatever it asks."""
    asked = "content-type,x-amz-user-agent,traceparent"
    answer = await server.http.options(path, headers={"access-control-request-headers": asked})
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type", "dpop", "x-amz-user-agent", "traceparent"} <= allowed
    for wrong in ("a: b", "x;y", "<script>", "x" * 5000, ",".join(["a"] * 500)):
        answer = await server.http.options(path, headers={"access-control-request-headers": wrong})
        assert answer.headers["access-control-allow-headers"] == "Authorization, Content-Type, DPoP"


@pytest.mark.spec("security 6.57", "cognito 9.25")
@pytest.mark.parametrize("path", ["/oauth2/authorize", "/login", "/signup", "/consent"])
async def test_scripts_of_other_origins_read_no_page(server: Server, alexa: Asker, path: str) -> None:
    answer = await server.http.get(path, params=alexa.authorization(), headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def under_a_path(new_database: NewDatabase) -> AsyncIterator[Server]:
    async with Server(settings_for(new_database("sqlite"), issuer="https://auth.example.test/eu/pool-1")) as server:
        yield server


@pytest.mark.spec("cognito 9.35", "RFC 8414 §3.1", "OpenID Connect Discovery §4.1")
async def test_an_issuer_with_a_path_is_found_at_both_places(under_a_path: Server) -> None:
    server = under_a_path
    assert openid_place(server.settings.issuer, external=True) == f"{server.settings.issuer}{OPENID}"
    for place in (f"/eu/pool-1{OPENID}", f"/eu/pool-1{OAUTH}", f"{OAUTH}/eu/pool-1"):
        read = await metadata_at(server, place)
        assert read["issuer"] == server.settings.issuer
        assert read["token_endpoint"] == f"{server.settings.issuer}/oauth2/token"
        asked = {"access-control-request-headers": "mcp-protocol-version"}
        preflight = await server.http.options(place, headers=asked)
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")
    assert (await server.http.get(OPENID)).status_code == 404
    assert (await server.http.get("/oauth2/authorize")).status_code == 404
    assert (await server.http.post("/oauth2/token")).status_code == 404
    for place in ("/healthz", "/readyz"):
        assert (await server.http.get(place)).status_code == 200


@pytest.mark.spec("cognito 9.35", "security 6.41", "A27")
async def test_an_issuer_with_a_path_works_from_request_to_userinfo(under_a_path: Server) -> None:
    server = under_a_path
    client, person = await server.add_client(first_party=True), await server.add_person()
    answer = await server.authorize(client.authorization(), **await server.signed_in(person))
    assert "iss=https%3A%2F%2Fauth.example.test%2Feu%2Fpool-1" in answer.headers["location"]
    tokens = await client.linked(person)
    assert claims_of(tokens["access_token"])["iss"] == server.settings.issuer
    assert (await server.userinfo(tokens["access_token"])).status_code == 200
    to_sign_in = await server.authorize(client.authorization())
    assert to_sign_in.headers["location"].startswith(f"{server.settings.issuer}/login?")


@pytest.mark.spec("security 6.56", "security 6.46")
@pytest.mark.parametrize(
    "path",
    [
        "/oauth2/token/",
        "/oauth2/authorize/",
        "/oauth2/userInfo/",
        "//evil.example/oauth2/authorize",
        f"{JWKS}/",
        "/login/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_slash_too_many_is_not_found_and_sends_nobody_anywhere(server: Server, method: str, path: str) -> None:
    answer = await server.http.request(method, f"{server.settings.origin}{path}", headers={"host": "evil.example"})
    assert answer.status_code == 404
    assert "location" not in answer.headers


SPOOFS = {
    "host": {"host": "evil.example"},
    "host-port": {"host": "auth.example.test:1337"},
    "host-path": {"host": "evil.example/x?"},
    "forwarded-host": {"x-forwarded-host": "evil.example"},
    "forwarded-proto": {"x-forwarded-proto": "http", "x-forwarded-port": "80"},
    "forwarded-prefix": {"x-forwarded-prefix": "/evil", "x-script-name": "/evil"},
    "forwarded": {"forwarded": "for=1.2.3.4;host=evil.example;proto=http"},
    "original-url": {"x-original-url": "/evil", "x-rewrite-url": "/evil", "x-host": "evil.example"},
}


@pytest.mark.spec("security 6.56", "CVE-2026-48710")
@pytest.mark.parametrize("spoof", SPOOFS.values(), ids=SPOOFS)
async def test_what_a_sender_says_of_the_host_changes_nothing(
    server: Server, alexa: Asker, person: User, spoof: dict[str, str]
) -> None:
    cookie = await server.signed_in(person)
    first_party = await server.add_client(first_party=True)
    pages = [
        (await server.http.get(OPENID, headers=spoof)).text,
        (await server.authorize(alexa.authorization(), **spoof)).headers["location"],
        (await server.authorize(first_party.authorization(), **(spoof | cookie))).headers["location"],
        (await server.authorize(alexa.authorization(response_type="token"), **spoof)).headers["location"],
        (await server.authorize(alexa.authorization(client_id="nobody"), **spoof)).text,
        (await server.http.get("/login", headers=spoof)).text,
    ]
    code, _ = await server.add_code(alexa, person)
    form, headers = alexa._credentials(
        {"grant_type": "authorization_code", "code": code, "redirect_uri": alexa.redirect_uri}
    )
    answer = await server.post("/oauth2/token", form, headers | spoof)
    assert claims_of(answer.json()["access_token"])["iss"] == server.settings.issuer
    for page in [*pages, answer.text]:
        assert "evil" not in page
        assert "1337" not in page
        assert "http://auth" not in page
