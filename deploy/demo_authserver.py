"""Development mode of docker-compose.yml: registers the demo account and the simulator's client, once.

Runs in authserver's image and uses the operator's commands alone. What skill needs of it goes to
/skill-secrets/simulator.json, which start_skill.py reads.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

RESULT = Path("/skill-secrets/simulator.json")
EMAIL = "demo@example.com"
PASSWORD = "lamps-at-home"  # printed, and made in development mode only, which answers on loopback alone
TRUE = ("1", "true", "yes", "on")


def authserver(*arguments: str, stdin: str | None = None) -> Any:
    done = subprocess.run(["authserver", *arguments, "--json"], input=stdin, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"demo: authserver {' '.join(arguments)} ended with {done.returncode}")
    return json.loads(done.stdout)


def main() -> None:
    if os.environ.get("AUTHSERVER_DEVELOPMENT", "").lower() not in TRUE:
        print("demo: not in development mode, nothing is registered")
        return
    if not RESULT.exists():
        present = {user["email"]: user for user in authserver("user", "list")}
        user = present.get(EMAIL) or authserver("user", "add", EMAIL, "--password-stdin", "--verified", stdin=PASSWORD)
        redirect_uri = os.environ["DEMO_REDIRECT_URI"]
        client = authserver("client", "add-alexa", "--vendor-id", "MDEVELOPMENT00", "--redirect-uri", redirect_uri)
        made = {"client_id": client["client_id"], "client_secret": client["client_secret"], "owner": user["sub"]}
        part = RESULT.with_suffix(".part")
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        part.write_text(json.dumps(made))
        part.rename(RESULT)
    print(f"demo: sign in as {EMAIL} with the password {PASSWORD}")


if __name__ == "__main__":
    main()
