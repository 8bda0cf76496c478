"""Clients from npm, each a process that answers questions in lines of JSON (`tests/foreign/node/conversation.mjs`)."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import playwright

from tests.running.components import missing

FOLDER = Path(__file__).resolve().parents[1] / "foreign" / "node"
OLDEST = 20  # openid-client and oauth4webapi want Web Crypto and `fetch` in the global scope
PATIENCE = 60.0  # seconds for one answer; two cores shared with a whole test run


class RefusedError(Exception):
    """The library did not accept what it was given, or the server refused it; the message has both ones' words."""


def major(node: str) -> int:
    """The first number of its version; 0 where it does not run."""
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30).stdout
    except OSError:
        return 0
    found = re.match(r"v(\d+)\.", said)
    return int(found.group(1)) if found else 0


@cache
def find() -> str | None:
    """The system's Node where it is new enough, otherwise the one that playwright brings."""
    brought = Path(playwright.__file__).parent / "driver" / "node"
    for candidate in (shutil.which("node"), str(brought)):
        if candidate and major(candidate) >= OLDEST:
            return candidate
    return None


def program(name: str) -> list[str]:
    """The command that runs one of `tests/foreign/node`; without Node or its packages the test is skipped, or fails."""
    node = find()
    if node is None:
        missing(f"Node {OLDEST}", "`make system` as root installs it on Debian and Ubuntu")
    if not (FOLDER / "node_modules" / ".package-lock.json").exists():
        missing("the clients from npm", "`make clients` installs them")
    return [node, str(FOLDER / f"{name}.mjs")]


class Foreign:
    """One such program while it runs: `await client.ask("begin", redirect_uri=...)`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def ask(self, what: str, **asked: Any) -> Any:
        """Raises `RefusedError`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": what} | asked).encode() + b"\n")
        await self.process.stdin.drain()
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
        if not line:
            assert self.process.stderr is not None
            raise RuntimeError(f"{what}: the program ended: {(await self.process.stderr.read()).decode()[-2000:]}")
        said = json.loads(line)
        if "refused" in said:
            raise RefusedError(said["refused"])
        return said["answer"]


@contextlib.asynccontextmanager
async def running(name: str) -> AsyncIterator[Foreign]:
    """`async with running("openid_client") as client: ...`"""
    environment = {kept: os.environ[kept] for kept in ("PATH", "HOME", "TMPDIR") if kept in os.environ}
    process = await asyncio.create_subprocess_exec(
        *program(name),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd=FOLDER,
        limit=2**20,
    )
    try:
        yield Foreign(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()  # its last line: the program ends
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
