"""One run: twenty bikes, from the receipt of their cell lots to the customers' hands."""

import random
from collections.abc import Iterator
from itertools import chain

from services.factory.aftercare import aftercare
from services.factory.delivery import delivery
from services.factory.line import line
from services.factory.making import making
from services.factory.names import Names
from services.factory.receiving import receiving
from services.factory.retail import retail
from services.factory.telling import Run, Told


def run(number: int, seed: int, *, is_story: bool, lanes: int) -> Iterator[Told]:
    """All events of one run by time. A phase is made when the one before is told, so little is ever held."""
    this = Run(Names(number), random.Random(f"{seed}:{number}"), is_story, lanes)
    yield from sorted(receiving(this), key=lambda told: told[0])
    yield from sorted(chain(line(this), making(this)), key=lambda told: told[0])
    yield from sorted(delivery(this), key=lambda told: told[0])
    yield from retail(this)
    if is_story:
        yield from aftercare(this)
