"""Rows into tables, many at once: one statement a table and batch, whatever the batch's size.

Rows travel as one JSON array that Postgres turns into records of the table, so messages whose
fields are named like the columns go in as they are, and other fields of theirs are left out.
COPY would be no faster, and Postgres refuses it where row-level security is on.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
from psycopg import Connection, sql
from sqlalchemy import Table

_UPSERT = sql.SQL(
    "INSERT INTO {table} ({columns}) SELECT {columns}"
    " FROM json_populate_recordset(NULL::{table}, %s::json)"
    " ON CONFLICT ({keys}) DO {action}"
)
_DELETE = sql.SQL(
    "DELETE FROM {table} USING json_populate_recordset(NULL::{table}, %s::json) AS gone"
    " WHERE {same}"
)

Row = msgspec.Struct | dict[str, Any]
"""A message or record with the table's columns among its fields."""


def as_json(rows: Iterable[Row]) -> str:
    """The array that json_populate_recordset takes."""
    return msgspec.json.encode(list(rows)).decode()


def upsert(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """Insert rows, or overwrite those with the same primary key, which must differ within rows."""
    if rows := list(rows):
        connection.execute(_upsert(table), [as_json(rows)])


def insert_missing(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """Insert rows; those whose primary key is taken stay as they are."""
    if rows := list(rows):
        connection.execute(_insert_missing(table), [as_json(rows)])


def delete(connection: Connection, table: Table, rows: Iterable[Row], *by: str) -> None:
    """Delete what equals one of the rows in the columns `by`."""
    if rows := list(rows):
        connection.execute(_delete(table, by), [as_json(rows)])


@cache
def _upsert(table: Table) -> sql.Composed:
    values = [
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column.name))
        for column in table.columns
        if not column.primary_key
    ]
    if not values:  # a row that is all key has nothing to overwrite
        return _insert_missing(table)
    return _statement(table, sql.SQL("UPDATE SET {}").format(sql.SQL(", ").join(values)))


@cache
def _insert_missing(table: Table) -> sql.Composed:
    return _statement(table, sql.SQL("NOTHING"))


def _statement(table: Table, action: sql.Composable) -> sql.Composed:
    return _UPSERT.format(
        table=sql.Identifier(table.name),
        columns=_names(table.columns.keys()),
        keys=_names(table.primary_key.columns.keys()),
        action=action,
    )


@cache
def _delete(table: Table, by: tuple[str, ...]) -> sql.Composed:
    name = sql.Identifier(table.name)
    same = [
        sql.SQL("{}.{column} = gone.{column}").format(name, column=sql.Identifier(column))
        for column in by
    ]
    return _DELETE.format(table=name, same=sql.SQL(" AND ").join(same))


def _names(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
