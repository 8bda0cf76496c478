"""`authserver serve` and `migrate`, and what every command says when something is not there."""

import signal
import socket
from pathlib import Path

import pytest

from authserver.storage.database import DatabaseUrl
from tests.running.home import add_alexa, add_person, authserver_settings
from tests.running.ports import LOOPBACK, free_port
from tests.running.service import Service

pytestmark = pytest.mark.usefixtures("in_production")

NOBODY_LISTENS = "postgresql://nobody@127.0.0.1:1/nothing"


def one_line(text: str) -> str:
    [line] = text.splitlines()
    assert line.startswith("authserver: ")
    return line


def test_migrate_and_the_commands_need_the_database_url_alone(database_url: str, tmp_path: Path) -> None:
    bare = Service("authserver", {"AUTHSERVER_DATABASE_URL": database_url}, tmp_path)
    assert bare.cli_json("migrate")["before"] is None
    again = bare.cli_json("migrate")
    assert again["before"] == again["after"]
    for noun in ("user", "client", "grant", "key"):
        assert bare.cli_json(noun, "list") == []
    rotated = bare.cli("key", "rotate")
    assert rotated.returncode == 2
    assert "AUTHSERVER_SECRET_KEY: is required" in rotated.stderr


def test_a_database_that_is_not_migrated_is_said_so(database_url: str, tmp_path: Path) -> None:
    bare = Service("authserver", {"AUTHSERVER_DATABASE_URL": database_url}, tmp_path)
    done = bare.cli("user", "list")
    assert done.returncode == 1
    assert "authserver migrate" in one_line(done.stderr)


@pytest.mark.parametrize("arguments", [("serve",), ("user", "list")], ids=" ".join)
@pytest.mark.parametrize("typed", ["typo/authserver.db", "typo.db"])
def test_nothing_waits_at_a_mistyped_path_nor_makes_anything_there(
    on_sqlite: Service, typed: str, arguments: tuple[str, ...]
) -> None:
    path = on_sqlite.folder / typed
    on_sqlite.settings["AUTHSERVER_DATABASE_URL"] = f"sqlite:///{path}"
    done = on_sqlite.cli(*arguments)
    assert done.returncode == 1
    said = one_line(done.stderr)
    assert str(path) in said
    assert "AUTHSERVER_DATABASE_URL" in said
    assert "authserver migrate" in said
    assert not path.exists()
    assert not (on_sqlite.folder / "typo").exists()


def test_migrate_makes_the_file_and_its_folder_whatever_they_are_called(on_sqlite: Service) -> None:
    path = on_sqlite.folder / "100%41 of it?" / "accounts #1.db"
    on_sqlite.settings["AUTHSERVER_DATABASE_URL"] = f"sqlite:///{path}"
    assert on_sqlite.cli_json("migrate")["before"] is None
    assert path.stat().st_mode & 0o077 == 0
    with on_sqlite:
        assert on_sqlite.cli_json("user", "list") == []


def test_a_file_that_cannot_be_made_is_said_so(on_sqlite: Service) -> None:
    (on_sqlite.folder / "file").touch()
    on_sqlite.settings["AUTHSERVER_DATABASE_URL"] = f"sqlite:///{on_sqlite.folder}/file/authserver.db"
    done = on_sqlite.cli("migrate")
    assert done.returncode == 1
    assert "not migrated" in one_line(done.stderr)


