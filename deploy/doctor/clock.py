"""Whether the clocks agree on which signatures and deadlines depend."""

import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from deploy import database
from deploy.doctor import gateway
from deploy.doctor.findings import Judged, ok, problem, warning
from deploy.doctor.patient import Patient

APART_SECONDS: Final = 2.0
"""How far clocks may be apart before somebody should see to it."""

_SYNCHRONISE: Final = "Have NTP set the clock of each machine (`timedatectl` says if it does)."


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody else's clock, held against ours."""

    whose: str
    ahead: float
    """Seconds that it is before ours; negative if it is behind."""
    doubt: float
    """Seconds that the comparison may be wrong."""

    @property
    def apart(self) -> float:
        """Seconds that the two are apart for certain."""
        return max(0.0, abs(self.ahead) - self.doubt)


def clock(patient: Patient) -> Iterator[Judged]:
    """Compare our clock with those of Postgres and the gateway; Kafka does not tell its own."""
    readings = []
    if "Postgres" not in patient.away:
        readings.append(_of_postgres(patient))
    if "gateway" not in patient.away:
        readings += _of_gateway(patient)
    yield from judge(readings, patient.settings.workos_tolerance_seconds)


def judge(readings: Sequence[Reading], tolerance_seconds: float) -> Iterator[Judged]:
    """What to say of clocks, where a signature may be so old or early."""
    if not readings:
        yield warning("Not checked: there is no other clock to compare ours with.", None)
    for each in readings:
        direction = "ahead of" if each.ahead > 0 else "behind"
        sentence = f"The clock of {each.whose} is {abs(each.ahead):.1f} s {direction} ours"
        if each.apart > tolerance_seconds / 2:
            yield problem(
                f"{sentence}; webhooks are refused beyond {tolerance_seconds:.0f} s.", _SYNCHRONISE
            )
        elif each.apart > APART_SECONDS:
            yield warning(f"{sentence}: follow-up work is due by the clock.", _SYNCHRONISE)
    if readings and all(each.apart <= APART_SECONDS for each in readings):
        names = " and ".join(each.whose for each in readings)
        yield ok(f"Ours is at most {APART_SECONDS:.0f} s from that of {names}.")


def _of_postgres(patient: Patient) -> Reading:
    with database.connected(patient.settings) as connection:
        connection.execute("SELECT 1")  # begins the transaction, so that it is not measured
        before = time.time()
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
        after = time.time()
    assert row is not None
    return _reading("Postgres", float(row[0]), before, after)


def _of_gateway(patient: Patient) -> list[Reading]:
    before = time.time()
    answer = gateway.asked(patient)
    after = time.time()
    try:
        told = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except ValueError:
        return []  # what stands before it may leave the header out
    # It is cut to whole seconds and written once a second: now is up to 2 s later.
    return [_reading("the gateway", told + 1, before, after, doubt=1)]


def _reading(whose: str, theirs: float, before: float, after: float, doubt: float = 0) -> Reading:
    """A clock that was asked between two moments of ours."""
    ahead = theirs - (before + after) / 2
    return Reading(whose=whose, ahead=ahead, doubt=doubt + (after - before) / 2)
