"""A short way to tell a history in a test: events by the hour of one day, appended in the order told."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from domain import events as ev
from domain.corrections import Copy
from domain.envelope import Envelope
from domain.genealogy import Mode, Trace, Way, trace
from domain.ids import ItemId
from domain.memory import MemoryRecord, MemoryView
from domain.moments import Moment, to_us
from domain.record import answer
from domain.state import State, states

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def item(name: str) -> ItemId:
    """`L-9` is a lot, `class:M` a class, `sscc:1`/`tray:T` stay URIs; anything else is a unit."""
    if name.startswith("class:"):
        return ItemId.parse({"product": name[6:]})
    if ":" in name and not name.startswith("lot:"):
        return ItemId.parse(f"urn:test:{name}")
    if name.startswith("lot:"):
        product, number = name[4:].split("/")
        return ItemId.parse({"product": product, "lot": number})
    product, _, number = name.partition("/")
    return ItemId.parse({"product": product, "serial": number or product})


def at(hour: float) -> Moment:
    return Moment.parse((DAY + timedelta(hours=hour)).isoformat())


def us(hour: float) -> int:
    return to_us(DAY + timedelta(hours=hour))


def q(name: str, quantity: float | str | None = None, uom: str | None = None) -> ev.ItemQuantity:
    return ev.ItemQuantity(item=item(name), quantity=Decimal(str(quantity)) if quantity is not None else None, uom=uom)


class History:
    """A growing log with one partition a name, and questions to it."""

    def __init__(self) -> None:
        self.log: list[tuple[Copy, Envelope]] = []

    def tell(
        self,
        event: ev.LifecycleEvent,
        *,
        source: str = "mes",
        correct: bool = False,
        partition: int = 0,
        printed: Iterable[tuple[str, str]] = (),
    ) -> str:
        """Append an event; returns its id. `printed`: (unit, lot) that its Digital Links show together."""
        no = len(self.log)
        event_id = event.event_id or f"e{no}"
        digest = hashlib.sha256(repr(event).encode()).hexdigest()
        envelope = Envelope(
            tenant_id=1,
            event_id=event_id,
            source=source,
            may_correct=correct,
            accepted_at_us=us(48) + no,
            index=0,
            content_hash=digest,
            event=event,
            printed_lots=tuple((item(unit), item(lot)) for unit, lot in printed),
        )
        self.log.append((Copy(us(48) + no, partition, no), envelope))
        return event_id

    def made(
        self, outputs: Iterable[str | ev.Output], of: Iterable[str | ev.Input] = (), *, at_hour: float, **more: Any
    ) -> str:
        ins = tuple(i if isinstance(i, ev.Input) else ev.Input(item=item(i)) for i in of)
        outs = tuple(o if isinstance(o, ev.Output) else ev.Output(item=item(o)) for o in outputs)
        return self.tell(ev.Transformed(occurred_at=at(at_hour), inputs=ins, outputs=outs, **more))

    def fit(self, parent: str, *components: str, at_hour: float, **more: Any) -> str:
        return self.tell(
            ev.Assembled(
                occurred_at=at(at_hour), parent=item(parent), components=tuple(q(c) for c in components), **more
            )
        )

    def remove(self, parent: str, *components: str, at_hour: float, **more: Any) -> str:
        return self.tell(
            ev.Disassembled(
                occurred_at=at(at_hour),
                parent=item(parent),
                components=tuple(q(c) for c in components),
                all_components=not components,
                **more,
            )
        )

    def pack(self, container: str, *contents: str | ev.ItemQuantity, at_hour: float, **more: Any) -> str:
        things = tuple(c if isinstance(c, ev.ItemQuantity) else q(c) for c in contents)
        return self.tell(ev.Packed(occurred_at=at(at_hour), container=item(container), contents=things, **more))

    def unpack(self, container: str, *contents: str | ev.ItemQuantity, at_hour: float, **more: Any) -> str:
        things = tuple(c if isinstance(c, ev.ItemQuantity) else q(c) for c in contents)
        return self.tell(
            ev.Unpacked(
                occurred_at=at(at_hour), container=item(container), contents=things, all_contents=not things, **more
            )
        )

    def view(self, vector: dict[int, int] | None = None) -> MemoryView:
        return MemoryRecord(self.log).as_of(vector)

    def trace(self, way: Way, *names: str, mode: Mode = Mode.EVER, at_hour: float | None = None, **more: Any) -> Trace:
        question = trace(
            [item(n) for n in names],
            way=way,
            mode=mode,
            at_us=us(at_hour) if at_hour is not None else None,
            now_us=us(100),
            **more,
        )
        return answer(question, self.view().look_up)

    def forward(self, *names: str, **more: Any) -> dict[str, str]:
        """item -> `certain`, or the reasons joined, of a forward trace."""
        return _short(self.trace(Way.FORWARD, *names, **more))

    def backward(self, *names: str, **more: Any) -> dict[str, str]:
        return _short(self.trace(Way.BACKWARD, *names, **more))

    def state(self, name: str, *, at_hour: float = 100, vector: dict[int, int] | None = None) -> State:
        question = states([item(name)], at_us=us(at_hour))
        return answer(question, self.view(vector).look_up)[item(name)]


def _short(found: Trace) -> dict[str, str]:
    return {n.item: n.certainty if n.certainty == "certain" else ",".join(n.reasons) for n in found.nodes}


def both_ways(h: History, name: str) -> dict[str, str]:
    """The forward answer for an item, after seeing that every other item but containers answers the same backward."""
    view, found = h.view(), h.forward(name)
    for other in view.items:
        if other != item(name) and other.kind is not None:
            question = trace([other], way=Way.BACKWARD, now_us=us(100))
            assert _short(answer(question, view.look_up)).get(item(name)) == found.get(other), other
    return found


def named(**expected: str) -> dict[str, str]:
    return {item(k): v for k, v in expected.items()}


def named_map(expected: dict[str, str]) -> dict[str, str]:
    """{"M": "certain"} with the short names of this module."""
    return {item(k): v for k, v in expected.items()}
