"""Postgres: whether it answers, is of this version, and what stands in it that needs somebody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
from alembic.script import ScriptDirectory

import deploy.migrations
from deploy import database
from deploy.doctor.findings import Judged, ok, problem, warning
from deploy.doctor.patient import Patient
from deploy.errors import InstallationError
from deploy.positions import operating

_MIGRATIONS: Final = Path(deploy.migrations.__file__).parent
_OPEN: Final = """
    SELECT count(*) FILTER (WHERE removal),
           count(*) FILTER (WHERE NOT removal AND reason <> 'unknown_directory'),
           count(*) FILTER (WHERE NOT removal AND reason = 'unknown_directory')
    FROM dead_letter WHERE settled IS NULL
"""


def postgres(patient: Patient) -> Iterator[Judged]:
    """Whether Postgres answers and is new enough.

    Raises:
        InstallationError: it does not accept the connection.
        SettingsError: ROLLCALL_DATABASE_URL is not set.
    """
    with database.connected(patient.settings) as connection:
        version = connection.info.server_version // 10_000
    if version < database.OLDEST_POSTGRES:
        yield problem(
            f"PostgreSQL {version} answers, and Rollcall needs {database.OLDEST_POSTGRES}.",
            "Upgrade it.",
        )
    else:
        yield ok(f"PostgreSQL {version} answers.")


def migrations(patient: Patient) -> Iterator[Judged]:
    """Whether the tables are those of this version.

    Raises:
        InstallationError: there are none.
    """
    with database.connected(patient.settings) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except psycopg.errors.UndefinedTable:
            row = None
    if row is None:
        raise InstallationError(
            "The database has no tables of Rollcall: run `rollcall db upgrade`."
        )
    scripts = ScriptDirectory(str(_MIGRATIONS))
    head = scripts.get_current_head()
    known = {script.revision for script in scripts.walk_revisions()}
    if row[0] == head:
        yield ok(f"The tables are those of this version (revision {head}).")
    elif row[0] in known:
        yield problem(
            f"The tables are at revision {row[0]}, and this version needs {head}.",
            "Run `rollcall db upgrade`.",
        )
    else:
        yield problem(
            f"The tables are at revision {row[0]}, which this version does not know.",
            "A newer version made them: run that one everywhere.",
        )


def dead_letters(patient: Patient) -> Iterator[Judged]:
    """Which messages wait for an operator."""
    with operating.as_sink(patient.settings) as connection:  # whose policy sees every tenant
        row = connection.execute(_OPEN).fetchone()
    assert row is not None
    removals, others, unowned = row
    if removals:
        yield problem(
            f"{removals} removals are open: somebody may have access who should have none.",
            "See `rollcall dead-letters list`, mend the cause, then `rollcall dead-letters replay"
            " --all`.",
        )
    if others:
        yield warning(
            f"{others} messages could not be decided or stored.",
            "See `rollcall dead-letters list`, mend the cause, then replay or drop them.",
        )
    if unowned:
        yield warning(
            f"{unowned} changes wait for a tenant to own their directory.",
            "`rollcall dead-letters list --reason unknown_directory` names the directories: give"
            " each to its tenant with `rollcall directory assign`.",
        )
    if not any(row):
        yield ok("None is open.")
