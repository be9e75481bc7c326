"""What was made while something was mounted at a position: a feeder, a nozzle, a nest (docs/semantics.md, Exposure)."""

from collections.abc import Sequence
from typing import Any

from domain.bookings import may_begin_us
from domain.exposure import DURATION_UNKNOWN, Circumstance, exposed_items, tells_no_start
from domain.happened import Happened
from domain.mountings import positions_of
from domain.record import Need
from domain.spans import Span
from domain.stands import beside_stands, stood_during
from services.problems import Problem
from services.query.snapshot import Asked

_MOUNTED = "SELECT EXISTS (SELECT FROM views.loadings WHERE tenant_id = $1 AND equipment = $2 AND position = $3)"

Matching = list[tuple[Happened, Any]]


async def at_position(
    asked: Asked,
    circumstance: Circumstance,
    *,
    equipment: str,
    position: str,
    matching: Sequence[tuple[Happened, Any]],
) -> tuple[Matching, dict[int, frozenset[str]]]:
    """The events during which something may have been mounted there, and why only possibly. Raises Problem 404.

    The times in which something was are windows: what tells no start beside one may have lasted into it.
    """
    if not await asked.connection.fetchval(_MOUNTED, asked.tenant_id, equipment, position):
        detail = f"nothing was ever mounted on {equipment}, position {position}"
        raise Problem(404, "unknown-circumstance", detail, dimension="position", value=position)
    if not matching:
        return [], {}
    begins_us = min(may_begin_us(h.facts) for h, _ in matching)
    span = Span(equipment, begins_us, max(h.facts.latest_us for h, _ in matching))
    found = await asked.record().look_up(Need(loads=frozenset({span})))
    here = next((p for p in positions_of(equipment, found.loads.get(span, [])) if p.name == position), None)
    if here is None:
        return [], {}
    stood = {h.no: why for h, _ in matching if (why := stood_during(here, h.facts)) is not None}
    open_ended = [h for h, m in matching if tells_no_start(h.facts) and exposed_items(circumstance, m)]
    beside = beside_stands(here, open_ended, since_us=circumstance.since_us, until_us=circumstance.until_us)
    stood = dict.fromkeys(beside, frozenset({DURATION_UNKNOWN})) | stood
    return [(h, m) for h, m in matching if h.no in stood], stood
