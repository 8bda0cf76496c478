"""A mail server in a process of its own, which can be killed, and can be told to die at the worst moment.

It writes down what it takes, a line for each mail, before it says that it has taken it.
"""

import argparse
import asyncio
import email
import email.policy
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Taken:
    message_id: str
    recipient: str


class Sink:
    """`die_at`: the number of the mail, counted from this start, at which the process is killed: in the middle of what
    the client sends (`die_in="data"`), or when it is written down but not yet answered (`"stored"`)."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.file = folder / f"sink-{port}.txt"
        self._process: Any = None

    @property
    def url(self) -> str:
        return f"smtp://{LOOPBACK}:{self.port}"

    def start(self, *, die_at: int = 0, die_in: str = "data", greylist: bool = False) -> None:
        from tests.running import process

        command = [sys.executable, "-m", "tests.running.smtp_sink", str(self.port), str(self.file)]
        command += ["--die-at", str(die_at), "--die-in", die_in, *(["--greylist"] if greylist else [])]
        self._process = process.start(command, self.file.with_suffix(".log"), cwd=ROOT)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, self.port)) == 0:
                    return
            time.sleep(0.02)
        raise TimeoutError(self.file.with_suffix(".log").read_text())

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def is_dead(self) -> bool:
        return self._process.poll() is not None

    def taken(self) -> list[Taken]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [Taken(*line.split("\t")) for line in lines]


class Protocol(SMTP):
    def __init__(self, options: argparse.Namespace, *arguments: Any, **others: Any) -> None:
        super().__init__(*arguments, **others)
        self.options = options

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:
        self.event_handler.begun += 1
        if self.event_handler.begun == self.options.die_at and self.options.die_in == "data":
            await self.push("354 go on")
            await self._reader.read(100)
            os.kill(os.getpid(), signal.SIGKILL)
        await super().smtp_DATA(arg)


class Handler:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.begun = 0
        self.seen: set[str] = set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.endswith("@nowhere.example.org"):
            return "550 5.1.1 no such user"
        if self.options.greylist and address not in self.seen:
            self.seen.add(address)
            return "451 4.7.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        with self.options.file.open("a") as file:
            file.write(f"{message['message-id']}\t{','.join(envelope.rcpt_tos)}\n")
        if self.begun == self.options.die_at and self.options.die_in == "stored":
            os.kill(os.getpid(), signal.SIGKILL)
        return "250 taken"


async def serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    handler = Handler(options)
    server = await loop.create_server(
        lambda: Protocol(options, handler, hostname="sink", loop=loop, enable_SMTPUTF8=True), LOOPBACK, options.port
    )
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--die-at", type=int, default=0)
    parser.add_argument("--die-in", choices=["data", "stored"], default="data")
    parser.add_argument("--greylist", action="store_true")
    asyncio.run(serve(parser.parse_args()))
