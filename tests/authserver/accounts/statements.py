"""Which statements the server runs for a request: their kind and table, in order, on both data paths."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from authserver.services import Services

TABLE = re.compile(r"(?:FROM|INTO|UPDATE)\s+\"?([a-z_]+)", re.IGNORECASE)


#: written in the background some time later, or looked at every second
BACKGROUND = ("server_state", "activities", "logout_notices")


def _kind(text: str) -> str | None:
    words = text.split(None, 1)
    table = TABLE.search(text)
    if (
        not words
        or words[0].upper() not in ("SELECT", "INSERT", "UPDATE", "DELETE")
        or table is None
        or table.group(1) in BACKGROUND
    ):
        return None
    return f"{words[0].upper()} {table.group(1)}"


@contextmanager
def statements(services: Services) -> Iterator[list[str]]:
    """What runs inside, such as `SELECT users`. Nothing else may run at that time."""
    seen: list[str] = []

    def see(text: str) -> None:
        if (found := _kind(text)) is not None:
            seen.append(found)

    def cold(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        see(text)

    engine = services.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", cold)
    hot: Any = services.hot
    if services.database.url.kind == "sqlite":
        connections = [hot._reader.connection, hot._writer.connection]
        for connection in connections:
            connection.set_trace_callback(see)
    else:
        holders = [holder for holder in hot._pool._holders if holder._con is not None]

        def logged(record: Any) -> None:
            see(record.query)

        for holder in holders:
            holder._con.add_query_logger(logged)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", cold)
        if services.database.url.kind == "sqlite":
            for connection in connections:
                connection.set_trace_callback(None)
        else:
            for holder in holders:
                if holder._con is not None:
                    holder._con.remove_query_logger(logged)
