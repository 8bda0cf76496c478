"""What a client may be registered with of keys and of ways to ask: the rules of `registration` for them."""

from authserver.egress import registration_problem
from authserver.models import Client
from authserver.oauth import client_keys
from authserver.oauth.redirects import RESPONSE_MODES, takes_forms


def key_problems(client: Client) -> list[str]:
    """RFC 7591 §2: `jwks` and `jwks_uri` MUST NOT both be there."""
    found = []
    if client.jwks is not None and client.jwks_uri is not None:
        found.append("keys are given, or an address where they are fetched, not both; '' empties the other")
    if client.jwks is not None:
        try:
            client_keys.parse(client.jwks)
        except client_keys.KeySetError as error:
            found.append(f"the key set {error}")
    if client.jwks_uri is not None and (problem := registration_problem(client.jwks_uri)):
        found.append(f"the address of the key set {problem}")
    if client.jwks is None and client.jwks_uri is None:
        if "private_key_jwt" in client.token_endpoint_auth_methods:
            found.append("private_key_jwt needs the client's public keys: jwks or jwks_uri")
        if client.require_signed_request_object:
            found.append("signed requests need the client's public keys: jwks or jwks_uri")
    return found


def request_problems(client: Client) -> list[str]:
    """How it asks and is answered; Alexa sends plain links and knows nothing else (contracts/alexa.md 1.1)."""
    found = []
    modes = client.response_modes
    if modes is not None and (not modes or not set(modes) <= set(RESPONSE_MODES)):
        found.append(f"response modes are of {', '.join(RESPONSE_MODES)}")
    if modes == ["form_post"] and not all(map(takes_forms, client.redirect_uris)):
        found.append("form_post needs redirect URIs that are http or https: nothing else takes forms")
    if client.preset == "alexa":
        if client.require_pushed_authorization_requests or client.require_signed_request_object:
            found.append("Alexa neither pushes nor signs its requests: linking would end before it begins")
        if modes is not None and "query" not in modes:
            found.append("Alexa is answered in the query and knows no other response mode")
    return found
