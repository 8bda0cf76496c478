"""Starts skill in docker-compose.yml: `start_skill.py serve …` becomes `skill serve …`.

In development mode it takes what demo_authserver.py registered: two lamps for the demo account, the simulator's client
beside SKILL_CLIENT_IDS, and the companion's. Otherwise nothing is changed.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

DEMO = Path("/secrets/simulator.json")
DEMO_WITHIN = 60.0  # seconds
DATABASE_WITHIN = 180.0  # seconds, as for the migration
LAMPS = ("Desk lamp", "Floor lamp")
TRUE = ("1", "true", "yes", "on")


def skill(*arguments: str) -> Any:
    done = subprocess.run(["skill", *arguments, "--json"], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"start: skill {' '.join(arguments)} ended with {done.returncode}")
    return json.loads(done.stdout)


def wait_for_database() -> None:
    """After a restart of all it may come later, as `serve` bears; the command says what is missing."""
    give_up_at = time.monotonic() + DATABASE_WITHIN
    while subprocess.run(["skill", "lamp", "list", "--owner", "nobody"], stdout=subprocess.DEVNULL).returncode != 0:
        if time.monotonic() >= give_up_at:
            sys.exit(f"start: the database was not there within {DATABASE_WITHIN:g} s")
        time.sleep(1)


def add_lamps(owner: str) -> None:
    wait_for_database()
    present = {lamp["name"] for lamp in skill("lamp", "list", "--owner", owner)}
    if not present:
        for name in LAMPS:
            skill("lamp", "add", "--owner", owner, "--name", name, "--driver", "simulated")


def demo() -> dict[str, str] | None:
    """What is registered for the simulator at this address; None when nothing comes."""
    redirect_uri = f"{os.environ.get('SKILL_PUBLIC_URL', '')}/simulator/callback"
    give_up_at = time.monotonic() + DEMO_WITHIN
    while True:
        made: dict[str, str] = json.loads(DEMO.read_text()) if DEMO.exists() else {}
        if made.get("redirect_uri") == redirect_uri and "companion_id" in made:
            return made
        if time.monotonic() >= give_up_at:
            print(f"start: authserver-demo registered no simulator at {redirect_uri}", flush=True)
            return None
        time.sleep(0.2)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # process 1 of a container ignores it otherwise
    environment = os.environ
    if environment.get("SKILL_DEVELOPMENT", "").lower() in TRUE and (made := demo()):
        add_lamps(made["owner"])
        allowed = [word for word in environment.get("SKILL_CLIENT_IDS", "").split(",") if word.strip()]
        environment["SKILL_CLIENT_IDS"] = ",".join([*allowed, made["client_id"]])
        environment["SKILL_SIMULATOR_CLIENT_ID"] = made["client_id"]
        environment["SKILL_SIMULATOR_CLIENT_SECRET"] = made["client_secret"]
        environment["SKILL_COMPANION_CLIENT_ID"] = made["companion_id"]
        environment["SKILL_COMPANION_CLIENT_SECRET"] = made["companion_secret"]
        environment.pop("SKILL_COMPANION_CLIENT_SECRET_FILE", None)
        print(f"start: the lamps are at {environment.get('SKILL_PUBLIC_URL', '')}/", flush=True)
        print(f"start: the simulator is at {environment.get('SKILL_PUBLIC_URL', '')}/simulator/", flush=True)
    os.execvp("skill", ["skill", *sys.argv[1:]])


if __name__ == "__main__":
    main()
