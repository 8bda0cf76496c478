"""requests-oauthlib on oauthlib: what most older Python programs sign in with."""

import asyncio
from typing import Any

import pytest
import requests
from oauthlib.oauth2 import WebApplicationClient
from oauthlib.oauth2.rfc6749.errors import InvalidClientError, InvalidGrantError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from tests.foreign.conftest import CALLBACK, SCOPE, Known, Provider


@pytest.fixture(autouse=True)
def over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses http even on loopback otherwise."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def session_of(known: Known) -> OAuth2Session:
    session = OAuth2Session(
        client=WebApplicationClient(known.client_id), redirect_uri=CALLBACK, scope=SCOPE.split(), pkce="S256"
    )
    session.trust_env = False
    return session


def credentials(known: Known, method: str) -> dict[str, Any]:
    """How this library is told each method."""
    if method == "client_secret_basic":
        return {"auth": HTTPBasicAuth(known.client_id, known.client_secret)}
    if method == "client_secret_post":
        return {"include_client_id": True, "client_secret": known.client_secret}
    return {"include_client_id": True}


def again_with(known: Known, method: str) -> dict[str, Any]:
    """The same for refreshes and revocations, which it leaves to its user."""
    if method == "client_secret_basic":
        return {"auth": HTTPBasicAuth(known.client_id, known.client_secret)}
    secret = {"client_secret": known.client_secret} if method == "client_secret_post" else {}
    return {"client_id": known.client_id} | secret


@pytest.mark.spec("A29", "RFC 6749 §4.1", "RFC 7636 §1.1", "RFC 7009 §2")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_it_signs_in_refreshes_asks_and_revokes(
    provider: Provider, confidential: Known, public: Known, method: str
) -> None:
    known = public if method == "none" else confidential
    found = provider.metadata
    session = session_of(known)
    url, state = session.authorization_url(found["authorization_endpoint"])
    callback = await provider.sign_in(url)
    given = await asyncio.to_thread(
        session.fetch_token,
        found["token_endpoint"],
        authorization_response=callback,
        state=state,
        **credentials(known, method),
    )
    provider.keep_secret(given)
    info = (await asyncio.to_thread(session.get, found["userinfo_endpoint"])).json()
    assert info["sub"] == provider.human.sub
    assert info["email"] == provider.human.email

    before = dict(given)
    again = await asyncio.to_thread(session.refresh_token, found["token_endpoint"], **again_with(known, method))
    provider.keep_secret(again)
    assert again["access_token"] != before["access_token"]
    assert (again["refresh_token"] != before["refresh_token"]) is (method == "none")
    assert (await asyncio.to_thread(session.get, found["userinfo_endpoint"])).status_code == 200

    asked = again_with(known, method)
    basic = asked.pop("auth", None)
    url, headers, body = WebApplicationClient(known.client_id).prepare_token_revocation_request(
        found["revocation_endpoint"], again["refresh_token"], "refresh_token", **asked
    )
    answer = await asyncio.to_thread(requests.post, url, data=body, headers=headers, auth=basic, timeout=30)
    assert answer.status_code == 200
    assert (await asyncio.to_thread(session.get, found["userinfo_endpoint"])).status_code == 401
    with pytest.raises(InvalidGrantError):
        await asyncio.to_thread(session.refresh_token, found["token_endpoint"], **again_with(known, method))


@pytest.mark.spec("RFC 6749 §5.2", "security 6.19")
async def test_it_understands_our_refusals(provider: Provider, confidential: Known) -> None:
    session = session_of(confidential)
    session.authorization_url(provider.metadata["authorization_endpoint"])  # makes the verifier
    wrong = HTTPBasicAuth(confidential.client_id, "wrong")
    with pytest.raises(InvalidClientError):
        await asyncio.to_thread(session.fetch_token, provider.metadata["token_endpoint"], code="unknown", auth=wrong)
    right = HTTPBasicAuth(confidential.client_id, confidential.client_secret)
    with pytest.raises(InvalidGrantError):
        await asyncio.to_thread(session.fetch_token, provider.metadata["token_endpoint"], code="unknown", auth=right)
