"""Whatever comes: a clear 4xx, no trace, no 5xx, nothing of a stranger's text given back."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.util.concurrency import await_, greenlet_spawn

from tests.authserver.protocol.harness import FORM, Asker, Server, basic

POSTS = ["/oauth2/token", "/oauth2/revoke", "/oauth2/userInfo", "/oauth2/authorize", "/login", "/signup", "/consent"]
MACHINES = POSTS[:3]
MARK = "cafebabe-stranger"


def assert_clear(answer: httpx2.Response, *, status: range | set[int] = range(400, 500)) -> None:
    assert answer.status_code in status, f"{answer.status_code} {answer.text[:300]}"
    for word in ("Traceback", "Error(", "site-packages", "sqlite3", "asyncpg", MARK):
        assert word not in answer.text
    if answer.headers.get("content-type", "").startswith("application/json") and "error" in answer.json():
        description = answer.json().get("error_description", "")
        assert all(0x20 <= ord(c) <= 0x7E and c not in '"\\' for c in description)


BODIES: dict[str, tuple[bytes, str]] = {
    "multipart": (
        b'--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nrefresh_token\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
    "json": (json.dumps({"grant_type": "refresh_token"}).encode(), "application/json"),
    "text": (b"grant_type=refresh_token", "text/plain"),
    "no-type": (b"grant_type=refresh_token", ""),
    "odd-type": (b"grant_type=refresh_token", "application/x-www-form-urlencodedx"),
    "two-types": (b"grant_type=refresh_token", f"{FORM}, text/plain"),
    "xml": (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "text/xml"),
    "empty": (b"", FORM),
    "spaces": (b"   ", FORM),
    "separators": (b"&&&;;;==", FORM),
    "over-64-kib": (b"grant_type=refresh_token&refresh_token=" + b"a" * 65_600, FORM),
    "a-megabyte": (b"x=" + b"a" * 1_000_000, FORM),
    "nul": (b"grant_type=refresh_token&refresh_token=a%00b", FORM),
    "raw-nul": (b"grant_type=refresh_token&refresh_token=a\x00b", FORM),
    "nul-in-name": (b"grant_type=refresh_token&a%00b=1", FORM),
    "invalid-utf-8": (b"grant_type=refresh_token&refresh_token=%ff%fe", FORM),
    "raw-bytes": (b"grant_type=refresh_token&refresh_token=\xff\xfe", FORM),
    "raw-utf-8": ("grant_type=refresh_token&refresh_token=\u00e4".encode(), FORM),
    "surrogate": (b"grant_type=refresh_token&refresh_token=%ED%A0%80", FORM),
    "overlong-utf-8": (b"grant_type=refresh_token&refresh_token=%C0%80", FORM),
    "broken-percent": (b"grant_type=refresh_token&refresh_token=%zz%", FORM),
    "200-fields": ("&".join(f"f{n}=1" for n in range(200)).encode(), FORM),
    "100-same-fields": (b"&".join([b"grant_type=refresh_token"] * 100), FORM),
    "names-of-python": (b"__class__=x&self=y&__init__=z&grant_type=refresh_token", FORM),
    "utf-16": ("grant_type=refresh_token".encode("utf-16"), f"{FORM}; charset=utf-16"),
    "odd-charset": (b"grant_type=refresh_token", f"{FORM}; charset=rot13"),
    "brackets": (b"grant_type[]=refresh_token&grant_type[0]=x", FORM),
    "header-injection": (f"grant_type={MARK}%0d%0aSet-Cookie:%20a=b&client_id={MARK}".encode(), FORM),
}


@pytest.mark.spec("security 6.13", "A23", "RFC 6749 §3.2")
@pytest.mark.parametrize(("body", "content_type"), BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", POSTS)
async def test_a_body_that_is_not_what_it_should_be_is_a_clear_4xx(
    server: Server, alexa: Asker, path: str, body: bytes, content_type: str
) -> None:
    headers = {"authorization": basic(alexa.client_id, alexa.secret)} | (
        {"content-type": content_type} if content_type else {}
    )
    answer = await server.http.post(path, content=body, headers=headers)
    assert_clear(answer)
    assert "set-cookie" not in answer.headers or MARK not in answer.headers["set-cookie"]
    if path in MACHINES:
        assert answer.headers["content-type"] == "application/json"
    if path in MACHINES[:2] and content_type.partition(";")[0] != FORM:
        assert answer.status_code == 415
    if path in MACHINES[:2] and len(body) > 65_536:
        assert answer.status_code == 413


QUERIES = {
    "60-kilobytes-of-state": "state=" + "s" * 60_000,
    "nul": "state=a%00b",
    "nul-in-client": "client_id=a%00b",
    "invalid-utf-8": "state=%ff%fe",
    "surrogate": "state=%ED%A0%80",
    "200-fields": "&".join(f"f{n}=1" for n in range(200)),
    "broken-percent": "state=%zz%&client_id=%",
    "semicolons": "client_id=a;redirect_uri=b;state=c",
    "empty": "",
    "separators": "&&&===&",
    "brackets": "client_id[]=a&redirect_uri[0]=b",
    "script": f"client_id=<script>{MARK}</script>&redirect_uri=javascript:{MARK}",
    "template": f"client_id={{{{7919*7927}}}}{MARK}&redirect_uri=${{7919*7927}}",
}


@pytest.mark.spec("security 6.13", "security 6.42")
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
async def test_a_query_that_is_not_what_it_should_be_is_a_page(server: Server, alexa: Asker, query: str) -> None:
    for asked in (query, f"{urlencode(alexa.authorization(state=None))}&{query}"):
        answer = await server.authorize(asked)
        assert_clear(answer, status={303, *range(400, 500)})
        assert str(7919 * 7927) not in answer.text
        if answer.status_code != 303:
            assert "location" not in answer.headers
            assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.spec("security 6.42", "RFC 9110 §15.5.15")
@pytest.mark.parametrize("known", [True, False])
async def test_100_kilobytes_of_state_are_a_page_that_says_so(server: Server, alexa: Asker, known: bool) -> None:
    asked = urlencode(alexa.authorization(state=None)) if known else ""
    status, headers, text = await server.raw_get("/oauth2/authorize", f"{asked}&state={'s' * 100_000}".encode())
    assert status == 414
    assert "location" not in headers
    assert "too long" in text


@pytest.mark.spec("security 6.13")
@pytest.mark.parametrize(
    "query", [b"\xff\xfe", b"client_id=\x00", b"client_id=a b", b"\xc3\xa4=1"], ids=["latin", "nul", "space", "umlaut"]
)
async def test_raw_bytes_in_a_query_are_a_page(server: Server, query: bytes) -> None:
    status, headers, _ = await server.raw_get("/oauth2/authorize", query)
    assert status == 400
    assert "location" not in headers
    for path in ("/login", "/consent", "/confirm", "/signup", "/unlink", "/oauth2/userInfo", "/nowhere"):
        status, headers, _ = await server.raw_get(path, b"interaction=" + query)
        assert status < 500, path


@pytest.mark.spec("security 6.13")
@pytest.mark.parametrize("path", ["/login", "/consent", "/confirm", "/signup", "/unlink", "/account"])
@pytest.mark.parametrize(
    "query",
    ["interaction=%00", "interaction=a%00b", "interaction=%ff", "interaction=" + "x" * 5000, "interaction=%ED%A0%80",
     "interaction=a&interaction=b", "link=%00.%00", "link=a.b", "link=" + "x" * 5000, "link=%ff.%ff",
     "interaction=\u00e4", "lang=%00", "lang=../../etc/passwd"],
)  # fmt: skip
async def test_odd_parameters_of_pages_are_no_outage(server: Server, path: str, query: str) -> None:
    answer = await server.http.get(f"{path}?{quote(query, safe='=&%')}")
    assert answer.status_code < 500, answer.text[:300]
    assert "Traceback" not in answer.text


@pytest.mark.spec("security 6.13", "security 6.73")
@pytest.mark.parametrize(
    "cookie",
    [b"__Host-authserver_session=\xff\xfe", b"__Host-authserver_session=a\x00b", b"=;=;;;", b"a" * 60_000, b"\xf0\x9f"],
    ids=["latin", "nul", "separators", "very-long", "half-a-character"],
)
async def test_odd_cookies_are_no_outage(server: Server, alexa: Asker, cookie: bytes) -> None:
    client = await server.add_client(first_party=True)
    answer = await server.http.get("/oauth2/authorize", params=client.authorization(), headers=[(b"cookie", cookie)])
    assert answer.status_code == 303


@pytest.mark.spec("RFC 9110 §15.5.5")
@pytest.mark.parametrize("path", ["/oauth2", "/oauth2/tokens", "/.env", "/admin", "/oauth2/userinfo", "/%00", "/..%2f"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_what_does_not_exist_is_not_found(server: Server, method: str, path: str) -> None:
    answer = await server.http.request(method, path)
    assert answer.status_code in (404, 405)
    assert "Traceback" not in answer.text


#: more than any one field takes, with what breaks parsers, databases and templates in it
NASTY = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["", "0", "-1", "null", "\x00", "\ud83d\udca1".encode("utf-16", "surrogatepass").decode("utf-16"), "a" * 3000,
         "code", "refresh_token", "authorization_code", "openid", "openid openid", "none", "S256", "plain", "\u2028",
         "v1.a.b.1.c", "v1....", "eyJhbGciOiJub25lIn0.e30.", "https://client.example.org/callback", "9" * 400, "'\"\\"]
    ),
)  # fmt: skip
TOKEN_FIELDS = [
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "client_id",
    "client_secret",
    "refresh_token",
    "scope",
]
AUTHORIZE_FIELDS = [
    "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "prompt", "max_age", "resource",
    "code_challenge", "code_challenge_method", "response_mode", "login_hint", "ui_locales", "lang", "request",
    "claims", "acr_values",
]  # fmt: skip
QUICK = settings(
    max_examples=200,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def encode(fields: list[tuple[str, str]]) -> str:
    return urlencode([(name, value.encode("utf-8", "surrogatepass")) for name, value in fields])


@pytest.mark.spec("A23", "security 6.13")
async def test_no_form_makes_the_token_endpoint_fail(server: Server, alexa: Asker, public: Asker) -> None:
    header = {"authorization": basic(alexa.client_id, alexa.secret)}

    @QUICK
    @given(
        fields=st.lists(st.tuples(st.sampled_from(TOKEN_FIELDS), NASTY), max_size=8),
        grant=st.sampled_from(["authorization_code", "refresh_token", None]),
        known=st.sampled_from(["basic", "public", None]),
        path=st.sampled_from(["/oauth2/token", "/oauth2/revoke"]),
    )
    async def ask(fields: list[tuple[str, str]], grant: str | None, known: str | None, path: str) -> None:
        form = [(name, value) for name, value in fields if not (known == "public" and name == "client_id")]
        form += [("grant_type", grant)] if grant else []
        form += [("client_id", public.client_id)] if known == "public" else []
        body = encode(form).encode()
        answer = await server.post(path, body, header if known == "basic" else {})
        assert_clear(answer, status={200, 400, 401, 413})
        assert answer.headers["cache-control"] == "no-store"

    await ran(ask)


@pytest.mark.spec("A23", "security 6.9", "security 6.41")
async def test_no_query_makes_the_authorization_endpoint_fail_or_redirect_elsewhere(
    server: Server, alexa: Asker
) -> None:
    @QUICK
    @given(
        fields=st.lists(st.tuples(st.sampled_from(AUTHORIZE_FIELDS), NASTY), max_size=6),
        known=st.booleans(),
    )
    async def ask(fields: list[tuple[str, str]], known: bool) -> None:
        asked = alexa.authorization() if known else {}
        answer = await server.authorize(encode([*asked.items(), *fields]))
        assert answer.status_code in (303, 400), answer.text[:300]
        if answer.status_code == 303:
            allowed = (f"{alexa.redirect_uri}?error=", f"{server.settings.issuer}/login?interaction=")
            assert answer.headers["location"].startswith(allowed)

    await ran(ask)


async def ran(property_test: Any) -> None:
    """Hypothesis calls a plain function; each example runs to its end on this very loop through a greenlet."""
    inner = property_test.hypothesis.inner_test

    def plain(**given_values: Any) -> None:
        await_(inner(**given_values))

    property_test.hypothesis.inner_test = plain
    await greenlet_spawn(property_test)
