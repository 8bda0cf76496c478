"""Parameters without a value are as if they were not there (RFC 6749 §3.1, §3.2), at every endpoint of programs."""

import pytest

from authserver.models import User
from tests.authserver.protocol.devices import GRANTS, waiting
from tests.authserver.protocol.harness import CALLBACK, Server
from tests.authserver.protocol.signing import Holder
from tests.authserver.protocol.test_authorization_request import answered
from tests.authserver.protocol.test_code_exchange import assert_refused
from tests.authserver.protocol.test_pushed_requests import PAR

#: of authorization requests
BLANK = dict.fromkeys(
    (
        "response_mode", "max_age", "prompt", "claims", "resource", "dpop_jkt", "nonce", "code_challenge",
        "code_challenge_method", "acr_values", "id_token_hint", "login_hint", "request", "request_uri",
    ),
    "",
)  # fmt: skip
ASSERTION = {"client_assertion": "", "client_assertion_type": ""}


@pytest.mark.spec("RFC 6749 §3.1")
async def test_at_the_authorization_endpoint(server: Server, person: User) -> None:
    client = await server.add_client(first_party=True)
    answer = await server.authorize(client.authorization(**BLANK), **await server.signed_in(person))
    assert set(answered(answer, CALLBACK)) == {"code", "state", "iss"}


@pytest.mark.spec("RFC 6749 §3.1", "RFC 9126 §2.1")
async def test_where_requests_are_pushed(server: Server) -> None:
    client = await Holder.add(server)
    answer = await server.post(PAR, client.authorization(**BLANK) | client.proof())
    assert answer.status_code == 201, answer.text


@pytest.mark.spec("RFC 6749 §3.2")
async def test_at_the_token_endpoint(server: Server, person: User) -> None:
    client = await server.add_client(redirect_uris=[CALLBACK])
    code, _ = await server.add_code(client, person, redirect_uri_sent=False)
    answer = await client.exchange(code, redirect_uri="", code_verifier="", resource="", client_secret="", **ASSERTION)
    assert answer.status_code == 200, answer.text
    again = await client.refresh(answer.json()["refresh_token"], scope="", resource="", client_id="", **ASSERTION)
    assert again.status_code == 200, again.text
    assert_refused(await client.exchange(""), "invalid_request")
    assert_refused(await client.refresh(""), "invalid_request")


@pytest.mark.spec("RFC 6749 §3.2", "RFC 7009 §2.1", "RFC 7662 §2.1", "RFC 8628 §3.1", "RFC 6750 §2.2")
async def test_at_the_others(server: Server, person: User) -> None:
    client = await server.add_client(**GRANTS)
    tokens = await client.linked(person)
    asked = await client.introspect(tokens["access_token"], token_type_hint="", **ASSERTION)
    assert asked.json()["active"] is True
    header = {"authorization": f"Bearer {tokens['access_token']}"}
    assert (await server.post("/oauth2/userInfo", {"access_token": ""}, header)).status_code == 200
    assert (await client.revoke(tokens["refresh_token"], token_type_hint="", **ASSERTION)).status_code == 200
    assert "device_code" in await waiting(client, scope="", resource="", acr_values="", **ASSERTION)
