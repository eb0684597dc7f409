"""What is counted and measured, by the names that dashboards and alerts use.

No tenant and nothing that a sender chooses is ever a label.  Times are seconds; a moment is seconds
since 1970.  A reader is `processors` or the name of a sink; a topic is named logically.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_QUICK: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CUT_OFF: Final = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)

READY: Final = Gauge(
    "rollcall_ready",
    "1 if the process answers /readyz with 200, else 0.",
)

REQUESTS: Final = Counter(
    "rollcall_requests_total",
    "Requests that the gateway answered, by route and HTTP status.",
    ["route", "status"],
)
ACKNOWLEDGEMENT_SECONDS: Final = Histogram(
    "rollcall_acknowledgement_seconds",
    "From a request's head to its answer, by route; a 2xx of a door means that Kafka has it."
    " Refused requests (4xx) are not in it.",
    ["route"],
    buckets=_QUICK,
)
WEBHOOKS_REFUSED: Final = Counter(
    "rollcall_webhooks_refused_total",
    "Webhooks that were answered 4xx and not kept, by why: unsigned, not_an_event or too_large.",
    ["why"],
)
WEBHOOKS_IGNORED: Final = Counter(
    "rollcall_webhooks_ignored_total",
    "Genuine webhooks of a type that Rollcall does not know.",
)

STEPS: Final = Counter(
    "rollcall_steps_total",
    "Steps that a partition's loop committed, by what they took: urgent, changes or work.",
    ["lane"],
)
DECIDED: Final = Counter(
    "rollcall_records_decided_total",
    "Changes that were decided, by lane and outcome: applied, repeat, late or refused.",
    ["lane", "outcome"],
)
STEP_SECONDS: Final = Histogram(
    "rollcall_step_seconds",
    "From a step's first record to its last write in the local store, its transaction included.",
    ["lane"],
    buckets=_QUICK,
)
TRANSACTION_SECONDS: Final = Histogram(
    "rollcall_transaction_seconds",
    "From a step's first record in Kafka to its commit, aborted attempts included.",
    buckets=_QUICK,
)
TRANSACTIONS_ABORTED: Final = Counter(
    "rollcall_transactions_aborted_total",
    "Attempts at a step's transaction that were aborted and made again.",
)
FENCES: Final = Counter(
    "rollcall_fences_total",
    "Partitions that this worker took over, each time ending the former owner's right to write.",
)
RECOVERY_SECONDS: Final = Histogram(
    "rollcall_recovery_seconds",
    "From the take-over of partitions to the begin of their loops.",
    buckets=(0.5, 1, 2, 3, 5, 10, 30, 60, 120, 300, 600),
)
PARTITIONS_PARKED: Final = Gauge(
    "rollcall_partitions_parked",
    "Partitions that decide nothing until an operator acts, by why: budget or gap.",
    ["why"],
)
GAPS: Final = Counter(
    "rollcall_gaps_total",
    "Times that a lane gave another message than the one that was due.",
)
WORK_FAILED: Final = Counter(
    "rollcall_work_failed_total",
    "Times that follow-up work about one person could not be done: they may have access that they"
    " should not have.",
)

LAG_MESSAGES: Final = Gauge(
    "rollcall_lag_messages",
    "Offsets of a log that stand after the reader's position, transaction markers included.",
    ["reader", "topic", "partition"],
)
LAG_SECONDS: Final = Gauge(
    "rollcall_lag_seconds",
    "How long ago the oldest message came that the reader has not applied; 0 if there is none.",
    ["reader", "topic", "partition"],
)
POSITION_MOVED: Final = Gauge(
    "rollcall_position_moved_timestamp_seconds",
    "When the reader's position last moved, or when it took the partition over.",
    ["reader", "topic", "partition"],
)
DEAD_LETTERS: Final = Counter(
    "rollcall_dead_letters_total",
    "Messages that became dead letters, by stage and reason.",
    ["stage", "reason"],
)
REMOVALS_DEAD: Final = Counter(
    "rollcall_dead_removals_total",
    "Dead letters that would have taken access away: somebody may have it who should not.",
)

SINK_BATCH_MESSAGES: Final = Histogram(
    "rollcall_sink_batch_messages",
    "Messages that a sink applied in one Postgres transaction.",
    ["sink"],
    buckets=_SIZES,
)
SINK_BATCH_SECONDS: Final = Histogram(
    "rollcall_sink_batch_seconds",
    "How long one Postgres transaction of a sink took.",
    ["sink"],
    buckets=_QUICK,
)
REVOCATION_SECONDS: Final = Histogram(
    "rollcall_revocation_seconds",
    "From a deactivation's arrival at the door to the commit that ended the member's sessions.",
    buckets=_CUT_OFF,
)
