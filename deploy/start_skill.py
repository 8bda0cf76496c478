"""Starts skill in docker-compose.yml: `start_skill.py serve …` becomes `skill serve …`.

In development mode, where /secrets/simulator.json tells of a demo account, its two lamps are registered and the
simulator's client is allowed beside SKILL_CLIENT_IDS. Otherwise nothing is changed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

DEMO = Path("/secrets/simulator.json")
LAMPS = ("Desk lamp", "Floor lamp")
TRUE = ("1", "true", "yes", "on")


def skill(*arguments: str) -> Any:
    done = subprocess.run(["skill", *arguments, "--json"], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"start: skill {' '.join(arguments)} ended with {done.returncode}")
    return json.loads(done.stdout)


def add_lamps(owner: str) -> None:
    present = {lamp["name"] for lamp in skill("lamp", "list", "--owner", owner)}
    if not present:
        for name in LAMPS:
            skill("lamp", "add", "--owner", owner, "--name", name, "--driver", "simulated")


def main() -> None:
    environment = os.environ
    if environment.get("SKILL_DEVELOPMENT", "").lower() in TRUE and DEMO.exists():
        demo = json.loads(DEMO.read_text())
        add_lamps(demo["owner"])
        allowed = [word for word in environment.get("SKILL_CLIENT_IDS", "").split(",") if word.strip()]
        environment["SKILL_CLIENT_IDS"] = ",".join([*allowed, demo["client_id"]])
        environment["SKILL_SIMULATOR_CLIENT_ID"] = demo["client_id"]
        environment["SKILL_SIMULATOR_CLIENT_SECRET"] = demo["client_secret"]
        print(f"start: the simulator is at {environment.get('SKILL_PUBLIC_URL', '')}/simulator/", flush=True)
    os.execvp("skill", ["skill", *sys.argv[1:]])


if __name__ == "__main__":
    main()
