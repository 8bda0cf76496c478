"""wrk, driven: one thread, a number of connections, some seconds, one Lua script."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).parent
CONNECTIONS = 32


class CannotMeasureError(Exception):
    """Something that the bench needs is missing, or a server did not do what is measured; the text says what."""


@dataclass(frozen=True)
class Outcome:
    """What wrk saw. Latencies are microseconds; `refused` counts answers with a status above 399; `within` how many
    answers came in the millisecond that ends with the number, where the script tells."""

    requests: int
    seconds: float
    p50: float
    p99: float
    longest: float
    refused: int
    within: tuple[tuple[int, int], ...] = ()

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def ensure_wrk() -> None:
    """Install wrk where that is possible. Raises `CannotMeasureError` where it is not."""
    if shutil.which("wrk"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("bench: installing wrk")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "-qq", "update"], check=False, **quiet)  # type: ignore[call-overload]
        install = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", "wrk"]
        subprocess.run(install, env=environment, check=False, **quiet)  # type: ignore[call-overload]
    if not shutil.which("wrk"):
        raise CannotMeasureError("wrk is missing, which makes the load: install it (Debian: apt-get install wrk)")


def wrk_version() -> str:
    words = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout.split()
    return words[1] if len(words) > 1 else "unknown"


def start(
    url: str, script: str, arguments: Sequence[str | Path], seconds: float, connections: int = CONNECTIONS
) -> subprocess.Popen[str]:
    """Begin to load `url`; `finish` waits and gives the outcome. wrk counts whole seconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s"]
    command += ["-s", str(SCRIPTS / script), url, "--", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(running: subprocess.Popen[str], may_refuse: bool = False) -> Outcome:
    """Raises `CannotMeasureError` when requests failed: a figure over errors says nothing."""
    text, _ = running.communicate()
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if running.returncode or not lines:
        raise CannotMeasureError(f"wrk failed: {text.strip()[-600:]}")
    seen = json.loads(lines[-1])
    if seen["broken"] or (seen["refused"] and not may_refuse) or not seen["requests"]:
        raise CannotMeasureError(
            f"of {seen['requests']} requests {seen['refused']} were refused, {seen['broken']} connections broke"
        )
    return Outcome(
        seen["requests"],
        seen["microseconds"] / 1e6,
        seen["p50"],
        seen["p99"],
        seen["longest"],
        seen["refused"],
        tuple((ms, count) for ms, count in seen.get("within", ())),
    )


def run(
    url: str,
    script: str,
    arguments: Sequence[str | Path],
    seconds: float,
    connections: int = CONNECTIONS,
    *,
    may_refuse: bool = False,
) -> Outcome:
    return finish(start(url, script, arguments, seconds, connections), may_refuse)


def post(path: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """One HTTP/1.1 request for `replay.lua`; the bodies here hold no NUL byte."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def write_requests(file: Path, requests: Iterable[bytes]) -> Path:
    file.write_bytes(b"".join(request + b"\0" for request in requests))
    return file


def write_lines(file: Path, lines: Iterable[str]) -> Path:
    file.write_text("".join(line + "\n" for line in lines))
    return file
