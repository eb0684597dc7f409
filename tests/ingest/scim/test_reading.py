"""What a change of one member reads does not grow with its group."""

from collections.abc import Iterator
from typing import Any

import pytest

from ingest.scim.reading import FIRST_MEMBERS
from tests.harness import World

MEMBERS = 20_000
MOST = 101


def rows_of(node: dict[str, Any]) -> Iterator[float]:
    """How many rows each step of a plan gave."""
    yield node["Actual Rows"] * node["Actual Loops"]
    for each in node.get("Plans", []):
        yield from rows_of(each)


@pytest.mark.parametrize("analyzed", [True, False])
def test_the_first_members_of_a_large_group_are_read_without_the_others(
    world: World, analyzed: bool
) -> None:
    asked = {"tenant_id": "acme", "directory_id": "d", "id": "everybody", "most": MOST}
    with world.connection() as connection:
        connection.execute(
            "INSERT INTO membership (tenant_id, directory_id, group_id, user_id)"
            " SELECT 'acme', 'd', 'everybody', n::text FROM generate_series(1, %s) AS n",
            (MEMBERS,),
        )
        if analyzed:
            connection.execute("ANALYZE membership, directory_group")
        found = connection.execute(FIRST_MEMBERS.encode(), asked).fetchall()
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {FIRST_MEMBERS}"
        told = connection.execute(explain.encode(), asked).fetchone()
    assert told is not None
    assert len(found) == MOST
    assert max(rows_of(told[0][0]["Plan"])) <= MOST
