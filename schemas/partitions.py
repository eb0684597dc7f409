"""Which partition a tenant lives in.

Computed here for every producer: clients' defaults disagree (DESIGN §5.9).
"""

from functools import lru_cache

_M = 0x5BD1E995
_SEED = 0x9747B28C


def murmur2(key: bytes) -> int:
    """The 32-bit murmur2 hash as Java's Kafka client computes it, without a sign."""
    length = len(key)
    h = (_SEED ^ length) & 0xFFFFFFFF
    whole = length & ~3
    for at in range(0, whole, 4):
        k = (int.from_bytes(key[at : at + 4], "little") * _M) & 0xFFFFFFFF
        k = ((k ^ (k >> 24)) * _M) & 0xFFFFFFFF
        h = ((h * _M) & 0xFFFFFFFF) ^ k
    if rest := key[whole:]:
        h = ((h ^ int.from_bytes(rest, "little")) * _M) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * _M) & 0xFFFFFFFF
    return h ^ (h >> 15)


@lru_cache(10_000)
def partition_of(tenant_id: str, partitions: int) -> int:
    """The partition of all of a tenant's messages, on every topic, for ever."""
    return (murmur2(tenant_id.encode()) & 0x7FFFFFFF) % partitions
