"""How far what happens to items of a graph may reach: what is in them, around them, split from them, or the same."""

import numpy as np

from domain.facts import Role
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints
from services.query.graph.kinds import CLASS, LOT
from services.query.graph.links import plain_into
from services.query.graph.plain import things


def lots_into(graph: Graph, items: Ints) -> Ints:
    """Lots that went into these: a scan may cover now what they gave."""
    links = plain_into(graph, items)
    return np.unique(links.source[np.isin(graph.standing.kind[links.source], (LOT, 0))])


def _is_class(graph: Graph, items: Ints) -> Bools:
    return np.asarray(graph.standing.kind[items] == CLASS)


def names_of(graph: Graph, items: Ints) -> Ints:
    """These and all their other names and labels, by any chain."""
    old, new = graph.renamed
    ends = np.concatenate([graph.same.one, old]), np.concatenate([graph.same.other, new])
    thing = things(len(graph), *ends)
    return np.flatnonzero(np.isin(thing, thing[items]))


def contents_of(graph: Graph, items: Ints) -> Ints:
    """Everything that was ever in these containers and units, at every depth."""
    found = items
    frontier = items
    while len(frontier):
        _, rows = graph.below.expand(frontier)
        frontier = np.setdiff1d(np.concatenate([graph.mentions.item[rows], _in_doubt(graph, frontier)]), found)
        found = np.union1d(found, frontier)
    return found


def _in_doubt(graph: Graph, items: Ints) -> Ints:
    """What events in doubt put in these, made of them, or say to be of them."""
    upper, lower = graph.doubted
    return lower[np.isin(upper, items)]


def boxes_taken(graph: Graph, items: Ints) -> Ints:
    """Containers that were used up or fitted and that these ever were in, at any depth: whether they stood for their
    contents alone decides how they stand.
    """
    several = np.isin(graph.standing.kind[items], (LOT, CLASS))  # they leave only what they were used through
    found = frontier = items[~several]
    while len(frontier):
        rows = graph.by_item.expand(frontier)[1]
        boxes = graph.events.parent[graph.mentions.event[rows[graph.mentions.role[rows] == Role.CHILD]]]
        upper, lower = graph.doubted
        frontier = np.setdiff1d(np.concatenate([boxes[boxes >= 0], upper[np.isin(lower, frontier)]]), found)
        found = np.union1d(found, frontier)
    used, fitted = (by.start[found + 1] > by.start[found] for by in (graph.used, graph.fitted))
    return found[(graph.is_parent[found] & (used | fitted)) | graph.odd.state[found]]


def beside(graph: Graph, items: Ints) -> Ints:
    """All items of the transformations that these are an input of, and what these were fitted in."""
    _, rows = graph.by_item.expand(items)
    wholes = graph.events.parent[graph.mentions.event[rows[graph.mentions.role[rows] == Role.COMPONENT]]]
    rows = rows[graph.mentions.role[rows] == Role.INPUT]
    flows = np.unique(graph.events.flow[graph.mentions.event[rows]])
    both = [groups.expand(flows)[1] for groups in (graph.inputs, graph.outputs)]
    return np.unique(np.concatenate([graph.mentions.item[np.concatenate(both)], wholes[wholes >= 0]]))


def reached(graph: Graph, items: Ints) -> Ints:
    """What a hold or recall on any of these may reach: contents, units of lots, other names, lots split off, and every
    unit and lot of a class.
    """
    found = items
    frontier = items
    while len(frontier):
        of_class = frontier[_is_class(graph, frontier)]
        ahead = [
            contents_of(graph, frontier),
            names_of(graph, frontier),
            graph.members.other[graph.members.by_one.expand(frontier)[1]],
            _outputs(graph, frontier),
            np.flatnonzero(np.isin(graph.material, graph.material[of_class])),
            graph.declared if len(of_class) else of_class,
        ]
        frontier = np.setdiff1d(np.concatenate(ahead), found)
        found = np.union1d(found, frontier)
    return found


def _outputs(graph: Graph, items: Ints) -> Ints:
    on, rows = graph.by_item.expand(items)
    is_input = graph.mentions.role[rows] == Role.INPUT
    on, rows = on[is_input], rows[is_input]
    at, made = graph.outputs.expand(graph.events.flow[graph.mentions.event[rows]])
    source, made = items[on[at]], graph.mentions.item[made]
    alike = (graph.standing.kind[source] == LOT) | (graph.material[source] == graph.material[made])
    alike |= np.isin(source, graph.declared) | np.isin(made, graph.declared)
    return np.unique(made[alike & (graph.standing.kind[made] == LOT)])
