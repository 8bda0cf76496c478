"""`skill simulate lamp` as a real process, with somebody at its switch."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Mapping
from typing import Any

from tests.running.process import ends_with_its_parent
from tests.running.service import PROGRAMS

WITHIN = 30.0  # seconds; two cores shared with a whole test run


class SimulatedLamp:
    """`async with SimulatedLamp("--broker", url, environment=…) as lamp: ...`; leaving presses Ctrl-C."""

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._arguments, self._environment = arguments, dict(environment or {})
        self.process: asyncio.subprocess.Process | None = None
        self.lines: list[dict[str, Any]] = []

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            str(PROGRAMS / "skill"), "simulate", "lamp", "--json", *self._arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", **self._environment}, preexec_fn=ends_with_its_parent(),
        )  # fmt: skip

    async def __aenter__(self) -> "SimulatedLamp":
        await self.start()
        await self.until("connected")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            status = await self.end()
            assert kind or status == 0, status

    async def end(self, with_signal: signal.Signals = signal.SIGINT) -> int:
        """The exit status, within ten seconds."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(with_signal)
        async with asyncio.timeout(10):
            return await self.process.wait()

    async def type(self, line: str) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def until(self, event: str, **facts: Any) -> dict[str, Any]:
        """The next line that tells it."""
        assert self.process is not None
        assert self.process.stdout is not None
        async with asyncio.timeout(WITHIN):
            while line := await self.process.stdout.readline():
                told = json.loads(line)
                self.lines.append(told)
                if told["event"] == event and facts.items() <= told.items():
                    return dict(told)
        assert self.process.stderr is not None
        raise AssertionError(f"no {event} {facts}: {self.lines[-3:]} {(await self.process.stderr.read()).decode()}")
