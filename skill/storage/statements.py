"""The hot path's statements, written once as Core over the tables, compiled once for the raw drivers."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Float,
    Integer,
    LargeBinary,
    String,
    any_,
    bindparam,
    delete,
    func,
    literal_column,
    null,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql as postgresql_dialect
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql import ClauseElement

from skill.canonical import Lamp, LampState
from skill.models import BridgeSignatureRow, KeySetRow, LampRow, SimulatedLampRow

LAMP = LampRow.__table__  # type: ignore[attr-defined]
SIMULATED = SimulatedLampRow.__table__  # type: ignore[attr-defined]
SIGNATURE = BridgeSignatureRow.__table__  # type: ignore[attr-defined]
KEY_SET = KeySetRow.__table__  # type: ignore[attr-defined]

STATE = LampState._fields
"""The columns of a simulated lamp's state: a row of them is a `LampState`."""
_STATE_TYPES = (Boolean, Integer, String, Float, Float, Float, Integer, Boolean)

_STATE_COLUMNS = [SIMULATED.c[name] for name in STATE]
_FOUND = select(
    LAMP.c.endpoint_id, LAMP.c.owner, LAMP.c.name, LAMP.c.driver, LAMP.c.options, *_STATE_COLUMNS
).select_from(LAMP.outerjoin(SIMULATED))
_LAMPS_OF = (
    _FOUND.where(LAMP.c.owner == bindparam("owner"))
    .order_by(LAMP.c.created_at, LAMP.c.name, LAMP.c.endpoint_id)
    .limit(bindparam("limit", type_=Integer))
    .offset(literal_column("0"))
)
_EXPIRED = (
    select(SIGNATURE.c.expires_at, SIGNATURE.c.signature)
    .where(SIGNATURE.c.expires_at < bindparam("now", type_=BigInteger))
    .limit(bindparam("limit", type_=Integer))
    .offset(literal_column("0"))
)
_PURGE = delete(SIGNATURE).where(tuple_(SIGNATURE.c.expires_at, SIGNATURE.c.signature).in_(_EXPIRED))
_KEY_SET = select(KEY_SET.c.document, KEY_SET.c.fetched_at).where(KEY_SET.c.issuer == bindparam("issuer"))


def _save_key_set(dialect_insert: Any) -> ClauseElement:
    statement = dialect_insert(KEY_SET).values({name: bindparam(name) for name in ("issuer", "document", "fetched_at")})
    saved: ClauseElement = statement.on_conflict_do_update(
        index_elements=[KEY_SET.c.issuer],
        set_={"document": statement.excluded.document, "fetched_at": statement.excluded.fetched_at},
    )
    return saved


def _compile(statement: ClauseElement, dialect: Any) -> Any:
    compiled = statement.compile(dialect=dialect)
    # A Python literal becomes a hidden bind parameter whose value would be lost in the text.
    assert not [value for value in compiled.params.values() if value is not None], compiled.params
    return compiled


def _sqlite(statement: ClauseElement, *order: str) -> str:
    """Text with `?` parameters, which are in `order`."""
    compiled = _compile(statement, sqlite_dialect.dialect(paramstyle="qmark"))
    assert tuple(compiled.positiontup or ()) == order, compiled.positiontup
    return str(compiled)


def _postgresql(statement: ClauseElement, *order: str) -> str:
    """Text with `$1` parameters, which are in `order`."""
    compiled = _compile(statement, postgresql_dialect.asyncpg.dialect())  # type: ignore[no-untyped-call]
    assert tuple(compiled.positiontup or ()) == order, compiled.positiontup
    return str(compiled)


class Sqlite:
    """One row at a time, inside one transaction for a batch."""

    lamp = _sqlite(_FOUND.where(LAMP.c.endpoint_id == bindparam("endpoint_id")), "endpoint_id")
    lamps_of = _sqlite(_LAMPS_OF, "owner", "limit")
    simulated = _sqlite(select(*_STATE_COLUMNS).where(SIMULATED.c.endpoint_id == bindparam("which")), "which")
    replace = _sqlite(
        update(SIMULATED)
        .where(SIMULATED.c.endpoint_id == bindparam("which"))
        .where(*(SIMULATED.c[name] == bindparam(f"was_{name}") for name in STATE))
        .ordered_values(*((SIMULATED.c[name], bindparam(name)) for name in STATE)),
        *STATE,
        "which",
        *(f"was_{name}" for name in STATE),
    )
    claim = _sqlite(
        sqlite_insert(SIGNATURE)
        .values({name: bindparam(name) for name in ("expires_at", "signature")})
        .on_conflict_do_nothing(),
        "expires_at",
        "signature",
    )
    purge = _sqlite(_PURGE, "now", "limit")
    key_set = _sqlite(_KEY_SET, "issuer")
    save_key_set = _sqlite(_save_key_set(sqlite_insert), "issuer", "document", "fetched_at")


