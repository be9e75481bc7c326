"""What leaves each item forward, a byte of bits: who walks on asks one array, and no relation that nothing takes."""

import numpy as np

from services.query.graph.groups import Bools, Groups, Ints

USED, FITTED, HAS_MEMBERS, NAMED, ODD, BARRED = (1 << n for n in range(6))
"""Plain links that leave it: as input, as component, to members of a lot, to another name. ODD: the domain must tell
them. BARRED: the domain must answer the question.
"""


def leads(
    *, used: Groups, fitted: Groups, members: Groups, same: tuple[Groups, Groups], odd: Bools, barred: Bools
) -> Ints:
    """The bits of each item, by what leaves it, row by row of its groups."""
    found = np.zeros(len(odd), dtype=np.int8)
    for bit, groups in ((USED, used), (FITTED, fitted), (HAS_MEMBERS, members), (NAMED, same[0]), (NAMED, same[1])):
        found[groups.counts() > 0] |= bit
    found[odd] |= ODD
    found[barred] |= BARRED
    return found


def any_of(bits: Ints) -> int:
    """The bits that any of the items has."""
    return int(np.bitwise_or.reduce(bits, initial=0))