def test_a_database_that_is_away_is_said_so(tmp_path: Path) -> None:
    settings = {"AUTHSERVER_DATABASE_URL": NOBODY_LISTENS, "AUTHSERVER_DATABASE_WAIT": "1"}
    away = Service("authserver", settings, tmp_path)
    done = away.cli("client", "list", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the database does not answer" in one_line(done.stderr)
    migrated = away.cli("migrate")
    assert migrated.returncode == 1
    waiting, given_up = migrated.stderr.splitlines()
    assert "waiting for the database" in waiting
    assert "not migrated" in given_up


def test_a_database_at_no_port_is_a_wrong_setting(on_sqlite: Service) -> None:
    for url in ("postgresql://u:hush@db:99999/x", "postgresql://u:hush@a:5432,b:0/x", "postgresql://u:hush@db:x/x"):
        on_sqlite.settings["AUTHSERVER_DATABASE_URL"] = url
        done = on_sqlite.cli("user", "list")
        assert (done.returncode, "port" in one_line(done.stderr), "hush" in done.stderr) == (2, True, False)
    for good in (
        "u:p@a:5432,b/x",
        "u@[::1]:5432/x",
        "u@[::1]/x",
        "/x?host=/run/postgresql",
        "u:p%3A9%40@db/x",
        "db:/x",
    ):
        assert DatabaseUrl.parse(f"postgresql://{good}").kind == "postgresql"


def test_wrong_settings_are_named_without_their_values(on_sqlite: Service) -> None:
    on_sqlite.settings |= {
        "AUTHSERVER_SECRET_KEY": "too short to be safe",
        "AUTHSERVER_ISUER": "https://auth.example.org",
    }
    done = on_sqlite.cli("serve")
    assert done.returncode == 2
    assert "AUTHSERVER_ISUER is not a setting" in done.stderr
    del on_sqlite.settings["AUTHSERVER_ISUER"]
    done = on_sqlite.cli("serve")
    assert done.returncode == 2
    assert "AUTHSERVER_SECRET_KEY: must have at least 32 bytes" in done.stderr
    assert "too short to be safe" not in done.stderr + done.stdout
    on_sqlite.settings["AUTHSERVER_DATABASE_URL"] = "mysql://somewhere"
    assert on_sqlite.cli("migrate").returncode == 2


def test_several_workers_on_sqlite_are_refused_with_the_reason(on_sqlite: Service) -> None:
    done = on_sqlite.cli("serve", "--workers", "2")
    assert done.returncode == 2
    assert "SQLite has one writer" in one_line(done.stderr)


def test_a_busy_port_is_said_so(on_sqlite: Service) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = on_sqlite.cli("serve", "--host", LOOPBACK, "--port", str(port))
    assert done.returncode == 1
    assert f"cannot listen on {LOOPBACK}:{port}" in one_line(done.stderr)


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_in_order(on_sqlite: Service, with_signal: signal.Signals) -> None:
    on_sqlite.start()
    assert on_sqlite.stop(with_signal) == 0
    on_sqlite.check_log()


@pytest.mark.spec("security 6.75")
def test_a_wrong_secret_key_stops_the_start(on_sqlite: Service) -> None:
    on_sqlite.start()
    on_sqlite.stop()
    on_sqlite.settings["AUTHSERVER_SECRET_KEY"] = "another secret key, also long enough"
    done = on_sqlite.cli("serve", "--port", str(on_sqlite.port))
    assert done.returncode == 2
    assert "not the one that this database was made with" in done.stderr


@pytest.mark.spec("security 6.75")
def test_the_secret_key_is_changed_in_three_steps(on_sqlite: Service) -> None:
    """New key with the previous one beside it, rewrap, previous one dropped."""
    made = on_sqlite.cli_json("key", "rotate")
    before = {row["kid"] for row in on_sqlite.cli_json("key", "list")}
    assert made["kid"] in before
    former = on_sqlite.settings["AUTHSERVER_SECRET_KEY"]
    on_sqlite.settings["AUTHSERVER_SECRET_KEY"] = "another secret key, also long enough"
    assert on_sqlite.cli("key", "rewrap").returncode == 2
    on_sqlite.settings["AUTHSERVER_SECRET_KEY_PREVIOUS"] = former
    assert on_sqlite.cli_json("key", "rewrap") == {"rewrapped": len(before), "authenticator_apps": 0}
    del on_sqlite.settings["AUTHSERVER_SECRET_KEY_PREVIOUS"]
    on_sqlite.start()
    assert on_sqlite.stop() == 0
    assert {row["kid"] for row in on_sqlite.cli_json("key", "list")} == before


async def test_two_workers_serve_one_postgresql(postgres_url: str, tmp_path: Path) -> None:
    port = free_port()
    server = Service("authserver", authserver_settings(postgres_url, port), tmp_path, port)
    server.migrate()
    server.start("--workers", "2")
    try:
        alexa = add_alexa(server)
        linked = await alexa.link(add_person(server))
        for _ in range(20):  # each on a connection of its own: both workers answer
            assert (await alexa.refresh(linked.refresh_token)).status_code == 200
    finally:
        assert server.stop() == 0
    assert "Traceback" not in server.log()