def _arrays(columns: Mapping[str, Any]) -> Any:
    """`unnest($1, $2, …) AS new(name, …)`: a batch of rows as one parameter for each column."""
    values = [bindparam(name, type_=ARRAY(kind)) for name, kind in columns.items()]
    return func.unnest(*values).table_valued(*columns, name="new").render_derived()


_STATE_KINDS = dict(zip(STATE, _STATE_TYPES, strict=True))
_NEW_SIGNATURE = _arrays({"signature": LargeBinary, "expires_at": BigInteger})
_NEW_STATE = _arrays({"endpoint_id": String, **_STATE_KINDS})
_NEXT_STATE = _arrays(
    {"endpoint_id": String, **_STATE_KINDS, **{f"was_{name}": kind for name, kind in _STATE_KINDS.items()}}
)
_IDS = any_(bindparam("ids", type_=ARRAY(String)))
_CLAIMED = (
    postgresql_insert(SIGNATURE)
    .from_select(["signature", "expires_at"], select(_NEW_SIGNATURE.c.signature, _NEW_SIGNATURE.c.expires_at))
    .on_conflict_do_nothing()
    .returning(SIGNATURE.c.signature)
    .cte("claimed")
)
_NO_LAMP = [null()] * len(_FOUND.selected_columns)


class Postgresql:
    """A batch of rows at a time."""

    claim_and_find = _postgresql(
        union_all(
            select(*_NO_LAMP, _CLAIMED.c.signature),
            _FOUND.add_columns(null()).where(LAMP.c.endpoint_id == _IDS),
        ),
        "signature",
        "expires_at",
        "ids",
    )
    """Rows of `lamp` with one column more, and after them, with that column alone, the signatures that were new."""
    lamps_of = _postgresql(_LAMPS_OF, "owner", "limit")
    simulated = _postgresql(select(*_STATE_COLUMNS).where(SIMULATED.c.endpoint_id == bindparam("id")), "id")
    replace = _postgresql(
        update(SIMULATED)
        .where(SIMULATED.c.endpoint_id == _NEXT_STATE.c.endpoint_id)
        .where(*(SIMULATED.c[name] == _NEXT_STATE.c[f"was_{name}"] for name in STATE))
        .values({name: _NEXT_STATE.c[name] for name in STATE})
        .returning(SIMULATED.c.endpoint_id),
        "endpoint_id",
        *STATE,
        *(f"was_{name}" for name in STATE),
    )
    lock = _postgresql(
        select(SIMULATED.c.endpoint_id, *_STATE_COLUMNS)
        .where(SIMULATED.c.endpoint_id == _IDS)
        .order_by(SIMULATED.c.endpoint_id)  # one order everywhere, so that two replicas never wait for each other
        .with_for_update(),
        "ids",
    )
    write = _postgresql(
        update(SIMULATED)
        .where(SIMULATED.c.endpoint_id == _NEW_STATE.c.endpoint_id)
        .values({name: _NEW_STATE.c[name] for name in STATE}),
        "endpoint_id",
        *STATE,
    )
    purge = _postgresql(_PURGE, "now", "limit")
    key_set = _postgresql(_KEY_SET, "issuer")
    save_key_set = _postgresql(_save_key_set(postgresql_insert), "issuer", "document", "fetched_at")


def state_of(row: Sequence[Any]) -> LampState:
    """The columns of STATE, as either driver returns them (SQLite has no booleans)."""
    power, last_brightness, mode, hue, saturation, value, kelvin, online = row
    return LampState(bool(power), last_brightness, mode, hue, saturation, value, kelvin, bool(online))


def found_of(row: Sequence[Any]) -> tuple[Lamp, LampState | None]:
    """A row of `lamp` or `lamps_of`."""
    endpoint_id, owner, name, driver, options = row[:5]
    lamp = Lamp(endpoint_id, owner, name, driver, orjson.loads(options) if options != "{}" else {})
    return lamp, (None if row[5] is None else state_of(row[5:13]))
