"""Random histories of a tiny factory: few items, few hours, every way in which they can get entangled."""

from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from hypothesis import strategies as st

from domain import events as ev
from domain.moments import Moment
from tests.domain.factory_steps import factory_steps, tell_factory
from tests.domain.posting_steps import post, postings
from tests.domain.telling import History, at, item, q

UNITS = ["U/1", "U/2", "V/1", "V/2"]
LOTS = ["lot:A/1", "lot:A/2", "lot:B/1"]
BOXES = ["box:1", "box:2"]
CLASSES = ["class:A", "class:B"]
HOLDERS = [*BOXES, *BOXES, "lot:A/1", "lot:B/1"]
"""what things are packed in: some label their boxes with lot numbers"""
HOURS = st.integers(min_value=1, max_value=8)
THINGS = st.sampled_from(UNITS + LOTS)
ANY = st.sampled_from(UNITS + LOTS + BOXES)


@st.composite
def steps(draw: st.DrawFn) -> tuple[str, tuple[object, ...]]:
    kind = draw(
        st.sampled_from(
            [
                "made",
                "made",
                "fit",
                "fit",
                "remove",
                "pack",
                "pack",
                "unpack",
                "member",
                "same",
                "ship",
                "rename",
                "posting",
                "posting",
                "posting",
                "range",
                "void",
            ]
        )
    )
    hour = draw(HOURS)
    match kind:
        case "made":
            ins = draw(st.lists(ANY, min_size=1, max_size=3, unique=True))
            outs = draw(st.lists(ANY, min_size=1, max_size=2, unique=True))
            return kind, (hour, ins, outs, draw(st.sampled_from([None, None, "urn:t:1"])), draw(st.booleans()))
        case "fit":
            whole = draw(st.sampled_from(UNITS))
            return kind, (hour, whole, draw(ANY.filter(lambda x: x != whole)))
        case "remove":
            whole = draw(st.sampled_from(UNITS))
            return kind, (hour, whole, draw(st.none() | ANY.filter(lambda x: x != whole)))
        case "pack":
            box = draw(st.sampled_from(HOLDERS))
            inner = st.lists(ANY.filter(lambda x: x != box), min_size=1, max_size=2, unique=True)
            return kind, (hour, box, draw(inner), draw(st.booleans()))
        case "unpack":
            box = draw(st.sampled_from(HOLDERS))
            return kind, (hour, box, draw(st.lists(ANY.filter(lambda x: x != box), max_size=1)))
        case "member":
            return kind, (hour, draw(st.sampled_from(UNITS)), draw(st.sampled_from(LOTS)))
        case "same":
            return kind, (hour, "lot:A/1", "lot:A/2")
        case "posting":
            return kind, draw(postings(UNITS + LOTS + BOXES, CLASSES))
        case "ship":
            return kind, (hour, draw(ANY))
        case "range":
            product, made = draw(st.sampled_from("UV")), draw(st.booleans())
            return kind, (hour, product, made, draw(st.none() | st.sampled_from(LOTS)), draw(ANY))
        case "rename":
            alike = draw(st.sampled_from([UNITS, LOTS, BOXES]))
            return kind, (hour, *draw(st.lists(st.sampled_from(alike), min_size=2, max_size=2, unique=True)))
        case _:
            return "void", (draw(st.integers(0, 9)), draw(st.booleans()))


def build(told: list[tuple[str, tuple[object, ...]]]) -> History:
    """Tell the steps to a new history; voids name an earlier or later event by its number."""
    h = History()
    for kind, args in told:
        if tell_factory(h, kind, args):
            continue
        match kind, args:
            case "made", (hour, ins, outs, key, wide):
                inputs = tuple(ev.Input(item=item(i)) for i in ins)
                outputs = tuple(ev.Output(item=item(o)) for o in outs)
                started = at(hour - 1) if wide else None
                h.tell(
                    ev.Transformed(
                        occurred_at=at(hour), started_at=started, inputs=inputs, outputs=outputs, transformation_id=key
                    )
                )
            case "fit", (hour, whole, part):
                h.fit(whole, part, at_hour=hour)
            case "remove", (hour, whole, part):
                h.remove(whole, *([part] if part else []), at_hour=hour)
            case "pack", (hour, box, inner, observed):
                h.pack(box, *inner, at_hour=hour, observed=observed)
            case "unpack", (hour, box, inner):
                h.unpack(box, *inner, at_hour=hour)
            case "member", (hour, unit, lot):
                h.tell(ev.Commissioned(occurred_at=at(hour), items=(ev.Output(item=item(unit), lot=item(lot)),)))
            case "same", (hour, one, other):
                h.tell(ev.Identified(occurred_at=at(hour), item=item(one), same_as=item(other)))
            case "ship", (hour, thing):
                h.tell(ev.Shipped(occurred_at=at(hour), items=(q(thing),)))
            case "range", (hour, product, made, lot, source):
                serials = ev.SerialRange(product=item(f"class:{product}"), first="1", last="2")
                out = ev.Output(range=serials, lot=item(lot) if lot else None)
                if made:
                    h.made([out], of=[source], at_hour=hour)
                else:
                    h.tell(ev.Commissioned(occurred_at=at(hour), items=(out,)))
            case "rename", (hour, old, new):
                h.tell(ev.Reidentified(occurred_at=at(hour), old_id=item(old), new_id=item(new)))
            case "posting", (what, says):
                post(h, what, says)
            case "counted", (hour, lot, count, unit, fitted):
                if fitted:
                    part = ev.ItemQuantity(item=item(lot), quantity=count)
                    h.tell(ev.Assembled(occurred_at=at(hour), parent=item(unit), components=(part,)))
                else:
                    h.made([unit], [ev.Input(item=item(lot), quantity=count)], at_hour=hour)
            case "void", (target, replaced):
                h.tell(ev.Voided(occurred_at=at(9), target=f"e{target}", replaced_by=("never",) if replaced else ()))
    return h


