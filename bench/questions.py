"""What is asked of the data: the lots of ever purer chemicals, which went into ever more units."""

from dataclasses import dataclass

from services.factory.names import BIKES_PER_RUN, CHEMICALS, CHEMICALS_MAKER, RUNS_PER_DRUM
from services.factory.story import runs_of

_NODES_PER_DRUM = 1 + RUNS_PER_DRUM * BIKES_PER_RUN * 4
"""the drum; of each bike two modules, a pack and itself"""
_SIZES = (("1 k", 1_000), ("10 k", 10_000), ("100 k", 100_000), ("1 M", 1_000_000))
_NEAR = 0.9


@dataclass(frozen=True, slots=True)
class Question:
    """A lot, about how many items it went into, and the word for it in the table."""

    number: int
    lot: str
    nodes: int
    size: str


def forward_questions(units: int) -> list[Question]:
    """A question for each size that a factory of so many units has; a small factory has one of its own size."""
    drums = -(-runs_of(units) // RUNS_PER_DRUM)
    found: dict[str, Question] = {}
    for number, chemical in enumerate(CHEMICALS):
        nodes = min(chemical.drums, drums) * _NODES_PER_DRUM
        lot = f"urn:zhuisu:lot:{CHEMICALS_MAKER}:{chemical.product}:{chemical.product[:3]}00000"
        for word, wanted in _SIZES:
            if nodes >= _NEAR * wanted and nodes < 2 * wanted:
                found.setdefault(word, Question(number, lot, nodes, word))
    if not found:
        lot = f"urn:zhuisu:lot:{CHEMICALS_MAKER}:LIPF6:LIP00000"
        nodes = drums * _NODES_PER_DRUM
        return [Question(1, lot, nodes, str(nodes))]
    return list(found.values())
