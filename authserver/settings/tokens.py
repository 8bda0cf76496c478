"""Lifetimes of what the protocol issues."""

from pydantic import Field

from authserver.settings.look import LookSettings


class TokenSettings(LookSettings):
    """Tokens, codes and signing keys."""

    access_token_lifetime: int = Field(3600, ge=60, le=86400, description="`expires_in` of access tokens, in seconds.")
    id_token_lifetime: int = Field(3600, ge=60, le=86400, description="Lifetime of ID tokens, in seconds.")
    authorization_code_lifetime: int = Field(
        60, ge=10, le=600, description="Seconds that an authorization code may be used. The Alexa preset has 300."
    )
    device_code_lifetime: int = Field(
        600, ge=60, le=1800, description="Seconds in which the code that a device shows can be typed and agreed to."
    )
    refresh_idle_lifetime: int = Field(
        2_592_000,
        ge=3600,
        description="Seconds without use after which a refresh token ends. The Alexa preset has 400 days.",
    )
    refresh_absolute_lifetime: int = Field(
        31_536_000,
        ge=3600,
        description="Seconds from sign-in after which a refresh token ends. The Alexa preset has ten years.",
    )
    refresh_rotation_grace: int = Field(
        30,
        ge=0,
        le=60,
        description="Seconds in which the predecessor of a rotated refresh token gives the same successor again.",
    )
    dpop_nonce_required: bool = Field(
        False,
        description="Whether DPoP proofs must carry a nonce of this server (RFC 9449 section 8): one more round trip "
        "for each client every few minutes, and no proof can be made in advance. Clients without DPoP notice nothing.",
    )
    unused_registration_lifetime: int = Field(
        2_592_000,
        ge=3600,
        description="Seconds after which a client that registered itself and never got a token is removed.",
    )
    signing_key_period: int = Field(
        7_776_000, ge=86400, description="Seconds that a signing key signs before its successor takes over."
    )
    signing_key_lead: int = Field(
        7800,
        ge=7200,
        description="Seconds that a new key is published before it signs; verifiers cache JWKS for two hours, and what "
        "they fetch may come from a cache on the way.",
    )
