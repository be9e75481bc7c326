"""Any sequence of appends, reads and resumptions, against a list: the memory log and the Postgres log."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from domain.ports import EventLog, Position, Record
from services.eventlog.memory import MemoryEventLog
from services.eventlog.postgres import PostgresEventLog
from tests.contract.rigs import read_up_to

KEYS = st.sampled_from([b"a", b"b", b"c", b"d", b"e"])
VALUES = st.binary(max_size=40)
BATCHES = st.lists(st.builds(Record, KEYS, VALUES), max_size=6)


class LogMachine(RuleBasedStateMachine):
    """The model: per partition, the records in order; and readers that remember how far they came."""

    loop: asyncio.AbstractEventLoop
    log: EventLog
    partitions = 3

    def make(self) -> EventLog:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.model: dict[int, list[Record]] = {}
        self.readers: dict[int, int] = {}

    @initialize()
    def open(self) -> None:
        self.log = self.make()
        self.loop.run_until_complete(self.log.start())
        self.model = {partition: [] for partition in range(self.partitions)}
        self.readers = dict.fromkeys(self.model, -1)

    @rule(batch=BATCHES)
    def append(self, batch: list[Record]) -> None:
        self._take(batch, self.loop.run_until_complete(self.log.append(batch, deadline_seconds=20)))

    @rule(batches=st.lists(BATCHES, min_size=2, max_size=4))
    def append_at_once(self, batches: list[list[Record]]) -> None:
        async def all_of_them() -> list[list[Position]]:
            return await asyncio.gather(*(self.log.append(batch, deadline_seconds=20) for batch in batches))

        answers = self.loop.run_until_complete(all_of_them())
        told = [
            pair for batch, answer in zip(batches, answers, strict=True) for pair in zip(batch, answer, strict=True)
        ]
        told.sort(key=lambda pair: pair[1])
        self._take([sent for sent, _ in told], [position for _, position in told])

    @rule(partition=st.integers(0, partitions - 1), max_records=st.integers(1, 5))
    def read_on(self, partition: int, max_records: int) -> None:
        after, end = self.readers[partition], len(self.model[partition])
        if after + 1 < end:
            stored = self.loop.run_until_complete(
                read_up_to(self.log, partition, end, after=after, max_records=max_records)
            )
            assert [s.position for s in stored] == [Position(partition, n) for n in range(after + 1, end)]
            assert [Record(s.key, s.value) for s in stored] == self.model[partition][after + 1 :]
            self.readers[partition] = end - 1

    @rule(partition=st.integers(0, partitions - 1), back=st.integers(1, 5))
    def forget_progress(self, partition: int, back: int) -> None:
        self.readers[partition] = max(-1, self.readers[partition] - back)

    @rule()
    def restart(self) -> None:
        self.loop.run_until_complete(self.log.stop())
        self.loop.run_until_complete(self.log.start())

    @invariant()
    def ends_where_the_model_ends(self) -> None:
        if self.model:
            ends = self.loop.run_until_complete(self.log.end())
            assert dict(ends) == {partition: len(records) for partition, records in self.model.items()}

    def teardown(self) -> None:
        if self.model:
            self.loop.run_until_complete(self.log.stop())
        self.loop.close()

    def _take(self, batch: Sequence[Record], positions: Sequence[Position]) -> None:
        assert len(batch) == len(positions)
        for sent, (partition, offset) in zip(batch, positions, strict=True):
            assert offset == len(self.model[partition])
            self.model[partition].append(sent)


class MemoryMachine(LogMachine):
    def make(self) -> EventLog:
        return MemoryEventLog(partitions=self.partitions)


def test_memory() -> None:
    run_state_machine_as_test(MemoryMachine, settings=settings(max_examples=60, stateful_step_count=25, deadline=None))


@pytest.fixture
def postgres_machine(database_url: str) -> type[LogMachine]:
    class PostgresMachine(LogMachine):
        def make(self) -> EventLog:
            self.loop.run_until_complete(_empty(database_url))
            return PostgresEventLog(dsn=database_url, partitions=self.partitions)

    return PostgresMachine


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("SET session_replication_role = replica")  # past the triggers that keep it append-only
    await connection.execute("TRUNCATE log_records, log_settings")
    await connection.close()


def test_postgres(postgres_machine: type[LogMachine]) -> None:
    run_state_machine_as_test(
        postgres_machine, settings=settings(max_examples=15, stateful_step_count=20, deadline=None)
    )
