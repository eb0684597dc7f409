"""What is there: what directories reported, less what tombstones and a directory's end took away.

The end of a directory rewrites no record: they keep what the IdP last said, so that a change that
comes late finds what it is about, whether or not the directory has ended.
"""

from schemas.origin import Stamp
from schemas.state import Directory, DirectoryGroup, DirectoryUser, Edge


def is_gone(directory: Directory, stamp: Stamp) -> bool:
    """Whether the directory ended after what was last heard, at `stamp`, of something in it.

    One that was replaced has ended for good: its IdP may go on reporting.
    """
    if directory.replaced_by is not None:
        return True
    return directory.deleted_at is not None and stamp <= directory.deleted_at


def edge_counts(edge: Edge, *ends: DirectoryUser | DirectoryGroup | Directory | None) -> bool:
    """Whether a membership holds: present, and newer than the tombstones of these ends."""
    return edge.present and not any(
        end is not None and end.deleted_at is not None and edge.stamp <= end.deleted_at
        for end in ends
    )
