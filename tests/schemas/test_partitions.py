"""Where a tenant lives, and who owns it: fixed for life, so held by known values."""

import pytest

from schemas.partitions import murmur2, partition_of
from schemas.settings import Settings

JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""What the test of Java's client expects of it."""


@pytest.mark.parametrize("key", JAVA)
def test_murmur2_is_that_of_javas_client(key: bytes) -> None:
    unsigned = murmur2(key)
    assert unsigned - (1 << 32) * (unsigned >> 31) == JAVA[key]


@pytest.mark.parametrize("partitions", [1, 4, 12])
@pytest.mark.parametrize("key", JAVA)
def test_a_partition_is_that_of_javas_default_partitioner(key: bytes, partitions: int) -> None:
    assert partition_of(key.decode(), partitions) == (JAVA[key] & 0x7FFFFFFF) % partitions


def test_tenants_stay_where_they_are() -> None:
    tenants = ["acme", "bolt", "org_01EHWNC0FCBHZ3BJ7EGKYXK0E6", "müller", ""]
    assert [partition_of(tenant, 12) for tenant in tenants] == [0, 7, 7, 11, 9]


def test_a_partitions_transactional_id_is_golden() -> None:
    own, default = Settings(installation="acme-eu"), Settings()
    assert own.transactional_id(0) == "acme-eu-processors-0"
    assert default.transactional_id(11) == "rollcall-processors-11"
