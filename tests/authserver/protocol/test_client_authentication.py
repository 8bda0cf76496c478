"""Who is the client? Basic, body and public, and what must not pass for any of them (RFC 6749 §2.3)."""

import base64
import statistics
import time
from urllib.parse import quote

import httpx2
import pytest

from authserver.models import ClientSecret, User
from authserver.secret_values import digest, random_token
from tests.authserver.protocol.harness import Asker, Server, basic
from tests.authserver.protocol.test_code_exchange import assert_refused

TOKEN = "/oauth2/token"
REVOKE = "/oauth2/revoke"
ENDPOINTS = pytest.mark.parametrize("path", [TOKEN, REVOKE], ids=["token", "revoke"])


def form_for(path: str, **others: str) -> dict[str, str]:
    """A request that is in order but for the client."""
    asked = (
        {"token": "v1.k.g.1.m"} if path == REVOKE else {"grant_type": "refresh_token", "refresh_token": "v1.k.g.1.m"}
    )
    return asked | others


def assert_proven(answer: httpx2.Response) -> None:
    """The client was let in; what it asked for need not exist."""
    assert answer.status_code == 200 or answer.json()["error"] == "invalid_grant", answer.text


def assert_unproven(answer: httpx2.Response) -> None:
    assert_refused(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"].startswith('Basic realm="clients", error="invalid_client"')  # RFC 7617 §2
    assert "secret" not in answer.json()["error_description"]


@ENDPOINTS
@pytest.mark.spec("A14", "A15", "cognito 9.13", "RFC 6749 §2.3.1")
@pytest.mark.parametrize("preset", ["alexa", "confidential"])
async def test_the_secret_is_taken_from_the_header_and_from_the_body(server: Server, preset: str, path: str) -> None:
    client = await server.add_client(preset)
    header = {"authorization": basic(client.client_id, client.secret)}
    body = {"client_id": client.client_id, "client_secret": client.secret}
    assert_proven(await server.post(path, form_for(path), header))
    assert_proven(await server.post(path, form_for(path, **body)))


@ENDPOINTS
@pytest.mark.spec("A15", "alexa 1.4", "RFC 6749 §2.3")
@pytest.mark.parametrize("names", [["client_id"], ["client_secret"], ["client_id", "client_secret"]], ids="-".join)
async def test_both_places_are_tolerated_where_they_are_equal(
    server: Server, alexa: Asker, names: list[str], path: str
) -> None:
    body = {"client_id": alexa.client_id, "client_secret": alexa.secret}
    form = form_for(path, **{name: body[name] for name in names})
    assert_proven(await server.post(path, form, {"authorization": basic(alexa.client_id, alexa.secret)}))


@ENDPOINTS
@pytest.mark.spec("security 6.38", "A15", "RFC 6749 §2.3")
@pytest.mark.parametrize("name", ["client_id", "client_secret"])
async def test_two_places_that_disagree_are_an_invalid_request(
    server: Server, alexa: Asker, name: str, path: str
) -> None:
    form = form_for(path, **{name: "something else"})
    answer = await server.post(path, form, {"authorization": basic(alexa.client_id, alexa.secret)})
    assert_refused(answer, "invalid_request")


@ENDPOINTS
@pytest.mark.spec("security 6.39", "A14", "RFC 6749 §2.3.1")
async def test_basic_credentials_are_form_decoded(server: Server, path: str) -> None:
    client = await server.add_client(client_id="app: \u00e4+%20/=&?\u20ac " + random_token(6))
    secret = "p+a%s:s \u00fc/=&\u20ac"
    async with server.services.database.unit() as session:
        session.add(
            ClientSecret(secret_id=random_token(8), client_id=client.client_id, digest=digest(secret), created_at=1)
        )
    server.services.clients.forget()
    for encode in (lambda text: quote(text, safe=""), lambda text: quote(text, safe="").replace("%20", "+")):
        pair = f"{encode(client.client_id)}:{encode(secret)}".encode()
        header = "Basic " + base64.b64encode(pair).decode()
        assert_proven(await server.post(path, form_for(path), {"authorization": header}))
    body = {"client_id": client.client_id, "client_secret": secret}
    assert_proven(await server.post(path, form_for(path, **body)))


@ENDPOINTS
@pytest.mark.spec(
    "security 6.36",
    "A24",
    "cognito 9.22",
    "RFC 6749 §5.2",
    "RFC 9110 §11.6.1",
    "security 4.refresh-authenticated",
    "security 4.revoke-authenticated",
    "security 4.token-cache",
)
@pytest.mark.parametrize("place", ["header", "body"])
@pytest.mark.parametrize("who", ["wrong-secret", "nearly", "empty-secret", "unknown-client", "long-client", "digest"])
async def test_whoever_is_not_the_client_gets_the_same_401(
    server: Server, confidential: Asker, path: str, place: str, who: str
) -> None:
    """One answer for all, so that nobody learns which half was wrong."""
    client_id, secret = {
        "wrong-secret": (confidential.client_id, "wrong"),
        "nearly": (confidential.client_id, confidential.secret[:-1]),
        "empty-secret": (confidential.client_id, ""),
        "unknown-client": ("nobody", confidential.secret),
        "long-client": ("n" * 4000, confidential.secret),
        "digest": (confidential.client_id, digest(confidential.secret).hex()),
    }[who]
    if place == "header":
        answer = await server.post(path, form_for(path), {"authorization": basic(client_id, secret)})
    else:
        answer = await server.post(path, form_for(path, client_id=client_id, client_secret=secret))
    assert_unproven(answer)
    reference = await server.post(path, form_for(path), {"authorization": basic("nobody", "x")})
    assert answer.content == reference.content


@ENDPOINTS
@pytest.mark.spec("security 6.36", "RFC 7617 §2")
@pytest.mark.parametrize(
    "header",
    [
        b"Basic",
        b"Basic ",
        b"Basic !!!",
        b"Basic \xc3\xa4",
        b"Basic " + base64.b64encode(b"no-colon"),
        b"Basic " + base64.b64encode(b"\xff\xfe:\xfd"),
        b"Basic " + base64.b64encode(b":"),
        b"Basic " + base64.b64encode(b":secret"),
        b"Basic " + base64.b64encode(b"a\x00b:secret"),
        b"Basic " + base64.b64encode(b"a%00b:secret"),
        b"Basic " + base64.b64encode(b"%ff%fe:%fd"),
        b"Basic " + base64.b64encode(b"%ED%A0%80:x"),
        b"Basic " + base64.b64encode(b"a" * 40_000 + b":x"),
        b"Basic dXNlcjpwYXNz, Bearer x",
        b"Bearer abc",
        b"Digest username=x",
        b"Negotiate",
        b"\xff\xff",
        b"",
    ],
    ids=lambda header: repr(header)[2:34],
)
async def test_a_header_that_proves_nothing_is_a_401_and_never_an_outage(
    server: Server, path: str, header: bytes
) -> None:
    answer = await server.http.post(
        path,
        content="&".join(f"{name}={value}" for name, value in form_for(path).items()),
        headers=[(b"content-type", b"application/x-www-form-urlencoded"), (b"authorization", header)],
    )
    assert_unproven(answer)


@ENDPOINTS
@pytest.mark.spec("security 6.37", "RFC 6749 §2.3")
@pytest.mark.parametrize(
    ("registered", "used"),
    [
        (["client_secret_basic"], "client_secret_post"),
        (["client_secret_post"], "client_secret_basic"),
        (["client_secret_basic", "client_secret_post"], "none"),
    ],
    ids=["post-not-registered", "basic-not-registered", "none-not-registered"],
)
async def test_a_method_that_is_not_the_clients_is_refused(
    server: Server, path: str, registered: list[str], used: str
) -> None:
    client = await server.add_client(token_endpoint_auth_methods=registered)
    client.method = used
    answer = await (client.revoke("x") if path == REVOKE else client.refresh("x"))
    assert_unproven(answer)
    client.method = registered[0]
    assert_proven(await (client.revoke("x") if path == REVOKE else client.refresh("x")))


@pytest.mark.spec("security 6.37", "RFC 6749 §2.3.1")
@pytest.mark.parametrize("place", ["header", "body"])
async def test_a_public_client_with_a_secret_is_not_that_client(server: Server, public: Asker, place: str) -> None:
    form = form_for(TOKEN)
    if place == "header":
        assert_unproven(await server.post(TOKEN, form, {"authorization": basic(public.client_id, "invented")}))
        assert_unproven(await server.post(TOKEN, form, {"authorization": basic(public.client_id, "")}))
    else:
        assert_unproven(await server.post(TOKEN, form | {"client_id": public.client_id, "client_secret": "invented"}))
    assert_proven(await server.post(TOKEN, form | {"client_id": public.client_id}))


@ENDPOINTS
@pytest.mark.spec("RFC 6749 §5.2")
async def test_without_any_client_the_answer_is_401(server: Server, path: str) -> None:
    assert_unproven(await server.post(path, form_for(path)))


@pytest.mark.spec("security 6.40", "RFC 7521 §4.2")
async def test_a_client_assertion_proves_nothing_here(server: Server, confidential: Asker) -> None:
    form = form_for(
        TOKEN,
        client_id=confidential.client_id,
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion="eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
    )
    assert_unproven(await server.post(TOKEN, form))


@pytest.mark.spec("security 6.13", "A09", "RFC 6749 §3.2", "security 4.duplicates-token", "security 4.code-pollution")
@pytest.mark.parametrize("path", [TOKEN, REVOKE])
@pytest.mark.parametrize("same", [True, False], ids=["equal", "different"])
@pytest.mark.parametrize("name", ["grant_type", "code", "refresh_token", "token", "client_id", "scope", "unknown"])
async def test_any_parameter_twice_in_a_post_is_an_invalid_request(
    server: Server, alexa: Asker, path: str, name: str, same: bool
) -> None:
    asked = form_for(path) | {name: "first"}
    body = "&".join(f"{key}={value}" for key, value in asked.items()) + f"&{name}={'first' if same else 'second'}"
    answer = await server.post(path, body.encode(), {"authorization": basic(alexa.client_id, alexa.secret)})
    assert_refused(answer, "invalid_request")


@pytest.mark.spec("alexa 1.4")
async def test_the_log_says_whose_secret_was_wrong_and_tells_none(
    server: Server, alexa: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    """Alexa says "unable to link": the operator looks here whether it was this client's secret that was mistyped."""
    caplog.set_level("INFO", "authserver.oauth.endpoints.token")
    for client_id, secret in ((alexa.client_id, "mistyped"), (alexa.secret, alexa.client_id)):  # the wrong way round
        header = {"authorization": basic(client_id, secret)}
        assert_unproven(await server.post(TOKEN, form_for(TOKEN), header))
    wrong_secret, swapped = caplog.messages[-2:]
    assert f"refused to client '{alexa.client_id}': invalid_client" in wrong_secret
    assert "refused to client '': invalid_client" in swapped
    assert alexa.secret not in caplog.text
    assert "mistyped" not in caplog.text


@pytest.mark.spec("security 6.14", "security 6.15", "RFC 6749 §2.3.1", "RFC 6749 §3.2", "security 4.token-url")
@pytest.mark.parametrize("query", ["grant_type=refresh_token", "client_secret=x", "client_id=x", "x", "=", "&"])
async def test_parameters_in_the_query_of_the_token_endpoint_are_refused(
    server: Server, alexa: Asker, person: User, query: str
) -> None:
    code, _ = await server.add_code(alexa, person)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": alexa.redirect_uri}
    header = {"authorization": basic(alexa.client_id, alexa.secret)}
    assert_refused(await server.post(f"{TOKEN}?{query}", form, header), "invalid_request")
    assert (await server.post(TOKEN, form, header)).status_code == 200


@pytest.mark.spec("security 6.15", "security 4.token-url", "RFC 6749 §2.3.1", "RFC 7009 §2.1")
@pytest.mark.parametrize("name", ["token", "revoke", "introspect", "par", "device_authorization"])
async def test_a_secret_or_a_token_in_the_query_is_refused_at_every_endpoint(
    server: Server, confidential: Asker, person: User, name: str
) -> None:
    """Whoever sends them there is told so before they have lain in the logs of proxies for a year."""
    path, token = f"/oauth2/{name}", (await confidential.linked(person))["refresh_token"]
    credentials = f"client_id={confidential.client_id}&client_secret={confidential.secret}"
    header = {"authorization": basic(confidential.client_id, confidential.secret)}
    form = {"token": token, "grant_type": "refresh_token", "refresh_token": "v1.k.g.1.m"}
    for query in (credentials, f"{credentials}&token={token}"):
        for headers in ({}, header):
            assert_refused(await server.post(f"{path}?{query}", form, headers), "invalid_request")
    assert (await confidential.refresh(token)).status_code == 200  # nothing was done with it


@pytest.mark.spec("security 6.15", "RFC 6749 §3.2", "RFC 9110 §15.5.6", "security 4.token-get")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND"])
@pytest.mark.parametrize("path", [TOKEN, REVOKE])
async def test_only_post_is_taken(server: Server, alexa: Asker, path: str, method: str) -> None:
    query = f"?grant_type=refresh_token&client_id={alexa.client_id}&client_secret={alexa.secret}"
    answer = await server.http.request(method, path + query)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]
    assert method == "HEAD" or answer.json()["error"] == "invalid_request"
    assert alexa.secret not in answer.text


@pytest.mark.spec("decision 12", "alexa 1.7")
async def test_a_secret_is_changed_without_an_outage(server: Server, alexa: Asker) -> None:
    old, new = alexa.secret, random_token()
    async with server.services.database.unit() as session:
        session.add(
            ClientSecret(secret_id="s2-" + new[:8], client_id=alexa.client_id, digest=digest(new), created_at=1)
        )
    server.services.clients.forget()
    for secret in (old, new):
        alexa.secret = secret
        assert_proven(await alexa.refresh("v1.k.g.1.m"))


@pytest.mark.alone
class TestTheClock:
    @pytest.mark.spec("security 6.36", "decision 5")
    async def test_an_unknown_client_takes_no_longer_and_no_shorter_than_a_wrong_secret(
        self, server: Server, confidential: Asker
    ) -> None:
        """No slow hash on one of the two ways; asked in turn, so that a busy machine slows both."""
        taken: dict[str, list[float]] = {confidential.client_id: [], "nobody-at-all": []}
        for _ in range(60):
            for client_id, times in taken.items():
                begun = time.perf_counter()
                answer = await server.post(TOKEN, form_for(TOKEN), {"authorization": basic(client_id, "wrong")})
                times.append(time.perf_counter() - begun)
                assert answer.status_code == 401
        wrong_secret, unknown = (statistics.median(times) for times in taken.values())
        assert abs(wrong_secret - unknown) < 0.002
