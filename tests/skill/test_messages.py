"""Broken and foreign directives: an Alexa body with status 200, and never an authorization error by mistake."""

from typing import Any

import httpx2
import orjson
import pytest

from tests.running.bridge import directive, signed
from tests.skill.alexa_rules import check_answer
from tests.skill.talking import Alexa, error_type


def broken(change: str, lamp: str, token: str) -> Any:
    message = directive("Alexa.PowerController", "TurnOn", token, lamp)
    header, body = message["directive"]["header"], message["directive"]
    match change:
        case "unknown namespace":
            header["namespace"] = "Alexa.LockController"
        case "unknown name":
            header["name"] = "Toggle"
        case "other case":
            header["name"] = "turnOn"
        case "name of another interface":
            header["namespace"], header["name"] = "Alexa.ColorController", "SetColorTemperature"
        case "payloadVersion 2":
            header["payloadVersion"] = "2"
        case "payloadVersion as a number":
            header["payloadVersion"] = 3
        case "no payloadVersion":
            del header["payloadVersion"]
        case "no header":
            del body["header"]
        case "header is a list":
            body["header"] = []
        case "no namespace":
            del header["namespace"]
        case "name is a number":
            header["name"] = 5
        case "no payload":
            del body["payload"]
        case "no endpoint id":
            del body["endpoint"]["endpointId"]
        case "endpoint id is a number":
            body["endpoint"]["endpointId"] = 17
        case "scope of another type":
            body["endpoint"]["scope"]["type"] = "BearerTokenWithPartition"
        case "no directive":
            message = {"event": {}}
        case "a list":
            message = []
        case "null":
            message = None
    return message


CASES = (
    *("unknown namespace", "unknown name", "other case", "name of another interface", "payloadVersion 2"),
    *("payloadVersion as a number", "no payloadVersion", "no header", "header is a list", "no namespace"),
    *("name is a number", "no payload", "no endpoint id", "endpoint id is a number", "scope of another type"),
    *("no directive", "a list", "null"),
)


@pytest.mark.spec("alexa 2.6", "S12")
@pytest.mark.parametrize("change", CASES)
async def test_S12_what_is_no_directive_of_ours_is_an_invalid_directive(alexa: Alexa, lamp: str, change: str) -> None:
    answer = await alexa.forward(broken(change, lamp, alexa.issuer.token()))
    assert error_type(answer) == "INVALID_DIRECTIVE"
    assert (await alexa.state(lamp))["powerState"] == "OFF"


@pytest.mark.spec("alexa 0", "S12")
@pytest.mark.parametrize("change", [case for case in CASES if "endpoint id" not in case])
async def test_S12_a_directive_that_is_not_understood_never_unlinks(alexa: Alexa, lamp: str, change: str) -> None:
    """Even where its token is dead: nothing was asked that needs one. (An endpoint is looked up for a known user.)"""
    answer = await alexa.forward(broken(change, lamp, alexa.issuer.token(exp=1)))
    assert error_type(answer) == "INVALID_DIRECTIVE"


@pytest.mark.spec("alexa 2.1")
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b'{"directive": NaN}', b"[" * 60_000, b'{"directive":{"header":"\x00"}}', b'"\\ud800"'],
    ids=["empty", "cut", "not UTF-8", "NaN", "deep", "NUL", "lone surrogate"],
)
async def test_a_body_that_is_no_json_is_an_invalid_directive(alexa: Alexa, body: bytes) -> None:
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        headers = signed(body, alexa.bridge.secret)
        answer = await client.post(f"{alexa.bridge.url}/alexa/directive", content=body, headers=headers)
    assert answer.status_code == 200
    check_answer(None, answer.json())
    assert error_type(answer.json()) == "INVALID_DIRECTIVE"


@pytest.mark.spec("alexa 2.1", "S19")
async def test_S19_the_token_is_taken_from_the_documented_place_alone(alexa: Alexa, lamp: str) -> None:
    good = {"type": "BearerToken", "token": alexa.issuer.token()}
    places = {
        "TurnOn": directive("Alexa.PowerController", "TurnOn", "", lamp),
        "Discover": directive("Alexa.Discovery", "Discover", ""),
        "AcceptGrant": directive(
            "Alexa.Authorization",
            "AcceptGrant",
            "",
            payload={"grant": {"type": "OAuth2.AuthorizationCode", "code": "c"}},
        ),
    }
    for name, message in places.items():
        body = message["directive"]
        wrong = {"TurnOn": ["scope", "grantee"], "Discover": ["grantee"], "AcceptGrant": ["scope"]}[name]
        for place in wrong:
            body["payload"][place] = good
        if name != "TurnOn":
            body["endpoint"] = {"endpointId": lamp, "scope": good}
        body["header"]["token"] = body["scope"] = good
        expected = "ACCEPT_GRANT_FAILED" if name == "AcceptGrant" else "INVALID_AUTHORIZATION_CREDENTIAL"
        assert error_type(await alexa.forward(message)) == expected


@pytest.mark.spec("alexa 2.7", "S20")
@pytest.mark.parametrize("scope", [None, {"type": "BearerToken"}, {"type": "BearerToken", "token": ""}])
async def test_S20_a_signed_directive_without_a_token_is_an_invalid_credential(
    alexa: Alexa, lamp: str, scope: dict[str, str] | None
) -> None:
    message = directive("Alexa.PowerController", "TurnOn", "", lamp)
    message["directive"]["endpoint"]["scope"] = scope
    assert error_type(await alexa.forward(message)) == "INVALID_AUTHORIZATION_CREDENTIAL"


@pytest.mark.spec("alexa 2.1")
async def test_an_unusable_correlation_token_is_not_echoed(alexa: Alexa, lamp: str) -> None:
    message = directive("Alexa.PowerController", "TurnOn", alexa.issuer.token(), lamp)
    message["directive"]["header"]["correlationToken"] = {"a": 1}
    answer = await alexa.bridge.forward(message)
    assert error_type(answer.json()) == "INVALID_DIRECTIVE"
    assert "correlationToken" not in orjson.loads(answer.content)["event"]["header"]