_of_a_factory = factory_steps([*UNITS, *LOTS, *BOXES, *CLASSES[:1]], UNITS + LOTS)
_any_steps = st.one_of(
    st.lists(steps(), min_size=1, max_size=10),
    st.lists(st.one_of(_of_a_factory, _of_a_factory, steps()), min_size=2, max_size=12),
)
histories = _any_steps.map(build)


PLACES = ["HERE", "THERE"]
SOURCES = ["mes", "wms"]
QUANTITIES = st.sampled_from([None, None, 1, 2, 5])
BASES = st.sampled_from([ev.Basis.SCANNED] * 4 + [ev.Basis.BACKFLUSHED])


@st.composite
def moments(draw: st.DrawFn) -> Moment:
    """Mostly an hour; sometimes the whole day."""
    hour = draw(st.integers(1, 8))
    return Moment.parse("2026-03-01Z") if draw(st.integers(0, 5)) == 0 else at(hour)


@st.composite
def quantities(draw: st.DrawFn, name: str) -> ev.ItemQuantity:
    return q(name, draw(QUANTITIES) if name in LOTS else None)


class Pool(NamedTuple):
    """The items a history is about and what happens to them: the fewer, the more entangled."""

    units: list[str]
    lots: list[str]
    boxes: list[str]
    kinds: list[str]

    @property
    def any(self) -> list[str]:
        return self.units + self.lots + self.boxes


SHAPING = ["made"] * 5 + ["fit"] * 4 + ["pack"] * 4 + ["remove"] * 2 + ["unpack"] * 2
EVERY_KIND = [*SHAPING, "member", "same", "move", "receive", "rework", "hold"]
POOLS = [
    Pool(UNITS, LOTS, BOXES, EVERY_KIND),
    Pool(UNITS[:3], LOTS[:2], BOXES[:1], EVERY_KIND),
    Pool(UNITS[:3], LOTS[:1], BOXES[:1], ["fit", "fit", "remove", "made"]),
    Pool(UNITS, LOTS[:1], BOXES[:1], ["fit", "fit", "remove", "made", "move"]),
    Pool(UNITS[:2], LOTS[1:], BOXES, ["pack", "pack", "unpack", "made", "fit"]),
    Pool(UNITS[:2], LOTS, BOXES[:1], ["receive", "made", "made", "member", "same", "move"]),
]


