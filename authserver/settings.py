"""What an operator may set, and what stops the start. Every setting is `AUTHSERVER_<NAME>` in the environment."""

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

PREFIX = "AUTHSERVER_"


class SettingsError(Exception):
    """A setting that cannot be served with; the text says which one and what to do."""


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine: `localhost` or a loopback address."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    """An IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def words_of(text: str) -> frozenset[str]:
    """The words of a comma separated list."""
    return frozenset(filter(None, map(str.strip, text.split(","))))


class DatabaseSettings(BaseModel):
    """All that `migrate` needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: SecretStr = Field(
        SecretStr("sqlite:///var/authserver.db"),
        description="Where accounts, clients, grants and keys are kept: `sqlite:///PATH` or `postgresql://…`.",
    )
    database_wait: int = Field(
        60, ge=0, description="Seconds that a start waits for a database that does not answer, or is not migrated yet."
    )


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


class Settings(PeopleSettings):
    """All that `serve` needs."""

    issuer: str = Field(
        description="The issuer identifier (`iss`), the public URL of this server; may have a path, under which every "
        "endpoint then lies. Never taken from a header."
    )
    secret_key: SecretStr = Field(
        description="At least 32 random bytes, as text. Signing keys are encrypted with it, refresh tokens are derived "
        "from it: losing it unlinks everybody. Make one with `openssl rand -base64 48`."
    )
    secret_key_previous: SecretStr | None = Field(
        None, description="The secret key before the present one, accepted for reading until `authserver key rewrap`."
    )
    development: bool = Field(
        False,
        description="Development mode: http, `/dev/mailbox`. Refuses to start unless the issuer is loopback.",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks, comma separated, whose `X-Forwarded-For` names the client's address in "
        "logs and rate limits. Nothing else is taken from forwarding headers.",
    )
    host: str = Field("127.0.0.1", description="Address that `serve` listens on, unless `--host` says otherwise.")
    port: int = Field(8000, ge=1, le=65535, description="Port that `serve` listens on, unless `--port` says otherwise.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity of log lines. Authlib's own logger never goes below info: it logs tokens."
    )

    name: str = Field("Lampgate", description="The name that hosted pages and mails show.")
    sign_up: bool = Field(True, description="Whether people may make accounts for themselves at `/signup`.")
    language: Literal["en", "de", "es", "fr", "it", "pt-BR", "ja", "hi", "ar"] = Field(
        "en", description="Language of pages and mails for whoever asks for none that we have, and tells none."
    )
    logo: Path | None = Field(
        None,
        description="Picture that pages show in place of the name: an SVG, PNG or WebP file of at most 256 KiB. It "
        "also takes the place of our lamp.",
    )
    accent_color: str = Field(
        "",
        description="Colour of buttons and links, `#rrggbb`. It is made lighter or darker where it could not be told "
        "from the page (WCAG 2.2).",
    )
    terms_url: str = Field("", description="https address of your terms of use, shown at the foot of every page.")
    privacy_url: str = Field("", description="https address of your privacy notice, shown at the foot of every page.")
    support_url: str = Field("", description="https address where people get help, shown at the foot of every page.")
    overrides: Path | None = Field(
        None,
        description="Folder whose `templates`, `mail`, `static` and `locales` go before ours; see "
        "docs/look-and-languages.md.",
    )

    access_token_lifetime: int = Field(3600, ge=60, le=86400, description="`expires_in` of access tokens, in seconds.")
    id_token_lifetime: int = Field(3600, ge=60, le=86400, description="Lifetime of ID tokens, in seconds.")
    authorization_code_lifetime: int = Field(
        60, ge=10, le=600, description="Seconds that an authorization code may be used. The Alexa preset has 300."
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
        "everybody through setting one up in the middle of sign-in. Sessions that exist are not asked.",
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
        description="Sign-ins that people who are not signed in may begin from one network address in ten minutes; "
        "what is begun is kept for `interaction_lifetime`.",
    )
    scope_words: dict[str, str] = Field(
        {},
        description="What scopes of your own let an application do, for the consent page, as JSON: "
        '`{"lamps": "Switch your lamps"}`. Others are named as they are.',
    )

    smtp_url: SecretStr | None = Field(
        None,
        description="Mail server: `smtp://[USER:PASSWORD@]HOST[:PORT]` (STARTTLS where offered), `smtps://…` (TLS). "
        "Without one, mails stay in the outbox; development mode shows them at `/dev/mailbox`.",
    )
    mail_from: str = Field(
        "no-reply@localhost", description="Sender of every mail: `ADDRESS` or `NAME <ADDRESS>`. [AUTHSERVER_NAME]"
    )
    mail_rate: int = Field(20, ge=1, le=1000, description="Mails that one process sends in a second, at most.")
    mail_overdue: int = Field(
        600, ge=60, description="Seconds that a mail may be late before the log says so as an error, once a minute."
    )

    places: str = Field(
        "",
        description="Path of an MMDB file (GeoLite2 City, DB-IP City Lite and the like) that tells people where their "
        "devices signed in. Read at the start and never asked for over a network; without it only addresses are shown.",
    )
    signing_key_period: int = Field(
        7_776_000, ge=86400, description="Seconds that a signing key signs before its successor takes over."
    )
    signing_key_lead: int = Field(
        7200,
        ge=7200,
        description="Seconds that a new key is published before it signs; verifiers cache JWKS for two hours.",
    )
    argon2_queue: int = Field(
        16, ge=1, description="Sign-ins that may wait for a password hash in one process; beyond it the answer is 503."
    )
    page_queue: int = Field(
        64,
        ge=1,
        description="Requests for pages that may wait for their turn in one process; beyond it, and after five "
        "seconds, the answer is 503 with `Retry-After`.",
    )
    housekeeping_interval: int = Field(60, ge=1, description="Seconds between two purges of what has expired.")

    @field_validator("issuer")
    @classmethod
    def _issuer_is_an_identifier(cls, issuer: str) -> str:
        """RFC 8414 §2: a URL without query and fragment. A trailing slash is dropped: people type it or not."""
        parts = urlsplit(issuer)
        try:
            plain = parts.port is None or parts.port > 0
        except ValueError:
            plain = False
        plain = plain and all(0x21 <= ord(character) <= 0x7E and character not in "?#" for character in issuer)
        if not plain or parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("must be an http(s) URL without query, fragment or user, such as https://auth.example.org")
        return issuer.rstrip("/")

    @field_validator("secret_key", "secret_key_previous")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < 32:
            raise ValueError("must have at least 32 bytes; make one with: openssl rand -base64 48")
        return secret

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_networks(cls, text: str) -> str:
        for part in filter(None, map(str.strip, text.split(","))):
            try:
                ipaddress.ip_network(part, strict=False)
            except ValueError as error:
                raise ValueError(f"{part!r} is no address or network such as 10.0.0.0/8") from error
        return text

    @field_validator("accent_color")
    @classmethod
    def _color_is_hexadecimal(cls, color: str) -> str:
        if color and not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
            raise ValueError("must be a colour such as #1a73e8")
        return color.lower()

    @field_validator("terms_url", "privacy_url", "support_url")
    @classmethod
    def _link_is_https(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme != "https" or not parts.hostname or not url.isprintable() or " " in url):
            raise ValueError("must be an https address such as https://www.example.org/terms")
        return url

    @field_validator("scope_words", mode="before")
    @classmethod
    def _words_are_json(cls, given: Any) -> Any:
        """In the environment it is text."""
        if not isinstance(given, str):
            return given
        try:
            return json.loads(given)
        except ValueError as error:
            raise ValueError('is not JSON such as {"lamps": "Switch your lamps"}') from error

    @field_validator("scope_words")
    @classmethod
    def _words_are_lines(cls, words: dict[str, str]) -> dict[str, str]:
        for scope, text in words.items():
            if not (0 < len(text) <= 200 and text.isprintable()):
                raise ValueError(f"the words for {scope!r} must be 1 to 200 printable characters")
        return words

    @field_validator("second_factors")
    @classmethod
    def _factors_are_known(cls, text: str) -> str:
        names = list(filter(None, map(str.strip, text.split(","))))
        if not names or not set(names) <= {"totp", "email", "passkey"}:
            raise ValueError(
                "must be of totp, email and passkey, comma separated; AUTHSERVER_SECOND_FACTOR=off for none"
            )
        return ",".join(dict.fromkeys(names))

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url_is_known(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parts = urlsplit(url.get_secret_value())
            if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.port == 0:
                raise ValueError("must be smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://…")
        return url

    @model_validator(mode="after")
    def _development_is_loopback(self) -> Self:
        """contracts/security.md 6.76: development mode never reaches the network under a real name."""
        if self.development and not is_loopback(self.issuer):
            raise ValueError(f"AUTHSERVER_DEVELOPMENT=1 needs a loopback AUTHSERVER_ISSUER, not {self.issuer}")
        if not self.development and urlsplit(self.issuer).scheme != "https":
            raise ValueError("AUTHSERVER_ISSUER must be https, except with AUTHSERVER_DEVELOPMENT=1 on loopback")
        return self

    @model_validator(mode="after")
    def _passkeys_are_for_this_host(self) -> Self:
        """WebAuthn §5.1.4: the RP ID is the origin's host, or a parent domain of it that is not a public suffix."""
        given, host = self.passkey_rp_id, urlsplit(self.issuer).hostname or ""
        if given and (_is_address(host) or not (given == host or ("." in given and host.endswith(f".{given}")))):
            raise ValueError(f"AUTHSERVER_PASSKEY_RP_ID must be {host} or a parent domain of it, not {given}")
        return self

    @property
    def relying_party_id(self) -> str:
        """What passkeys are made for; '' where browsers make none: the issuer's host is an address."""
        host = urlsplit(self.issuer).hostname or ""
        return "" if _is_address(host) else self.passkey_rp_id or host

    @property
    def issuer_path(self) -> str:
        """The issuer's path without trailing slash, '' for none; every endpoint lies under it."""
        return urlsplit(self.issuer).path.rstrip("/")

    @property
    def origin(self) -> str:
        """`scheme://host[:port]` of the issuer, what a browser sends as `Origin` from our own pages."""
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def secure(self) -> bool:
        """Whether cookies carry `Secure` and the `__Host-` prefix."""
        return urlsplit(self.issuer).scheme == "https"


