"""Authlib's bare client, beyond signing in: a key in place of a secret, introspection, programs, devices."""

import time

import httpx2
import pytest
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

from authserver.oauth.presets import CONFIDENTIAL, MACHINE, PUBLIC
from tests.foreign.conftest import CALLBACK, DEVICE, SCOPE, Known, Provider, key_of_a_client
from tests.running.reading import Browser


def client_of(known: Known, method: str, **others: object) -> AsyncOAuth2Client:
    secret = {"client_secret": known.client_secret} if known.client_secret else {}
    return AsyncOAuth2Client(
        client_id=known.client_id,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        trust_env=False,
        **(secret | others),
    )


@pytest.mark.spec("RFC 7523 §3", "RFC 7662 §2.2", "RFC 7009 §2.1")
async def test_it_proves_itself_with_a_key_and_asks_what_a_token_is_good_for(provider: Provider) -> None:
    private, public_set = key_of_a_client()
    key = ECKey.import_key(private)
    known = await provider.add_client(CONFIDENTIAL, token_endpoint_auth_methods=["private_key_jwt"], jwks=public_set)
    found = provider.metadata
    async with client_of(known, "private_key_jwt", scope=SCOPE, client_secret=key) as client:
        client.register_client_auth_method(PrivateKeyJWT(provider.issuer, alg="ES256", headers={"kid": "one"}))
        verifier = generate_token(48)
        url, state = client.create_authorization_url(found["authorization_endpoint"], code_verifier=verifier)
        token = await client.fetch_token(
            found["token_endpoint"],
            authorization_response=await provider.sign_in(url),
            state=state,
            code_verifier=verifier,
        )
        provider.keep_secret(token)
        asked = await client.introspect_token(found["introspection_endpoint"], token=token["access_token"])
        assert (asked.json()["active"], asked.json()["client_id"]) == (True, known.client_id)
        ended = await client.revoke_token(found["revocation_endpoint"], token=token["access_token"])
        assert ended.status_code == 200, ended.text
        asked = await client.introspect_token(found["introspection_endpoint"], token=token["access_token"])
        assert asked.json() == {"active": False}


@pytest.mark.spec("RFC 6749 §4.4", "RFC 8707 §2")
async def test_a_program_asks_in_its_own_name(provider: Provider) -> None:
    api = await provider.add_resource_server("read")
    known = await provider.add_client(MACHINE, redirect_uris=[], scopes=[f"{api}/read"])
    async with client_of(known, "client_secret_basic") as client:
        token = await client.fetch_token(
            provider.metadata["token_endpoint"], grant_type="client_credentials", scope=f"{api}/read", resource=api
        )
        provider.keep_secret(token)
        assert token["scope"] == f"{api}/read"
        assert token["expires_at"] > time.time()
        assert "refresh_token" not in token


@pytest.mark.spec("RFC 8628 §3")
async def test_a_device_waits_until_it_is_let_in(provider: Provider) -> None:
    """It has no method for the first question, which is one form."""
    known = await provider.add_client(PUBLIC, grant_types=[DEVICE, "refresh_token"])
    found = provider.metadata
    async with httpx2.AsyncClient(trust_env=False) as http:
        asked = {"client_id": known.client_id, "scope": SCOPE}
        waiting = (await http.post(found["device_authorization_endpoint"], data=asked)).json()
    provider.service.must_not_log(waiting["device_code"], waiting["user_code"])
    poll = {"grant_type": DEVICE, "device_code": waiting["device_code"]}
    async with client_of(known, "none") as client, Browser() as browser:
        with pytest.raises(OAuthError, match="authorization_pending"):
            await client.fetch_token(found["token_endpoint"], **poll)
        await provider.let_in(browser, waiting["verification_uri_complete"])
        token = await client.fetch_token(found["token_endpoint"], **poll)
        provider.keep_secret(token)
        asked = await client.get(found["userinfo_endpoint"])
        assert asked.json()["sub"] == provider.human.sub
        with pytest.raises(OAuthError, match="invalid_grant"):
            await client.fetch_token(found["token_endpoint"], **poll)
