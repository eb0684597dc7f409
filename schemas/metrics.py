"""What is counted, by the names that dashboards and alerts use.

No tenant and nothing that a sender chooses is ever a label.
"""

from typing import Final

from prometheus_client import Counter

WEBHOOKS_REFUSED: Final = Counter(
    "rollcall_webhooks_refused_total",
    "Webhooks that were answered 4xx and not kept, by why: unsigned, or not an event.",
    ["why"],
)
WEBHOOKS_IGNORED: Final = Counter(
    "rollcall_webhooks_ignored_total",
    "Genuine webhooks of a type that Rollcall does not know.",
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
PARTITIONS_PARKED: Final = Counter(
    "rollcall_partitions_parked_total",
    "Partitions that stopped deciding until an operator acts, by why: budget or gap.",
    ["why"],
)
WORK_FAILED: Final = Counter(
    "rollcall_work_failed_total",
    "Times that follow-up work about one person could not be done: they may have access that they"
    " should not have.",
)
