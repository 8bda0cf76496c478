"""The hot path's statements, written once as Core over the tables. What a raw driver has of its own is in a file of its
own, so that a service loads the dialect of its database alone."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Float,
    Integer,
    String,
    bindparam,
    delete,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.sql import ClauseElement

from skill.canonical import Lamp, LampState
from skill.models import BridgeSignatureRow, KeySetRow, LampRow, RegistryVersionRow, SimulatedLampRow

LAMP = LampRow.__table__  # type: ignore[attr-defined]
SIMULATED = SimulatedLampRow.__table__  # type: ignore[attr-defined]
SIGNATURE = BridgeSignatureRow.__table__  # type: ignore[attr-defined]
KEY_SET = KeySetRow.__table__  # type: ignore[attr-defined]
VERSION = RegistryVersionRow.__table__  # type: ignore[attr-defined]

STATE = LampState._fields
"""The columns of a simulated lamp's state: a row of them is a `LampState`."""
STATE_TYPES = (Boolean, Integer, String, Float, Float, Float, Integer, Boolean)

STATE_COLUMNS = [SIMULATED.c[name] for name in STATE]
FOUND = select(
    LAMP.c.endpoint_id, LAMP.c.owner, LAMP.c.name, LAMP.c.driver, LAMP.c.options, *STATE_COLUMNS
).select_from(LAMP.outerjoin(SIMULATED))
LAMPS_OF = (
    FOUND.add_columns(LAMP.c.details)
    .where(LAMP.c.owner == bindparam("owner"))
    .order_by(LAMP.c.created_at, LAMP.c.name, LAMP.c.endpoint_id)
    .limit(bindparam("limit", type_=Integer))
    .offset(literal_column("0"))
)
LAMPS_BY = select(LAMP.c.endpoint_id, LAMP.c.owner, LAMP.c.name, LAMP.c.driver, LAMP.c.options).where(
    LAMP.c.driver == bindparam("driver")
)
REGISTRY_VERSION = select(VERSION.c.version)
_EXPIRED = (
    select(SIGNATURE.c.expires_at, SIGNATURE.c.signature)
    .where(SIGNATURE.c.expires_at < bindparam("now", type_=BigInteger))
    .limit(bindparam("limit", type_=Integer))
    .offset(literal_column("0"))
)
PURGE = delete(SIGNATURE).where(tuple_(SIGNATURE.c.expires_at, SIGNATURE.c.signature).in_(_EXPIRED))
KEY_SET_OF = select(KEY_SET.c.document, KEY_SET.c.fetched_at).where(KEY_SET.c.issuer == bindparam("issuer"))


def saving_key_set(insert: Any) -> ClauseElement:
    statement = insert(KEY_SET).values({name: bindparam(name) for name in ("issuer", "document", "fetched_at")})
    saved: ClauseElement = statement.on_conflict_do_update(
        index_elements=[KEY_SET.c.issuer],
        set_={"document": statement.excluded.document, "fetched_at": statement.excluded.fetched_at},
    )
    return saved


def in_order(statement: ClauseElement, dialect: Any, order: Sequence[str]) -> str:
    """The statement's text for a raw driver; its parameters are in `order`."""
    compiled: Any = statement.compile(dialect=dialect)
    # A Python literal becomes a hidden bind parameter whose value would be lost in the text.
    assert not [value for value in compiled.params.values() if value is not None], compiled.params
    assert tuple(compiled.positiontup or ()) == tuple(order), compiled.positiontup
    return str(compiled)


def state_of(row: Sequence[Any]) -> LampState:
    """The columns of STATE, as either driver returns them (SQLite has no booleans)."""
    power, last_brightness, mode, hue, saturation, value, kelvin, online = row
    return LampState(bool(power), last_brightness, mode, hue, saturation, value, kelvin, bool(online))


def found_of(row: Sequence[Any]) -> tuple[Lamp, LampState | None]:
    """A row of `lamp`."""
    return lamp_of(row[:5]), (None if row[5] is None else state_of(row[5:13]))


def described_of(row: Sequence[Any]) -> tuple[Lamp, LampState | None]:
    """A row of `lamps_of`: what describes the lamp comes last."""
    found = found_of(row)
    return found if row[13] is None else (found[0]._replace(details=orjson.loads(row[13])), found[1])


def lamp_of(row: Sequence[Any]) -> Lamp:
    """A row of `lamps_by`."""
    endpoint_id, owner, name, driver, options = row
    return Lamp(endpoint_id, owner, name, driver, orjson.loads(options) if options != "{}" else {})
