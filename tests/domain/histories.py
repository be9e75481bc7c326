"""Random histories of a tiny factory: few items, few hours, every way in which they can get entangled."""

from hypothesis import strategies as st

from domain import events as ev
from tests.domain.posting_steps import post, postings
from tests.domain.telling import History, at, item, q

UNITS = ["U/1", "U/2", "V/1", "V/2"]
LOTS = ["lot:A/1", "lot:A/2", "lot:B/1"]
BOXES = ["box:1", "box:2"]
CLASSES = ["class:A"]
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
            box = draw(st.sampled_from(BOXES))
            inner = st.lists(ANY.filter(lambda x: x != box), min_size=1, max_size=2, unique=True)
            return kind, (hour, box, draw(inner), draw(st.booleans()))
        case "unpack":
            box = draw(st.sampled_from(BOXES))
            return kind, (hour, box, draw(st.lists(ANY.filter(lambda x: x != box), max_size=1)))
        case "member":
            return kind, (hour, draw(st.sampled_from(UNITS)), draw(st.sampled_from(LOTS)))
        case "same":
            return kind, (hour, "lot:A/1", "lot:A/2")
        case "posting":
            return kind, draw(postings(UNITS + LOTS + BOXES, CLASSES))
        case "ship":
            return kind, (hour, draw(ANY))
        case "rename":
            alike = draw(st.sampled_from([UNITS, LOTS, BOXES]))
            return kind, (hour, *draw(st.lists(st.sampled_from(alike), min_size=2, max_size=2, unique=True)))
        case _:
            return "void", (draw(st.integers(0, 9)), draw(st.booleans()))


def build(told: list[tuple[str, tuple[object, ...]]]) -> History:
    """Tell the steps to a new history; voids name an earlier or later event by its number."""
    h = History()
    for kind, args in told:
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
            case "rename", (hour, old, new):
                h.tell(ev.Reidentified(occurred_at=at(hour), old_id=item(old), new_id=item(new)))
            case "posting", (what, says):
                post(h, what, says)
            case "void", (target, replaced):
                h.tell(ev.Voided(occurred_at=at(9), target=f"e{target}", replaced_by=("never",) if replaced else ()))
    return h


histories = st.lists(steps(), min_size=1, max_size=10).map(build)
