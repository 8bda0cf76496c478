"""`make run`: both services on SQLite, with a demo account, an Alexa client and two lamps. Ctrl-C stops all.

A Python process and no shell line, because a shell's background job ignores SIGINT: this one sets its own handlers.
Settings of the caller's environment (`AUTHSERVER_*`, `SKILL_*`) go before those made here.
"""

import argparse
import errno
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from development.demo import CommandFailed, Demo, write_secret
from development.processes import Service, end_all, ends_with_its_parent, say

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
READY_WITHIN = 60.0
"""Seconds until both services must be ready."""

COLOURS = {"authserver": "\x1b[36m", "skill": "\x1b[33m"}


class Stopped(Exception):
    """SIGINT, SIGTERM or SIGHUP came."""


class CannotRun(Exception):
    """The text says why, and what to do."""


class Run:
    """One `make run`. `var` holds everything that is kept."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.stopping = False
        self.ports = {"authserver": _port("AUTHSERVER_PORT", 8000), "skill": _port("SKILL_PORT", 8001)}
        self.secret_file = var / "simulator-client-secret"
        self.companion_secret_file = var / "companion-client-secret"
        self.env = dict(os.environ) | {"PYTHONUNBUFFERED": "1"}
        self.services: list[Service] = []

    def run(self) -> None:
        """Until a signal (raises Stopped) or a failure (raises CannotRun)."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        self.var.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.var.chmod(0o700)
        lock = _lock(self.var / "run.lock")
        try:
            for name, port in self.ports.items():
                _check_port(name, port)
            self._settings()
            demo = self._prepare()
            self._serve(demo)
        finally:
            end_all(self.services)
            lock.close()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Only notes it: an exception here could come between a child's birth and the line that remembers it."""
        self.stopping = True

    def _settings(self) -> None:
        self._default("AUTHSERVER_SECRET_KEY", file=self._secret("secret-key"))
        self._default("AUTHSERVER_DATABASE_URL", f"sqlite:///{self.var}/authserver.db")
        self._default("AUTHSERVER_DEVELOPMENT", "1")
        self._default("AUTHSERVER_ISSUER", f"http://localhost:{self.ports['authserver']}")
        self._default("SKILL_SECRET_KEY", file=self._secret("skill-secret-key"))
        self._default("SKILL_DATABASE_URL", f"sqlite:///{self.var}/skill.db")
        self._default("SKILL_DEVELOPMENT", "1")
        self._default("SKILL_ISSUER", self.env["AUTHSERVER_ISSUER"])
        self._default("SKILL_PUBLIC_URL", f"http://localhost:{self.ports['skill']}")

    def _default(self, name: str, value: str | None = None, file: Path | None = None) -> None:
        """A setting where the caller has not set it, neither itself nor as a file."""
        if self.env.get(name) or self.env.get(f"{name}_FILE"):
            return
        if file is not None:
            self.env[f"{name}_FILE"] = str(file)
        elif value is not None:
            self.env[name] = value

    def _secret(self, name: str) -> Path:
        """A secret of 48 random bytes that is made once and kept."""
        file = self.var / name
        if not file.exists() or not file.read_text("utf-8").strip():
            write_secret(file, secrets.token_urlsafe(48) + "\n")
        return file

    def _prepare(self) -> Demo:
        """Both schemas current, and everything registered that the page needs."""
        databases = (self._database("AUTHSERVER"), self._database("SKILL"))
        demo = Demo(self.var / "demo.json", databases)
        kept = [Path(url.removeprefix("sqlite:///")) for url in databases if url.startswith("sqlite:///")]
        if not all(file.exists() for file in kept):
            demo.forget()
        if not demo.values:
            say("First start: making the databases, a demo account, an Alexa client and two lamps …")
        for name in ("authserver", "skill"):
            self.command(name, "migrate")
        demo.register(
            self.command, self.env["SKILL_PUBLIC_URL"].rstrip("/"), self.secret_file, self.companion_secret_file
        )
        client_id = demo.values["client"]["client_id"]
        given = self.env.get("SKILL_CLIENT_IDS", "")
        self.env["SKILL_CLIENT_IDS"] = ",".join(dict.fromkeys([*filter(None, given.split(",")), client_id]))
        self._default("SKILL_SIMULATOR_CLIENT_ID", client_id)
        self._default("SKILL_SIMULATOR_CLIENT_SECRET", file=self.secret_file)
        if not self.env.get("SKILL_COMPANION_CLIENT_ID"):
            self.env["SKILL_COMPANION_CLIENT_ID"] = demo.values["companion"]["client_id"]
            self._default("SKILL_COMPANION_CLIENT_SECRET", file=self.companion_secret_file)
        return demo

    def _database(self, prefix: str) -> str:
        given = self.env.get(f"{prefix}_DATABASE_URL")
        return given or Path(self.env[f"{prefix}_DATABASE_URL_FILE"]).read_text("utf-8").strip()

    def command(self, program: str, *arguments: str, stdin: str | None = None) -> Any:
        """A command of the operator, run to its end; gives its JSON where it was asked for."""
        process = subprocess.Popen(
            [PROGRAMS / program, *arguments],
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env,
            cwd=ROOT,
            text=True,
            preexec_fn=ends_with_its_parent(),
        )
        while True:
            try:
                out, err = process.communicate(stdin, timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                stdin = None
                if self.stopping:
                    process.terminate()
        if self.stopping:
            raise Stopped
        if process.returncode != 0:
            raise CommandFailed(f"{program} {' '.join(arguments[:2])} failed:\n{(err or out).strip()}")
        return json.loads(out) if "--json" in arguments else None

    def _serve(self, demo: Demo) -> None:
        """authserver first, so that skill finds its keys at once instead of warning that it does not."""
        for name, port in self.ports.items():
            arguments = [str(PROGRAMS / name), "serve", "--host", "127.0.0.1", "--port", str(port)]
            self.services.append(Service(name, arguments, self.env, ROOT, _prefixed(name)))
            until = time.monotonic() + READY_WITHIN
            while not _is_ready(port):
                self._still_running()
                if time.monotonic() > until:
                    raise CannotRun(f"{name} was not ready within {READY_WITHIN:g} s. Its lines above say why.")
                time.sleep(0.05)
        say(self._banner(demo))
        while True:
            self._still_running()
            time.sleep(0.1)

    def _still_running(self) -> None:
        if self.stopping:
            raise Stopped
        for service in self.services:
            status = service.process.poll()
            if status is not None:
                raise CannotRun(f"{service.name} ended with status {status}, so everything was stopped.")

    def _banner(self, demo: Demo) -> str:
        bold, plain = ("\x1b[1m", "\x1b[0m") if sys.stdout.isatty() else ("", "")
        person = demo.values["user"]
        return f"""
  {bold}Lampgate is running.{plain} Open the lamps and switch them, or link the account in the
  simulator and speak to Alexa:

    My lamps    {bold}{self.env["SKILL_PUBLIC_URL"].rstrip("/")}/{plain}
    Simulator   {bold}{self.env["SKILL_PUBLIC_URL"].rstrip("/")}/simulator/{plain}
    Sign in as  {bold}{person["email"]}{plain}
    Password    {bold}{person["password"]}{plain}
    Mailbox     {self.env["AUTHSERVER_ISSUER"].rstrip("/")}/dev/mailbox

  All of it is kept in {_short(self.var)}/ (the password in demo.json there). Ctrl-C stops both services.
"""


def _port(name: str, default: int) -> int:
    given = os.environ.get(name, "").strip()
    if not given:
        return default
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise CannotRun(f"{name} must be a port, 1 to 65535.")
    return int(given)


def _lock(file: Path) -> TextIO:
    """Held while this process lives: two runs on one folder would register and migrate at once."""
    lock = file.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise CannotRun(f"make run is running already (it holds {_short(file)}). Stop that one first.") from error
    return lock


def _check_port(name: str, port: int) -> None:
    """Free on both addresses that `localhost` may mean: browsers try ::1 first."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            probe = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue  # no IPv6 here
        with probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
                probe.listen(1)
            except OSError as error:
                if family == socket.AF_INET6 and error.errno == errno.EADDRNOTAVAIL:
                    continue
                raise CannotRun(
                    f"Port {port} is in use, so {name} cannot start. Stop what uses it, or choose another one:"
                    f" {name.upper()}_PORT={port + 10} make run"
                ) from error


def _is_ready(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _prefixed(name: str) -> Any:
    colour, plain = (COLOURS[name], "\x1b[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("", "")
    return lambda line: say(f"{colour}{name:<10}{plain} {line}")


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m development.run", description=__doc__)
    parser.add_argument("--var", type=Path, default=Path(os.environ.get("LAMPGATE_VAR") or ROOT / "var"))
    options = parser.parse_args(arguments)
    try:
        Run(options.var.absolute()).run()
    except Stopped:
        say("\nStopped. What was made is kept; make run starts again.")
        return 0
    except (CannotRun, CommandFailed) as problem:
        print(f"\nmake run: {problem}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
