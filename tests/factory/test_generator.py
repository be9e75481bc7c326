"""The demo factory: the same every time, valid, and true to what it says of itself."""

from domain.corrections import Copy
from domain.envelope import Envelope
from domain.genealogy import Way, trace
from domain.ids import ItemId
from domain.memory import MemoryRecord
from domain.record import answer
from services.codec import EVENT, content_hash
from services.factory.generator import generate, told

NOW_US = 1_900_000_000_000_000


def test_same_seed_same_events() -> None:
    assert list(generate(units=500, seed=7)) == list(generate(units=500, seed=7))
    assert list(generate(units=500, seed=7)) != list(generate(units=500, seed=8))


def test_size_grows_in_proportion() -> None:
    small, large = (sum(1 for _ in generate(units=n, seed=1)) for n in (1_600, 16_000))
    assert 9 < large / small < 11


def test_the_bad_lot_reaches_exactly_the_bikes_it_is_said_to() -> None:
    """By the reference, with its late and doubled events, and whatever the order."""
    record = MemoryRecord()
    for no, (source, document) in enumerate(generate(units=300, seed=3)):
        event = EVENT.validate_python(document)
        envelope = Envelope(
            tenant_id=1,
            event_id=event.event_id or str(no),
            source=source,
            may_correct=False,
            accepted_at_us=no,
            index=0,
            content_hash=content_hash(event),
            event=event,
        )
        record.add(Copy(no, 0, no), envelope)
    about = told(units=300, seed=3)
    view = record.as_of()
    lot = ItemId(about.bad_lot)
    found = answer(trace([lot], way=Way.FORWARD, now_us=NOW_US), view.look_up)
    bikes = {n.item for n in found.nodes if n.item.startswith("https://id.gs1.org/01/")}
    assert bikes == about.affected_bikes
    back = answer(trace([ItemId(about.failed_bike)], way=Way.BACKWARD, now_us=NOW_US), view.look_up)
    assert lot in {n.item for n in back.nodes}