@st.composite
def happenings(draw: st.DrawFn, pool: Pool) -> ev.LifecycleEvent:
    """Any event of the tiny factory."""
    when = draw(moments())
    site = draw(st.sampled_from([*PLACES, None]))
    match draw(st.sampled_from(pool.kinds)):
        case "made":
            taken = draw(st.lists(st.sampled_from(pool.any + CLASSES), min_size=0, max_size=3, unique=True))
            outs = draw(st.lists(st.sampled_from(pool.any), min_size=0 if taken else 1, max_size=2, unique=True))
            return ev.Transformed(
                occurred_at=when,
                site=site,
                started_at=at(draw(st.integers(0, 1))) if draw(st.integers(0, 4)) == 0 else None,
                inputs=tuple(ev.Input(item=item(i), basis=draw(BASES)) for i in taken),
                outputs=tuple(ev.Output(item=item(o)) for o in outs),
                transformation_id=draw(st.sampled_from([None, None, None, "urn:t:1", "7"])),
                mixed=draw(st.integers(0, 5)) == 0,
            )
        case "fit":
            whole = draw(st.sampled_from(pool.units))
            part = draw(st.sampled_from(pool.any).filter(lambda x: x != whole))
            seen = draw(st.integers(0, 4)) == 0
            parts = (draw(quantities(part)),)
            return ev.Assembled(occurred_at=when, parent=item(whole), components=parts, observed=seen)
        case "remove":
            whole = draw(st.sampled_from(pool.units))
            part_or_all = draw(st.none() | st.sampled_from(pool.any).filter(lambda x: x != whole))
            gone = () if part_or_all is None else (draw(quantities(part_or_all)),)
            return ev.Disassembled(occurred_at=when, parent=item(whole), components=gone, all_components=not gone)
        case "pack":
            box = draw(st.sampled_from([*pool.boxes, *pool.boxes, pool.units[-1]]))
            inner = draw(
                st.lists(st.sampled_from(pool.any).filter(lambda x: x != box), min_size=1, max_size=2, unique=True)
            )
            things = tuple(draw(quantities(i)) for i in inner)
            seen = draw(st.integers(0, 3)) == 0
            return ev.Packed(occurred_at=when, site=site, container=item(box), contents=things, observed=seen)
        case "unpack":
            box = draw(st.sampled_from([*pool.boxes, *pool.boxes, pool.units[-1]]))
            inner = draw(st.lists(st.sampled_from(pool.any).filter(lambda x: x != box), max_size=1))
            things = tuple(draw(quantities(i)) for i in inner)
            return ev.Unpacked(
                occurred_at=when, site=site, container=item(box), contents=things, all_contents=not things
            )
        case "member":
            unit, lot = draw(st.sampled_from(pool.units)), draw(st.sampled_from(pool.lots))
            return ev.Commissioned(occurred_at=when, site=site, items=(ev.Output(item=item(unit), lot=item(lot)),))
        case "same":
            one, other = draw(st.sampled_from([("lot:A/1", "lot:A/2"), ("lot:A/2", "lot:B/1"), ("U/1", "U/2")]))
            return ev.Identified(occurred_at=when, item=item(one), same_as=item(other))
        case "receive":
            lot = item(draw(st.sampled_from(pool.lots)))
            return ev.MaterialReceived(
                occurred_at=when, site=site, item=lot, quantity=draw(st.sampled_from([None, Decimal(9)]))
            )
        case "rework":
            used = tuple(ev.Input(item=item(i)) for i in draw(st.lists(st.sampled_from(pool.lots), max_size=1)))
            fitted = tuple(q(i) for i in draw(st.lists(st.sampled_from(pool.units[1:]), max_size=1)))
            return ev.Reworked(occurred_at=when, item=item(pool.units[0]), materials=used, parts=fitted)
        case "hold":
            hold_id, thing = draw(st.sampled_from(["h1", "h2"])), (q(draw(st.sampled_from(pool.any))),)
            if draw(st.booleans()):
                return ev.Held(occurred_at=when, hold_id=hold_id, items=thing)
            return ev.HoldReleased(occurred_at=when, hold_id=hold_id, items=draw(st.sampled_from([(), thing])))
        case _:
            return draw(movements(pool, when=when, site=site))


@st.composite
def movements(draw: st.DrawFn, pool: Pool, *, when: Moment, site: str | None) -> ev.LifecycleEvent:
    things = (draw(quantities(draw(st.sampled_from(pool.any)))),)
    kind = draw(
        st.sampled_from(["shipped", "shipped", "received", "stored", "sold", "returned", "scrapped", "released"])
    )
    match kind:
        case "shipped":
            return ev.Shipped(
                occurred_at=when, site=site, items=things, to_place=draw(st.sampled_from([*PLACES, None]))
            )
        case "received":
            return ev.Received(occurred_at=when, site=site, items=things)
        case "stored":
            return ev.Stored(occurred_at=when, site=site, items=things)
        case "sold":
            return ev.Sold(occurred_at=when, site=site, items=things, holder=draw(st.sampled_from(["h-1", None])))
        case "returned":
            return ev.Returned(occurred_at=when, site=site, items=things)
        case "scrapped":
            return ev.Scrapped(occurred_at=when, site=site, items=things)
        case _:
            return ev.Released(occurred_at=when, site=site, items=things)


@st.composite
def records(draw: st.DrawFn, pool: Pool) -> tuple[ev.LifecycleEvent, str, bool, int, str | None]:
    """An event, who posted it, whether they may correct, in which partition it lies, and an id to share."""
    if draw(st.integers(0, 7)) == 0:
        target = draw(st.integers(0, 9))
        replaced = draw(st.sampled_from([(), (), ("never",), (f"e{(target + 1) % 10}",)]))
        event: ev.LifecycleEvent = ev.Voided(occurred_at=at(9), target=f"e{target}", replaced_by=replaced)
    else:
        event = draw(happenings(pool))
    shared = f"e{draw(st.integers(0, 9))}" if draw(st.integers(0, 11)) == 0 else None
    return event, draw(st.sampled_from(SOURCES)), draw(st.integers(0, 3)) == 0, draw(st.integers(0, 2)), shared


def entangle(told: list[tuple[ev.LifecycleEvent, str, bool, int, str | None]]) -> History:
    """Tell records to a new history: several sources and partitions, and copies of an id that disagree."""
    h = History()
    for event, source, correct, partition, shared in told:
        named_event = replace(event, event_id=shared) if shared else event
        h.tell(named_event, source=source, correct=correct, partition=partition)
    return h


entangled = st.sampled_from(POOLS).flatmap(lambda pool: st.lists(records(pool), min_size=5, max_size=14)).map(entangle)
