"""`python -m development.generate [--check]`."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from development.generate import references
from development.generate.conformance import conformance
from development.openapi import document

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("authserver", "skill")

FROM_SERVICES: dict[str, Callable[[Any], str]] = {
    "docs/reference/settings.md": references.settings,
    "docs/reference/cli.md": references.cli,
    "docs/reference/errors.md": references.errors,
    "docs/reference/routes.md": references.routes,
    ".env.example": references.env_example,
}


def described(service: str) -> Any:
    """The service's description of itself, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "development.generate.describe", service], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{service} cannot be described:\n{done.stderr}")
    return json.loads(done.stdout)


def generated() -> dict[str, str]:
    """Every generated file, by its path."""
    with ThreadPoolExecutor() as pool:
        services = dict(zip(SERVICES, pool.map(described, SERVICES), strict=True))
    files = {path: write(services) for path, write in FROM_SERVICES.items()}
    files["docs/reference/openapi.json"] = json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
    return files | {"CONFORMANCE.md": conformance()}


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m development.generate", description=__doc__)
    arguments.add_argument("--check", action="store_true", help="write nothing; fail where a file would change")
    check = arguments.parse_args().check
    stale = []
    for name, text in generated().items():
        path = ROOT / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {name}")
    if check and stale:
        print(f"not as generated: {', '.join(stale)}\nrun `make docs` and commit what it writes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
