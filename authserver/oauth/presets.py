"""Kinds of clients: what a new client gets unless the operator says otherwise."""

from typing import Any

DAY = 86_400
CLIENT_CREDENTIALS = "client_credentials"  # RFC 6749 §4.4
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # RFC 8693  # noqa: S105

#: contracts/alexa.md section 0 and design decision 6: nothing here may end the link of a user who did nothing wrong.
ALEXA: dict[str, Any] = {
    "preset": "alexa",
    "consent": "always",
    "scopes": ["openid"],
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_methods": ["client_secret_basic", "client_secret_post"],
    "authorization_code_lifetime": 300,
    "code_retry_window": 10,
    "refresh_rotation": False,
    "refresh_idle_lifetime": 400 * DAY,
    "refresh_absolute_lifetime": 3650 * DAY,
    "refresh_id_token": False,
    "revoke_access_tokens": False,  # Cognito's answer; and whoever asks userinfo is never told that a live link ended
}

CONFIDENTIAL: dict[str, Any] = {
    "scopes": ["openid"],
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_methods": ["client_secret_basic", "client_secret_post"],
    "refresh_rotation": False,
}

#: RFC 9700 §2.2.2: refresh tokens of public clients rotate; §2.1.1: PKCE.
PUBLIC: dict[str, Any] = {
    "scopes": ["openid"],
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_methods": ["none"],
    "require_pkce": True,
    "refresh_rotation": True,
}

#: A program in its own name: nobody signs in, nothing is redirected.
MACHINE: dict[str, Any] = {
    "scopes": [],
    "grant_types": [CLIENT_CREDENTIALS],
    "token_endpoint_auth_methods": ["client_secret_basic", "client_secret_post"],
    "refresh_rotation": False,
}

#: The shortest `expires_in` that Alexa accepts, in seconds (contracts/alexa.md 1.4).
ALEXA_SHORTEST_ACCESS_TOKEN = 360

ALEXA_REDIRECT_HOSTS = ("pitangui.amazon.com", "layla.amazon.com", "alexa.amazon.co.jp")


def alexa_redirect_uris(vendor_id: str) -> list[str]:
    """The three regional redirect URLs of one vendor (contracts/alexa.md 1.2): the customer decides which one comes."""
    return [f"https://{host}/api/skill/link/{vendor_id}" for host in ALEXA_REDIRECT_HOSTS]
