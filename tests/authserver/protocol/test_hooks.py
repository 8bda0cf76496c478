"""Authlib calls us back by name; a misspelt name never runs and nobody notices (decision 2)."""

import logging
from collections import Counter
from typing import Any

import pytest
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749 import grants as authlib_grants
from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant
from authlib.oidc.core.grants.code import OpenIDCode, OpenIDToken
from authlib.oidc.rpinitiated import EndSessionEndpoint

from authserver.cli import logs
from authserver.models import User
from authserver.oauth import logout
from authserver.oauth.clients import RegisteredClient
from authserver.oauth.endpoints.device_authorization import DeviceAuthorization
from authserver.oauth.grants.authorization_code import AuthorizationCodeGrant, Sha256CodeChallenge
from authserver.oauth.grants.client_credentials import ClientCredentialsGrant
from authserver.oauth.grants.device_code import DeviceGrant
from authserver.oauth.grants.refresh_token import RefreshTokenGrant
from authserver.oauth.grants.token_exchange import ACCESS_TOKEN, TokenExchangeGrant
from authserver.oauth.introspection import Introspection
from authserver.oauth.logout import EndSession
from authserver.oauth.presets import CLIENT_CREDENTIALS, TOKEN_EXCHANGE
from authserver.oauth.requests import ProtocolRequest
from authserver.oauth.revocation import Revocation
from authserver.oauth.server import IdTokenOfCode, IdTokenOfDevice, IdTokenOfRefresh, OAuthServer
from tests.authserver.protocol.devices import GRANTS, decide, poll, refused, waiting
from tests.authserver.protocol.harness import Server, challenge_of
from tests.authserver.protocol.test_authorization_request import answered


class TokenEndpoint(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]
    """What Authlib calls of a grant that it has no class for."""


#: our class, Authlib's, and what is our own in it
CLASSES: dict[type, tuple[type, set[str]]] = {
    OAuthServer: (
        AuthorizationServer,
        {"_generate", "id_token", "refresh_token", "resource_servers", "register_grant"},
    ),
    AuthorizationCodeGrant: (authlib_grants.AuthorizationCodeGrant, set()),
    DeviceGrant: (DeviceCodeGrant, {"_consume"}),
    DeviceAuthorization: (DeviceAuthorizationEndpoint, {"_admitted"}),
    EndSession: (EndSessionEndpoint, set()),
    IdTokenOfDevice: (OpenIDToken, set()),
    Sha256CodeChallenge: (CodeChallenge, set()),
    IdTokenOfCode: (OpenIDCode, set()),
    IdTokenOfRefresh: (OpenIDToken, set()),
    RefreshTokenGrant: (authlib_grants.RefreshTokenGrant, {"_target", "_bind", "_kept", "_rotated", "_of_predecessor"}),
    ClientCredentialsGrant: (authlib_grants.ClientCredentialsGrant, set()),
    TokenExchangeGrant: (TokenEndpoint, {"_check_form", "_may_exchange", "_scope", "_subject"}),
    Revocation: (RevocationEndpoint, {"_grant_of", "_alone"}),
    Introspection: (IntrospectionEndpoint, {"_access_token", "_refresh_token"}),
    # `get_client_id` belongs to the mixin; nothing that we use of Authlib asks for it
    RegisteredClient: (ClientMixin, {"client_id", "is_public", "needs_pkce", "get_client_id"}),
}
CASES = pytest.mark.parametrize("ours", CLASSES, ids=lambda ours: ours.__name__)


def overrides(ours: type) -> set[str]:
    """What a class defines that Authlib shall call."""
    written = {
        name
        for name, value in vars(ours).items()
        if callable(value) and not (name.startswith("__") and name.endswith("__"))
    }
    return written - CLASSES[ours][1]


@CASES
@pytest.mark.spec("decision 2")
def test_every_name_that_we_override_is_one_of_authlibs(ours: type) -> None:
    base, _ = CLASSES[ours]
    unknown = {name for name in overrides(ours) if not hasattr(base, name)}
    assert not unknown, f"{base.__name__} never calls {unknown}"


