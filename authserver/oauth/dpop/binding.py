"""The token endpoint (RFC 9449 §5): in front of every grant, between what proves it and what consumes it."""

import re
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from sqlalchemy.util.concurrency import await_

from authserver.oauth.dpop.proof import Proof
from authserver.oauth.errors import InvalidDpopProofError
from authserver.oauth.spent import spend

THUMBPRINT = re.compile("[A-Za-z0-9_-]{43}")  # SHA-256 in base64url


class ProofOfPossession:
    """An extension of every grant. What it finds is `request.proof`; the mint binds the access token to it.

    Alexa never sends a proof, and could not use a bound token: with its preset the header is ignored, and nothing is
    ever bound, so that no header that somebody adds on the way ends a link (contracts/alexa.md section 0).
    """

    def __call__(self, grant: Any) -> None:
        grant.register_hook("before_create_token_response", self.demand)

    def demand(self, grant: Any) -> None:
        """Client and grant are proven, nothing is consumed yet. `request.bound_jkt` is the key that the presented code
        or refresh token is bound to.

        Raises `InvalidDpopProofError`, `UseDpopNonceError`, `InvalidGrantError`.
        """
        request = grant.request
        client = request.client.row
        if client.preset == "alexa":
            return
        if not request.dpop_headers:
            if client.dpop_bound_access_tokens or request.bound_jkt is not None:
                raise InvalidDpopProofError("A DPoP proof is needed")
            return
        server = grant.server
        proof = server.dpop.verify(request.dpop_headers, "POST", "/oauth2/token", request.now)
        if request.bound_jkt not in (None, proof.jkt):
            raise InvalidGrantError("It is bound to another key than that of the DPoP proof")
        if not await_(spend(server.hot, proof.digest, proof.expires_at)):
            raise InvalidDpopProofError("The DPoP proof was used before")
        request.proof = proof


def authorization_key(parameters: dict[str, str], proof: Proof | None = None) -> str | None:
    """The key that a code will be bound to (RFC 9449 §10): `dpop_jkt`, and for a pushed request the key of its proof
    (§10.1). Raises `InvalidRequestError`, and `InvalidDpopProofError` where the two differ."""
    asked = parameters.get("dpop_jkt") or None
    if asked is not None and THUMBPRINT.fullmatch(asked) is None:
        raise InvalidRequestError("dpop_jkt must be the base64url SHA-256 thumbprint of a key")
    if proof is None:
        return asked
    if asked not in (None, proof.jkt):
        raise InvalidDpopProofError("dpop_jkt is another key than that of the DPoP proof")
    return proof.jkt
