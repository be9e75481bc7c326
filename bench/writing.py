"""`python -m bench.writing`: one of several processes that write the factories' events to the log.

Making an event a record is most of the work of building, and bound to one core.
"""

import argparse
import asyncio
from collections.abc import Iterable, Iterator

from bench.building import Making, everything, tenants_of
from domain.ports import Record
from services.cli.running import collect_seldom
from services.eventlog.postgres import PostgresEventLog

CHUNK = 2_000


def share_of(makings: Iterable[Making], *, number: int, of: int) -> Iterator[list[Record]]:
    """Every `of`-th chunk of the records, from the `number`-th on; only its events are made records."""
    chunk: list[Record] = []
    for place, make in enumerate(makings):
        if place // CHUNK % of != number:
            continue
        chunk.append(make())
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


async def main(url: str, *, units: int, line: bool, number: int, of: int) -> None:
    """Append that share."""
    makings = everything(await tenants_of(url), units, line=line)
    log, chunks = PostgresEventLog(dsn=url), share_of(makings, number=number, of=of)
    await log.start()
    try:
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            await log.append(chunk, deadline_seconds=120)
    finally:
        await log.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    for name in ("units", "number", "of"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--line", action="store_true")
    given = parser.parse_args()
    collect_seldom()  # as the service, which makes records the same way
    asyncio.run(main(given.url, units=given.units, line=given.line, number=given.number, of=given.of))
