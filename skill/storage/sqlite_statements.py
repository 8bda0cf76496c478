"""SQLite's statements: `?` parameters, one row at a time, inside one transaction for a batch."""

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.sqlite import dialect, insert
from sqlalchemy.sql import ClauseElement

from skill.storage.statements import (
    FOUND,
    KEY_SET_OF,
    LAMP,
    LAMPS_BY,
    LAMPS_OF,
    PURGE,
    REGISTRY_VERSION,
    SIGNATURE,
    SIMULATED,
    STATE,
    STATE_COLUMNS,
    in_order,
    saving_key_set,
)


def _text(statement: ClauseElement, *order: str) -> str:
    return in_order(statement, dialect(paramstyle="qmark"), order)


class Sqlite:
    """One row at a time, inside one transaction for a batch."""

    lamp = _text(FOUND.where(LAMP.c.endpoint_id == bindparam("endpoint_id")), "endpoint_id")
    lamps_of = _text(LAMPS_OF, "owner", "limit")
    lamps_by = _text(LAMPS_BY, "driver")
    registry_version = _text(REGISTRY_VERSION)
    simulated = _text(select(*STATE_COLUMNS).where(SIMULATED.c.endpoint_id == bindparam("which")), "which")
    replace = _text(
        update(SIMULATED)
        .where(SIMULATED.c.endpoint_id == bindparam("which"))
        .where(*(SIMULATED.c[name] == bindparam(f"was_{name}") for name in STATE))
        .ordered_values(*((SIMULATED.c[name], bindparam(name)) for name in STATE)),
        *STATE,
        "which",
        *(f"was_{name}" for name in STATE),
    )
    claim = _text(
        insert(SIGNATURE)
        .values({name: bindparam(name) for name in ("expires_at", "signature")})
        .on_conflict_do_nothing(),
        "expires_at",
        "signature",
    )
    purge = _text(PURGE, "now", "limit")
    key_set = _text(KEY_SET_OF, "issuer")
    save_key_set = _text(saving_key_set(insert), "issuer", "document", "fetched_at")
