"""Free ports on loopback."""

import random
import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port nobody listens on, below the range from which the kernel takes ports for outgoing connections:
    otherwise a client of another test may sit on it before the server under test does."""
    for _ in range(200):
        port = random.randint(18000, 31999)
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port on loopback")
