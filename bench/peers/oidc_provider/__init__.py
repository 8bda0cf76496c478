"""node-oidc-provider from npm, where Node is present."""

import os
import shutil
import subprocess
from pathlib import Path

from bench.servers import Contestant, Servers
from tests.running.ports import free_port

HERE = Path(__file__).parent
INSTALLED = HERE.parents[2] / "var" / "bench" / "oidc-provider"
REDIRECT = "https://layla.amazon.com/api/skill/link/M1"


class AbsentError(Exception):
    """The peer cannot be run here; the text says why."""


def secret(client_id: str) -> str:
    return f"{client_id}-secret-of-the-bench-0123456789abcdef"


def version() -> str:
    """Of the peer and of Node."""
    import json

    manifest = json.loads((INSTALLED / "node_modules" / "oidc-provider" / "package.json").read_text())
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"oidc-provider {manifest['version']} on Node {node.removeprefix('v')}"


def install() -> None:
    """The exact version of package.json. Raises `AbsentError`."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise AbsentError("Node and npm are not installed")
    wanted = (HERE / "package.json").read_text()
    INSTALLED.mkdir(parents=True, exist_ok=True)
    manifest = INSTALLED / "package.json"
    if not (INSTALLED / "node_modules").exists() or manifest.read_text() != wanted:
        manifest.write_text(wanted)
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--omit=dev"]
        done = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, check=False)
        if done.returncode:
            manifest.unlink()
            raise AbsentError(f"npm could not install it: {done.stderr.strip()[-200:]}")
    shutil.copy(HERE / "server.mjs", INSTALLED)


def start(servers: Servers, refresh_tokens: int, codes: int) -> tuple[Contestant, Path]:
    """Running, with the folder that holds kept.txt, rotating.txt and codes.txt. Raises `AbsentError`."""
    install()
    folder = servers.folder / "oidc-provider"
    folder.mkdir()
    port = free_port()
    command = ["env", "NODE_ENV=production", "node", "server.mjs", str(port), str(folder)]
    command += [str(refresh_tokens), str(codes)]
    os.environ.pop("NODE_OPTIONS", None)
    return servers.program("node-oidc-provider, in memory", port, command, INSTALLED), folder
