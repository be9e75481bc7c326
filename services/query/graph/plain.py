"""Which items the plain rules cover, way by way: the others are odd, and asked of the domain.

Plain links are those that one look at each event gives. Everything that needs more is odd here: voids and rival copies,
containers standing for their contents, parts taken out or fitted twice, classes used without a lot, memberships told
after the making, declared materials, what was mounted and what was made meanwhile, what went into vessels and came out.
What this module does not know must make items odd, never plain.
"""

import numpy as np

from domain.facts import Action, Role
from services.query.graph.drawn import Drawn, Odd
from services.query.graph.groups import Bools, Ints, any_by, first_of_each, pairs
from services.query.graph.kinds import CLASS, LOT
from services.query.graph.over_lots import unit_over_lot


def several_inputs(drawn: Drawn) -> tuple[Bools, Bools]:
    """By mention, whether an input's links have `several_inputs`; by transformation, whether that is not plain to see.

    SEMANTICS §3: certain with a single output, declared mixed, or no other input item of the same (or an unknown)
    material.
    """
    several = np.zeros(len(drawn.item), dtype=np.bool_)
    unclear = np.zeros(drawn.flows, dtype=np.bool_)
    if not drawn.flows:
        return several, unclear
    outputs = _distinct(drawn, drawn.role == Role.OUTPUT)
    many = outputs > 1
    mixed = any_by(drawn.flow, drawn.mixed, drawn.flows)
    rows = np.flatnonzero((drawn.role == Role.INPUT) & (drawn.flow >= 0) & ~drawn.troubled)
    rows = rows[many[drawn.flow[rows]] & ~mixed[drawn.flow[rows]]]
    flow, item = drawn.flow[rows], drawn.item[rows]
    order = np.lexsort((item, flow))
    once = order[first_of_each(pairs(flow[order], item[order]))]  # each input item of a transformation once
    others = np.bincount(flow[once], minlength=drawn.flows) > 1
    unknown = any_by(flow[once], drawn.material[item[once]] == 0, drawn.flows)
    material = np.unique(drawn.material, return_inverse=True)[1].astype(np.int64)
    of_material = pairs(flow[once], material[item[once]])
    keys, counts = np.unique(of_material, return_counts=True)
    shared = counts[np.searchsorted(keys, pairs(flow, material[item]))] > 1
    several[rows] = others[flow] & (unknown[flow] | shared)
    unclear |= _named_twice(drawn, flow, item)
    unclear |= any_by(flow, _of(drawn.declared, drawn.items)[item], drawn.flows)
    return several, unclear


def _named_twice(drawn: Drawn, flow: Ints, item: Ints) -> Bools:
    """Transformations among whose inputs are two names of one thing: those are not two inputs."""
    found = np.zeros(drawn.flows, dtype=np.bool_)
    thing = things(drawn.items, drawn.same["one"], drawn.same["other"])
    inputs = np.unique(pairs(flow, item))
    keys, counts = np.unique(pairs(inputs >> 32, thing[inputs & 0xFFFFFFFF]), return_counts=True)
    found[keys[counts > 1] >> 32] = True
    return found


def things(count: int, one: Ints, other: Ints) -> Ints:
    """For each item the least of all names of its thing, by any chain of identities."""
    thing = np.arange(count)
    while True:
        least = thing.copy()
        np.minimum.at(least, one, thing[other])
        np.minimum.at(least, other, thing[one])
        least = least[least]
        if np.array_equal(least, thing):
            return thing
        thing = least


def _distinct(drawn: Drawn, chosen: Bools) -> Ints:
    """How many items each transformation has among the chosen mentions that count."""
    rows = chosen & (drawn.flow >= 0) & ~drawn.troubled
    keys = np.unique(pairs(drawn.flow[rows], drawn.item[rows]))
    return np.bincount(keys >> 32, minlength=drawn.flows)


