"""What a question costs grows with what it looks at, and not with its square. Counted in calls, not in seconds."""

import sys
from decimal import Decimal
from types import FrameType

from domain import events as ev
from domain.ids import PlaceId
from domain.memory import MemoryView
from domain.record import answer
from domain.state import states
from tests.domain.telling import History, at, item

NOW_US = 1_900_000_000_000_000


def calls(view: MemoryView, name: str) -> int:
    """Python calls that the state of one item takes."""
    count = 0

    def profile(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        answer(states([item(name)], at_us=NOW_US), view.look_up)
    finally:
        sys.setprofile(None)
    return count


def glued(times: int) -> MemoryView:
    h = History()
    for n in range(times):
        glue = ev.Input(item=item("class:GLUE"), quantity=Decimal(1), basis=ev.Basis.BACKFLUSHED)
        h.tell(
            ev.Transformed(
                occurred_at=at(n / 100),
                site=PlaceId.parse("S"),
                inputs=(glue,),
                outputs=(ev.Output(item=item(f"U/{n}")),),
            )
        )
    return h.view()


def test_material_that_every_unit_takes_some_of_costs_so_much_a_use() -> None:
    few, many = (calls(glued(times), "class:GLUE") for times in (100, 400))
    assert many < 6 * few
