"""What is related by events that a void or a rival names: the plain columns leave these events out."""

import numpy as np

from domain.facts import Role
from services.query.graph.drawn import Drawn
from services.query.graph.groups import Groups, Ints


def doubted(drawn: Drawn) -> tuple[Ints, Ints]:
    """(upper, lower): what happens to the upper item, or holds it, may happen to the lower one."""
    inside = (drawn.role == Role.CHILD) | (drawn.role == Role.COMPONENT)
    rows = np.flatnonzero(drawn.troubled & inside & (drawn.whole >= 0))
    pairs = [(drawn.whole[rows], drawn.item[rows]), _flows(drawn)]
    members, same = drawn.members, drawn.same
    late, named = drawn.event_troubled[members["event"]], drawn.event_troubled[same["event"]]
    pairs.append((members["one"][late], members["other"][late]))
    pairs += [(same[a][named], same[b][named]) for a, b in (("one", "other"), ("other", "one"))]
    upper, lower = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    return upper, lower


def _flows(drawn: Drawn) -> tuple[Ints, Ints]:
    """What was used, and what is not a unit and was made of it, where either is in doubt."""
    of_flow, lots = drawn.flow >= 0, drawn.kind != 1
    made = Groups.of(np.where((drawn.role == Role.OUTPUT) & of_flow & lots[drawn.item], drawn.flow, -1), drawn.flows)
    used = np.flatnonzero((drawn.role == Role.INPUT) & of_flow)
    in_doubt = np.zeros(drawn.flows, dtype=np.bool_)
    in_doubt[drawn.flow[drawn.troubled & of_flow]] = True
    used = used[in_doubt[drawn.flow[used]]]
    on, rows = made.expand(drawn.flow[used])
    return drawn.item[used][on], drawn.item[rows]
