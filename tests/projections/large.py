"""A bad lot that went into very many units: made a hundred at a time, packed ten a carton, shipped by the pallet."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import count, islice

import asyncpg

from domain import events as ev
from domain.corrections import Copy
from domain.envelope import Envelope
from domain.ids import ItemId, PartyId
from services.readmodel.changes import ViewWriter
from tests.domain.telling import at, item, us
from tests.projections.viewing import batch_of, open_partitions

BAD_LOT = item("lot:CELL/BAD")
PER_EVENT, PER_CARTON, PER_PALLET = 100, 10, 50
_BATCH = 500


def unit(number: int) -> ItemId:
    return item(f"U/{number:07d}")


def affected(units: int) -> set[str]:
    """Every unit the bad lot went into."""
    return {str(unit(n)) for n in range(units)}


def events(units: int) -> Iterator[ev.LifecycleEvent]:
    """The life of `units` units, a multiple of 500."""
    for start in range(0, units, PER_EVENT):
        made = [unit(n) for n in range(start, start + PER_EVENT)]
        yield ev.Transformed(
            occurred_at=at(1),
            inputs=tuple(ev.Input(item=i) for i in (BAD_LOT, item(f"lot:GLUE/{start}"))),
            outputs=tuple(ev.Output(item=i) for i in made),
        )
        for box in range(start, start + PER_EVENT, PER_CARTON):
            yield _packed(f"carton:{box}", made[box - start : box - start + PER_CARTON], hour=2)
    for start in range(0, units, PER_CARTON * PER_PALLET):
        cartons = [item(f"carton:{box}") for box in range(start, start + PER_CARTON * PER_PALLET, PER_CARTON)]
        yield _packed(f"pallet:{start}", cartons, hour=3)
        yield ev.Shipped(
            occurred_at=at(4),
            items=(ev.ItemQuantity(item=item(f"pallet:{start}")),),
            to_possessor=PartyId("urn:dealer:7"),
        )


def _packed(container: str, contents: Sequence[ItemId], *, hour: float) -> ev.Packed:
    things = tuple(ev.ItemQuantity(item=i) for i in contents)
    return ev.Packed(occurred_at=at(hour), container=item(container), contents=things)


async def write(pool: asyncpg.Pool, units: int, *, tenant_id: int = 1) -> None:
    """Into empty views, as a projector does it."""
    await open_partitions(pool, 1)
    writer, numbers = ViewWriter(pool), count()
    story = (entry(e, next(numbers), tenant_id) for e in events(units))
    while batch := list(islice(story, _BATCH)):
        await writer.apply(batch_of(batch))
    await pool.execute("UPDATE views.checkpoints SET measured_us = (extract(epoch FROM now()) * 1e6)::bigint")
    await pool.execute("ANALYZE")


def entry(event: ev.LifecycleEvent, no: int, tenant_id: int) -> tuple[Copy, Envelope]:
    envelope = Envelope(
        tenant_id=tenant_id,
        event_id=event.event_id or f"large-{no}",
        source="mes",
        may_correct=False,
        accepted_at_us=us(48) + no,
        index=0,
        content_hash=hashlib.sha256(str(no).encode()).hexdigest(),
        event=event,
    )
    return Copy(us(48) + no, 0, no), envelope
