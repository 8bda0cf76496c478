"""What may go wrong, in Alexa's words (contract 2.6). Raised where found, rendered once by the boundary.

Only `ExpiredCredential` and `InvalidCredential` make Alexa **delete the user's tokens and unlink the account**: they
are raised for a token that is provably dead and for nothing else. Whatever may be our own fault is `InternalError`.
"""

from collections.abc import Mapping
from typing import ClassVar


class AlexaError(Exception):
    """An answer of type `type`; the text is for logs and developers, it is not spoken, and never holds input."""

    type: ClassVar[str]

    def details(self) -> Mapping[str, object]:
        """What the payload holds beside `type` and `message`."""
        return {}


class InvalidDirective(AlexaError):
    """Unknown namespace or name, malformed body, an interface that the lamp lacks, another payloadVersion than 3."""

    type = "INVALID_DIRECTIVE"


class InvalidValue(AlexaError):
    """A payload field is missing or of the wrong type."""

    type = "INVALID_VALUE"


class ValueOutOfRange(AlexaError):
    """A number outside the protocol's range."""

    type = "VALUE_OUT_OF_RANGE"

    def __init__(self, message: str, minimum: float, maximum: float) -> None:
        super().__init__(message)
        self.minimum, self.maximum = minimum, maximum

    def details(self) -> Mapping[str, object]:
        return {"validRange": {"minimumValue": self.minimum, "maximumValue": self.maximum}}


class NotSupportedInColorMode(AlexaError):
    """Warmer or cooler, asked of a lamp that shows a colour (contract 2.3)."""

    type = "NOT_SUPPORTED_IN_CURRENT_MODE"

    def __init__(self) -> None:
        super().__init__("The lamp shows a colour: set a white first.")

    def details(self) -> Mapping[str, object]:
        return {"currentDeviceMode": "COLOR"}


class NoSuchEndpoint(AlexaError):
    """No such lamp, or somebody else's: one answer, so that nobody can probe for ids."""

    type = "NO_SUCH_ENDPOINT"

    def __init__(self) -> None:
        super().__init__("No such lamp.")


class EndpointUnreachable(AlexaError):
    """The lamp is offline or did not confirm in time."""

    type = "ENDPOINT_UNREACHABLE"


class BridgeUnreachable(AlexaError):
    """Our way to the lamps (the broker) is away."""

    type = "BRIDGE_UNREACHABLE"


class InternalError(AlexaError):
    """Everything unexpected, and everything that may be our own fault. Harmless to the link."""

    type = "INTERNAL_ERROR"


class ExpiredCredential(AlexaError):
    """A token with our signature, past `exp` beyond the leeway. Unlinks the user."""

    type = "EXPIRED_AUTHORIZATION_CREDENTIAL"


class InvalidCredential(AlexaError):
    """A token that provably is none of ours, or of another kind. Unlinks the user."""

    type = "INVALID_AUTHORIZATION_CREDENTIAL"


UNLINKING = frozenset({ExpiredCredential.type, InvalidCredential.type})
"""The bridge passes them on with a proof of ours alone."""


class InsufficientPermissions(AlexaError):
    """The token lacks the required scope."""

    type = "INSUFFICIENT_PERMISSIONS"


class AcceptGrantFailed(AlexaError):
    """The answer of `Alexa.Authorization` to whatever failed; the linking then fails for the user."""

    type = "ACCEPT_GRANT_FAILED"
