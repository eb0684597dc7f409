"""The disk of the workers' local stores, where the doctor runs."""

import shutil
from collections.abc import Iterator
from typing import Final

from deploy.doctor.findings import Judged, ok, warning
from deploy.doctor.patient import Patient

LEAST_SHARE: Final = 0.1
"""Of the disk that should be free."""
LEAST_BYTES: Final = 1 << 30
"""That should be free, however large the disk."""


def disk(patient: Patient) -> Iterator[Judged]:
    """How much is free below ROLLCALL_STATE_FOLDER; Kafka's and Postgres' own disks are theirs."""
    folder = patient.settings.state_folder.absolute()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    used = shutil.disk_usage(there)
    yield judge(str(folder), used.total, used.free)


def judge(folder: str, total: int, free: int) -> Judged:
    """What to say of a disk with so many bytes."""
    sentence = f"{free / (1 << 30):.1f} GiB ({free / total:.0%}) are free for {folder}"
    if free < LEAST_BYTES or free < total * LEAST_SHARE:
        return warning(f"{sentence}.", "Make room, or move ROLLCALL_STATE_FOLDER.")
    return ok(f"{sentence}.")
