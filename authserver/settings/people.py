"""Accounts: what people sign in with, and how they are protected."""

from typing import Literal

from pydantic import Field, field_validator

from authserver.settings.database import DatabaseSettings, words_of


class PeopleSettings(DatabaseSettings):
    """All that commands about accounts need."""

    sign_in_with: str = Field(
        "email",
        description="What people sign in with: `email`, `username` or both, comma separated. May be changed at any "
        "time; with `username` alone, who has no user name signs in with the e-mail address.",
    )
    password_minimum: int = Field(8, ge=8, le=64, description="Characters that a new password has at least.")
    password_rules: str = Field(
        "",
        description="What a new password must have besides, as in Cognito: any of `upper`, `lower`, `number`, "
        "`symbol`, comma separated. NIST SP 800-63B advises against such rules.",
    )

    temporary_password_lifetime: int = Field(
        604_800, ge=3600, description="Seconds that the temporary password of an invitation may be used."
    )

    @field_validator("sign_in_with")
    @classmethod
    def _names_are_known(cls, text: str) -> str:
        named = words_of(text)
        if not named or not named <= {"email", "username"}:
            raise ValueError("must be email, username, or email,username")
        return text

    @field_validator("password_rules")
    @classmethod
    def _rules_are_known(cls, text: str) -> str:
        if not words_of(text) <= {"upper", "lower", "number", "symbol"}:
            raise ValueError("must be empty or of upper, lower, number and symbol, comma separated")
        return text

    @property
    def email_signs_in(self) -> bool:
        return "email" in words_of(self.sign_in_with)

    @property
    def username_signs_in(self) -> bool:
        return "username" in words_of(self.sign_in_with)


class AccountSettings(PeopleSettings):
    """Sessions, codes, second factors and limits."""

    sign_up: bool = Field(True, description="Whether people may make accounts for themselves at `/signup`.")
    interaction_lifetime: int = Field(
        1800, ge=60, description="Seconds that a sign-in begun at `/oauth2/authorize` may take."
    )
    session_idle_lifetime: int = Field(
        3600, ge=60, description="Seconds without use after which a browser session ends."
    )
    session_absolute_lifetime: int = Field(
        43200, ge=60, description="Seconds from sign-in after which a browser session ends, however much it is used."
    )
    fresh_sign_in: int = Field(
        300,
        ge=30,
        description="Seconds after a sign-in in which a person may change what matters (address, second factors, "
        "passkeys, download of all data) without signing in again.",
    )
    passkey_rp_id: str = Field(
        "",
        description="Domain that passkeys are made for: the issuer's host, or a parent domain of it. After a change "
        "those made before no longer work. An issuer at an address, such as 127.0.0.1, has no passkeys.",
    )
    email_code_lifetime: int = Field(
        86400, ge=60, description="Seconds that a code sent by mail for a sign-up may be used."
    )
    recovery_code_lifetime: int = Field(
        3600, ge=60, description="Seconds that a code sent by mail for a forgotten password may be used."
    )
    second_factor: Literal["off", "optional", "required"] = Field(
        "optional",
        description="Second factors: `off` asks nobody, `optional` asks those who have set one up, `required` leads "
        "everybody through setting one up in the middle of sign-in; who is signed in with a password alone is asked to "
        "sign in again.",
    )
    second_factors: str = Field(
        "totp,email,passkey",
        description="Second factors that people may set up, comma separated: `totp` (authenticator app), `email` (code "
        "by mail), `passkey`.",
    )
    remember_device_days: int = Field(
        0,
        ge=0,
        le=365,
        description="Days for which a person may choose not to be asked for a second factor again in the same browser; "
        "0: not offered. A new password ends it.",
    )
    sign_in_attempts: int = Field(
        5, ge=1, description="Wrong passwords for one account before sign-in to it is delayed."
    )
    sign_in_lock_maximum: int = Field(
        900, ge=1, description="The longest such delay, in seconds; it starts at one and doubles."
    )
    address_attempts: int = Field(
        100, ge=1, description="Sign-in, sign-up and code attempts of one network address in ten minutes."
    )
    address_visits: int = Field(
        1000,
        ge=1,
        description="Sign-ins that people who are not signed in may begin from one network address in ten minutes, "
        "and authorization requests of one signed-in person; what is begun is kept for `interaction_lifetime`.",
    )
    places: str = Field(
        "",
        description="Path of an MMDB file (GeoLite2 City, DB-IP City Lite and the like) that tells people where their "
        "devices signed in. Read at the start and never asked for over a network; without it only addresses are shown.",
    )

    @field_validator("second_factors")
    @classmethod
    def _factors_are_known(cls, text: str) -> str:
        names = list(filter(None, map(str.strip, text.split(","))))
        if not names or not set(names) <= {"totp", "email", "passkey"}:
            raise ValueError(
                "must be of totp, email and passkey, comma separated; AUTHSERVER_SECOND_FACTOR=off for none"
            )
        return ",".join(dict.fromkeys(names))
