"""All that `serve` needs."""

import ipaddress
import re
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from authserver.settings.database import is_address, is_loopback
from authserver.settings.tokens import TokenSettings


class Settings(TokenSettings):
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
    egress_allowed: str = Field(
        "",
        description="Hosts, addresses or networks, comma separated, that are not public and are asked all the same "
        "where a client names one (`jwks_uri` and the like): `app.internal, 10.1.0.0/16`. https there too.",
    )
    host: str = Field("127.0.0.1", description="Address that `serve` listens on, unless `--host` says otherwise.")
    port: int = Field(8000, ge=1, le=65535, description="Port that `serve` listens on, unless `--port` says otherwise.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity of log lines. Authlib's own logger never goes below info: it logs tokens."
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

    @field_validator("egress_allowed")
    @classmethod
    def _places_are_hosts_or_networks(cls, text: str) -> str:
        for part in filter(None, map(str.strip, text.split(","))):
            try:
                ipaddress.ip_network(part, strict=False)
            except ValueError as error:
                if "/" in part or not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", part):
                    raise ValueError(f"{part!r} is no host, address or network such as 10.0.0.0/8") from error
        return text

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
        if given and (is_address(host) or not (given == host or ("." in given and host.endswith(f".{given}")))):
            raise ValueError(f"AUTHSERVER_PASSKEY_RP_ID must be {host} or a parent domain of it, not {given}")
        return self

    @property
    def relying_party_id(self) -> str:
        """What passkeys are made for; '' where browsers make none: the issuer's host is an address."""
        host = urlsplit(self.issuer).hostname or ""
        return "" if is_address(host) else self.passkey_rp_id or host

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
