"""Which partition a key belongs to: one function for every adapter, every process and every release.

Changing it would send copies of one event to another partition than the first, so it is frozen by a test.
"""

import hashlib


def partition_of(key: bytes, partitions: int) -> int:
    """The partition, 0 ≤ p < `partitions`, of `key`: the first 8 bytes of its SHA-256, big-endian, modulo the count."""
    if partitions < 1:
        raise ValueError(f"partitions is {partitions}; a log has at least 1")
    if partitions == 1:
        return 0
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") % partitions
