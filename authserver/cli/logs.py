"""The log of `serve`: one line for each event on standard error. Secrets and tokens are never part of one."""

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
    """`level` is this server's own. Libraries stay at info or above: below it Authlib logs tokens, and drivers log the
    values of statements."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Lines("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    )
    own = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(own, logging.INFO), handlers=[handler], force=True)
    logging.getLogger("authserver").setLevel(own)
    logging.getLogger("alembic").setLevel(logging.WARNING)
