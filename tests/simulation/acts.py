"""What happens in the simulated factory: each act changes the truth, and posts what its systems would post of it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from domain import events as ev
from domain.acts import drawn_lot
from domain.ids import ItemId
from tests.domain.telling import item
from tests.simulation.plant import Plant, Thing, amount

MATERIALS = ["CELL", "GLUE", "CAP"]


def receive(p: Plant) -> None:
    """A lot comes in, some with a supplier's number of its own."""
    n, material = p.number(), p.chance.choice(MATERIALS)
    lot = p.thing(f"lot:{material}/L{n}", material, site=p.chance.choice(["S1", "S1", "S2"]))
    p.lots.append(lot)
    theirs: str | None = f"SUP{n}" if p.maybe(0.3) else None
    more: dict[str, Any] = {"supplier": "acme", "supplier_lot": theirs} if theirs else {}
    when = p.when(p.later(), dated=0.1)
    p.post(ev.MaterialReceived(occurred_at=when, site=lot.site, item=lot.id, **amount(100), **more))


def transform(p: Plant) -> None:
    """Lots (and units) become units or a lot, told in one event or in two of one transformation."""
    used = p.pick(p.lots, p.chance.randint(1, 3)) + p.pick(p.units, p.chance.choice([0, 0, 1]))
    if not used:
        return
    begun = p.later()
    ended = p.later()
    made = _made(p)
    p.use_of(used, made)
    key = f"urn:sim:t{p.number()}"
    inputs, outputs = _inputs(used), _outputs(made)
    if p.maybe(0.3):
        p.post(ev.Transformed(occurred_at=p.when(begun, dated=0.2), transformation_id=key, inputs=inputs))
        p.post(ev.Transformed(occurred_at=p.when(ended, dated=0.2), transformation_id=key, outputs=outputs))
        return
    start = p.when(begun) if p.maybe(0.5) else None
    told = {"occurred_at": p.when(ended, dated=0.2), "started_at": start, "outputs": outputs}
    p.post(ev.Transformed(**told, inputs=inputs), wrong=_wrong(p, told))


def _wrong(p: Plant, told: dict[str, Any]) -> ev.LifecycleEvent | None:
    """Now and then another lot is scanned, noticed and put right."""
    return ev.Transformed(**told, inputs=_inputs(p.pick(p.lots))) if p.maybe(0.15) else None


def _made(p: Plant) -> list[Thing]:
    if p.maybe(0.2):
        lot = p.thing(f"lot:CELL/M{p.number()}", "CELL")
        p.lots.append(lot)
        return [lot]
    units = [p.thing(f"U/{p.number()}", "U") for _ in range(p.chance.randint(1, 3))]
    p.units += units
    return units


def _inputs(used: list[Thing]) -> tuple[ev.Input, ...]:
    return tuple(ev.Input(item=t.id, **(amount(1) if t.material != "U" else {})) for t in used)


def _outputs(made: list[Thing]) -> tuple[ev.Output, ...]:
    return tuple(ev.Output(item=t.id) for t in made)


def order(p: Plant) -> None:
    """ERP books issues, returns and reversals, some by date alone; MES reports the output; at last it is closed."""
    used = p.pick(p.lots, p.chance.randint(1, 3))
    if not used:
        return
    at = {"site": "S1", "order": f"0000{p.number()}"}
    kept = []
    for lot in used:
        document = f"D{p.number()}"
        issue = ev.Issued(item=lot.id, **amount(10))
        p.post(ev.IssuedToOrder(occurred_at=p.when(p.later(0.2), dated=0.3), document=document, items=(issue,), **at))
        fate = p.chance.choice(["kept", "kept", "some back", "all back", "reversed"])
        back = {"some back": 3, "all back": 10, "reversed": None}.get(fate, 0)
        if back:
            things = (ev.ItemQuantity(item=lot.id, **amount(back)),)
            p.post(ev.ReturnedFromOrder(occurred_at=p.when(p.later(0.2), dated=0.3), items=things, **at))
        elif fate == "reversed":
            undone = {"reverses": document, "reversed_kind": "issued_to_order"}
            things = (ev.ItemQuantity(item=lot.id),)
            p.post(ev.PostingReversed(occurred_at=p.when(p.later(0.2)), items=things, **undone, **at))
        if fate in ("kept", "some back"):
            kept.append(lot)
    made = _made(p)
    p.use_of(kept, made)
    mes = at | {"order": at["order"].lstrip("0")}
    p.post(ev.OutputReported(occurred_at=p.when(p.later(), dated=0.2), outputs=_outputs(made), **mes))
    if p.maybe(0.7):
        p.post(ev.OrderClosed(occurred_at=p.when(p.later()), **at))


