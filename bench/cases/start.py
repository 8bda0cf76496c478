"""How long a start takes, and how much memory a worker holds after the load."""

import socket
import statistics
import time
from dataclasses import dataclass

from bench import machine
from bench.load import CannotMeasureError
from bench.servers import Contestant
from tests.running.service import Service

PATIENCE = 20.0  # seconds


def _is_ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def seconds_until_ready(service: Service) -> float:
    """From the start of the process to the first 200 of /readyz; the service is stopped again."""
    begun = time.perf_counter()
    service.start(wait_until_ready=False)
    try:
        while not _is_ready(service.port):
            if time.perf_counter() - begun > PATIENCE:
                raise CannotMeasureError(f"{service.name} was not ready within {PATIENCE:g} s")
            time.sleep(0.005)
        return time.perf_counter() - begun
    finally:
        service.stop()


@dataclass(frozen=True)
class Start:
    name: str
    seconds: float


def measure(name: str, service: Service, times: int) -> Start:
    return Start(name, statistics.median(seconds_until_ready(service) for _ in range(times)))


@dataclass(frozen=True)
class Memory:
    """`megabytes` (10^6 bytes) of the largest worker."""

    name: str
    megabytes: float


def memory(server: Contestant) -> Memory:
    return Memory(server.name, max(machine.resident(pid) for pid in server.workers()) / 1e6)
