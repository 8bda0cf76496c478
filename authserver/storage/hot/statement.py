"""Core expressions, compiled once to the text that each raw driver takes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, Column, Select, String, any_, bindparam, column, func, literal_column, select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql.expression import ClauseElement, ColumnElement
from sqlalchemy.types import TypeEngine

SQLITE = SQLiteDialect_pysqlite(paramstyle="named")
POSTGRES = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


class Statement:
    """One statement in both dialects.

    Parameters are given by name. A Python literal inside the expression would become a hidden parameter and be lost in
    the text: it raises `ValueError` here, at import; write `literal_column("1")` or a `bindparam`.
    """

    __slots__ = ("postgres", "postgres_order", "sqlite")

    def __init__(self, expression: ClauseElement) -> None:
        sqlite = expression.compile(dialect=SQLITE)
        postgres = expression.compile(dialect=POSTGRES)
        hidden = sorted(name for name, value in sqlite.params.items() if value is not None)
        if hidden:
            raise ValueError(f"literals became hidden parameters: {', '.join(hidden)}")
        self.sqlite = str(sqlite)
        self.postgres = str(postgres)
        self.postgres_order: tuple[str, ...] = tuple(getattr(postgres, "positiontup", None) or ())

    def positional(self, parameters: dict[str, Any]) -> list[Any]:
        """The values in the order of `$1`, `$2`, …"""
        return [parameters[name] for name in self.postgres_order]


class KeyedRead:
    """A read of at most one row by a unique key. All that wait are read by one statement; on SQLite only where JSON
    knows the key's type."""

    __slots__ = ("key", "many", "one", "sqlite_many")

    def __init__(self, rows: Select[Any], key: Column[Any]) -> None:
        self.key = key.name
        self.one = Statement(rows.where(key == bindparam("key")))
        self.many = Statement(rows.where(key == any_(bindparam("keys", type_=ARRAY(key.type)))))
        given = func.json_each(bindparam("keys", type_=String)).table_valued("value", name="given")
        among = select(given.c.value)
        self.sqlite_many = Statement(rows.where(key.in_(among))).sqlite


class KeyedWrite:
    """A change of at most one row with a unique key, under a condition; returns the key column, and others, where it
    was made. All that wait are made by one statement, whose rows are arrays on PostgreSQL and JSON on SQLite.

    `build` gets the named parameters, as values or as the columns of a table of them, and gives the UPDATE.
    """

    __slots__ = ("key", "many", "names", "one", "parameter", "sqlite_many")

    def __init__(
        self,
        build: Callable[[Mapping[str, ColumnElement[Any]]], ClauseElement],
        key: Column[Any],
        parameter: str,
        types: Mapping[str, TypeEngine[Any]],
    ) -> None:
        """`parameter` is the name of the one that `key` is compared with; `types` are those of all parameters, each of
        which JSON knows."""
        self.key, self.parameter, self.names = key.name, parameter, tuple(types)
        self.one = Statement(build({name: bindparam(name, type_=kind) for name, kind in types.items()}))
        arrays = func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in types.items()))
        given = arrays.table_valued(*(column(name, kind) for name, kind in types.items())).render_derived("given")
        self.many = Statement(build({name: given.c[name] for name in types}))
        row = func.json_each(bindparam("rows", type_=String)).table_valued("value", name="given").c.value
        members = {
            name: func.json_extract(row, literal_column(f"'$[{at}]'"), type_=kind)
            for at, (name, kind) in enumerate(types.items())
        }
        self.sqlite_many = Statement(build(members)).sqlite

    def arrays(self, each: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        """The values of `many`, in the order of its `$1`, `$2`, …"""
        return [[parameters[name] for parameters in each] for name in self.many.postgres_order]

    def rows(self, each: Sequence[Mapping[str, Any]]) -> str:
        """The value of `rows` in `sqlite_many`."""
        return orjson.dumps([[parameters[name] for name in self.names] for parameters in each]).decode()
