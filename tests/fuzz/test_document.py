"""schemathesis over docs/reference/openapi.json: what it draws from the document, valid and not, is answered as the
document says."""

from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from requests.auth import HTTPBasicAuth
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from development.openapi import document
from tests.fuzz import names
from tests.fuzz.budget import SEED, TIMES
from tests.fuzz.conftest import CALLBACK, FORM, Target
from tests.fuzz.drawing import HUSH
from tests.running.linking import walk
from tests.running.reading import Browser

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    allow_header_conformance,
]

SCHEMA = schemathesis.openapi.from_dict(document())
EXAMPLES = settings(
    max_examples=20 * TIMES,
    deadline=None,
    database=None,
    derandomize=not SEED,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def session() -> requests.Session:
    found = requests.Session()
    found.trust_env = False
    return found


def hushed(case: Any) -> None:
    """What is sent as a secret can be searched for in the log."""
    if isinstance(case.body, dict):
        for name in ("client_secret", "code", "code_verifier", "refresh_token", "token", "access_token"):
            if isinstance(case.body.get(name), str):
                case.body[name] = HUSH + case.body[name]


def keep_secret(target: Target, answer: Any) -> None:
    """What the server has handed out, too."""
    if any(value.startswith("application/json") for value in answer.headers.get("content-type", ())):
        target.keep_secret(answer.json())


def test_every_endpoint_of_the_document_is_asked() -> None:
    asked = {(found.ok().path, found.ok().method.lower()) for found in SCHEMA.get_all_operations()}
    described = {(path, method) for path, operations in document()["paths"].items() for method in operations}
    assert asked == {pair for pair in described if pair[1] != "parameters"}


@SCHEMA.parametrize()
@EXAMPLES
def test_a_strangers_questions_are_answered_as_described(
    case: schemathesis.Case, target: Target, session: requests.Session
) -> None:
    hushed(case)
    answer = case.call(base_url=target.issuer, session=session, allow_redirects=False, timeout=30)
    keep_secret(target, answer)
    case.validate_response(answer, checks=CHECKS)


@SCHEMA.include(path_regex="^/oauth2/(token|revoke|introspect|par|device_authorization)$").parametrize()
@EXAMPLES
def test_a_clients_questions_are_answered_as_described(
    case: schemathesis.Case, target: Target, session: requests.Session
) -> None:
    """Past the authentication of the client, which the others do not come through."""
    client = target.presets["confidential"]
    hushed(case)
    if isinstance(case.body, dict):
        case.body = {name: value for name, value in case.body.items() if not name.startswith("client_")}
    answer = case.call(
        base_url=target.issuer,
        session=session,
        allow_redirects=False,
        timeout=30,
        auth=HTTPBasicAuth(client.client_id, client.client_secret),
    )
    keep_secret(target, answer)
    case.validate_response(answer, checks=CHECKS)


@SCHEMA.include(path="/oauth2/register", method="POST").parametrize()
@EXAMPLES
def test_what_a_client_wants_to_be_registered_with_is_answered_as_described(
    case: schemathesis.Case, target: Target, session: requests.Session
) -> None:
    """With leave to register: whatever it is, what it is told of it is what it then reads."""
    headers = {"Authorization": f"Bearer {target.initial}"}
    answer = case.call(base_url=target.issuer, session=session, allow_redirects=False, timeout=30, headers=headers)
    case.validate_response(answer, checks=CHECKS)
    if answer.status_code == 201:
        told = answer.json()
        assert set(told["redirect_uris"]) <= set(case.body.get("redirect_uris", []))
        read = session.get(
            told["registration_client_uri"],
            headers={"Authorization": f"Bearer {told['registration_access_token']}"},
            timeout=30,
        )
        assert read.json() == {name: value for name, value in told.items() if name != "client_secret"}


def conforms(answer: httpx2.Response, path: str) -> dict[str, Any]:
    """The answer is the one described for this path; its JSON."""
    operation = SCHEMA[path][answer.request.method]
    operation.validate_response(answer)
    assert str(answer.status_code) in document()["paths"][path][answer.request.method.lower()]["responses"]
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found


@pytest.mark.spec("RFC 6749 §5.1", "RFC 7009 §2.2", "OpenID Connect Core §5.3")
async def test_the_honest_way_is_answered_as_described(target: Target) -> None:
    """What random questions do not reach: everything that succeeds."""
    client = target.presets["confidential"]
    async with Browser() as browser:
        page = await walk(browser, await browser.open(client.authorization_url()), target.person)
    assert page.left_to is not None
    assert page.left_to.startswith(CALLBACK)
    code = httpx2.URL(page.left_to).params["code"]
    given = conforms(await client.exchange(code), "/oauth2/token")
    target.service.must_not_log(code)
    target.keep_secret(given)
    again = conforms(await client.refresh(given["refresh_token"]), "/oauth2/token")
    target.keep_secret(again)
    conforms(await client.refresh("unknown"), "/oauth2/token")
    headers = {"authorization": f"Bearer {again['access_token']}"}
    form = {"content-type": FORM}
    credentials = f"client_id={client.client_id}&client_secret={client.client_secret}"
    async with httpx2.AsyncClient(base_url=target.issuer, trust_env=False, verify=False) as http:
        assert conforms(await http.get("/oauth2/userInfo", headers=headers), "/oauth2/userInfo")["email"]
        asked = f"access_token={again['access_token']}"
        conforms(await http.post("/oauth2/userInfo", content=asked, headers=form), "/oauth2/userInfo")
        revocation = f"{credentials}&token={again['refresh_token']}"
        conforms(await http.post("/oauth2/revoke", content=revocation, headers=form), "/oauth2/revoke")
        assert conforms(await http.get("/oauth2/userInfo", headers=headers), "/oauth2/userInfo")["error"]
        mine = {"authorization": f"Bearer {target.initial}"}
        wanted = {"redirect_uris": [CALLBACK], "grant_types": ["authorization_code"]}
        told = conforms(await http.post("/oauth2/register", json=wanted, headers=mine), "/oauth2/register")
        target.service.must_not_log(told["client_secret"], told["registration_access_token"])
        mine = {"authorization": f"Bearer {told['registration_access_token']}"}
        at = f"/oauth2/register?client_id={told['client_id']}"
        conforms(await http.get(at, headers=mine), "/oauth2/register")
        wanted["client_id"] = told["client_id"]
        conforms(await http.put(at, json=wanted, headers=mine), "/oauth2/register")
        conforms(await http.delete(at, headers=mine), "/oauth2/register")
        for path in document()["paths"]:
            if path.startswith(("/.well-known/", "/healthz", "/readyz")):
                found = await http.get(path)
                conforms(found, path)
                if "etag" in found.headers:
                    unchanged = await http.get(path, headers={"if-none-match": found.headers["etag"]})
                    assert (unchanged.status_code, unchanged.content) == (304, b"")


@pytest.mark.spec("RFC 8414 §2", "OpenID Connect Discovery §3")
async def test_every_endpoint_of_the_metadata_is_described(target: Target) -> None:
    async with httpx2.AsyncClient(base_url=target.issuer, trust_env=False, verify=False) as http:
        metadata = (await http.get("/.well-known/openid-configuration")).json()
    for name, value in metadata.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            path = value.removeprefix(target.issuer)
            assert path in document()["paths"] or path in names.paths("GET"), name
