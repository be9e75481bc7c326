"""Ranges of serials spelled out: the units that only a range names become items of the graph, by the order of ids."""

from dataclasses import dataclass

import numpy as np

from domain.facts import Ranged
from services.query.graph.facts import STATUSES
from services.query.graph.graph import Numbers
from services.query.graph.groups import Ints, positions, small
from services.query.graph.kinds import UNIT, Uncovered
from services.query.graph.raw import Raw
from services.query.graph.texts import Texts

MOST_MEMBERS = 20_000_000
"""Units in ranges; with more, the record is asked of the domain alone."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """Items, mentions and memberships with those of ranges; events and items are positions in them."""

    names: Texts
    numbers: Numbers
    kind: Ints
    material: Ints
    mentions: dict[str, Ints]
    members: dict[str, Ints]


def spelled_out(raw: Raw) -> Spelled:
    """Everything that the record lists, and what its ranges stand for. Raises Uncovered."""
    if sum(ranged.serials.count for _, ranged in raw.ranges) > MOST_MEMBERS:
        raise Uncovered(f"ranges name over {MOST_MEMBERS} serials")
    listed = [list(ranged.serials.items()) for _, ranged in raw.ranges]
    names, kept_at = _with(raw.names, sorted({str(i) for ids in listed for i in ids}))
    order = np.argsort(raw.items["no"], kind="stable")
    numbers = Numbers(raw.items["no"][order], small(kept_at[order]))
    kind, material = np.full(len(names), UNIT, dtype=np.int32), np.zeros(len(names), dtype=np.int64)
    kind[kept_at], material[kept_at] = raw.items["kind"], raw.items["material"]
    nos = raw.events["no"]
    mentions = [raw.mentions | {"event": positions(nos, raw.mentions["event"])}]
    mentions[0]["item"] = numbers.items(raw.mentions["item"])
    members = [raw.members | {"event": positions(nos, raw.members["event"])}]
    members[0] |= {end: numbers.items(raw.members[end]) for end in ("one", "other")}
    for (event_no, ranged), ids in zip(raw.ranges, listed, strict=True):
        units = np.array([names.find(i) for i in ids], dtype=np.int64)
        event = int(positions(nos, np.array([event_no]))[0])
        material[units] = material[names.find(ranged.serials.product)]
        mentions.append(_mentions(event, ranged, units))
        if ranged.lot is not None:
            members.append(
                _columns(len(units), event=event, one=names.find(ranged.lot), at_making=True) | {"other": units}
            )
    return Spelled(names, numbers, kind, material, _joined(mentions), _joined(members))


def _mentions(event: int, ranged: Ranged, units: Ints) -> dict[str, Ints]:
    """What the event says of each member."""
    said = ranged.mention(ranged.serials.product)
    status, by_class = STATUSES.index(said.status), said.by_class
    same = {"role": said.role, "action": said.action, "by_class": by_class, "status": status, "flow": said.flow}
    return _columns(len(units), event=event, sure=True, counted=False, told=0, **same) | {"item": units}


def _columns(count: int, **values: int) -> dict[str, Ints]:
    return {name: np.full(count, int(value), dtype=np.int64) for name, value in values.items()}


def _joined(tables: list[dict[str, Ints]]) -> dict[str, Ints]:
    return {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}


def _with(names: Texts, ids: list[str]) -> tuple[Texts, Ints]:
    """The names with those of the sorted ids that are not among them; and where each of the old ones is now."""
    new = [(names.before(i), i.encode()) for i in ids if names.find(i) < 0]
    if not new:
        return names, np.arange(len(names))
    at = np.array([before for before, _ in new], dtype=np.int64)
    lengths = np.insert(np.diff(names.start), at, [len(text) for _, text in new])
    start = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=start[1:])
    pieces, done = [], 0
    for before, text in new:
        pieces += [names.data[done : names.start[before]], text]
        done = int(names.start[before])
    pieces.append(names.data[done:])
    kept_at = np.arange(len(names)) + np.searchsorted(at, np.arange(len(names)), side="right")
    return Texts(b"".join(pieces), start), kept_at
