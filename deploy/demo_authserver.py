"""Development mode of docker-compose.yml: registers a demo account, the simulator's client and the companion's, once.

Runs in authserver's image and uses the operator's commands alone. What it made is kept in
/skill-secrets/simulator.json, which start_skill.py reads; a start that was broken off is completed by the next one.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

RESULT = Path("/skill-secrets/simulator.json")
EMAIL = "demo@example.com"
VENDOR_ID = "MDEMOLAMPGATE"
TRUE = ("1", "true", "yes", "on")


def authserver(*arguments: str, stdin: str | None = None, may_fail: bool = False) -> Any:
    """What a command prints with `--json`; None where it may fail and did."""
    done = subprocess.run(["authserver", *arguments, "--json"], input=stdin, stdout=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout)
    if may_fail:
        return None
    sys.exit(f"demo: authserver {' '.join(arguments)} ended with {done.returncode}")


def save(made: dict[str, str]) -> None:
    part = RESULT.with_suffix(".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_text(json.dumps(made))
    part.rename(RESULT)


def readable_password() -> str:
    """Four groups that can be typed on a phone, 75 bits."""
    letters = "abcdefghijkmnpqrstuvwxyz"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def add_user(made: dict[str, str]) -> None:
    made["password"] = readable_password()
    save(made)  # first: an account whose password nobody knows would be of no use
    user = authserver("user", "show", EMAIL, may_fail=True)
    if user is None:
        user = authserver("user", "add", EMAIL, "--password-stdin", "--verified", stdin=made["password"])
    else:
        authserver("user", "set-password", EMAIL, "--password-stdin", stdin=made["password"])
    made["owner"] = user["sub"]
    save(made)


def add_client(made: dict[str, str], redirect_uri: str) -> None:
    client = authserver("client", "add-alexa", "--vendor-id", VENDOR_ID, "--redirect-uri", redirect_uri)
    made |= {"client_id": client["client_id"], "client_secret": client["client_secret"], "redirect_uri": redirect_uri}
    save(made)


def add_companion(made: dict[str, str], url: str) -> None:
    """Without back-channel logout: inside its container authserver cannot reach skill under its public name."""
    scopes = ("--scope", "openid", "--scope", "email", "--scope", "profile")
    addresses = ("--redirect-uri", f"{url}/signed-in", "--logout-uri", f"{url}/signed-out")
    client = authserver("client", "add", "Lampgate", "--first-party", "--require-pkce", *scopes, *addresses)
    made |= {"companion_id": client["client_id"], "companion_secret": client["client_secret"], "companion_url": url}
    save(made)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # process 1 of a container ignores it otherwise
    if os.environ.get("AUTHSERVER_DEVELOPMENT", "").lower() not in TRUE:
        print("demo: not in development mode, nothing is registered")
        return
    made: dict[str, str] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    if "owner" not in made:
        add_user(made)
    companion_url = os.environ["DEMO_COMPANION_URL"]
    if made.get("companion_url") != companion_url:
        add_companion(made, companion_url)
    redirect_uri = os.environ["DEMO_REDIRECT_URI"]
    if made.get("redirect_uri") != redirect_uri:  # none yet, or skill's port is another one this time
        add_client(made, redirect_uri)
    print(f"demo: sign in as {EMAIL} with the password {made['password']}")


if __name__ == "__main__":
    main()
