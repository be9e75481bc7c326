"""The mass balance of a lot or an order, as a table with one column a unit of measure."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from services.cli.asking import AsOf, At, WaitFor
from services.cli.client import Service
from services.cli.options import USAGE, AsJson, Hand, Key, Url, hand_of
from services.cli.showing import plain_table, short, show_doubts, show_freshness

_OF_LOT = {
    "opening": "opening",
    "received": "received",
    "produced": "produced",
    "returned": "came back",
    "gains": "found more",
    "consumed": "consumed",
    "shipped": "shipped",
    "scrapped": "scrapped",
    "samples": "samples",
    "losses": "found less",
    "stock": "in stock",
    "unaccounted": "unaccounted",
}
_OF_ORDER = {"consumed": "consumed", "produced": "produced", "open": "open", "unaccounted": "unaccounted"}


def balance(
    context: typer.Context,
    item: Annotated[str | None, typer.Argument(help="The lot's id.")] = None,
    *,
    order: Annotated[str | None, typer.Option(help="In place of a lot: this order …")] = None,
    site: Annotated[str | None, typer.Option(help="… at this site.")] = None,
    tolerance: Annotated[str | None, typer.Option(help="Share that may be missing, 0 to 1; else 0.001.")] = None,
    at: At = None,
    as_of: AsOf = None,
    wait_for: WaitFor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """What came in of a lot, what went out, what is there, and what nobody accounts for; or the same of an order.

    Example: zhuisu balance urn:zhuisu:lot:own:STEEL:C-77
    Example: zhuisu balance --order 4711 --site PLANT-1
    """
    hand = hand_of(context, as_json=as_json)
    if (item is None) == (order is None) or (order is None) != (site is None):
        hand.fail(USAGE, "name a lot, or --order with --site")
    given = {
        "item": item,
        "order": order,
        "site": site,
        "tolerance": tolerance,
        "at": at,
        "as_of": as_of,
        "wait_for": wait_for,
    }
    asked = {name: value for name, value in given.items() if value is not None}
    answer = Service(hand, url, key).ask("GET", "/v1/items/balance", params=asked)
    if hand.as_json:
        hand.json(answer)
        return
    if item is None:
        rows = [
            [short(line["item"]), line["role"], line["posted"], line["net"], line["uom"]] for line in answer["lines"]
        ]
        hand.out.print(plain_table(("item", "as", "posted", "net", "unit of measure"), rows, hand.say))
    _table(hand, answer, _OF_LOT if item is not None else _OF_ORDER)
    show_doubts(hand, answer)
    show_freshness(hand, answer)


def _table(hand: Hand, answer: Mapping[str, Any], terms: Mapping[str, str]) -> None:
    units = [b["uom"] or hand.say("pieces") for b in answer["balances"]]
    rows = [
        [hand.say(told), *("?" if b[term] is None else b[term] for b in answer["balances"])]
        for term, told in terms.items()
        if not all(b[term] == "0" for b in answer["balances"]) or term in ("stock", "unaccounted")
    ]
    hand.out.print(plain_table(("balance", *units), rows, hand.say))
