"""The logout token (OpenID Connect Back-Channel Logout 1.0 §2.4): says to one client that somebody has left.

Typed `logout+jwt`, without `token_use`, `nonce` and `client_id`: nothing else of ours takes it for its own kind
(contracts/security.md 6.69).
"""

import uuid
from typing import Any

import orjson

from authserver.models import LogoutNotice
from authserver.oauth.clients import RegisteredClient
from authserver.oauth.keys import KeyRing

LIFETIME = 120  # seconds: §2.4 wants it short; another try has a token of its own
EVENT = "http://schemas.openid.net/event/backchannel-logout"


def make(keys: KeyRing, issuer: str, client: RegisteredClient, notice: LogoutNotice, now: int) -> str:
    """Signed as this client's ID tokens are (§2.6). Raises `KeyRingError`."""
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": keys.subject_of(client.row, notice.sub),
        "aud": client.client_id,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": str(uuid.uuid4()),
        "events": {EVENT: {}},
    }
    if notice.sid is not None:
        claims["sid"] = keys.session_of(client.row, notice.sid)
    alg = client.row.id_token_signing_alg or client.row.signing_alg
    return keys.signing(alg, now).signer.sign(orjson.dumps(claims), "logout+jwt")
