"""Links as columns, and the plain ones of many items at once: what they mean is in `domain/linking.py`."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from domain.facts import Role
from domain.links import ALWAYS_US, NEVER_US
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints, once
from services.query.graph.leads import FITTED, HAS_MEMBERS, NAMED, USED, any_of
from services.turns import give_way

DERIVATION, PART_OF, MEMBER_OF_LOT, CONTAINED_IN, IDENTIFIED_AS, SIMILAR_TO = range(6)
RELATIONS = ("derivation", "part_of", "member_of_lot", "contained_in", "identified_as", "similar_to")

REASONS = (
    "against_time",
    "basis",
    "booked_later",
    "class_level",
    "duration_unknown",
    "edge",
    "inferred",
    "net_quantity",
    "order_uncertain",
    "packaging_level",
    "replacement_pending",
    "several_inputs",
    "touched",
)
"""Bits of `reasons`, from 1: bit 0 of a path's labels is `certain`. Others get bits as the domain names them."""
KNOWN_REASONS = frozenset(REASONS)
CERTAIN_BIT = 1


@dataclass(frozen=True, slots=True)
class LinkColumns:
    """Links, oriented as recorded, one a row. See `domain.links.Link` for the instants; NEVER and ALWAYS where open.

    [`first_us`, `end_us`) and [`sure_first_us`, `sure_end_us`) are its windows.

    `reasons` are bits. `event`, `mention` and `made` are rows of the graph that tell the rest (-1: none); `told` is the
    number of a link that the domain made (-1: a plain one).
    """

    source: Ints
    target: Ints
    relation: Ints
    since_us: Ints
    until_us: Ints
    leave_us: Ints
    leave_until_us: Ints
    reach_us: Ints
    reach_until_us: Ints
    first_us: Ints
    end_us: Ints
    sure_first_us: Ints
    sure_end_us: Ints
    against: Bools
    reasons: Ints
    event: Ints
    mention: Ints
    told: Ints

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: Ints) -> "LinkColumns":
        return LinkColumns(*(getattr(self, name).take(rows) for name in _COLUMNS))


_COLUMNS = tuple(f.name for f in fields(LinkColumns))


def joined(tables: list[LinkColumns]) -> LinkColumns:
    """All rows of several tables, in order."""
    some = [t for t in tables if len(t)] or tables[:1]
    return some[0] if len(some) == 1 else LinkColumns(*(_column(some, name) for name in _COLUMNS))


def _column(tables: list[LinkColumns], name: str) -> Any:
    give_way()
    return np.concatenate([getattr(t, name) for t in tables])


def bit_of(reason: str) -> int:
    return 2 << REASONS.index(reason)


def bits_of(reasons: Iterable[str]) -> int:
    """The bits of all of them."""
    return sum(bit_of(r) for r in reasons)


_AGAINST, _BASIS, _SEVERAL = bit_of("against_time"), bit_of("basis"), bit_of("several_inputs")


def plain_out_of(graph: Graph, items: Ints) -> LinkColumns:
    """The plain links that leave these items."""
    _, used = graph.used.expand(items)
    on, made = graph.outputs.expand(graph.events.flow[graph.mentions.event[used]])
    _, fitted = graph.fitted.expand(items)
    return joined(
        [
            derivations(graph, used[on], made),
            parts(graph, fitted),
            members(graph, graph.members.by_one.expand(items)[1]),
            *_identities(graph, items, forward=True),
        ]
    )


def led_to(graph: Graph, items: Ints) -> Ints:
    """What the plain links that leave these items lead to, link by link."""
    mentions, events, same = graph.mentions, graph.events, graph.same
    bits = any_of(graph.leads[items])
    found = [items[:0]]
    if bits & USED:
        made = graph.outputs.expand(events.flow[mentions.event[graph.used.expand(items)[1]]])[1]
        found.append(mentions.item[made])
    if bits & FITTED:
        found.append(events.parent[mentions.event[graph.fitted.expand(items)[1]]])
    if bits & HAS_MEMBERS:
        found.append(graph.members.other[graph.members.by_one.expand(items)[1]])
    if bits & NAMED:
        found += [same.other[same.by_one.expand(items)[1]], same.one[same.by_other.expand(items)[1]]]
    return np.concatenate(found)


def leaving(graph: Graph, items: Ints, *, most: int) -> int:
    """How many plain links leave these items; where they are used, fitted, listed and named more than `most` times, how
    often they are: only so many are looked at one by one.
    """
    same = graph.same
    ways = (graph.used, graph.fitted, graph.members.by_one, same.by_one, same.by_other)
    used, *others = (int(way.count(items).sum()) for way in ways)
    links = sum(others)
    if used + links > most:
        return used + links
    taking = graph.mentions.event[graph.used.expand(items)[1]]
    return links + int(graph.outputs.count(graph.events.flow[taking]).sum())


def plain_into(graph: Graph, items: Ints) -> LinkColumns:
    """The plain links that arrive at these items."""
    _, rows = graph.made.expand(items)
    role = graph.mentions.role[rows]
    made = rows[role == Role.OUTPUT]
    on, used = graph.inputs.expand(graph.events.flow[graph.mentions.event[made]])
    wholes = rows[role == Role.WHOLE]
    _, beside = graph.by_event.expand(graph.mentions.event[wholes])
    fitted = beside[graph.mentions.role[beside] == Role.COMPONENT]
    return joined(
        [
            derivations(graph, used, made[on]),
            parts(graph, once(fitted)),
            members(graph, graph.members.by_other.expand(items)[1]),
            *_identities(graph, items, forward=False),
        ]
    )


