"""At the dealers: pallets arrive, are broken up, bikes are unpacked, sold, and a few come back."""

import hashlib
from collections.abc import Iterator

from services.factory.delivery import PALLETS, bikes_on
from services.factory.names import Event
from services.factory.story import FAILED_BIKE, MISTYPED_BIKE
from services.factory.telling import DAY, HOUR, MINUTE, Run, Told

_NOT_THERE_YET_SHARE = 0.1
_SOLD_SHARE = 0.65
_RETURNED_SHARE = 0.01
_SALES_DAYS = 14

_Plan = tuple[int, str, int]
"""(seconds since the run began, what, pallet or bike)"""


def retail(run: Run) -> Iterator[Told]:
    """Days 2 to 18. Planned as numbers, told one by one: many runs are in this phase at once."""
    for at, what, which in sorted(_plan(run)):
        event = _EVENTS[what](run, which)
        yield at, "retail", event | {"event_id": run.id_of("retail", f"{what}-{which:02d}")}


def customer(run: Run, n: int) -> str:
    """A pseudonym: nobody can tell from it who bought the bike."""
    return f"customer-{hashlib.sha256(f'{run.names.tag}/{n}'.encode()).hexdigest()[:8]}"


def _plan(run: Run) -> Iterator[_Plan]:
    chance, told_of = run.chance, (FAILED_BIKE, MISTYPED_BIKE) if run.is_story else ()
    for pallet in range(PALLETS):
        if chance.random() < _NOT_THERE_YET_SHARE and not (run.is_story and pallet == 0):
            continue
        arrival = 2 * DAY + chance.randrange(8) * HOUR
        yield arrival, "arrive", pallet
        yield arrival + 30 * MINUTE, "break", pallet
        for n in bikes_on(pallet):
            if chance.random() < _SOLD_SHARE or n in told_of:
                sale = arrival + DAY + chance.randrange(_SALES_DAYS * 10) * (DAY // 10)
                yield sale - 2 * HOUR, "open", n
                yield sale, "sell", n
                if chance.random() < _RETURNED_SHARE and n not in told_of:
                    yield sale + 2 * DAY, "return", n


def _arrive(run: Run, pallet: int) -> Event:
    event = {"kind": "received", "items": [{"item": run.names.pallet(pallet)}], "site": run.names.shop(pallet)}
    return event | {"documents": [{"type": "desadv", "id": f"DN-{run.names.tag}-{pallet}"}]}


def _break(run: Run, pallet: int) -> Event:
    event: Event = {"kind": "unpacked", "container": run.names.pallet(pallet), "all_contents": True}
    return event | {"site": run.names.shop(pallet)}


def _open(run: Run, n: int) -> Event:
    event: Event = {
        "kind": "unpacked",
        "container": run.names.carton(n),
        "contents": [{"item": run.names.bike_link(n)}],
    }
    return event | {"site": _shop_of(run, n)}


def _sell(run: Run, n: int) -> Event:
    holder = "customer-typed-wrong" if run.is_story and n == MISTYPED_BIKE else customer(run, n)
    event: Event = {"kind": "sold", "items": [{"item": run.names.bike_link(n)}], "holder": holder}
    channel = "online" if n % 4 == 0 else "shop"
    return event | {"channel": channel, "site": _shop_of(run, n), "documents": [{"type": "inv", "id": f"I-{n:02d}"}]}


def _return(run: Run, n: int) -> Event:
    event: Event = {"kind": "returned", "items": [{"item": run.names.bike_link(n)}], "site": _shop_of(run, n)}
    return event | {"returned_by": customer(run, n), "reason": "did not like the colour"}


def _shop_of(run: Run, n: int) -> str:
    return run.names.shop(0 if n in bikes_on(0) else 1)


_EVENTS = {"arrive": _arrive, "break": _break, "open": _open, "sell": _sell, "return": _return}
