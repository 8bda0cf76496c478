"""Errors for the human at the browser. Errors for a client are Authlib's `OAuth2Error` classes, in the specs' words."""

from authlib.oauth2.rfc6749 import OAuth2Error

DPOP_NONCE = "DPoP-Nonce"  # the header, RFC 9449 §8


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]
    """RFC 8707 §2."""

    error = "invalid_target"


class UnsupportedTokenTypeError(OAuth2Error):  # type: ignore[misc]
    """RFC 7009 §2.2.1: 400. Authlib's class of this name is a resource server's: 401, without a description."""

    error = "unsupported_token_type"


class InvalidTokenError(OAuth2Error):  # type: ignore[misc]
    """RFC 6750 §3.1: the access token is not taken here."""

    error = "invalid_token"
    status_code = 401


class InsufficientScopeError(OAuth2Error):  # type: ignore[misc]
    """RFC 6750 §3.1."""

    error = "insufficient_scope"
    status_code = 403


class InvalidDpopProofError(OAuth2Error):  # type: ignore[misc]
    """RFC 9449 §5, §7.1."""

    error = "invalid_dpop_proof"


class UseDpopNonceError(OAuth2Error):  # type: ignore[misc]
    """RFC 9449 §8, §9: `nonce` is what the next proof must carry."""

    error = "use_dpop_nonce"

    def __init__(self, description: str, nonce: str) -> None:
        super().__init__(description)
        self.nonce = nonce

    def get_headers(self) -> list[tuple[str, str]]:
        return [*super().get_headers(), (DPOP_NONCE, self.nonce)]


class PageError(Exception):
    """Shown as a page on our own host and never sent to a client: before the redirect URI is known to be the client's,
    or when a page cannot go on. `reason` is a stable word for tests and logs, `message` says what to do, and is
    translated where it is shown, `wait` is the seconds until it may be tried again. `go_back`: the message leaves open
    what to do, and the page says it."""

    def __init__(self, reason: str, message: str, status: int = 400, wait: int = 0, *, go_back: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.message = message
        self.status = status
        self.wait = wait
        self.go_back = go_back


class UnmetAuthenticationRequirementsError(OAuth2Error):  # type: ignore[misc]
    """OpenID Connect Core Error Code unmet_authentication_requirements 1.0 §2; RFC 9470 §5."""

    error = "unmet_authentication_requirements"


#: What the protocol refuses: the unit of work commits, so that a revocation that goes with a refusal holds.
KEEP_ON = (OAuth2Error, PageError)
