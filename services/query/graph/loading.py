"""Building a graph from the views, in one snapshot."""

import asyncio

import asyncpg
import numpy as np

from domain.facts import Role
from domain.ids import other_levels
from services.query.graph.births import births
from services.query.graph.doubted import doubted
from services.query.graph.drawing import standing_of
from services.query.graph.drawn import Drawn
from services.query.graph.graph import Events, Graph, Mentions, Numbers, Relations, Told
from services.query.graph.groups import Bools, Groups, Ints, any_by, positions, small
from services.query.graph.kinds import LOT
from services.query.graph.leads import leads
from services.query.graph.lookup import Lookup
from services.query.graph.plain import odd_items, several_inputs, things
from services.query.graph.raw import Raw, read
from services.query.graph.spelling import spelled_out
from services.query.graph.texts import Texts

RECEIVED_RANK = 4
"""SEMANTICS §2"""


async def load(connection: asyncpg.Connection, tenant_id: int) -> Graph:
    """The graph of what the transaction of `connection`, repeatable read, sees. Raises Uncovered, and ValueError."""
    raw = await read(connection, tenant_id)
    return await asyncio.to_thread(drawn, raw)


def drawn(raw: Raw) -> Graph:
    """The graph of these rows. Raises Uncovered."""
    spelled = spelled_out(raw)
    numbers, count = spelled.numbers, len(spelled.names)
    told_codes, told = _told(spelled.mentions["told"], raw.told)
    troubled = _troubled(raw.events["key"], raw.voided) | raw.events["unplain"].astype(np.bool_)
    flow = _flows(raw.events)
    event, item = spelled.mentions["event"], spelled.mentions["item"]
    parent = numbers.items(raw.events["parent"])
    rows = Drawn(
        kind=spelled.kind,
        material=spelled.material,
        event=event,
        item=item,
        role=spelled.mentions["role"],
        action=spelled.mentions["action"],
        flow=flow[event],
        whole=parent[event],
        mixed=raw.events["mixed"][event].astype(np.bool_),
        counted=spelled.mentions["counted"].astype(np.bool_),
        troubled=troubled[event],
        declared=numbers.items(raw.declared),
        members=spelled.members,
        same=_indexed(raw.same, raw.events["no"], numbers),
        event_troubled=troubled,
        barring=raw.events["unknown"].astype(np.bool_)[event],
        mounted=numbers.items(raw.mounted),
        charged=numbers.items(raw.acts["item"][raw.acts["act"] == 0]),
        discharged=numbers.items(raw.acts["item"][raw.acts["act"] == 1]),
        loaded=_on_loaded(raw, spelled.mentions),
        renamed=(numbers.items(raw.renamed["one"]), numbers.items(raw.renamed["other"])),
        alike=_alike(spelled.names, spelled.kind),
    )
    several, unclear = several_inputs(rows)
    odd = odd_items(rows, unclear)
    kept = ~troubled[event]
    events = Events(
        raw.event_ids,
        small(raw.events["no"]),
        raw.events["latest"],
        raw.events["earliest"],
        raw.events["begins"],
        raw.events["rank"],
        small(parent),
        small(flow),
    )
    mentions = Mentions(
        small(event[kept]),
        small(item[kept]),
        rows.role[kept].astype(np.int8),
        rows.action[kept].astype(np.int8),
        spelled.mentions["sure"][kept].astype(np.bool_),
        several[kept],
        small(told_codes[kept]),
        spelled.mentions["flow"][kept].astype(np.int8),
        spelled.mentions["status"][kept].astype(np.int8),
    )
    flows = int(flow.max(initial=-1)) + 1
    of_flow = flow[mentions.event]
    inside = np.isin(mentions.role, (Role.CHILD, Role.COMPONENT))
    standing = standing_of(
        rows, raw.events, said=spelled.mentions, odd=odd.state, recalled=raw.recalled, texts=raw.texts
    )
    used = Groups.of(np.where((mentions.role == Role.INPUT) & (of_flow >= 0), mentions.item, -1), count)
    fitted = Groups.of(
        np.where((mentions.role == Role.COMPONENT) & (parent[mentions.event] >= 0), mentions.item, -1), count
    )
    members, same = (_relations(pairs, troubled, count) for pairs in (rows.members, rows.same))
    barred = any_by(item, rows.barring, count)
    return Graph(
        vector=raw.vector,
        applied_us=raw.applied_us,
        settled_us=int(raw.events["latest"].max(initial=0)),
        names=spelled.names,
        lookup=Lookup(spelled.names),
        numbers=numbers,
        material=spelled.material,
        odd=odd,
        barred=barred,
        events=events,
        mentions=mentions,
        told=told,
        by_item=Groups.of(mentions.item, count),
        used=used,
        fitted=fitted,
        made=Groups.of(np.where(np.isin(mentions.role, (Role.OUTPUT, Role.WHOLE)), mentions.item, -1), count),
        is_parent=any_by(mentions.item, mentions.role == Role.PARENT, count),
        received=any_by(mentions.item, events.rank[mentions.event] == RECEIVED_RANK, count),
        inputs=Groups.of(np.where(mentions.role == Role.INPUT, of_flow, -1), flows),
        outputs=Groups.of(np.where(mentions.role == Role.OUTPUT, of_flow, -1), flows),
        by_event=Groups.of(mentions.event, len(events)),
        below=Groups.of(np.where(inside, parent[mentions.event], -1), count),
        members=members,
        same=same,
        declared=rows.declared,
        renamed=rows.renamed,
        doubted=doubted(rows),
        standing=standing,
        loaded=raw.loaded,
        leads=leads(
            used=used,
            fitted=fitted,
            members=members.by_one,
            same=(same.by_one, same.by_other),
            odd=odd.out,
            barred=barred,
        ),
        reasoned=bool(mentions.several.any() or not mentions.sure_basis.all()),
        born_us=births(
            events,
            mentions,
            thing=things(count, rows.same["one"], rows.same["other"]),
            reworks=raw.events["reworks"].astype(np.bool_),
        ),
    )