def booked_shift(p: Plant) -> None:
    """An order is worked on a line while reels are changed; only at its end somebody books what came of it."""
    on = p.chance.choice(["P1", "P2"])
    number = {"site": "S1", "order": f"{p.number()}"}
    around = ev.Circumstances(equipment=(on,))
    bare = p.pick(p.lots)
    made = [p.thing(f"U/{p.number()}", "U") for _ in range(p.chance.randint(1, 4))]
    begun = p.later(0.2)
    when = p.chance.choice(["first", "first", "last", "never"])
    issue = ev.IssuedToOrder(
        occurred_at=p.when(begun, dated=0.2), items=tuple(ev.Issued(item=t.id, **amount(5)) for t in bare), **number
    )
    if bare and when == "first":
        p.post(issue)
    for one in made:
        held = [reel for (e, _), reel in p.slots.items() if e == on and reel is not None]
        one.take(*p.pick(held, p.chance.randint(0, len(held))))
        if bare and when != "never":
            one.take(*bare)
        if p.maybe(0.4):
            mount(p)
    p.units += made
    start = p.when(begun) if p.maybe(0.2) else None
    booking = {"occurred_at": p.when(p.later(), dated=0.2), "started_at": start, "circumstances": around, **number}
    if p.maybe(0.3) and len(made) > 1:
        p.post(ev.OutputReported(outputs=_outputs(made[:1]), **booking))
        made = made[1:]
    p.post(ev.OutputReported(outputs=_outputs(made), **booking))
    if bare and when == "last":
        p.post(replace(issue, occurred_at=p.when(p.later(0.1))))


def backflush(p: Plant) -> None:
    """Glue is booked without its lot, after the work; the lot may be used up or sent away before the booking."""
    glue = [lot for lot in p.lots if lot.material == "GLUE" and lot.site == "S1"]
    if not glue:
        return
    used, made = p.pick(glue)[0], _made(p)
    p.use_of([used], made)
    key, ended = f"urn:sim:b{p.number()}", p.later()
    p.post(ev.Transformed(occurred_at=p.when(ended), site="S1", transformation_id=key, outputs=_outputs(made)))
    if p.maybe(0.3):
        p.lots.remove(used)
        gone: type[ev.Scrapped | ev.Shipped] = p.chance.choice([ev.Scrapped, ev.Shipped])
        whole = (ev.ItemQuantity(item=used.id),)
        p.post(gone(occurred_at=p.when(p.later()), site="S1", items=whole))
    kilos = ev.Input(item=item("class:GLUE"), basis=ev.Basis.BACKFLUSHED, **amount(2))
    p.post(ev.Transformed(occurred_at=p.when(p.later()), site="S1", transformation_id=key, inputs=(kilos,)))


def mount(p: Plant) -> None:
    """A reel goes on a feeder: the one before is taken off, or nobody says so; the clerk may write the day alone."""
    slot = p.chance.choice(list(p.slots))
    reel = _reel(p)
    on = {"equipment": slot[0], "position": slot[1]}
    before, p.slots[slot] = p.slots[slot], reel
    if before is not None and p.maybe(0.5):
        named = before.id if p.maybe(0.7) else None
        p.post(ev.Unmounted(occurred_at=p.when(p.later(0.1)), item=named, **on))
    p.post(ev.Mounted(occurred_at=p.when(p.later(0.1), dated=0.15), item=reel.id, **on))


def unmount(p: Plant) -> None:
    """A reel is taken off; now and then one whose mounting nobody recorded, right after what was there before."""
    slot = p.chance.choice(list(p.slots))
    on = {"equipment": slot[0], "position": slot[1]}
    held = p.slots[slot]
    if held is None or p.maybe(0.3):
        if held is not None:
            p.post(ev.Unmounted(occurred_at=p.when(p.later(0.1)), item=held.id, **on))
        held = p.slots[slot] = _reel(p)
        for _ in range(2):
            board(p, slot[0], calm=True)
    p.slots[slot] = None
    p.post(ev.Unmounted(occurred_at=p.when(p.later(0.1)), item=held.id, **on))


def splice(p: Plant) -> None:
    """A reel is joined to the one that runs out: the record is right to a few boards, either way."""
    slot, doubt = p.chance.choice(list(p.slots)), p.chance.randint(1, 2)
    reel = _reel(p)
    truly, told = p.chance.randint(2, 4), 3
    doubt = max(doubt, abs(truly - told))
    for step in range(6):
        if step == truly:
            p.slots[slot] = reel
        if step == told:
            on = {"equipment": slot[0], "position": slot[1], "spliced": True, "doubt_units": doubt}
            p.post(ev.Mounted(occurred_at=p.when(p.later(0.05)), item=reel.id, **on))
        board(p, slot[0], calm=True)