#: settings that may also be given as `AUTHSERVER_<NAME>_FILE`, the path of a file that holds the value
SECRET_FIELDS = ("database_url", "secret_key", "secret_key_previous", "smtp_url")

SettingsKind = TypeVar("SettingsKind", bound=DatabaseSettings)


def read_settings(kind: type[SettingsKind], environ: Mapping[str, str] | None = None) -> SettingsKind:
    """Settings from the environment.

    Read here and not by pydantic-settings, which does not see a misspelt variable. Raises `SettingsError` with one line
    for each thing that is wrong; no value of a secret is in it.
    """
    environ = os.environ if environ is None else environ
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    files = {f"{PREFIX}{name.upper()}_FILE": name for name in SECRET_FIELDS}
    problems = [
        f"{name} is not a setting; see docs/reference/settings.md"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and name not in files
    ]
    values: dict[str, Any] = {
        name.lower().removeprefix(PREFIX.lower()): value
        for name, value in environ.items()
        if name in known and value != "" and name.lower().removeprefix(PREFIX.lower()) in kind.model_fields
    }
    for variable, name in files.items():
        if variable in environ and environ[variable] and name in kind.model_fields:
            if name in values:
                problems.append(f"{variable} and {PREFIX}{name.upper()} are both set; keep one")
            try:
                values[name] = Path(environ[variable]).read_text().strip()
            except OSError as error:
                problems.append(f"{variable}: cannot read {environ[variable]}: {error.strerror}")
    if not problems:
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            problems = [_problem(item) for item in error.errors(include_input=False, include_url=False)]
    raise SettingsError("\n".join(problems))


def _problem(item: Any) -> str:
    where = "".join(f"{PREFIX}{str(part).upper()}: " for part in item["loc"][:1])
    reason = "is required" if item["type"] == "missing" else str(item["msg"]).removeprefix("Value error, ")
    return where + reason
