"""Random steps of line loading and vessels, for the histories that every property is tested on."""

from decimal import Decimal

from hypothesis import strategies as st

from domain import events as ev
from domain.ids import PlaceId
from domain.moments import Moment
from tests.domain.telling import History, at, item

EQUIPMENT = ["P1", "P2"]
SLOTS = ["F1", "F2"]
VESSELS = ["V", "T"]
DAY = Moment.parse("2026-03-01Z")

Step = tuple[str, tuple[object, ...]]


def when(hour: int, dated: bool) -> Moment:
    """The hour, or the whole day that it is in."""
    return DAY if dated else at(hour)


@st.composite
def factory_steps(draw: st.DrawFn, things: list[str], makes: list[str]) -> Step:
    """`things` may be mounted and charged, `makes` may come forth."""
    kinds = ["mount", "mount", "unmount", "make", "make", "make", "charge", "charge", "discharge", "clean", "draw"]
    kinds += ["install", "beside"]
    kind = draw(st.sampled_from(kinds))
    hour = draw(st.integers(1, 8))
    dated = draw(st.integers(0, 7)) == 0
    place = (draw(st.sampled_from(EQUIPMENT)), draw(st.sampled_from(SLOTS)))
    vessel = draw(st.sampled_from(VESSELS))
    compartment = draw(st.sampled_from([None, None, None, "A", "B"]))
    thing = draw(st.sampled_from(things))
    made = draw(st.sampled_from(makes))
    match kind:
        case "mount":
            thing = thing if not thing.startswith("class:") else made
            return kind, (hour, dated, place, thing, draw(st.sampled_from([0, 0, 1, 2])))
        case "unmount":
            thing = thing if not thing.startswith("class:") else made
            return kind, (hour, dated, place, draw(st.sampled_from([None, thing])))
        case "make":
            how = draw(st.sampled_from(["transform", "transform", "commission", "fit", "book"]))
            on = draw(st.lists(st.sampled_from(EQUIPMENT), min_size=1, max_size=2, unique=True))
            return kind, (hour, draw(st.booleans()), on, how, made, thing)
        case "charge":
            return kind, (hour, dated, vessel, compartment, thing, draw(st.sampled_from([None, 5, 10])))
        case "discharge":
            mode = draw(st.sampled_from([None, None, *ev.VesselMode]))
            out = draw(st.sampled_from([None, made, made]))
            into = draw(st.sampled_from([None, None, "V" if vessel == "T" else "T"]))
            return kind, (hour, dated, vessel, compartment, out, into, mode)
        case "clean":
            return kind, (hour, dated, vessel, compartment, draw(st.sampled_from(["clean", "empty", "heel 0"])))
        case "install":
            unit = draw(st.sampled_from([m for m in makes if not m.startswith("lot:")]))
            return kind, (hour, dated, unit, draw(st.sampled_from([m for m in makes if m.startswith("lot:")])))
        case "beside":
            what = draw(st.sampled_from(["calibrated", "maintained", "recipe", "change"]))
            return kind, (hour, dated, place[0], what)
        case _:
            return kind, (hour, draw(st.booleans()), vessel, made)


def tell_factory(h: History, kind: str, args: tuple[object, ...]) -> bool:
    """Tell a step of this kind; False if it is none of these."""
    match kind, args:
        case "mount", (hour, dated, (equipment, slot), thing, doubt):
            on = {"equipment": equipment, "position": slot, "doubt_units": doubt}
            h.tell(ev.Mounted(occurred_at=when(hour, dated), item=item(thing), **on))
        case "unmount", (hour, dated, (equipment, slot), thing):
            named = item(thing) if thing else None
            h.tell(ev.Unmounted(occurred_at=when(hour, dated), item=named, equipment=equipment, position=slot))
        case "make", (hour, wide, on, how, made, thing):
            _make(h, hour, how, wide=wide, on=on, made=made, thing=thing)
        case "charge", (hour, dated, vessel, compartment, thing, kg):
            amount = {"quantity": Decimal(kg), "uom": "KGM"} if kg else {}
            inputs = (ev.Input(item=item(thing), **amount),)
            h.tell(ev.Charged(occurred_at=when(hour, dated), vessel=vessel, compartment=compartment, inputs=inputs))
        case "discharge", (hour, dated, vessel, compartment, made, into, mode):
            out = (ev.Output(item=item(made)),) if made else ()
            more = {"compartment": compartment, "into": into, "mode": mode, "quantity": Decimal(6), "uom": "KGM"}
            h.tell(ev.Discharged(occurred_at=when(hour, dated), vessel=vessel, outputs=out, **more))
        case "clean", (hour, dated, vessel, compartment, "clean"):
            h.tell(ev.Cleaned(occurred_at=when(hour, dated), vessel=vessel, compartment=compartment))
        case "clean", (hour, dated, vessel, compartment, how):
            heel = Decimal(0) if how == "heel 0" else None
            h.tell(ev.Emptied(occurred_at=when(hour, dated), vessel=vessel, compartment=compartment, heel=heel))
        case "install", (hour, dated, unit, version):
            h.tell(ev.SoftwareInstalled(occurred_at=when(hour, dated), item=item(unit), software=item(version)))
        case "beside", (hour, dated, on, what):
            h.tell(_beside(when(hour, dated), on, what))
        case "draw", (hour, wide, vessel, made):
            start = at(hour - 1) if wide else None
            outputs = (ev.Output(item=item(made)),)
            draws = (ev.Draw(vessel=vessel),)
            h.tell(ev.Transformed(occurred_at=at(hour), started_at=start, draws=draws, outputs=outputs))
        case _:
            return False
    return True


def _beside(at_time: Moment, on: str, what: str) -> ev.LifecycleEvent:
    """What changes no link."""
    match what:
        case "calibrated":
            return ev.Calibrated(occurred_at=at_time, instrument=on, verdict="out_of_tolerance")
        case "maintained":
            return ev.Maintained(occurred_at=at_time, equipment=on)
        case "recipe":
            return ev.RecipeChanged(occurred_at=at_time, equipment=on, recipe="R")
        case _:
            return ev.ChangeEffective(
                occurred_at=at_time, change="ECO", product=item("class:A"), from_lot=item("lot:A/1")
            )


def _make(h: History, hour: int, how: str, *, wide: bool, on: list[str], made: str, thing: str) -> None:
    more = {
        "occurred_at": at(hour),
        "started_at": at(hour - 1) if wide else None,
        "circumstances": ev.Circumstances(equipment=tuple(on)),
    }
    outputs = (ev.Output(item=item(made)),)
    match how:
        case "commission":
            h.tell(ev.Commissioned(items=outputs, **more))
        case "book":
            h.tell(ev.OutputReported(site=PlaceId.parse("S"), order="7", outputs=outputs, **more))
        case "fit" if thing != made:
            h.tell(ev.Assembled(parent=item(made), components=(ev.ItemQuantity(item=item(thing)),), **more))
        case _:
            inputs = (ev.Input(item=item(thing)),) if how == "fit" else ()
            h.tell(ev.Transformed(inputs=inputs, outputs=outputs, **more))
