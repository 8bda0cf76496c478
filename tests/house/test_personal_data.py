"""Every table that refers to a person is in their download or named as left out, and ends with the account."""

import sqlite3
from urllib.parse import urlsplit

import pytest

from authserver.accounts.export import LEFT_OUT, SECTIONS
from authserver.models import metadata
from tests.conftest import MigratedDatabase

#: tables that hold an address of a person, or what was made for one: they end by it (`administration.remove`)
BY_ADDRESS = {"mails", "sign_ups", "recoveries", "verification_codes"}

#: tables that outlive the account on purpose, for some days: applications are told that it has ended
AFTERWARDS = {"logout_notices"}


def referring() -> set[str]:
    return {table.name for table in metadata.sorted_tables if "sub" in table.columns} - BY_ADDRESS


def test_every_table_about_a_person_is_in_the_download_or_left_out_with_a_reason() -> None:
    exported = [name for _, names in SECTIONS.values() for name in names]
    assert len(exported) == len(set(exported))
    assert set(exported) | set(LEFT_OUT) == referring() | BY_ADDRESS
    assert not set(exported) & set(LEFT_OUT)
    assert all(len(reason) > 20 for reason in LEFT_OUT.values())


@pytest.mark.parametrize("table", sorted(referring() - AFTERWARDS - {"users"}))
def test_every_table_about_a_person_ends_with_the_account(table: str) -> None:
    (key,) = metadata.tables[table].columns["sub"].foreign_keys
    assert (key.target_fullname, key.ondelete) == ("users.sub", "CASCADE")


def test_the_migrated_tables_end_with_the_account_too(migrated_database: MigratedDatabase) -> None:
    with sqlite3.connect(urlsplit(migrated_database("authserver", "sqlite")).path) as connection:
        for table in referring() - AFTERWARDS - {"users"}:
            keys = connection.execute(f"PRAGMA foreign_key_list({table})").fetchall()
            assert ("users", "sub", "sub", "CASCADE") in [(key[2], key[3], key[4], key[6]) for key in keys], table