def most_into(graph: Graph, items: Ints) -> Ints:
    """How many plain links arrive at each of these items, at most: a part that one event names twice counts twice."""
    at, rows = graph.made.expand(items)
    event, made = graph.mentions.event[rows], graph.mentions.role[rows] == Role.OUTPUT
    found = np.zeros(len(rows), dtype=np.int64)
    found[made] = graph.inputs.count(graph.events.flow[event[made]])
    found[~made] = graph.by_event.count(event[~made])
    counts = np.zeros(len(items), dtype=np.int64)
    for others in (graph.members.by_other, graph.same.by_one, graph.same.by_other):
        counts += others.count(items)
    np.add.at(counts, at, found)
    return counts


def plain_reasons(graph: Graph, used: Ints, against: Bools) -> Ints:
    """Why the derivations of these inputs are only possible, as bits."""
    reasons = np.zeros(len(used), dtype=np.int64)
    reasons[~graph.mentions.sure_basis[used]] |= _BASIS
    reasons[graph.mentions.several[used]] |= _SEVERAL
    reasons[against] |= _AGAINST
    return reasons


def derivations(graph: Graph, used: Ints, made: Ints) -> LinkColumns:
    """The links from mentions as input to mentions as output, row by row."""
    mentions, events = graph.mentions, graph.events
    taking, making = mentions.event[used], mentions.event[made]
    against = events.begins_us[taking] > events.latest_us[making]
    return LinkColumns(
        source=mentions.item[used],
        target=mentions.item[made],
        relation=_all(len(used), DERIVATION),
        since_us=events.latest_us[taking],
        until_us=_all(len(used), ALWAYS_US),
        leave_us=events.begins_us[taking],
        leave_until_us=events.latest_us[taking],
        reach_us=np.maximum(events.begins_us[taking], events.begins_us[making]),
        reach_until_us=events.latest_us[making],
        **_no_window(len(used)),
        against=against,
        reasons=plain_reasons(graph, used, against),
        event=taking,
        mention=used,
        told=_all(len(used), -1),
    )


def parts(graph: Graph, fitted: Ints) -> LinkColumns:
    """The links of mentions as component."""
    event = graph.mentions.event[fitted]
    n = len(fitted)
    return LinkColumns(
        source=graph.mentions.item[fitted],
        target=graph.events.parent[event],
        relation=_all(n, PART_OF),
        since_us=graph.events.latest_us[event],
        until_us=_all(n, ALWAYS_US),
        leave_us=_all(n, NEVER_US),
        leave_until_us=_all(n, ALWAYS_US),
        reach_us=_all(n, NEVER_US),
        reach_until_us=_all(n, NEVER_US),
        first_us=graph.events.begins_us[event],
        end_us=_all(n, ALWAYS_US),
        sure_first_us=graph.events.latest_us[event],
        sure_end_us=_all(n, ALWAYS_US),
        against=np.zeros(n, dtype=np.bool_),
        reasons=_all(n, 0),
        event=event,
        mention=fitted,
        told=_all(n, -1),
    )


def members(graph: Graph, rows: Ints) -> LinkColumns:
    """The links from lots to units of these rows of `members`."""
    event = graph.members.event[rows]
    at_us, n = graph.events.begins_us[event], len(rows)
    return LinkColumns(
        source=graph.members.one[rows],
        target=graph.members.other[rows],
        relation=_all(n, MEMBER_OF_LOT),
        since_us=at_us,
        until_us=_all(n, ALWAYS_US),
        leave_us=at_us,
        leave_until_us=at_us,
        reach_us=at_us,
        reach_until_us=_all(n, NEVER_US),
        **_no_window(n),
        against=np.zeros(n, dtype=np.bool_),
        reasons=_all(n, 0),
        event=event,
        mention=_all(n, -1),
        told=_all(n, -1),
    )


def _identities(graph: Graph, items: Ints, *, forward: bool) -> list[LinkColumns]:
    same, found = graph.same, []
    for groups, near, far in ((same.by_one, same.one, same.other), (same.by_other, same.other, same.one)):
        rows = groups.expand(items)[1]
        source, target = (near, far) if forward else (far, near)
        found.append(identities(graph, rows, source=source[rows], target=target[rows]))
    return found


def identities(graph: Graph, rows: Ints, *, source: Ints, target: Ints) -> LinkColumns:
    """The links of these rows of `same`, turned as a walk takes them."""
    event, n = graph.same.event[rows], len(rows)
    return LinkColumns(
        source=source,
        target=target,
        relation=_all(n, IDENTIFIED_AS),
        since_us=graph.events.latest_us[event],
        until_us=_all(n, ALWAYS_US),
        leave_us=_all(n, NEVER_US),
        leave_until_us=_all(n, ALWAYS_US),
        reach_us=_all(n, NEVER_US),
        reach_until_us=_all(n, NEVER_US),
        **_no_window(n),
        against=np.zeros(n, dtype=np.bool_),
        reasons=_all(n, 0),
        event=event,
        mention=_all(n, -1),
        told=_all(n, -1),
    )


def _no_window(count: int) -> dict[str, Ints]:
    """Of links that hold over no interval."""
    open_ends = {"first_us": NEVER_US, "end_us": ALWAYS_US, "sure_first_us": NEVER_US, "sure_end_us": ALWAYS_US}
    return {name: _all(count, value) for name, value in open_ends.items()}


def _all(count: int, value: int) -> Ints:
    give_way()  # of a hundred thousand links each column takes as long as a small answer
    return np.full(count, value, dtype=np.int64)
