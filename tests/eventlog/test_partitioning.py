import pytest

from services.eventlog.partitioning import partition_of


@pytest.mark.parametrize(
    ("key", "partitions", "partition"),
    [(b"", 6, 4), (b"a", 6, 4), (b"key-1", 6, 5), (b"\x00\xff", 7, 2), ("追溯".encode(), 4096, 448), (b"a", 1, 0)],
)
def test_the_partition_of_a_key_never_changes(key: bytes, partitions: int, partition: int) -> None:
    assert partition_of(key, partitions) == partition


def test_keys_spread_over_all_partitions() -> None:
    counts = [0] * 6
    for number in range(6_000):
        counts[partition_of(f"key-{number}".encode(), 6)] += 1
    assert min(counts) > 850


def test_a_log_without_partitions_is_refused() -> None:
    with pytest.raises(ValueError, match="partitions is 0"):
        partition_of(b"a", 0)
