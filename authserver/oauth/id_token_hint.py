"""`id_token_hint`: an ID token of ours by which a client says whom it expects (OpenID Connect Core §3.1.2.1)."""

from dataclasses import dataclass

from authlib.oauth2.rfc6749 import InvalidRequestError

from authserver.oauth.access_token import signed_by_us
from authserver.oauth.keys import KeyRing


@dataclass(frozen=True)
class Hint:
    """Whom the client expects. `email`: as the token itself tells it, so that whoever merely holds the token learns
    nothing; None where it tells none."""

    sub: str
    email: str | None


def read(keys: KeyRing, issuer: str, client_id: str, value: str) -> Hint | None:
    """None where nothing was sent. An expired token is as good as a young one, and one of an expired key: it opens
    nothing, and a client may hold it for longer than a key is published.

    Raises `InvalidRequestError` for anything that is not an ID token of ours for this client: access tokens, other
    clients' tokens, tokens of a kind that is yet to come (contracts/security.md 6.51, 6.69).
    """
    if not value:
        return None
    token = signed_by_us(keys, value, in_the_past=True)
    if token is None or token.header.get("typ") != "JWT":
        raise InvalidRequestError("id_token_hint is not an ID token of this server")
    claims = token.claims
    if claims.get("iss") != issuer or claims.get("token_use") != "id" or claims.get("aud") != client_id:
        raise InvalidRequestError("id_token_hint is not an ID token of this client")
    email = claims.get("email")
    return Hint(str(claims["sub"]), email if isinstance(email, str) else None)
