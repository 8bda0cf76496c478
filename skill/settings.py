"""What an operator may set: `SKILL_*` environment variables, each secret also as a file named by `SKILL_…_FILE`."""

import ipaddress
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from skill.setting_kinds import BrokerUrl, Duration, LogLevel, Optional, SecretWords, Url, Words, is_origin

PREFIX = "SKILL_"
SHORTEST_SECRET = 32  # bytes
ASYMMETRIC_ALGORITHMS = ("RS256", "ES256", "EdDSA")


class SettingsError(Exception):
    """The service cannot start as it is set up; the text is for the operator and never holds a value."""


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address can only mean this machine. Not `*.localhost`: resolvers disagree on it."""
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


S = TypeVar("S", bound="DatabaseSettings")

SECRETS = (
    *("database_url", "secret_key", "bridge_secret", "simulator_client_secret", "mqtt_url", "simulate_token"),
    *("alexa_client_secret", "companion_client_secret"),
)
"""Fields that may also come from a file."""


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `SKILL_…_FILE`: the file's text without the line break at its end."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE") if field_name in SECRETS else None
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text("utf-8").rstrip("\r\n"), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{PREFIX}{field_name.upper()}_FILE cannot be read: {type(error).__name__}") from error

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


class DatabaseSettings(BaseSettings):
    """What `migrate` and `lamp` need."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", hide_input_in_errors=True, frozen=True)

    database_url: SecretStr = Field(
        description="The skill's own database: `sqlite:///PATH` (one serving process) or `postgresql://…`. A secret"
        " where it holds a password.",
    )
    database_wait: Duration = Field(
        timedelta(seconds=60), description="How long `serve` and `migrate` wait for a database that is not there."
    )
    log_level: LogLevel = Field("INFO", description="The least weight of a line that is logged on standard error.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls)

    @model_validator(mode="after")
    def _database_is_known(self) -> Self:
        if not self.database_url.get_secret_value().startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("SKILL_DATABASE_URL must begin with sqlite:/// or postgresql://")
        return self

    @property
    def on_sqlite(self) -> bool:
        return self.database_url.get_secret_value().startswith("sqlite:")


class RegistrySettings(DatabaseSettings):
    """What commands need that speak of the companion, or with the broker."""

    public_url: Url | None = Field(None, description="Where people and Alexa's bridge reach this service.")
    mqtt_url: BrokerUrl = Field(
        None, description="The broker of `mqtt` lamps: `mqtt://[USER:PASSWORD@]HOST[:PORT]`, `mqtts://…` for TLS."
    )


class Settings(RegistrySettings):
    """What `serve` needs."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8001, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(1, ge=1, le=64, description="Serving processes. More than one needs PostgreSQL.")
    development: bool = Field(
        False,
        description="`1` allows http, the simulator and directives without a bridge signature, all of it only for a"
        " loopback `Host`. Refused unless the issuer is loopback.",
    )

    issuer: Url = Field(description="What `iss` of an access token must be, character by character.")
    issuer_url: Url | None = Field(
        None,
        description="Where this service itself reaches the issuer, when that differs from `SKILL_ISSUER` (inside"
        " compose); its keys are read from `/.well-known/jwks.json` below it.",
    )
    client_ids: Words = Field(
        description="Client ids whose tokens may command lamps, comma separated. Never empty: every application of the"
        " issuer could switch the lamps otherwise."
    )
    audience: str | None = Field(
        None,
        description="What `aud` must hold in a token that has one. Default: `SKILL_PUBLIC_URL`; without both, a token"
        " made for an audience is refused.",
    )
    required_scope: str = Field("openid", min_length=1, description="Scopes that a token must hold, space separated.")
    algorithms: Words = Field(
        ("RS256", "ES256"), description="Signature algorithms that are accepted: of RS256, ES256, EdDSA."
    )
    clock_leeway: Duration = Field(
        timedelta(seconds=90),
        ge=timedelta(seconds=60),
        le=timedelta(seconds=120),
        description="How far clocks may differ when the times of a token are judged: 60 to 120 s.",
    )
    jwks_refresh: Duration = Field(
        timedelta(minutes=5), gt=timedelta(0), description="How often the issuer's keys are fetched in the background."
    )
    jwks_cooldown: Duration = Field(
        timedelta(seconds=30), description="Least time between two fetches made because of an unknown `kid`."
    )
    jwks_stale: Duration = Field(
        timedelta(hours=24), description="How long the last fetched keys are used while the issuer cannot be reached."
    )

    bridge_secret: SecretWords = Field(
        (),
        description="What the bridge signs its calls with, at least 32 bytes each; two, comma separated, while one"
        " replaces the other. Without it directives are only obeyed in development mode.",
    )
    secret_key: SecretWords = Field(
        (),
        description="What seals tokens in the database, at least 32 bytes; two, comma separated, while one replaces the"
        " other: the first seals, both open. Needed by the companion pages and for events to Alexa.",
    )
    alexa_client_id: Optional = Field(
        None,
        description="Alexa Client Id of the skill's *Permissions* page: with it, changes of lamps are sent to Alexa"
        " (docs/events.md). It is not the client of account linking.",
    )
    alexa_client_secret: SecretStr | None = Field(None, description="Alexa Client Secret of the same page.")
    event_region: Literal["NA", "EU", "FE"] = Field(
        "NA",
        description="Where the users' events go (North America, Europe and India, Far East and Australia) when the"
        " bridge does not tell its own region, as one that was deployed before there were events.",
    )
    amazon_url: Url | None = Field(
        None,
        description="For tests: a loopback URL that stands for Login with Amazon (`/auth/o2/token`) and for the event"
        " gateways (`/NA/v3/events`, `/EU/…`, `/FE/…`).",
    )
    simulator_client_id: str | None = Field(None, description="The simulator's client at the issuer (development).")
    simulator_client_secret: SecretStr | None = Field(None, description="The secret of the simulator's client.")
    companion_client_id: Optional = Field(
        None,
        description="The client at the issuer with which people sign in to the companion pages at `/`: without it there"
        " are none. Needs `SKILL_SECRET_KEY` and `SKILL_PUBLIC_URL`.",
    )
    companion_client_secret: SecretStr | None = Field(None, description="The secret of the companion's client.")

    simulate_token: SecretStr | None = Field(
        None, description="An access token for `skill simulate alexa`. The service itself has no use for it."
    )

    @model_validator(mode="after")
    def _is_safe_to_serve(self) -> Self:
        problems = [*self._identity_problems(), *self._event_problems(), *self._mode_problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _identity_problems(self) -> list[str]:
        problems = []
        if not self.client_ids:
            problems.append("SKILL_CLIENT_IDS must name at least one client")
        if not self.algorithms or not set(self.algorithms) <= set(ASYMMETRIC_ALGORITHMS):
            problems.append(f"SKILL_ALGORITHMS may only hold {', '.join(ASYMMETRIC_ALGORITHMS)}")
        if any(len(key) < SHORTEST_SECRET for key in self.secret_keys) or len(self.secret_keys) > 2:
            problems.append(f"SKILL_SECRET_KEY needs at least {SHORTEST_SECRET} bytes, and no more than two keys")
        if len(self.bridge_secret) > 2:
            problems.append("SKILL_BRIDGE_SECRET holds more than two secrets")
        if self.companion_client_id and (missing := self.missing_for_companion):
            problems.append(f"SKILL_COMPANION_CLIENT_ID needs {' and '.join(missing)} beside it")
        if not self.missing_for_companion and self.public_url and not is_origin(self.public_url):
            problems.append(
                "SKILL_PUBLIC_URL must be a host of its own for the companion pages: no path, no port that is usual"
            )
        if self.workers > 1 and self.on_sqlite:
            problems.append(
                "SQLite means one serving process (the file has one writer): --workers 1, or a postgresql:// database"
            )
        return problems

    def _event_problems(self) -> list[str]:
        problems = []
        if (self.alexa_client_id is None) != (self.alexa_client_secret is None):
            problems.append("SKILL_ALEXA_CLIENT_ID and SKILL_ALEXA_CLIENT_SECRET belong together")
        if self.alexa_client_id is not None and not self.secret_key:
            problems.append("SKILL_ALEXA_CLIENT_ID needs SKILL_SECRET_KEY: the users' tokens are sealed with it")
        if self.amazon_url is not None and not is_loopback(urlsplit(self.amazon_url).hostname):
            problems.append("SKILL_AMAZON_URL may only be a loopback URL")
        return problems

    def _mode_problems(self) -> list[str]:
        if self.development:
            if not is_loopback(urlsplit(self.issuer).hostname):
                return ["development mode needs a loopback SKILL_ISSUER (http://localhost:8000)"]
            return []
        problems = [
            f"{name} must be https outside development mode"
            for name, url in (("SKILL_ISSUER", self.issuer), ("SKILL_PUBLIC_URL", self.public_url))
            if url and not url.startswith("https://")
        ]
        if not self.bridge_secret:
            problems.append("SKILL_BRIDGE_SECRET is required outside development mode")
        if any(len(secret) < SHORTEST_SECRET for secret in self.bridge_keys):
            problems.append(f"SKILL_BRIDGE_SECRET needs at least {SHORTEST_SECRET} bytes")
        return problems

    @property
    def bridge_keys(self) -> tuple[bytes, ...]:
        """The HMAC keys: the UTF-8 bytes of each secret."""
        return tuple(secret.get_secret_value().encode() for secret in self.bridge_secret)

    @property
    def secret_keys(self) -> tuple[bytes, ...]:
        """The UTF-8 bytes of each."""
        return tuple(secret.get_secret_value().encode() for secret in self.secret_key)

    @property
    def missing_for_companion(self) -> list[str]:
        """The names of what is not set and what the companion pages need; they are there where nothing is missing."""
        needed = {
            "SKILL_COMPANION_CLIENT_ID": self.companion_client_id,
            "SKILL_COMPANION_CLIENT_SECRET": self.companion_client_secret,
            "SKILL_SECRET_KEY": self.secret_key,
            "SKILL_PUBLIC_URL": self.public_url,
        }
        return [name for name, value in needed.items() if not value]

    @property
    def reachable_issuer(self) -> str:
        return (self.issuer_url or self.issuer).rstrip("/")

    @property
    def own_audience(self) -> str | None:
        return self.audience or self.public_url


def known_names() -> set[str]:
    """Every environment variable that this service reads."""
    return {PREFIX + name.upper() for name in Settings.model_fields} | {
        f"{PREFIX}{name.upper()}_FILE" for name in SECRETS
    }


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    """pydantic-settings' `extra="forbid"` does not see a misspelt variable; a typo would silently mean the default."""
    known = known_names()
    if unknown := sorted(name for name in environment if name.startswith(PREFIX) and name not in known):
        raise SettingsError(f"unknown setting: {', '.join(unknown)}")
    for name in SECRETS:
        variable = PREFIX + name.upper()
        if environment.get(variable) and environment.get(variable + "_FILE"):
            raise SettingsError(f"{variable} and {variable}_FILE are both set")


def read(kind: type[S], **given: object) -> S:
    """Settings from the environment, `given` (from the command line, None means not given) above it."""
    _refuse_unknown(os.environ)
    try:
        return kind(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("; ".join(_readable(problem) for problem in error.errors(include_input=False))) from error


def read_one(name: str) -> str | None:
    """One setting as text, for a command that runs where the others are not set. None where it is not. Raises
    SettingsError."""
    _refuse_unknown(os.environ)
    if (value := os.environ.get(PREFIX + name.upper())) is not None:
        return value or None
    return SecretFiles(Settings).get_field_value(Settings.model_fields[name], name)[0] or None


def _readable(problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return message
    name = PREFIX + str(problem["loc"][0]).upper()
    if problem["type"].startswith("time_delta"):
        message = "must be seconds (90) or ISO 8601 (PT1M30S)"
    return f"{name} is required" if problem["type"] == "missing" else f"{name}: {message}"