def _reel(p: Plant) -> Thing:
    """A reel of a lot, or what goes on a feeder without a serial: the lot itself."""
    caps = [lot for lot in p.lots if lot.material == "CAP"]
    if not caps:
        caps = [p.thing(f"lot:CAP/L{p.number()}", "CAP")]
        p.lots += caps
    lot = p.pick(caps)[0]
    if p.maybe(0.3):
        return lot
    reel = p.thing(f"CAP/{p.number()}", "CAP")
    reel.take(lot)
    p.post(ev.Commissioned(occurred_at=p.when(p.later(0.1)), items=(ev.Output(item=reel.id, lot=lot.id),)))
    return reel


def board(p: Plant, equipment: str | None = None, *, calm: bool = False) -> None:
    """A board is made of all that is on the feeders; a reel may be changed while it is under way, unless `calm`."""
    on = equipment or p.chance.choice(["P1", "P2"])
    made = p.thing(f"U/{p.number()}", "U")
    p.units.append(made)
    begun = p.later(0.1)
    held = [reel for (e, _), reel in p.slots.items() if e == on and reel is not None]
    made.take(*(held if len(held) < 2 else p.pick(held, p.chance.randint(1, 2))))
    if not calm and p.maybe(0.1):
        mount(p)
        held = [reel for (e, _), reel in p.slots.items() if e == on and reel is not None]
        made.take(*p.pick(held))
    around = ev.Circumstances(equipment=(on,))
    told: dict[str, Any] = {"occurred_at": p.when(p.later(0.1)), "started_at": p.when(begun), "circumstances": around}
    if p.maybe(0.2):
        p.post(ev.Commissioned(items=_outputs([made]), **told))
    else:
        p.post(ev.Transformed(outputs=_outputs([made]), **told))


def charge(p: Plant) -> None:
    """A lot goes into a tank on top of what is in it; or two kilos of glue, nobody knows of which lot."""
    vessel = p.chance.choice(p.vessels)
    when = p.when(p.later(), dated=0.15)
    glue = [lot for lot in p.lots if lot.material == "GLUE" and lot.site == "S1"]
    if glue and p.maybe(0.2):
        vessel.content += p.pick(glue)
        inputs = (ev.Input(item=item("class:GLUE"), **amount(2)),)
    elif p.lots:
        lots = p.pick(p.lots)
        vessel.content += lots
        inputs = _inputs(lots)
    else:
        return
    p.post(ev.Charged(occurred_at=when, site="S1", vessel=vessel.name, inputs=inputs))


def discharge(p: Plant) -> None:
    """Out of a tank: as a lot, into units, or into the other tank; all that is in it is in what comes out."""
    vessel = p.chance.choice(p.vessels)
    if not vessel.content:
        return
    mode = p.chance.choice([None, None, ev.VesselMode.MIXED, ev.VesselMode.UNKNOWN])
    when, way = p.when(p.later(), dated=0.1), p.chance.choice(["lot", "into", "draw"])
    if way == "draw":
        made = _made(p)
        for one in made:
            one.take(*vessel.content)
        drawn = p.thing("U/drawn", "DRAWN")
        drawn.take(*vessel.content)
        draws = (ev.Draw(vessel=vessel.name, mode=mode),)
        event_id = p.post(ev.Transformed(occurred_at=when, draws=draws, outputs=_outputs(made)))
        _name(drawn, drawn_lot(vessel.name, event_id, 0))
        for one in made:
            one.take(drawn)
        return
    out = {"vessel": vessel.name, "mode": mode, "quantity": Decimal(5), "uom": "KGM"}
    if way == "lot":
        lot = p.thing(f"lot:MIX/M{p.number()}", "MIX")
        lot.take(*vessel.content)
        p.lots.append(lot)
        p.post(ev.Discharged(occurred_at=when, outputs=_outputs([lot]), **out))
        return
    other = next(v for v in p.vessels if v is not vessel)
    moved = p.thing("U/moved", "MOVED")
    moved.take(*vessel.content)
    other.content.append(moved)
    _name(moved, drawn_lot(vessel.name, p.post(ev.Discharged(occurred_at=when, into=other.name, **out)), 0))


def _name(thing: Thing, name: ItemId) -> None:
    thing.ids[:] = [name]


def clean(p: Plant) -> None:
    """A tank is run empty, and a heel stays; or it is truly cleaned."""
    vessel = p.chance.choice(p.vessels)
    when = p.when(p.later(), dated=0.2)
    if p.maybe(0.3):
        p.post(ev.Emptied(occurred_at=when, vessel=vessel.name))
        return
    vessel.content.clear()
    if p.maybe(0.5):
        p.post(ev.Cleaned(occurred_at=when, vessel=vessel.name))
    else:
        p.post(ev.Emptied(occurred_at=when, vessel=vessel.name, heel=Decimal(0)))


