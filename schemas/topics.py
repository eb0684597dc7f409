"""Every topic on one page: who writes it, who reads it, how long it is kept.

`rollcall topics create` makes what this table says; `topology` draws it; a test holds the
stages to it.
"""

from typing import Final

import msgspec

from schemas import limits


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic.

    One writer per topic; all are keyed by tenant id and have the same partition count.
    """

    name: str
    """Logical name; `Settings.topic` gives the name on the broker."""
    holds: str
    written_by: str
    read_by: tuple[str, ...]
    retention_days: int | None = 14
    """None: kept for ever, by compaction."""
    max_message: int = limits.OUTPUT_MESSAGE
    public: bool = False
    """The product's own services may read it; its name carries the version of its contract."""
    also_written_by: str = ""
    """A second writer and the one kind of message that it may write, where DESIGN §3 allows it."""

    @property
    def compacted(self) -> bool:
        """Whether only the last record of a key is kept."""
        return self.retention_days is None

    def config(self) -> dict[str, str]:
        """The topic settings that the broker gets."""
        common = {
            "max.message.bytes": str(self.max_message),
            "message.timestamp.type": "LogAppendTime",
        }
        if self.retention_days is not None:
            milliseconds = self.retention_days * 86_400_000
            return common | {"cleanup.policy": "delete", "retention.ms": str(milliseconds)}
        return common | {
            "cleanup.policy": "compact",
            "segment.bytes": str(limits.CHANGELOG_SEGMENT),
            "max.compaction.lag.ms": str(3_600_000),
            "delete.retention.ms": str(7 * 86_400_000),
        }


CHANGES: Final = Topic(
    name="directory-changes",
    holds="verified inbound changes, written without transactions, so offsets are dense",
    written_by="ingest",
    read_by=("processors",),
    max_message=limits.INPUT_MESSAGE,
)
URGENT: Final = Topic(
    name="directory-changes-urgent",
    holds="deactivations, deletions, membership removals",
    written_by="ingest",
    read_by=("processors",),
    max_message=limits.INPUT_MESSAGE,
)
DIRECTORY_EVENTS: Final = Topic(
    name="directory-events",
    holds="what became of each change: users, groups, memberships, settings, rejections",
    written_by="processors",
    read_by=("directory_view",),
)
ACCESS_EVENTS: Final = Topic(
    name="access-events-v1",
    holds="a member's life: provisioned, profile, role, workspaces, deactivated, reactivated",
    written_by="processors",
    read_by=("directory_view", "product"),
    public=True,
)
DEPROVISIONS: Final = Topic(
    name="deprovisions-v1",
    holds="one self-contained event per person who lost access, or got it back",
    written_by="processors",
    read_by=("product",),
    public=True,
)
SESSION_REVOCATIONS: Final = Topic(
    name="session-revocations-v1",
    holds="commands to end sessions and API keys, or to refresh claims",
    written_by="processors",
    read_by=("session_revoker", "product"),
    retention_days=35,
    public=True,
)
AUDIT_ENTRIES: Final = Topic(
    name="audit-entries",
    holds="one entry per decision that changed, refused or ignored something",
    written_by="processors",
    read_by=("audit_log",),
    retention_days=35,
)
DEAD_LETTERS: Final = Topic(
    name="dead-letters",
    holds="messages that could not be decided, as they stood, why, and what became of them",
    written_by="processors",
    read_by=("dead_letters",),
    retention_days=35,
    also_written_by="ingest: changes of a directory that no tenant owns",
)
STATE_CHANGELOG: Final = Topic(
    name="state-changelog",
    holds="the one state table",
    written_by="processors",
    read_by=("processors",),
    retention_days=None,
)

TOPICS: Final = (
    CHANGES,
    URGENT,
    DIRECTORY_EVENTS,
    ACCESS_EVENTS,
    DEPROVISIONS,
    SESSION_REVOCATIONS,
    AUDIT_ENTRIES,
    DEAD_LETTERS,
    STATE_CHANGELOG,
)
"""All of them, inputs first."""

LANES: Final = (URGENT, CHANGES)
"""The input topics in the order in which a partition's loop takes from them."""