def odd_items(drawn: Drawn, unclear: Bools) -> Odd:
    """Items of which a link may be other than the plain rules make it, or the state other than one look gives."""
    n = drawn.items
    role, action = drawn.role, drawn.action
    odd = _of(drawn.item[drawn.troubled], n)
    odd |= _of(drawn.item[(role > Role.COMPONENT) | (action > Action.TAKE_ALL)], n)
    is_container = _of(drawn.item[role == Role.PARENT], n)
    taken = (role == Role.INPUT) | ((role == Role.COMPONENT) & (action != Action.TAKE))
    odd |= _inside(drawn, is_container & _of(drawn.item[taken], n))
    odd |= _odd_parts(drawn, is_container)
    odd |= _odd_members(drawn)
    odd |= _of(drawn.declared, n)
    for name in ("one", "other"):
        odd |= _of(drawn.same[name][drawn.event_troubled[drawn.same["event"]]], n)
    thing = things(n, drawn.same["one"], drawn.same["other"])
    odd = any_by(thing, odd, n)[thing]  # what one of its names went through may be of all of them
    inputs, outputs = _odd_flows(drawn, is_container, unclear)
    lots, units = unit_over_lot(drawn)
    used_classes = drawn.item[(role == Role.INPUT) & (drawn.kind[drawn.item] == CLASS)]
    may_be_used = np.isin(drawn.material, drawn.material[used_classes]) & np.isin(drawn.kind, (LOT, 0))
    alike = _of(drawn.alike, n)
    return Odd(
        out=odd | inputs | lots | may_be_used | alike | _of(drawn.mounted, n) | _of(drawn.charged, n),
        into=odd | outputs | units | alike | _of(drawn.discharged, n) | _of(drawn.item[drawn.loaded], n),
        state=odd,
    )


def _of(items: Ints, count: int) -> Bools:
    found = np.zeros(count, dtype=np.bool_)
    found[items[items >= 0]] = True
    return found


def _inside(drawn: Drawn, opened: Bools) -> Bools:
    """Containers that were taken, and everything that ever was in them, at every depth."""
    rows = np.flatnonzero((drawn.role == Role.CHILD) & (drawn.whole >= 0))
    while True:
        wider = opened | _of(drawn.item[rows[opened[drawn.whole[rows]]]], drawn.items)
        if np.array_equal(wider, opened):
            return opened
        opened = wider


def _odd_flows(drawn: Drawn, is_container: Bools, unclear: Bools) -> tuple[Bools, Bools]:
    """Inputs and outputs of transformations with a troubled event or a container among their inputs; outputs also of
    those that used a class without a lot.
    """
    n, of_input, of_output = drawn.items, drawn.role == Role.INPUT, drawn.role == Role.OUTPUT
    if not drawn.flows:
        return np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    doubtful = any_by(drawn.flow, drawn.troubled | (of_input & is_container[drawn.item]), drawn.flows) | unclear
    of_class = any_by(drawn.flow, of_input & (drawn.kind[drawn.item] == CLASS), drawn.flows)
    in_flow = drawn.flow >= 0
    inputs = drawn.item[in_flow & of_input & doubtful[drawn.flow]]
    outputs = drawn.item[in_flow & of_output & (doubtful | of_class)[drawn.flow]]
    return _of(inputs, n), _of(outputs, n)


def _odd_parts(drawn: Drawn, is_container: Bools) -> Bools:
    """Both ends of what was taken out, fitted twice, or fitted in several units; units that were emptied."""
    n = drawn.items
    emptied = _of(drawn.item[(drawn.role == Role.WHOLE) & (drawn.action == Action.TAKE_ALL)], n)
    rows = np.flatnonzero((drawn.role == Role.COMPONENT) & (drawn.whole >= 0))
    part, whole = drawn.item[rows], drawn.whole[rows]
    fitted_once = np.bincount(part, minlength=n) == 1
    doubtful = (drawn.action[rows] == Action.TAKE) | ~fitted_once[part] | emptied[whole] | is_container[part]
    return emptied | _of(part[doubtful], n) | _of(whole[doubtful], n)


def _odd_members(drawn: Drawn) -> Bools:
    members = drawn.members
    late = (members["at_making"] == 0) | drawn.event_troubled[members["event"]]
    return _of(members["one"][late], drawn.items) | _of(members["other"][late], drawn.items)
