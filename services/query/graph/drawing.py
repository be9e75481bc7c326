"""The standing of plain units, drawn from the same rows as the graph, and which items are odd there."""

from collections.abc import Mapping

import numpy as np

from domain.facts import Role
from services.query.graph.drawing_parts import below, facts_of, kinds, parts_of, stays_of, ties, too_deep
from services.query.graph.drawn import Drawn
from services.query.graph.facts import EventTexts, Standing
from services.query.graph.groups import Bools, Groups, Ints, any_by, small
from services.query.graph.kinds import CLASS, LOT

Pair = tuple[Ints, Ints]


def standing_of(
    drawn: Drawn,
    raw: Mapping[str, Ints],
    *,
    said: Mapping[str, Ints],
    odd: Bools,
    recalled: Ints,
    texts: Mapping[int, str],
) -> Standing:
    """Facts, stays and parts of everything; `odd` grows by what needs more than one look."""
    n = drawn.items
    events, tied = _order(raw)
    kept = ~drawn.troubled
    rows = {"item": drawn.item[kept], "event": drawn.event[kept]}
    role, action, whole = drawn.role[kept], drawn.action[kept], drawn.whole[kept]
    facts = facts_of(**rows, role=role, status=said["status"][kept], rank=raw["rank"], texts=events, count=n)
    marks = rows | {"role": role, "action": action, "whole": whole, "latest_us": raw["latest"]}
    stays, strange = stays_of(**marks, texts=events, count=n)
    fittings = parts_of(**marks, texts=events, count=n)
    kind = kinds(drawn.kind, drawn.item, role=drawn.role, by_class=said["by_class"].astype(np.bool_))
    unsure = tied | (raw["earliest"] != raw["latest"])
    odd = odd | strange | ties(facts, raw["latest"], raw["rank"], n)
    odd |= any_by(drawn.item, unsure[drawn.event], n)
    odd |= np.bincount(drawn.item[raw["rank"][drawn.event] == 0], minlength=n) > 1  # commissioned twice, perhaps
    in_container = np.flatnonzero((drawn.role == Role.CHILD) & (drawn.whole >= 0))
    fitted = np.flatnonzero((drawn.role == Role.COMPONENT) & (drawn.whole >= 0))
    contents = (drawn.whole[in_container], drawn.item[in_container])
    parts = (drawn.whole[fitted], drawn.item[fitted])
    odd = below(odd | too_deep(n, contents, parts), contents, parts)
    odd |= _restrained(drawn, raw, kind=kind, contents=contents, recalled=recalled)
    lots = np.isin(kind, (LOT, CLASS))
    return Standing(odd | lots, lots & ~odd, kind, texts, events, facts, stays, fittings)


def _order(raw: Mapping[str, Ints]) -> tuple[EventTexts, Bools]:
    """The order of SEMANTICS §2 as one number an event, and events of which only their ids tell the order."""
    keys = ("index", "accepted", "rank", "latest")
    order = np.lexsort(tuple(raw[k] for k in keys))
    rank_no = np.empty(len(order), dtype=np.int64)
    rank_no[order] = np.arange(len(order))
    same = np.ones(max(0, len(order) - 1), dtype=np.bool_)
    for key in keys:
        same &= raw[key][order][1:] == raw[key][order][:-1]
    tied = np.zeros(len(order), dtype=np.bool_)
    tied[order[1:][same]] = True
    tied[order[:-1][same]] = True
    texts = EventTexts(
        site=raw["site"],
        holder=raw["holder"],
        owner=raw["owner"],
        disposition=raw["disposition"],
        rank_no=small(rank_no),
        by_rank=small(order),
        latest_sorted=raw["latest"][order],
    )
    return texts, tied


def _restrained(drawn: Drawn, raw: Mapping[str, Ints], *, kind: Ints, contents: Pair, recalled: Ints) -> Bools:
    """Everything that a hold or a recall may reach: `domain/restraints.py` tells which of them do."""
    named = any_by(drawn.item, raw["restrains"].astype(np.bool_)[drawn.event], drawn.items)
    named |= np.isin(drawn.material, recalled) & (drawn.material != 0)
    if len(recalled):
        named[drawn.declared] = True
    one, other = drawn.same["one"], drawn.same["other"]
    old, new = drawn.renamed
    return below(
        named,
        contents,
        (drawn.members["one"], drawn.members["other"]),
        (one, other),
        (other, one),
        (old, new),
        (new, old),
        _split_off(drawn, kind),
    )


def _split_off(drawn: Drawn, kind: Ints) -> Pair:
    """What was used, and the lots that were made of it, where both may be of one material."""
    lots = np.isin(kind, (LOT, CLASS))
    used = np.flatnonzero((drawn.role == Role.INPUT) & (drawn.flow >= 0))
    made = Groups.of(np.where((drawn.role == Role.OUTPUT) & lots[drawn.item], drawn.flow, -1), drawn.flows)
    on, rows = made.expand(drawn.flow[used])
    upper, lower = drawn.item[used][on], drawn.item[rows]
    declared = np.zeros(drawn.items, dtype=np.bool_)
    declared[drawn.declared] = True
    alike = lots[upper] | declared[upper] | declared[lower] | (drawn.material[upper] == drawn.material[lower])
    return upper[alike], lower[alike]