def fit(p: Plant) -> None:
    """Units, or some of a lot, are fitted into a unit; now and then the wrong one is scanned, and put right."""
    free = [u for u in p.units if not u.wholes]
    if len(free) < 3:
        return
    whole, part, other = p.pick(free, 3)
    if whole in part.parts or part is whole:
        return
    part = p.pick(p.lots)[0] if p.lots and p.maybe(0.2) else part
    whole.take(part)
    if part.material == "U":
        part.wholes.add(whole)
        whole.parts.add(part)
    told: dict[str, Any] = {"occurred_at": p.when(p.later(), dated=0.3), "parent": whole.id}
    wrong = ev.Assembled(components=(ev.ItemQuantity(item=other.id),), **told) if p.maybe(0.2) else None
    p.post(ev.Assembled(components=(ev.ItemQuantity(item=part.id),), **told), wrong=wrong)


def remove(p: Plant) -> None:
    """A part is taken out, perhaps with everything else: to be mended, or fitted elsewhere."""
    full = [u for u in p.units if u.parts]
    if not full:
        return
    whole = p.pick(full)[0]
    part = p.pick(sorted(whole.parts, key=lambda t: t.id))[0]
    everything = p.maybe(0.3)
    for one in list(whole.parts) if everything else [part]:
        one.wholes.discard(whole)
        whole.parts.discard(one)
    named = () if everything else (ev.ItemQuantity(item=part.id),)
    out = {"components": named, "all_components": everything}
    p.post(ev.Disassembled(occurred_at=p.when(p.later(), dated=0.3), parent=whole.id, **out))


def rework(p: Plant) -> None:
    """Material flows into a unit that is there already, and so into what it is part of now, not what it was part of."""
    if not p.units or not p.lots:
        return
    unit, lot = p.pick(p.units)[0], p.pick(p.lots)[0]
    unit.take(lot)
    p.post(ev.Reworked(occurred_at=p.when(p.later(), dated=0.3), item=unit.id, materials=_inputs([lot])))


def tray(p: Plant) -> None:
    """Units go into a tray, and the tray is what is scanned where they are used; it is filled again."""
    free = [u for u in p.units if not u.wholes]
    for _ in range(2):
        held = p.pick(free, 2)
        if not held:
            return
        contents = tuple(ev.ItemQuantity(item=u.id) for u in held)
        box = item("tray:T")
        p.post(ev.Packed(occurred_at=p.when(p.later(), dated=0.15), container=box, contents=contents))
        made = _made(p)
        for one in made:
            one.take(*held)
        p.post(
            ev.Transformed(
                occurred_at=p.when(p.later(), dated=0.15), inputs=(ev.Input(item=box),), outputs=_outputs(made)
            )
        )
        free = [u for u in free if u not in held]


def shelve(p: Plant) -> None:
    """A unit goes into a bin, out of it, or into the other; a bin may be used up. Some is told by date alone."""
    free = [u for u in p.units if not u.wholes]
    here, there = p.chance.sample(list(p.bins), 2)
    held = p.bins[here]
    what = p.chance.choice(["in", "in", "in", "out", "over", "use"])
    if what == "in" and free:
        one = p.pick(free)[0]
        for contents in p.bins.values():
            contents[:] = [t for t in contents if t is not one]
        held.append(one)
        _pack(p, here, one)
    elif what == "out" and held:
        one = held.pop()
        named = (ev.ItemQuantity(item=one.id),)
        p.post(ev.Unpacked(occurred_at=p.when(p.later(), dated=0.3), container=item(here), contents=named))
    elif what == "over" and held:
        one = held.pop()
        p.bins[there].append(one)
        _pack(p, there, one)
    elif what == "use" and held:
        made = _made(p)
        for one in made:
            one.take(*held)
        held.clear()
        used, outputs = (ev.Input(item=item(here)),), _outputs(made)
        p.post(ev.Transformed(occurred_at=p.when(p.later(), dated=0.2), inputs=used, outputs=outputs))


def _pack(p: Plant, box: str, one: Thing) -> None:
    contents = (ev.ItemQuantity(item=one.id),)
    p.post(ev.Packed(occurred_at=p.when(p.later(), dated=0.3), container=item(box), contents=contents))


def relabel(p: Plant) -> None:
    """A unit or lot gets a new label; it stays what it is."""
    alike = p.units if p.maybe(0.5) else p.lots
    if not alike:
        return
    thing = p.pick(alike)[0]
    kind = f"U/{p.number()}" if thing in p.units else f"lot:{thing.material}/N{p.number()}"
    old, new = thing.id, item(kind)
    thing.ids.append(new)
    p.post(ev.Reidentified(occurred_at=p.when(p.later()), old_id=old, new_id=new))
