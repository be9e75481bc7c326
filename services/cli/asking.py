"""Commands that ask: trace, exposure, item, timeline, status."""

from typing import Annotated, Any

import httpx
import typer

from services.cli.client import Service
from services.cli.options import UNAVAILABLE, USAGE, AsJson, Hand, Key, Url, hand_of
from services.cli.showing import plain_table, short, show_freshness, show_trace, state_table
from services.cli.words import event_kind, word

At = Annotated[str | None, typer.Option(help="The state at this time, e.g. 2026-03-01T08:00:00+08:00.")]
AsOf = Annotated[str | None, typer.Option(help="As known then: a position (0-1234) or a time.")]
Mode = Annotated[str, typer.Option(help="ever, as_built or as_maintained.")]
Rows = Annotated[int, typer.Option(min=0, help="How many rows the table shows; 0 for all.")]
WaitFor = Annotated[str | None, typer.Option(help="Wait until this position is in the answer.")]
AsTree = Annotated[bool, typer.Option("--tree", help="As a tree by level, not a table.")]
Items = Annotated[list[str], typer.Argument(help="One or more ids: a URI, EPC URN or GS1 Digital Link.")]
Follow = Annotated[bool, typer.Option("--follow-containers", help="Walk containment as a link too.")]


def back(
    context: typer.Context,
    items: Items,
    *,
    mode: Mode = "ever",
    at: At = None,
    as_of: AsOf = None,
    wait_for: WaitFor = None,
    follow: Follow = False,
    rows: Rows = 40,
    as_tree: AsTree = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Where did it come from? Every part, lot and supplier's lot behind a unit.

    Example: zhuisu trace back urn:epc:id:sgtin:9521234.000002.B00000603 --tree
    """
    asked = {"mode": mode, "at": at, "as_of": as_of, "wait_for": wait_for, "follow": "all" if follow else None}
    _trace(hand_of(context, as_json=as_json), "backward", items, asked=asked, url=url, key=key, rows=rows, tree=as_tree)


def forward(
    context: typer.Context,
    items: Items,
    *,
    mode: Mode = "ever",
    at: At = None,
    as_of: AsOf = None,
    wait_for: WaitFor = None,
    follow: Follow = False,
    rows: Rows = 40,
    as_tree: AsTree = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """What is affected, where is it now, who has it, and how sure is that?

    Example: zhuisu trace forward urn:zhuisu:lot:own:CELL-21700:C000006-A
    """
    asked = {"mode": mode, "at": at, "as_of": as_of, "wait_for": wait_for, "follow": "all" if follow else None}
    _trace(hand_of(context, as_json=as_json), "forward", items, asked=asked, url=url, key=key, rows=rows, tree=as_tree)


def _trace(
    hand: Hand,
    way: str,
    items: list[str],
    *,
    asked: dict[str, str | None],
    url: str | None,
    key: str | None,
    rows: int,
    tree: bool,
) -> None:
    given = {name: value for name, value in asked.items() if value is not None}
    service = Service(hand, url, key)
    if len(items) == 1:
        answer = service.ask("GET", f"/v1/trace/{way}", params={"item": items[0], **given})
    else:
        answer = service.ask("POST", f"/v1/trace/{way}", params=given, json={"items": items})
    if hand.as_json:
        hand.json(answer)
    else:
        show_trace(hand, answer, rows=rows or len(answer["nodes"]), as_tree=tree)


def exposure(
    context: typer.Context,
    *,
    equipment: Annotated[str | None, typer.Option(help="Made on this machine.")] = None,
    tool: Annotated[str | None, typer.Option(help="Made with this tool.")] = None,
    line: Annotated[str | None, typer.Option(help="Made on this line.")] = None,
    operator: Annotated[str | None, typer.Option(help="Made by this operator.")] = None,
    instrument: Annotated[str | None, typer.Option(help="Inspected with this instrument.")] = None,
    site: Annotated[str | None, typer.Option(help="Made at this site.")] = None,
    supplier: Annotated[str | None, typer.Option(help="Of lots received from this supplier.")] = None,
    material: Annotated[str | None, typer.Option(help="Of received lots of this material.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Made by this recipe.")] = None,
    version: Annotated[str | None, typer.Option(help="Of the recipe: this version.")] = None,
    cavity: Annotated[str | None, typer.Option(help="Made in this cavity of a mould.")] = None,
    shift: Annotated[str | None, typer.Option(help="Made in this shift.")] = None,
    since_last_good: Annotated[
        bool, typer.Option("--since-last-good", help="Only while the instrument was out of tolerance, as far as known.")
    ] = False,
    position: Annotated[str | None, typer.Option(help="Of the machine: while something was mounted here.")] = None,
    change: Annotated[str | None, typer.Option(help="Made with this engineering change.")] = None,
    without_change: Annotated[bool, typer.Option("--without-change", help="Made without that change.")] = False,
    calibration: Annotated[str | None, typer.Option(help="What this calibration (its event id) makes suspect.")] = None,
    parameter: Annotated[
        str | None, typer.Option(help="A parameter of process, store or transport: NAME, NAME>=5, NAME<=9, NAME=5..9.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Start of the time window.")] = None,
    until: Annotated[str | None, typer.Option(help="End of the time window, not included.")] = None,
    rows: Rows = 40,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """What was exposed to a machine, tool, line, person, supplier or parameter in a time window.

    Example: zhuisu exposure --equipment WELDER-2 --since 2024-01-08T08:00:00+08:00 --until 2024-01-09T08:00:00+08:00

    Example: zhuisu exposure --instrument ENDTEST-1 --since-last-good

    Example: zhuisu exposure --change ECO-4711 --without-change
    """
    hand = hand_of(context, as_json=as_json)
    dimensions = {
        "equipment": equipment,
        "tool": tool,
        "line": line,
        "operator": operator,
        "instrument": instrument,
        "site": site,
        "supplier": supplier,
        "material": material,
        "recipe": recipe,
        "version": version,
        "cavity": cavity,
        "shift": shift,
        "calibration": calibration,
        "position": position,
        "change": change,
    }
    body: dict[str, Any] = {name: value for name, value in dimensions.items() if value is not None}
    if since_last_good:
        body["since_last_good"] = True
    if without_change:
        body["without_change"] = True
    if parameter is not None:
        body["parameter"] = _parameter(hand, parameter)
    if not body:
        hand.fail(USAGE, "say what they were exposed to: --equipment, --line, --supplier … (see --help)")
    body |= {name: value for name, value in (("since", since), ("until", until)) if value is not None}
    answer = Service(hand, url, key).ask("POST", "/v1/exposures", json=body)
    if hand.as_json:
        hand.json(answer)
    else:
        show_trace(hand, answer, rows=rows or len(answer["nodes"]))


def _parameter(hand: Hand, text: str) -> dict[str, str]:
    """`NAME`, `NAME>=5`, `NAME<=9` or `NAME=5..9` as the API takes it."""
    for sign, member in ((">=", "at_least"), ("<=", "at_most")):
        name, found, value = text.partition(sign)
        if found:
            return {"name": name.strip(), member: value.strip()}
    name, found, value = text.partition("=")
    if not found:
        return {"name": text}
    low, between, high = value.partition("..")
    if not between:
        hand.fail(USAGE, "--parameter {text}: write NAME>=5, NAME<=9 or NAME=5..9", text=text)
    return {"name": name.strip(), "at_least": low.strip(), "at_most": high.strip()}


def item(
    context: typer.Context,
    item: Annotated[str, typer.Argument(help="Its id; a part of an id lists what is near it.")],
    *,
    at: At = None,
    as_of: AsOf = None,
    contents: Annotated[bool, typer.Option("--contents", help="Show what it holds.")] = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Where a thing is, who has it and how it stands; with --contents what it holds.

    Example: zhuisu item urn:epc:id:sscc:9521234.0000000012 --contents
    """
    hand = hand_of(context, as_json=as_json)
    asked = {name: value for name, value in (("item", item), ("at", at), ("as_of", as_of)) if value is not None}
    answer = Service(hand, url, key).ask("GET", f"/v1/items/{'contents' if contents else 'state'}", params=asked)
    if hand.as_json:
        hand.json(answer)
        return
    if contents:
        columns = ("item", "quantity", "since", "until", "depth")
        rows = [[short(row["item"]), *(row.get(name) for name in columns[1:])] for row in answer["items"]]
        hand.out.print(plain_table(columns, rows, hand.say))
    else:
        hand.out.print(state_table(answer, hand.say))
    show_freshness(hand, answer)


def items(
    context: typer.Context,
    fragment: Annotated[str | None, typer.Argument(help="A part of a serial or lot number, or an id.")] = None,
    *,
    lot: Annotated[str | None, typer.Option(help="This lot number.")] = None,
    supplier_lot: Annotated[str | None, typer.Option(help="This lot number of a supplier, and ours for it.")] = None,
    supplier: Annotated[str | None, typer.Option(help="That supplier's only.")] = None,
    product: Annotated[str | None, typer.Option(help="Of this product: its id, GTIN or your name of it.")] = None,
    kind: Annotated[str | None, typer.Option(help="unit, lot, class or container.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")] = 100,
    as_of: AsOf = None,
    wait_for: WaitFor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Which items are there: by a part of a number, a lot, a supplier's lot, a product.

    Example: zhuisu items 0603 --product BIKE
    """
    hand = hand_of(context, as_json=as_json)
    given = {
        "q": fragment,
        "lot": lot,
        "supplier_lot": supplier_lot,
        "supplier": supplier,
        "product": product,
        "kind": kind,
        "as_of": as_of,
        "wait_for": wait_for,
        "limit": str(limit),
    }
    asked = {name: value for name, value in given.items() if value is not None}
    answer = Service(hand, url, key).ask("GET", "/v1/items", params=asked)
    if hand.as_json:
        hand.json(answer)
        return
    rows = [[one["item"], word(one["kind"], hand.say), short(one["material"] or "")] for one in answer["items"]]
    hand.out.print(plain_table(("item", "kind", "product"), rows, hand.say))
    if answer["next"] is not None:
        hand.tell("There are more: narrow the search, or raise --limit")
    show_freshness(hand, answer)


def timeline(
    context: typer.Context,
    item: Annotated[str, typer.Argument(help="Its id.")],
    *,
    as_of: AsOf = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Every event that ever named a thing, in the order it happened; voided ones too.

    Example: zhuisu timeline urn:epc:id:sgtin:9521234.000002.B00000603
    """
    hand = hand_of(context, as_json=as_json)
    asked = {"item": item, **({"as_of": as_of} if as_of else {})}
    answer = Service(hand, url, key).ask("GET", "/v1/items/timeline", params=asked)
    if hand.as_json:
        hand.json(answer)
        return
    columns = ("occurred_at", "kind", "event_id", "source", "recorded_at", "voided_by")
    rows = [
        [event_kind(event[n], hand.say) if n == "kind" else event.get(n) for n in columns] for event in answer["events"]
    ]
    hand.out.print(plain_table(("happened", "what", "event", "source", "recorded", "voided by"), rows, hand.say))
    show_freshness(hand, answer)


def status(context: typer.Context, url: Url = None, *, key: Key = None, as_json: AsJson = False) -> None:
    """Whether the service is ready, part by part, and how far its answers are behind. Ends with 3 if it is not."""
    hand = hand_of(context, as_json=as_json)
    service = Service(hand, url, key)
    with hand.working("Asking {url} …", url=str(service.http.base_url)):
        try:
            answer = service.http.get("/readyz")
        except httpx.HTTPError as error:
            service.away(error)
            return
    body = answer.json()
    if hand.as_json:
        hand.json(body)
    else:
        lag = body.get("lag") or {}
        behind = "?" if lag.get("events") is None else lag["events"]
        rows = [[hand.say(part), told] for part, told in body.get("parts", {}).items()]
        hand.out.print(plain_table(("part", "state"), rows, hand.say))
        hand.tell("{url}: ready, {behind} events behind" if body.get("ready") else "{url}: NOT READY", url=str(
            service.http.base_url), behind=behind)  # fmt: skip
    if not body.get("ready"):
        raise typer.Exit(UNAVAILABLE)