@CASES
@pytest.mark.spec("decision 2")
async def test_every_hook_runs_in_a_linking(
    server: Server, person: User, ours: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the authorization request to a refresh, from a device to its tokens, a machine, an exchange, and out: what
    Authlib never calls here guards nothing."""
    ran: Counter[str] = Counter()

    def watched(name: str, original: Any) -> Any:
        def run(*given: Any, **named: Any) -> Any:
            ran[name] += 1
            return original(*given, **named)

        return run

    for name in overrides(ours):
        monkeypatch.setattr(ours, name, watched(name, getattr(ours, name)))
    api = await server.add_resource("read")
    client = await server.add_client(
        "public",
        first_party=True,
        token_endpoint_auth_methods=["client_secret_basic"],
        redirect_uris=["https://a.b/c"],
        scopes=["openid", f"{api}/read"],
        **GRANTS | {"grant_types": [*GRANTS["grant_types"], CLIENT_CREDENTIALS, TOKEN_EXCHANGE]},
    )
    verifier = "v" * 50
    asked = client.authorization(
        code_challenge=challenge_of(verifier), code_challenge_method="S256", nonce="n", redirect_uri="https://a.b/c"
    )
    cookie = await server.signed_in(person)
    code = answered(await server.authorize(asked, **cookie), "https://a.b/c")["code"]
    error = await server.authorize(client.authorization(redirect_uri=None, scope="unknown"), **cookie)
    assert error.status_code in (303, 400)
    answer = await client.exchange(code, code_verifier=verifier)
    assert answer.status_code == 200, answer.text
    assert (await client.refresh(answer.json()["refresh_token"])).status_code == 200
    assert (await client.refresh("wrong")).status_code == 400
    assert (await client.introspect(answer.json()["access_token"])).json()["active"]
    assert (await client.token(grant_type=CLIENT_CREDENTIALS)).status_code == 200
    subject = {"subject_token": answer.json()["access_token"], "subject_token_type": ACCESS_TOKEN}
    assert (await client.token(grant_type=TOKEN_EXCHANGE, **subject)).status_code == 200
    device_code = (await waiting(client))["device_code"]
    assert refused(await poll(client, device_code)) == (400, "authorization_pending")
    await decide(server, device_code, person)
    assert (await poll(client, device_code)).status_code == 200
    asked = {"id_token_hint": answer.json()["id_token"], "post_logout_redirect_uri": "https://a.b/out"}
    assert (await logout.read(server.services.oauth, asked)).client is not None
    assert (await client.revoke(answer.json()["access_token"])).status_code == 200
    assert overrides(ours) - set(ran) == set()


@pytest.mark.spec("decision 2", "A32")
def test_authlib_never_logs_tokens_whatever_the_level(caplog: pytest.LogCaptureFixture) -> None:
    root, before = logging.getLogger(), logging.getLogger("authlib").level
    handlers, level = list(root.handlers), root.level
    try:
        logs.set_up("debug")
        assert not logging.getLogger("authlib").isEnabledFor(logging.DEBUG)
        assert not logging.getLogger("authlib.oauth2.rfc6749.grants.authorization_code").isEnabledFor(logging.DEBUG)
    finally:
        root.handlers[:], root.level = handlers, level
        logging.getLogger("authlib").setLevel(before)


def test_a_request_has_all_that_authlib_gives_its_own() -> None:
    """Ours does not call Authlib's constructor; a new attribute there would be missed in the middle of a grant."""
    theirs = OAuth2Request("POST", "https://auth.example.org/oauth2/token")
    ours = ProtocolRequest("POST", "https://auth.example.org/oauth2/token", {}, 0)
    assert set(vars(theirs)) <= set(vars(ours))
    for name in set(vars(theirs)) - {"payload"}:
        assert getattr(ours, name) == getattr(theirs, name), name
