"""The compose project under test: commands with a bound, progress on the terminal, nothing left behind."""

import json
import os
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = shlex.split(os.environ.get("COMPOSE") or "docker compose")
BUILD_WITHIN = 1200  # seconds; images are pulled and packages installed
UP_WITHIN = 420
COMMAND_WITHIN = 120
#: variables that would change what the file says; a `.env` beside it is not read either
OURS = ("AUTHSERVER_", "SKILL_", "COMPOSE_", "AUTH_DOMAIN", "CADDY_", "PUBLIC_")

_began = time.monotonic()


def say(text: str) -> None:
    print(f"[{time.monotonic() - _began:6.1f}s] {text}", flush=True)


class CommandFailed(Exception):
    """A compose command ended badly; the text holds what it wrote."""


class Stack:
    """One compose project. `with Stack(name, settings) as stack: ...` takes it down with its volumes in any case."""

    def __init__(self, project: str, settings: dict[str, str]) -> None:
        self.project = project
        self.settings = settings

    def run(self, *arguments: str, within: float = COMMAND_WITHIN, stdin: str = "", with_errors: bool = False) -> str:
        """A compose command's standard output. Raises `CommandFailed`, also after `within` seconds."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        command = [*COMMAND, "-f", "docker-compose.yml", "--env-file", os.devnull, "-p", self.project, *arguments]
        try:
            done = subprocess.run(
                command,
                input=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if with_errors else subprocess.PIPE,
                text=True,
                errors="replace",
                cwd=REPOSITORY,
                env=kept | self.settings,
                timeout=within,
            )
        except subprocess.TimeoutExpired as error:
            raise CommandFailed(f"{shlex.join(arguments)} did not end within {within:g} s") from error
        if done.returncode != 0:
            written = f"{done.stdout}\n{done.stderr or ''}".strip()[-6000:]
            raise CommandFailed(f"{shlex.join(arguments)} ended with {done.returncode}:\n{written}")
        return done.stdout

    def build(self) -> None:
        say("building the images")
        self.run("build", within=BUILD_WITHIN)

    def up(self, *services: str) -> None:
        say(f"starting {', '.join(services) or 'all services'}")
        self.run("up", "-d", *services, within=UP_WITHIN)

    def inside(self, service: str, *command: str, stdin: str = "") -> str:
        """What a command in the running container of a service prints."""
        return self.run("exec", "-T", service, *command, stdin=stdin)

    def cli(self, service: str, *arguments: str, stdin: str = "") -> Any:
        """What an operator's command prints with `--json`."""
        return json.loads(self.inside(service, service, *arguments, "--json", stdin=stdin))

    def logs(self) -> str:
        """All that all containers wrote."""
        return self.run("logs", with_errors=True)

    def down(self) -> None:
        self.run("down", "-v", "--remove-orphans", within=UP_WITHIN)

    def __enter__(self) -> "Stack":
        self.down()  # what a run that was killed left behind
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is not None:
                say("failed; the end of the logs:")
                print("\n".join(self.logs().splitlines()[-250:]), flush=True)
        finally:
            say("taking it down, with its volumes")
            self.down()
