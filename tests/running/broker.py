"""A real mosquitto on a free loopback port."""

import socket
import subprocess
import time
from pathlib import Path

from tests.running import components, process
from tests.running.ports import LOOPBACK, free_port


class Broker:
    """`stop` and `start` make an outage on the same port; retained messages survive neither."""

    def __init__(self, folder: Path) -> None:
        self.program = components.executable("mosquitto", components.MOSQUITTO)
        self.folder = folder
        self.host = LOOPBACK
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://{self.host}:{self.port}"

    def start(self) -> None:
        configuration = self.folder / "mosquitto.conf"
        configuration.write_text(
            f"listener {self.port} {self.host}\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
        )
        self.process = process.start([self.program, "-c", configuration], self.folder / "mosquitto.log")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((self.host, self.port)) == 0:
                    return
            time.sleep(0.02)
        raise TimeoutError("mosquitto did not start:\n" + (self.folder / "mosquitto.log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            process.stop(self.process)
            self.process = None
