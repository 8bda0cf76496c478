"""A real mosquitto on a free loopback port."""

import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.running import components, process
from tests.running.ports import LOOPBACK, free_port


class Broker:
    """`stop` and `start` make an outage on the same port; retained messages survive neither. `rules` are the lines of
    its configuration that say who may come in."""

    def __init__(self, folder: Path, rules: str = "allow_anonymous true") -> None:
        self.program = components.executable("mosquitto", components.MOSQUITTO)
        self.folder, self.rules = folder, rules
        self.host = LOOPBACK
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://{self.host}:{self.port}"

    def start(self) -> None:
        configuration = self.folder / "mosquitto.conf"
        configuration.write_text(
            f"listener {self.port} {self.host}\n{self.rules}\npersistence false\nset_tcp_nodelay true\n"
        )
        self.process = process.start([self.program, "-c", configuration], self.folder / "mosquitto.log")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((self.host, self.port)) == 0:
                    return
            time.sleep(0.02)
        raise TimeoutError("mosquitto did not start:\n" + (self.folder / "mosquitto.log").read_text())

    def reload(self) -> None:
        """Its files of accounts and rights are read again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)
        time.sleep(0.2)

    def stop(self) -> None:
        if self.process is not None:
            process.stop(self.process)
            self.process = None

    def kill(self) -> None:
        """A crash: SIGKILL, no last will is sent."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None
