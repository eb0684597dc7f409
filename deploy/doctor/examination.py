"""Every check on one screen, and how they are made: one that fails does not hide the others."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

import psycopg

from deploy.cluster import asked
from deploy.doctor.brokers import copies, kafka
from deploy.doctor.clock import clock
from deploy.doctor.disk import disk
from deploy.doctor.findings import Check, Finding, Judged, problem, warning
from deploy.doctor.gateway import gateway, signatures, webhook_secret, webhooks
from deploy.doctor.groups import sinks, workers
from deploy.doctor.patient import Patient
from deploy.doctor.positions import positions
from deploy.doctor.processes import processes
from deploy.doctor.tables import dead_letters, migrations, postgres
from deploy.doctor.topics import topic_settings, topics
from deploy.errors import InstallationError
from schemas.settings import Settings, SettingsError

CHECKS: Final = (
    Check("Kafka", kafka),
    Check("Postgres", postgres),
    Check("gateway", gateway),
    Check("migrations", migrations, needs=("Postgres",)),
    Check("topics", topics, needs=("Kafka", "Postgres", "migrations")),
    Check("topic settings", topic_settings, needs=("Kafka",)),
    Check("copies", copies, needs=("Kafka",)),
    Check("clock", clock),
    Check("webhook secret", webhook_secret),
    Check("signatures", signatures, needs=("webhook secret",)),
    Check("webhooks", webhooks, needs=("webhook secret", "gateway")),
    Check("workers", workers, needs=("Kafka",)),
    Check("sinks", sinks, needs=("Kafka",)),
    Check("positions", positions, needs=("Kafka", "Postgres", "migrations", "topics")),
    Check("dead letters", dead_letters, needs=("Postgres", "migrations")),
    Check("disk", disk),
    Check("processes", processes),
)
"""In the order in which they are made and told."""

WITHOUT: Final = {
    "Kafka": "Kafka is away",
    "Postgres": "Postgres is away",
    "gateway": "the gateway could not be asked",
    "migrations": "there are no tables",
    "topics": "the topics are not those of this installation",
    "webhook secret": "there is no secret",
}
"""Why others cannot be made, by the check that could not."""

Progress = Callable[[int, int], None]
"""Is told how many checks were made, and of how many."""


def examine(settings: Settings, on_progress: Progress) -> list[Finding]:
    """Make every check; nothing is changed."""
    findings: list[Finding] = []
    with closing(Patient(settings)) as patient:
        for done, check in enumerate(CHECKS):
            on_progress(done, len(CHECKS))
            for verdict, sentence, advice in _judged(check, patient):
                findings.append(
                    Finding(check=check.name, verdict=verdict, sentence=sentence, advice=advice)
                )
    return findings


def _judged(check: Check, patient: Patient) -> Iterator[Judged]:
    missing = next((need for need in check.needs if need in patient.away), None)
    if missing is not None:
        patient.away.add(check.name)
        yield warning(f"Not checked: {WITHOUT[missing]}.", None)
        return
    try:
        with asked():
            yield from [*check.ask(patient)]  # all of it, before a part is told
    except (InstallationError, SettingsError) as error:
        patient.away.add(check.name)
        yield problem(str(error), None)
    except psycopg.Error as error:
        patient.away.add(check.name)
        reason = error.diag.message_primary or type(error).__name__
        yield problem(f"Postgres does not answer a question ({reason}).", "See its log.")
    except Exception as error:  # noqa: BLE001 - a defect of one check must not hide the others
        patient.away.add(check.name)
        yield problem(
            f"This check failed itself ({type(error).__name__}), which is a defect of Rollcall.",
            "Report it, with the other findings.",
        )
