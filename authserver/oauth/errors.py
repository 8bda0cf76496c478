"""Errors for the human at the browser. Errors for a client are Authlib's `OAuth2Error` classes, in the specs' words."""

from authlib.oauth2.rfc6749 import OAuth2Error


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]
    """RFC 8707 §2."""

    error = "invalid_target"


class UnsupportedTokenTypeError(OAuth2Error):  # type: ignore[misc]
    """RFC 7009 §2.2.1: 400. Authlib's class of this name is a resource server's: 401, without a description."""

    error = "unsupported_token_type"


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
