"""What refuses to start, and what development mode opens (security 6.75, 6.76, A30)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from authserver import app
from authserver.settings import Settings, SettingsError, read_settings
from tests.authserver.protocol.harness import Clock, Server, settings_for
from tests.conftest import NewDatabase
from tests.running.home import authserver_settings
from tests.running.ports import free_port
from tests.running.service import Service, as_installed

GOOD = {
    "AUTHSERVER_ISSUER": "https://auth.example.org",
    "AUTHSERVER_DATABASE_URL": "sqlite:///x.db",
    "AUTHSERVER_SECRET_KEY": "a secret key of at least 32 random bytes",
}


def test_good_settings_are_read() -> None:
    assert read_settings(Settings, GOOD).issuer == "https://auth.example.org"
    assert read_settings(Settings, GOOD | {"AUTHSERVER_ISSUER": "https://a.example/x/"}).issuer == "https://a.example/x"


@pytest.mark.spec("security 6.76", "decision 8")
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"AUTHSERVER_DEVELOPMENT": "1"}, "loopback"),
        ({"AUTHSERVER_DEVELOPMENT": "1", "AUTHSERVER_ISSUER": "http://192.168.1.10:8000"}, "loopback"),
        ({"AUTHSERVER_DEVELOPMENT": "1", "AUTHSERVER_ISSUER": "http://0.0.0.0:8000"}, "loopback"),
        ({"AUTHSERVER_DEVELOPMENT": "1", "AUTHSERVER_ISSUER": "http://localhost.evil.example"}, "loopback"),
        ({"AUTHSERVER_DEVELOPMENT": "1", "AUTHSERVER_ISSUER": "http://127.0.0.1.nip.io"}, "loopback"),
        ({"AUTHSERVER_DEVELOPMENT": "1", "AUTHSERVER_ISSUER": "http://localhost@evil.example"}, "ISSUER"),
        ({"AUTHSERVER_ISSUER": "http://auth.example.org"}, "https"),
        ({"AUTHSERVER_ISSUER": "http://localhost:8000"}, "https"),
        ({"AUTHSERVER_ISSUER": "https://auth.example.org?x=1"}, "ISSUER"),
        ({"AUTHSERVER_ISSUER": "https://auth.example.org?"}, "ISSUER"),
        ({"AUTHSERVER_ISSUER": "https://auth.example.org#"}, "ISSUER"),
        ({"AUTHSERVER_ISSUER": "https://auth.example.org#x"}, "ISSUER"),
        ({"AUTHSERVER_ISSUER": "https://auth example.org"}, "ISSUER"),
        ({"AUTHSERVER_ISSUER": "https://auth.example.org:99999"}, "ISSUER"),
        ({"AUTHSERVER_ISSUER": "auth.example.org"}, "ISSUER"),
        ({"AUTHSERVER_ISSUER": "ftp://auth.example.org"}, "ISSUER"),
        ({"AUTHSERVER_ISSUER": ""}, "ISSUER"),
        ({"AUTHSERVER_SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"AUTHSERVER_SECRET_KEY": "x" * 31}, "SECRET_KEY"),
        ({"AUTHSERVER_SECRET_KEY_PREVIOUS": "short"}, "SECRET_KEY_PREVIOUS"),
        ({"AUTHSERVER_ISUER": "https://typo.example"}, "AUTHSERVER_ISUER is not a setting"),
        ({"AUTHSERVER_ACCESS_TOKEN_LIFETIME": "59"}, "ACCESS_TOKEN_LIFETIME"),
        ({"AUTHSERVER_ACCESS_TOKEN_LIFETIME": "86401"}, "ACCESS_TOKEN_LIFETIME"),
        ({"AUTHSERVER_SIGNING_KEY_LEAD": "7199"}, "SIGNING_KEY_LEAD"),
        ({"AUTHSERVER_SECRET_KEY_FILE": "/does/not/exist"}, "SECRET_KEY_FILE"),
    ],
    ids=lambda value: (
        ",".join(f"{k.removeprefix('AUTHSERVER_')}={v[:30]}" for k, v in value.items())
        if isinstance(value, dict)
        else value
    ),
)
def test_such_settings_refuse_the_start_and_say_which(changed: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(Settings, GOOD | changed)
    assert says in str(caught.value)
    assert changed.get("AUTHSERVER_SECRET_KEY", "no secret") not in str(caught.value)


@pytest.mark.spec("A30", "alexa 1.4")
@pytest.mark.parametrize(
    ("server_wide", "own", "refused"), [(359, None, True), (360, None, False), (3600, 359, True), (60, 360, False)]
)
async def test_access_tokens_too_short_for_alexa_refuse_the_start(
    sqlite_url: str, server_wide: int, own: int | None, refused: bool
) -> None:
    async with Server(settings_for(sqlite_url)) as server:
        await server.add_client("alexa", access_token_lifetime=own)
    settings = settings_for(
        sqlite_url,
        access_token_lifetime=server_wide,
        secret_key=server.settings.secret_key.get_secret_value(),
    )
    if refused:
        with pytest.raises(SettingsError, match="360"):
            await app.prepare(settings, Clock())
    else:
        async with Server(settings):
            pass


@pytest.mark.spec("security 6.75", "A30")
def test_a_process_that_must_not_serve_ends_with_a_status_and_a_reason(sqlite_url: str, tmp_path: Path) -> None:
    port = free_port()
    right = authserver_settings(sqlite_url, port)
    with as_installed():
        Service("authserver", right, tmp_path, port).migrate()
        with Service("authserver", right, tmp_path, port):
            pass
        wrong = Service("authserver", right | {"AUTHSERVER_SECRET_KEY": "w" * 40}, tmp_path, port)
    with pytest.raises(RuntimeError, match="AUTHSERVER_SECRET_KEY is not the one") as caught:
        wrong.start()
    assert "ended with 0" not in str(caught.value)
    wrong.process = None


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def development(new_database: NewDatabase) -> AsyncIterator[Server]:
    settings = settings_for(new_database("sqlite"), issuer="http://localhost:8000", development=True)
    async with Server(settings) as server:
        yield server


@pytest.mark.spec("security 6.76")
async def test_development_pages_answer_a_loopback_host(development: Server) -> None:
    for host in ("localhost:8000", "127.0.0.1:8000", "[::1]:8000", "localhost"):
        answer = await development.http.get("/dev/mailbox", headers={"host": host})
        assert answer.status_code == 200, host


@pytest.mark.spec("security 6.76", "security 6.56")
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "localhost.evil.example"},
        {"host": "evil.example:8000"},
        {"host": "127.0.0.1.nip.io"},
        {"host": "localhost@evil.example"},
        {"host": "192.168.1.10:8000"},
        {"host": "0.0.0.0:8000"},
        {"host": ""},
        {"host": "evil.example", "x-forwarded-host": "localhost:8000"},
    ],
    ids=lambda headers: "+".join(headers.values()) or "empty",
)
async def test_development_pages_answer_no_other_host(development: Server, headers: dict[str, str]) -> None:
    """A page on the net must not read a developer's mailbox by rebinding its name."""
    answer = await development.http.get("/dev/mailbox", headers=headers)
    assert answer.status_code in (400, 403, 404, 421)


@pytest.mark.spec("security 6.76")
async def test_there_are_no_development_pages_in_production(server: Server) -> None:
    for path in ("/dev", "/dev/", "/dev/mailbox", "/dev/mailbox/1", "/simulator/"):
        for host in ("localhost", "auth.example.test"):
            assert (await server.http.get(path, headers={"host": host})).status_code == 404


@pytest.mark.spec("decision 13", "A23")
async def test_before_it_is_ready_everything_but_health_is_503(sqlite_url: str) -> None:
    """The database is not migrated yet: the process waits, says so, and blames nobody."""
    built = app.build(settings_for(sqlite_url))
    async with built.router.lifespan_context(built):
        transport: Any = httpx2.ASGITransport(app=built)
        async with httpx2.AsyncClient(transport=transport, base_url="https://auth.example.test") as http:
            assert (await http.get("/healthz")).status_code == 200
            ready = await http.get("/readyz")
            assert ready.status_code == 503
            assert "migrate" in ready.json()["reason"]
            for method, path in (("POST", "/oauth2/token"), ("GET", "/.well-known/jwks.json"), ("GET", "/login")):
                answer = await http.request(method, path)
                assert answer.status_code == 503
                assert int(answer.headers["retry-after"]) > 0
