"""How a lot stands that only ever stood in one place: what came in there, less what was used (`domain/stock.py`).

Anything else that can befall a lot (moved, packed, counted in two units, overdrawn) is for the domain to tell.
"""

from fractions import Fraction

import numpy as np

from domain.distribution import Where
from domain.facts import Flow, Role, Status
from domain.ids import ItemId
from domain.measures import decimal_of
from domain.state import Whereabouts
from services.query.graph.facts import STATUSES
from services.query.graph.graph import Graph
from services.query.graph.groups import Ints
from services.query.graph.kinds import KINDS

_COMES_IN = (Flow.ENTER, Flow.RECEIVE, Flow.OPEN)
_GOES = (Flow.CONSUME, Flow.SCRAP)
_ROLES = (Role.SUBJECT, Role.INPUT, Role.OUTPUT)
_NOT_IN_STOCK = -1


def lot_state(graph: Graph, item: int, *, disposition: int, owner: int) -> Whereabouts | None:
    """The state of a lot or class once all that the graph knows has happened; None: the domain tells it.

    `disposition` and `owner` are what was said of it last (`standing.stand`), as numbers of texts.
    """
    rows = graph.by_item.expand(np.array([item]))[1]
    m = graph.mentions
    if not np.isin(m.role[rows], _ROLES).all() or not np.isin(m.flow[rows], (Flow.NONE, *_COMES_IN, *_GOES)).all():
        return None
    events = m.event[rows]
    if len(np.unique(events)) < len(rows):
        return None
    rows = rows[np.argsort(graph.standing.events.rank_no[events])]
    left = _left(graph, rows)
    if left is None:
        return None
    site, quantity, uom = left
    there = site != _NOT_IN_STOCK and quantity != 0
    statuses = m.status[rows]
    said = statuses[statuses > 0]
    last = STATUSES[int(said[-1])] if len(said) else None
    text = graph.standing.texts
    row = Where(text.get(site), None, None, Status.IN_STOCK, decimal_of(quantity), uom)
    return Whereabouts(
        item=ItemId(graph.names[item]),
        kind=KINDS[int(graph.standing.kind[item])],
        status=Status.IN_STOCK if there else last,
        disposition=text.get(disposition),
        site=row.site if there else None,
        container=None,
        containers=(),
        wholes=(),
        holder=None,
        owner=text.get(owner) if there else None,
        where=(row,) if there else (),
        holds=(),
        recalls=(),
        occurred_at=None,
        order_uncertain=False,
        gaps=(),
        conflicts=(),
    )


def _left(graph: Graph, rows: Ints) -> tuple[int, Fraction, str | None] | None:
    """(site, quantity, unit) of what is there; None where that is not plain to see."""
    m = graph.mentions
    site, left, uom, known = _NOT_IN_STOCK, Fraction(0), None, False
    comes_in = bool(np.isin(m.flow[rows], _COMES_IN).any())
    for flow, told, event in zip(m.flow[rows].tolist(), m.told[rows].tolist(), m.event[rows].tolist(), strict=True):
        if flow == Flow.NONE:
            continue
        quantity, unit, _ = graph.told[told]
        if flow not in _COMES_IN and not comes_in:  # only ever used: it has no books
            if flow == Flow.SCRAP:
                return None
            continue
        if quantity is None or (known and unit != uom):
            return None
        uom, known = unit, True
        if flow in _COMES_IN:
            here = int(graph.standing.events.site[event])
            if site not in (_NOT_IN_STOCK, here):
                return None
            site, left = here, left + Fraction(quantity)
        elif site == _NOT_IN_STOCK or left < quantity or not left:
            return None
        else:
            left -= Fraction(quantity)
            if not left:
                site = _NOT_IN_STOCK
    return site, left, uom
