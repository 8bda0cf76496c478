"""What stops the start, and what does not."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from skill.settings import DatabaseSettings, Settings, SettingsError, is_loopback, read

DEVELOPMENT = {
    "SKILL_DATABASE_URL": "sqlite:///var/skill.db",
    "SKILL_DEVELOPMENT": "1",
    "SKILL_ISSUER": "http://localhost:8000",
    "SKILL_CLIENT_IDS": "alexa, simulator",
}
PRODUCTION = {
    "SKILL_DATABASE_URL": "postgresql:///skill?host=/run/postgresql",
    "SKILL_ISSUER": "https://auth.example.org",
    "SKILL_CLIENT_IDS": "alexa",
    "SKILL_PUBLIC_URL": "https://skill.example.org",
    "SKILL_BRIDGE_SECRET": "s" * 32,
}


COMPANION = {
    "SKILL_COMPANION_CLIENT_ID": "companion",
    "SKILL_COMPANION_CLIENT_SECRET": "a secret of the issuer's",
    "SKILL_SECRET_KEY": "k" * 32,
}


def settings(monkeypatch: pytest.MonkeyPatch, values: Mapping[str, str | None]) -> Settings:
    for name, value in values.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    return read(Settings)


@pytest.mark.parametrize(
    "values", [DEVELOPMENT, PRODUCTION, PRODUCTION | COMPANION], ids=["development", "production", "companion"]
)
def test_a_good_set_up_starts(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    read = settings(monkeypatch, values)
    assert read.client_ids[0] == "alexa"
    assert read.reachable_issuer == read.issuer


def test_a_client_that_compose_passes_on_as_empty_text_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody_said = ("ALEXA_CLIENT_ID", "ALEXA_CLIENT_SECRET_FILE", "COMPANION_CLIENT_ID", "COMPANION_CLIENT_SECRET_FILE")
    read = settings(monkeypatch, PRODUCTION | {f"SKILL_{name}": "" for name in nobody_said})
    assert (read.alexa_client_id, read.alexa_client_secret) == (None, None)
    assert read.missing_for_companion


@pytest.mark.spec("security 6.76")
@pytest.mark.parametrize(
    "issuer",
    ["http://auth.example.org", "https://auth.example.org", "http://localhost.example.org", "http://10.0.0.7:8000"],
)
def test_development_mode_with_an_issuer_that_is_not_loopback_refuses_to_start(
    monkeypatch: pytest.MonkeyPatch, issuer: str
) -> None:
    with pytest.raises(SettingsError, match="loopback"):
        settings(monkeypatch, DEVELOPMENT | {"SKILL_ISSUER": issuer})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"SKILL_ISSUER": "http://auth.example.org"}, "SKILL_ISSUER must be https"),
        ({"SKILL_PUBLIC_URL": "http://skill.example.org"}, "SKILL_PUBLIC_URL must be https"),
        ({"SKILL_BRIDGE_SECRET": None}, "SKILL_BRIDGE_SECRET is required"),
        ({"SKILL_BRIDGE_SECRET": "s" * 31}, "at least 32 bytes"),
        ({"SKILL_BRIDGE_SECRET": "s" * 32 + ",short"}, "at least 32 bytes"),
        ({"SKILL_BRIDGE_SECRET": ",".join(c * 32 for c in "abc")}, "more than two"),
        ({"SKILL_CLIENT_IDS": ""}, "SKILL_CLIENT_IDS must name"),
        ({"SKILL_CLIENT_IDS": " , "}, "SKILL_CLIENT_IDS must name"),
        ({"SKILL_CLIENT_IDS": None}, "SKILL_CLIENT_IDS is required"),
        ({"SKILL_ISSUER": None}, "SKILL_ISSUER is required"),
        ({"SKILL_ISSUER": "auth.example.org"}, "SKILL_ISSUER: must be an absolute"),
        ({"SKILL_ISSUER": "https://auth.example.org/?a=1"}, "SKILL_ISSUER: must be an absolute"),
        ({"SKILL_DATABASE_URL": None}, "SKILL_DATABASE_URL is required"),
        ({"SKILL_DATABASE_URL": "mysql://db"}, "sqlite:/// or postgresql://"),
        ({"SKILL_ALGORITHMS": "RS256,HS256"}, "SKILL_ALGORITHMS"),
        ({"SKILL_ALGORITHMS": "none"}, "SKILL_ALGORITHMS"),
        ({"SKILL_MQTT_URL": "http://broker"}, "SKILL_MQTT_URL: must begin with mqtt://"),
        ({"SKILL_MQTT_URL": "mqtt://"}, "SKILL_MQTT_URL: .* a host"),
        ({"SKILL_MQTT_URL": "mqtt://[broker"}, "SKILL_MQTT_URL: "),
        ({"SKILL_MQTT_URL": "mqtt://broker:99999"}, "SKILL_MQTT_URL: "),
        ({"SKILL_PUBLIC_URL": "https://skill.example.org:99999"}, "SKILL_PUBLIC_URL: must be an absolute"),
        ({"SKILL_CLOCK_LEEWAY": "5"}, "SKILL_CLOCK_LEEWAY"),
        ({"SKILL_PORT": "eighty"}, "SKILL_PORT"),
        ({"SKILL_DATABASE_WAIT": "2s"}, "SKILL_DATABASE_WAIT: must be seconds"),
        ({"SKILL_ALEXA_CLIENT_ID": "a", "SKILL_SECRET_KEY": "k" * 32}, "belong together"),
        ({"SKILL_ALEXA_CLIENT_SECRET": "a", "SKILL_SECRET_KEY": "k" * 32}, "belong together"),
        ({"SKILL_ALEXA_CLIENT_ID": "a", "SKILL_ALEXA_CLIENT_SECRET": "b"}, "needs SKILL_SECRET_KEY"),
        ({"SKILL_EVENT_REGION": "US"}, "SKILL_EVENT_REGION"),
        ({"SKILL_AMAZON_URL": "https://api.example.org"}, "loopback"),
        (COMPANION | {"SKILL_PUBLIC_URL": "https://example.org/lamps"}, "host of its own"),
        (COMPANION | {"SKILL_PUBLIC_URL": "https://skill.example.org:443"}, "host of its own"),
        ({"SKILL_ISUER": "https://auth.example.org"}, "unknown setting: SKILL_ISUER"),
        ({"SKILL_ISSUER_FILE": "/run/secrets/issuer"}, "unknown setting: SKILL_ISSUER_FILE"),
        ({"SKILL_BRIDGE_SECRET_FILE": "/run/secrets/bridge"}, "are both set"),
        ({"SKILL_BRIDGE_SECRET": None, "SKILL_BRIDGE_SECRET_FILE": "/nowhere/bridge"}, "cannot be read"),
    ],
)
def test_what_is_not_safe_to_serve_refuses_to_start_and_says_why(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None], message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        settings(monkeypatch, PRODUCTION | changes)
    assert "s" * 31 not in str(refused.value)


def test_secrets_may_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bridge").write_text("a" * 32 + "," + "b" * 32 + "\n")
    (tmp_path / "url").write_text("postgresql://skill:pass@db/skill\n")
    given = settings(
        monkeypatch,
        PRODUCTION
        | {
            "SKILL_BRIDGE_SECRET": None,
            "SKILL_DATABASE_URL": None,
            "SKILL_BRIDGE_SECRET_FILE": str(tmp_path / "bridge"),
            "SKILL_DATABASE_URL_FILE": str(tmp_path / "url"),
        },
    )
    assert given.bridge_keys == (b"a" * 32, b"b" * 32)
    assert given.database_url.get_secret_value() == "postgresql://skill:pass@db/skill"
    for shown in (repr(given), str(given), given.model_dump_json()):
        assert "pass" not in shown
        assert "a" * 32 not in shown


def test_migrate_and_lamp_need_the_database_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILL_DATABASE_URL", "sqlite:///x.db")
    assert read(DatabaseSettings).on_sqlite
    monkeypatch.setenv("SKILL_ISSUER", "not looked at")
    assert read(DatabaseSettings).on_sqlite


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.nip.io", False),
        ("2130706433", False),
        ("", False),
        (None, False),
    ],
)
def test_loopback_is_decided_by_name_or_address_and_never_resolved(host: str | None, loopback: bool) -> None:
    assert is_loopback(host) is loopback
