"""`make run`: starts both services, keeps the data, leaves nothing behind."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.running import process
from tests.running.make_run import READY, ROOT, MakeRun, answers, is_alive
from tests.running.ports import LOOPBACK, free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for orphans in /proc")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """A first start, looked at while it ran and stopped by Ctrl-C."""
    run = MakeRun(tmp_path_factory.mktemp("run") / "var")
    with run:
        assert httpx2.get(f"{run.authserver}/readyz", trust_env=False, verify=False).status_code == 200
        assert httpx2.get(f"{run.skill}/readyz", trust_env=False, verify=False).status_code == 200
        assert httpx2.get(run.simulator, trust_env=False, verify=False).status_code == 200
        run.at_work = run.services()  # type: ignore[attr-defined]
        began = time.monotonic()
        assert run.stop(signal.SIGINT) == 0
        run.took = time.monotonic() - began  # type: ignore[attr-defined]
    return run


def again(run: MakeRun, **settings: str) -> MakeRun:
    """Another start on the same folder and ports."""
    return MakeRun(run.var, run.ports["AUTHSERVER_PORT"], run.ports["SKILL_PORT"], **settings)


def test_the_banner_says_what_to_open_and_how_to_sign_in(first: MakeRun) -> None:
    printed = first.printed()
    assert first.simulator in printed
    assert "/dev/mailbox" in printed
    assert first.demo["user"]["email"] in printed
    assert first.demo["user"]["password"] in printed
    assert "Ctrl-C" in printed


def test_ctrl_c_stops_all_and_leaves_no_orphan(first: MakeRun) -> None:
    assert len(first.at_work) == 2  # type: ignore[attr-defined]
    assert not any(is_alive(pid) for pid in first.at_work)  # type: ignore[attr-defined]
    assert not answers(first.authserver)
    assert not answers(first.skill)
    assert first.took < 10  # type: ignore[attr-defined]


def test_what_is_secret_is_readable_by_its_owner_alone(first: MakeRun) -> None:
    assert stat.S_IMODE(first.var.stat().st_mode) == 0o700
    for name in ("secret-key", "simulator-client-secret", "demo.json"):
        assert stat.S_IMODE((first.var / name).stat().st_mode) == 0o600


def test_a_second_start_keeps_the_data_and_sigterm_stops_all_too(first: MakeRun) -> None:
    before = first.demo, (first.var / "secret-key").read_text()
    with again(first) as second:
        assert second.demo == before[0]
        assert lamps(second) == sorted(before[0]["lamps"].values())
        assert before[0]["user"]["password"] in second.printed()
        at_work = second.services()
        assert second.stop(signal.SIGTERM) == 0
        assert not any(is_alive(pid) for pid in at_work)
    assert (first.var / "secret-key").read_text() == before[1]


def test_ctrl_c_stops_a_background_job_of_a_shell(first: MakeRun) -> None:
    """Such a job starts with SIGINT ignored."""
    run = again(first)
    command = ["sh", "-c", f'trap "" INT; exec {sys.executable} -m development.run --var {run.var}']
    run.process = process.start(command, run.log, run.environment, ROOT)
    try:
        run.wait_for(READY)
        at_work = run.services()
    finally:
        status = run.stop(signal.SIGINT)
    assert status == 0
    assert not any(is_alive(pid) for pid in at_work)


@pytest.mark.parametrize("number", [0, 1], ids=["authserver", "skill"])
def test_a_service_that_dies_stops_the_other_with_a_clear_message(first: MakeRun, number: int) -> None:
    with again(first) as run:
        at_work = run.services()
        os.kill(at_work[number], signal.SIGKILL)
        assert run.wait() == 1
        assert not any(is_alive(pid) for pid in at_work)
    assert f"{['authserver', 'skill'][number]} ended with status" in run.printed()


def test_a_second_run_on_the_same_folder_is_refused_and_the_services_end_when_the_supervisor_is_killed(
    first: MakeRun,
) -> None:
    with again(first) as run:
        other = MakeRun(first.var)
        other.start(wait=False)
        assert other.wait() == 1
        assert "running already" in other.printed()
        at_work = run.services()
        assert len(at_work) == 2
        assert run.process is not None
        run.process.kill()
        run.process.wait()
        deadline = time.monotonic() + 10
        while any(is_alive(pid) for pid in at_work):
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("which", ["AUTHSERVER_PORT", "SKILL_PORT"])
def test_a_busy_port_is_named(first: MakeRun, which: str) -> None:
    run = again(first)
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        busy.bind((LOOPBACK, run.ports[which]))
        busy.listen()
        run.start(wait=False)
        assert run.wait() == 1
    assert f"Port {run.ports[which]} is in use" in run.printed()


def test_a_start_that_was_broken_off_is_completed_by_the_next(first: MakeRun) -> None:
    before = first.demo
    broken = json.loads(json.dumps(before))
    del broken["user"]["sub"], broken["lamps"]["Floor lamp"]
    broken["user"]["password"] = "another-password-41"
    (first.var / "demo.json").write_text(json.dumps(broken))
    with again(first) as run:
        assert run.demo["user"] == before["user"] | {"password": "another-password-41"}
        assert run.demo["lamps"] == before["lamps"]
        assert lamps(run) == sorted(before["lamps"].values())


def test_another_port_is_registered_as_redirect_uri(first: MakeRun) -> None:
    before = first.demo["client"]
    skill = free_port()
    with MakeRun(first.var, skill=skill) as run:
        client = run.demo["client"]
        assert client["client_id"] == before["client_id"]
        assert client["redirect_uri"] == f"http://localhost:{skill}/simulator/callback"
        shown = authserver(run, "client", "show", client["client_id"], "--json")["redirect_uris"]
        assert client["redirect_uri"] in shown
        assert before["redirect_uri"] not in shown
        assert any(uri.startswith("https://pitangui.amazon.com/") for uri in shown)


def test_new_databases_get_a_demo_of_their_own(first: MakeRun) -> None:
    before = first.demo
    for file in [*first.var.glob("authserver.db*"), *first.var.glob("skill.db*")]:
        file.unlink()
    with again(first) as run:
        assert run.demo["user"]["sub"] != before["user"]["sub"]
        assert lamps(run) == sorted(run.demo["lamps"].values())


def lamps(run: MakeRun) -> list[str]:
    """Endpoint ids of all lamps in skill's database."""
    env = run.environment | {"SKILL_DATABASE_URL": f"sqlite:///{run.var}/skill.db"}
    return sorted(lamp["endpoint_id"] for lamp in _json("skill", ["lamp", "list", "--json"], env))


def authserver(run: MakeRun, *arguments: str) -> dict[str, list[str]]:
    env = run.environment | {
        "AUTHSERVER_DATABASE_URL": f"sqlite:///{run.var}/authserver.db",
        "AUTHSERVER_SECRET_KEY_FILE": f"{run.var}/secret-key",
        "AUTHSERVER_ISSUER": f"http://localhost:{run.ports['AUTHSERVER_PORT']}",
        "AUTHSERVER_DEVELOPMENT": "1",
    }
    shown: dict[str, list[str]] = _json("authserver", list(arguments), env)
    return shown


def _json(program: str, arguments: list[str], env: dict[str, str]):  # type: ignore[no-untyped-def]
    done = subprocess.run(
        [Path(sys.executable).parent / program, *arguments], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
