"""Units and lots between which a scan of serials may cover what the lot gave: see `domain/superseding.py`."""

import numpy as np

from domain.facts import Action, Role
from services.query.graph.drawn import Drawn
from services.query.graph.groups import Bools, Groups, Ints, any_by, pairs
from services.query.graph.kinds import LOT, UNIT


def unit_over_lot(drawn: Drawn) -> tuple[Bools, Bools]:
    """(lots, units) of links that may be superseded: what went into the unit names pieces of a lot, and a serial of the
    lot's material, or of one that is not known.
    """
    kind, flows = drawn.kind[drawn.item], drawn.flows
    used = (drawn.role == Role.INPUT) & (drawn.flow >= 0)
    fitted = (drawn.role == Role.COMPONENT) & (drawn.whole >= 0) & (drawn.action != Action.TAKE)
    group = np.where(used | (drawn.role == Role.OUTPUT), drawn.flow, flows + drawn.event.astype(np.int64))
    groups = max(1, int(group.max(initial=-1)) + 1)
    scans = np.flatnonzero((used | fitted) & np.isin(kind, (UNIT, 0)))
    lots = np.flatnonzero((used | fitted) & np.isin(kind, (LOT, 0)) & drawn.counted)
    made = ((drawn.role == Role.OUTPUT) & (drawn.flow >= 0)) | (drawn.role == Role.WHOLE)
    by_scan, by_lot = (_made(drawn, made & any_by(group, rows, groups)[group]) for rows in (scans, lots))
    targets = np.flatnonzero(made & (by_scan & by_lot)[drawn.item])
    held = Groups.of(group[targets], groups)
    material = np.unique(drawn.material, return_inverse=True)[1].astype(np.int64) + 1
    material[drawn.material == 0] = 0
    material[drawn.declared[drawn.declared >= 0]] = 0
    scanned = _pairs(drawn, scans, group=group, held=held, targets=targets, material=material)
    counted = _pairs(drawn, lots, group=group, held=held, targets=targets, material=material)
    hit = np.zeros(drawn.items, dtype=np.bool_)
    hit[np.intersect1d(scanned, counted) >> 32] = True
    for some in (scanned, counted):  # of an unknown material: perhaps of the same
        hit[some[(some & 0xFFFFFFFF) == 0] >> 32] = True
    found = np.zeros(drawn.items, dtype=np.bool_)
    found[drawn.item[lots[any_by(group, made & hit[drawn.item], groups)[group[lots]]]]] = True
    return found, hit


def _made(drawn: Drawn, rows: Bools) -> Bools:
    found = np.zeros(drawn.items, dtype=np.bool_)
    found[drawn.item[rows]] = True
    return found


def _pairs(drawn: Drawn, rows: Ints, *, group: Ints, held: Groups, targets: Ints, material: Ints) -> Ints:
    """(thing made, material that went into it), each once."""
    into = np.unique(pairs(group[rows], material[drawn.item[rows]]))
    on, made = held.expand(into >> 32)
    return np.unique(pairs(drawn.item[targets[made]], (into & 0xFFFFFFFF)[on]))
