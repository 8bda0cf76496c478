"""PostgreSQL's statements: `$1` parameters, a batch of rows at a time, one array for each column."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    LargeBinary,
    String,
    any_,
    bindparam,
    func,
    null,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import asyncpg, insert
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
    STATE_TYPES,
    in_order,
    saving_key_set,
)


def _text(statement: ClauseElement, *order: str) -> str:
    return in_order(statement, asyncpg.dialect(), order)  # type: ignore[no-untyped-call]


def _arrays(columns: Mapping[str, Any]) -> Any:
    """`unnest($1, $2, …) AS new(name, …)`: a batch of rows as one parameter for each column."""
    values = [bindparam(name, type_=ARRAY(kind)) for name, kind in columns.items()]
    return func.unnest(*values).table_valued(*columns, name="new").render_derived()


_STATE_KINDS = dict(zip(STATE, STATE_TYPES, strict=True))
_NEW_SIGNATURE = _arrays({"signature": LargeBinary, "expires_at": BigInteger})
_NEW_STATE = _arrays({"endpoint_id": String, **_STATE_KINDS})
_NEXT_STATE = _arrays(
    {"endpoint_id": String, **_STATE_KINDS, **{f"was_{name}": kind for name, kind in _STATE_KINDS.items()}}
)
_IDS = any_(bindparam("ids", type_=ARRAY(String)))
_CLAIMED = (
    insert(SIGNATURE)
    .from_select(["signature", "expires_at"], select(_NEW_SIGNATURE.c.signature, _NEW_SIGNATURE.c.expires_at))
    .on_conflict_do_nothing()
    .returning(SIGNATURE.c.signature)
    .cte("claimed")
)
_NO_LAMP = [null()] * len(FOUND.selected_columns)


class Postgresql:
    """A batch of rows at a time."""

    claim_and_find = _text(
        union_all(
            select(*_NO_LAMP, _CLAIMED.c.signature),
            FOUND.add_columns(null()).where(LAMP.c.endpoint_id == _IDS),
        ),
        "signature",
        "expires_at",
        "ids",
    )
    """Rows of `lamp` with one column more, and after them, with that column alone, the signatures that were new."""
    lamps_of = _text(LAMPS_OF, "owner", "limit")
    lamps_by = _text(LAMPS_BY, "driver")
    registry_version = _text(REGISTRY_VERSION)
    simulated = _text(select(*STATE_COLUMNS).where(SIMULATED.c.endpoint_id == bindparam("id")), "id")
    replace = _text(
        update(SIMULATED)
        .where(SIMULATED.c.endpoint_id == _NEXT_STATE.c.endpoint_id)
        .where(*(SIMULATED.c[name] == _NEXT_STATE.c[f"was_{name}"] for name in STATE))
        .values({name: _NEXT_STATE.c[name] for name in STATE})
        .returning(SIMULATED.c.endpoint_id),
        "endpoint_id",
        *STATE,
        *(f"was_{name}" for name in STATE),
    )
    lock = _text(
        select(SIMULATED.c.endpoint_id, *STATE_COLUMNS)
        .where(SIMULATED.c.endpoint_id == _IDS)
        .order_by(SIMULATED.c.endpoint_id)  # one order everywhere, so that two replicas never wait for each other
        .with_for_update(),
        "ids",
    )
    write = _text(
        update(SIMULATED)
        .where(SIMULATED.c.endpoint_id == _NEW_STATE.c.endpoint_id)
        .values({name: _NEW_STATE.c[name] for name in STATE}),
        "endpoint_id",
        *STATE,
    )
    purge = _text(PURGE, "now", "limit")
    key_set = _text(KEY_SET_OF, "issuer")
    save_key_set = _text(saving_key_set(insert), "issuer", "document", "fetched_at")
