"""What Amazon must be told of an Alexa client: the fields of the developer console, and the document of its API
(contracts/alexa.md 1.7, A31). Everything follows from this server's own configuration."""

import re
from typing import Any
from urllib.parse import urlsplit

from authserver.oauth.clients import RegisteredClient
from authserver.oauth.presets import ALEXA_REDIRECT_HOSTS

VENDOR_ID = re.compile(r"M[A-Z0-9]{7,19}")


def vendor_id_problem(vendor_id: str) -> str | None:
    """Why this cannot be a vendor id, or None (contracts/alexa.md 1.2)."""
    if VENDOR_ID.fullmatch(vendor_id):
        return None
    return (
        "is not a vendor id: M, then 7 to 19 capital letters or digits, such as M2Z5GRSUWODFOI. It is the end of the "
        "Alexa Redirect URLs in the developer console"
    )


def _endpoints(issuer: str) -> tuple[str, str]:
    return f"{issuer}/oauth2/authorize", f"{issuer}/oauth2/token"


def console_fields(issuer: str, client: RegisteredClient, secret: str) -> dict[str, Any]:
    """Field by field, in the order and the words of Build > Account Linking."""
    authorize, token = _endpoints(issuer)
    return {
        "Authorization grant type": "Auth Code Grant",
        "Your Web Authorization URI": authorize,
        "Access Token URI": token,
        "Your Client ID": client.client_id,
        "Your Secret": secret,
        "Your Authentication Scheme": "HTTP Basic (Recommended)",
        "PKCE": "on, S256",
        "Scope": list(client.row.scopes),
        "Domain List": [],
        "Default Access Token Expiration Time": client.access_token_lifetime,
        "Alexa Redirect URLs": [
            uri for uri in client.row.redirect_uris if urlsplit(uri).hostname in ALEXA_REDIRECT_HOSTS
        ],
    }


def account_linking_request(issuer: str, client: RegisteredClient, secret: str) -> dict[str, Any]:
    """The body of `PUT /v1/skills/{skillId}/stages/{stage}/accountLinkingClient`; with secret."""
    authorize, token = _endpoints(issuer)
    return {
        "accountLinkingRequest": {
            "type": "AUTH_CODE",
            "skipOnEnablement": False,
            "authorizationUrl": authorize,
            "accessTokenUrl": token,
            "clientId": client.client_id,
            "clientSecret": secret,
            "accessTokenScheme": "HTTP_BASIC",
            "scopes": list(client.row.scopes),
            "domains": [],
            "defaultTokenExpirationInSeconds": client.access_token_lifetime,
            "redirectUrls": [],
            "authorizationUrlsByPlatform": [],
            "pkceConfiguration": {"status": "ENABLED", "codeChallengeMethod": "S256"},
        }
    }
