"""What the first start of `make run` registers: a person, an Alexa client for the simulator, one for the companion's
pages, two simulated lamps.

Each step is written down in `var/demo.json` when it is done, so that a start that was broken off is completed by the
next one, and what a person changed afterwards stays changed. Everything goes through the operator's commands.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

EMAIL = "demo@example.com"
VENDOR_ID = "MDEMOLAMPGATE"
LAMPS = ("Desk lamp", "Floor lamp")

Command = Callable[..., Any]
"""`command("authserver", "user", "add", …, stdin=…)` gives what the command prints as JSON. Raises CommandFailed."""


class CommandFailed(Exception):
    """A command of the operator refused; the text is what it said."""


class Demo:
    """The contents of `var/demo.json`. `databases` are the URLs of both: other databases hold no demo yet."""

    def __init__(self, file: Path, databases: tuple[str, str]) -> None:
        self._file = file
        self._databases = hashlib.sha256("\n".join(databases).encode()).hexdigest()[:16]
        self.values: dict[str, Any] = {}
        if file.exists():
            kept = json.loads(file.read_text("utf-8"))
            if kept.get("databases") == self._databases:
                self.values = kept

    def forget(self) -> None:
        """The databases are new, whatever was registered in former ones."""
        self.values = {}

    def register(self, command: Command, skill: str, secret_file: Path, companion_secret_file: Path) -> None:
        """Does what is not done yet. `skill` is its public address; the clients' secrets go to these files."""
        self._person(command)
        self._client(command, f"{skill}/simulator/callback", secret_file)
        self._companion(command, skill, companion_secret_file)
        self._lamps(command)

    def _person(self, command: Command) -> None:
        person = self.values.setdefault("user", {"email": EMAIL, "password": readable_password()})
        if "sub" in person:
            return
        self._save()  # the password first: an account whose password nobody knows would be of no use
        given = {"stdin": person["password"]}
        try:
            made = command("authserver", "user", "add", EMAIL, "--password-stdin", "--verified", "--json", **given)
        except CommandFailed:
            made = command("authserver", "user", "show", EMAIL, "--json")  # there since a start that was broken off
            command("authserver", "user", "set-password", EMAIL, "--password-stdin", **given)
        person["sub"] = made["sub"]
        self._save()

    def _client(self, command: Command, redirect_uri: str, secret_file: Path) -> None:
        client = self.values.setdefault("client", {})
        if "client_id" not in client or not secret_file.exists():
            made = command(
                "authserver", "client", "add-alexa", "--vendor-id", VENDOR_ID, "--redirect-uri", redirect_uri, "--json"
            )  # fmt: skip
            write_secret(secret_file, made["client_secret"])
            client.update(client_id=made["client_id"], redirect_uri=redirect_uri)
        elif client.get("redirect_uri") != redirect_uri:  # the skill's port is another one this time
            shown = command("authserver", "client", "show", client["client_id"], "--json")
            others = [uri for uri in shown["redirect_uris"] if uri not in (client.get("redirect_uri"), redirect_uri)]
            options = [option for uri in (*others, redirect_uri) for option in ("--redirect-uri", uri)]
            command("authserver", "client", "update", client["client_id"], *options)
            client["redirect_uri"] = redirect_uri
        self._save()

    def _companion(self, command: Command, skill: str, secret_file: Path) -> None:
        client = self.values.setdefault("companion", {})
        addresses = (
            "--redirect-uri", f"{skill}/signed-in", "--logout-uri", f"{skill}/signed-out",
            "--backchannel-logout-uri", f"{skill}/backchannel-logout",
        )  # fmt: skip
        if "client_id" not in client or not secret_file.exists():
            scopes = [word for scope in ("openid", "email", "profile") for word in ("--scope", scope)]
            made = command(
                "authserver", "client", "add", "Lampgate", "--first-party", "--require-pkce", *scopes, *addresses,
                "--json",
            )  # fmt: skip
            write_secret(secret_file, made["client_secret"])
            client.update(client_id=made["client_id"], skill=skill)
        elif client.get("skill") != skill:  # its port is another one this time
            command("authserver", "client", "update", client["client_id"], *addresses)
            client["skill"] = skill
        self._save()

    def _lamps(self, command: Command) -> None:
        lamps = self.values.setdefault("lamps", {})
        missing = [name for name in LAMPS if name not in lamps]
        if not missing:
            return
        owner = self.values["user"]["sub"]
        there = {lamp["name"]: lamp for lamp in command("skill", "lamp", "list", "--owner", owner, "--json")}
        for name in missing:
            options = ("--owner", owner, "--name", name, "--driver", "simulated", "--json")
            lamp = there.get(name) or command("skill", "lamp", "add", *options)
            lamps[name] = lamp["endpoint_id"]
            self._save()

    def _save(self) -> None:
        text = json.dumps({"databases": self._databases} | self.values, indent=2)
        beside = self._file.with_suffix(".new")
        write_secret(beside, text + "\n")
        os.replace(beside, self._file)


def readable_password() -> str:
    """Syllables that can be typed on a phone; about 60 bits, for a demo account on this machine."""
    syllables = [a + b for a in "bdfghjklmnprstvz" for b in "aeiou"]
    words = ["".join(secrets.choice(syllables) for _ in range(3)) for _ in range(3)]
    return "-".join([*words, str(secrets.randbelow(90) + 10)])


def write_secret(file: Path, text: str) -> None:
    """Readable by nobody else, from its first byte on."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        os.fchmod(descriptor, 0o600)
        out.write(text)