def _told(numbers: Ints, told: dict[int, Told]) -> tuple[Ints, list[Told]]:
    """Codes of what inputs and components tell, and what each code means; 0: nothing."""
    keys = np.array(sorted(told), dtype=np.int64)
    return positions(keys, numbers) + 1, [(None, None, None), *(told[k] for k in keys.tolist())]


def _on_loaded(raw: Raw, mentions: dict[str, Ints]) -> Bools:
    """Mentions that may be of what was made where something was ever mounted."""
    there = np.zeros(len(raw.events["no"]), dtype=np.bool_)
    there[positions(raw.events["no"], raw.made_there)] = True
    made = np.isin(mentions["role"], (Role.OUTPUT, Role.WHOLE, Role.SUBJECT))
    return np.asarray(there[mentions["event"]] & made)


def _alike(names: Texts, kind: Ints) -> Ints:
    """Lots of which there is another packaging level."""
    lots = np.flatnonzero(np.isin(kind, (LOT, 0)))
    ids = names.some(lots)
    found = []
    known = set(ids)
    for row, lot in zip(lots.tolist(), ids, strict=True):
        if "/10/" in lot and not known.isdisjoint(other_levels(lot)):
            found.append(row)
    return np.array(found, dtype=np.int64)


def _troubled(keys: Ints, voided: Ints) -> Bools:
    """Events that a void names, or that have rivals of the same id."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray((counts[inverse] > 1) | np.isin(keys, voided), dtype=np.bool_)


def _flows(events: dict[str, Ints]) -> Ints:
    """A number from 0 for each transformation, -1 for events that are none."""
    flows, own = events["flows"].astype(np.bool_), events["own"].astype(np.bool_)
    shared = flows & ~own
    keys, numbers = np.unique(events["flow"][shared], return_inverse=True)
    found = np.full(len(flows), -1, dtype=np.int64)
    found[shared] = numbers
    found[own] = len(keys) + np.arange(int(own.sum()))
    return found


def _indexed(columns: dict[str, Ints], event_nos: Ints, numbers: Numbers) -> dict[str, Ints]:
    return {
        "event": positions(event_nos, columns["event"]),
        "one": numbers.items(columns["one"]),
        "other": numbers.items(columns["other"]),
    }


def _relations(columns: dict[str, Ints], troubled: Bools, count: int) -> Relations:
    kept = ~troubled[columns["event"]]
    event, one, other = (columns[name][kept] for name in ("event", "one", "other"))
    return Relations(small(event), small(one), small(other), Groups.of(one, count), Groups.of(other, count))
