"""One line for each event on standard error: time, weight, where, what. Tokens and secrets are never part of one."""

import logging
import sys
import time


class _Lines(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """A line break inside a message would let input write lines of its own; tracebacks keep theirs."""
        record.msg, record.args = record.getMessage().replace("\n", "\\n").replace("\r", "\\r"), None
        return super().format(record)


def set_up(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Lines("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # These tell of requests and payloads at their lower levels.
    for name in ("httpx2", "httpcore2", "aiomqtt", "mqtt", "aiosqlite", "asyncio", "authlib", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.WARNING)
