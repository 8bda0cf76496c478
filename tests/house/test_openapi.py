"""The OpenAPI document names what there is: every route, every method, every error."""

import json
import re

from authserver.oauth.authorization import KEPT
from authserver.oauth.endpoints.routes import MACHINE, oauth_routes
from authserver.oauth.server import GRANT_TYPES
from development.openapi import document
from development.openapi.authorize import PARAMETERS
from development.openapi.token import GRANTS

HEALTH = {("/healthz", "get"), ("/readyz", "get")}


def described() -> set[tuple[str, str]]:
    return {(path, method) for path, operations in document()["paths"].items() for method in operations}


def test_every_route_is_described_and_no_other() -> None:
    routes = {
        (getattr(route, "path", ""), method.lower())
        for route in oauth_routes("")
        for method in getattr(route, "methods", ())
        if method != "HEAD"
    }
    assert described() - HEALTH == routes
    assert {path for path, _ in routes} == {"/oauth2/authorize", *MACHINE}


def test_every_operation_has_a_name_of_its_own_and_says_who_may_ask() -> None:
    operations = [
        operation
        for operations in document()["paths"].values()
        for method, operation in operations.items()
        if method != "options"
    ]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    schemes = document()["components"]["securitySchemes"]
    for operation in operations:
        assert operation["summary"]
        assert {name for one in operation["security"] for name in one} <= set(schemes)
        assert "503" in operation["responses"] or operation["operationId"] == "healthz"


def test_every_parameter_of_an_authorization_request_that_is_kept_is_described() -> None:
    assert set(KEPT) <= set(PARAMETERS)


def test_every_grant_type_is_described() -> None:
    assert set(GRANT_TYPES) <= set(GRANTS)
    for name, schema in GRANTS.items():
        assert schema["properties"]["grant_type"]["const"] == name


def test_the_document_holds_no_address_but_examples() -> None:
    assert set(re.findall(r"https?://[^\s\"'`/]+", json.dumps(document()))) == {"https://auth.example.org"}
