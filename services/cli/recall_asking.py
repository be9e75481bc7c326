"""`zhuisu recall`: what is asked of a case, and files that are made of it."""

from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from services.cli.client import Service
from services.cli.options import REFUSED, AsJson, Hand, Key, Url, hand_of
from services.cli.recall_showing import show_accounting, show_clocks, show_members, sure_since
from services.cli.recalling import CaseId, Rows, path_of
from services.cli.showing import plain_table, short, show_freshness
from services.cli.words import event_kind, word

AsOf = Annotated[str | None, typer.Option(help="As known then: a position (0-1234) or a time.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="The file to write; else named after the report.")]
FileForm = Annotated[str, typer.Option("--format", help="csv, xlsx or json.")]

_PAGE = 1_000


def units(
    context: typer.Context,
    case_id: CaseId,
    *,
    top: Annotated[bool, typer.Option("--top", help="Top units only, as a regulator counts.")] = False,
    rows: Rows = 40,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """The frozen set, each member with what brought it in.

    Example: zhuisu recall units RC-2026-1 --top --rows 0
    """
    hand = hand_of(context, as_json=as_json)
    service = Service(hand, url, key)
    asked: dict[str, Any] = {"limit": _PAGE}
    answer = service.ask("GET", path_of(case_id, "units"), params=asked)
    members = _wanted(answer, top=top)
    while answer["next"] and (rows == 0 or len(members) < rows):
        answer = service.ask("GET", path_of(case_id, "units"), params={**asked, "cursor": answer["next"]})
        members += _wanted(answer, top=top)
    if hand.as_json:
        hand.json({**answer, "members": members})
        return
    show_members(hand, members, rows=rows)
    if answer["next"]:
        hand.tell("There are more: --rows 0 shows all")


def _wanted(answer: dict[str, Any], *, top: bool) -> list[dict[str, Any]]:
    return [m for m in answer["members"] if m["top"] or not top]


def explain(
    context: typer.Context,
    case_id: CaseId,
    item: Annotated[str, typer.Argument(help="Its id.")],
    *,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Why an item is affected, step by step; or why not, and what came nearest.

    Example: zhuisu recall explain RC-2026-1 urn:epc:id:sgtin:9521234.000002.B00000603
    """
    hand = hand_of(context, as_json=as_json)
    answer = Service(hand, url, key).ask("GET", path_of(case_id, "explain"), params={"item": item})
    if hand.as_json:
        hand.json(answer)
    else:
        hand.tell("{line}", line=answer["text"][hand.say.language])


def delta(
    context: typer.Context, case_id: CaseId, *, url: Url = None, key: Key = None, as_json: AsJson = False
) -> None:
    """What came in or would go out since the freeze, by later or corrected events.

    Example: zhuisu recall delta RC-2026-1
    """
    hand = hand_of(context, as_json=as_json)
    answer = Service(hand, url, key).ask("GET", path_of(case_id, "delta"))
    if hand.as_json:
        hand.json(answer)
        return
    rows = [
        [
            short(c["item"]),
            word(c["change"], hand.say),
            sure_since(c, c.get("was"), hand.say),
            ", ".join(map(short, c["came_from"])),
            c.get("decision"),
        ]
        for c in answer["changes"]
    ]
    hand.out.print(plain_table(("item", "change", "how sure", "from", "decision"), rows, hand.say))
    hand.tell(
        "{added} came in, {withdrawn} would go out, {pending} of them undecided; up to {position}",
        **{name: answer["totals"][name] for name in ("added", "withdrawn", "pending")},
        position=answer["evaluated_to"] or "–",
    )
    if answer["totals"]["changed"]:
        hand.tell(
            "{changed} stand otherwise than before: {became_certain} became certain, {became_possible} only possible",
            **{name: answer["totals"][name] for name in ("changed", "became_certain", "became_possible")},
        )


def alerts(
    context: typer.Context, case_id: CaseId, *, url: Url = None, key: Key = None, as_json: AsJson = False
) -> None:
    """What happened to held items, and what came in: as it was noticed.

    Example: zhuisu recall alerts RC-2026-1
    """
    hand = hand_of(context, as_json=as_json)
    answer = Service(hand, url, key).ask("GET", path_of(case_id, "alerts"))
    if hand.as_json:
        hand.json(answer)
        return
    rows = [
        [a["noticed_at"], word(a["alert"], hand.say), short(a["item"]), event_kind(a["kind"], hand.say), a["to"]]
        for a in answer["alerts"]
    ]
    hand.out.print(plain_table(("at", "alert", "item", "event", "to"), rows, hand.say))


def account(
    context: typer.Context, case_id: CaseId, *, as_of: AsOf = None, url: Url = None, key: Key = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Where every affected unit is: each in exactly one bucket, and the sum closes.

    Example: zhuisu recall account RC-2026-1
    """
    hand = hand_of(context, as_json=as_json)
    answer = Service(hand, url, key).ask("GET", path_of(case_id, "accounting"), params=given(as_of=as_of))
    if hand.as_json:
        hand.json(answer)
        return
    show_accounting(hand, answer)
    show_freshness(hand, answer)


def consignees(
    context: typer.Context, case_id: CaseId, *, url: Url = None, key: Key = None, as_json: AsJson = False
) -> None:
    """Who got affected items, who passed them on, and what they said.

    Example: zhuisu recall consignees RC-2026-1
    """
    hand = hand_of(context, as_json=as_json)
    answer = Service(hand, url, key).ask("GET", path_of(case_id, "consignees"))
    if hand.as_json:
        hand.json(answer)
        return
    headings = ("consignee", "direct", "units", "still there", "notified", "acknowledged")
    rows = [
        [
            short(c["consignee"]) if c["consignee"] else hand.say("nobody named"),
            hand.say("yes") if c["direct"] else hand.say("no"),
            c["units"],
            c["units_there"],
            (c.get("notified") or {}).get("at"),
            c.get("acknowledged_at"),
        ]
        for c in answer["consignees"]
    ]
    hand.out.print(plain_table(headings, rows, hand.say))


def clocks(
    context: typer.Context, case_id: CaseId, *, url: Url = None, key: Key = None, as_json: AsJson = False
) -> None:
    """What the law asks of the case and by when: due, met, overdue.

    Example: zhuisu recall clocks RC-2026-1
    """
    hand = hand_of(context, as_json=as_json)
    answer = Service(hand, url, key).ask("GET", path_of(case_id, "clocks"))
    if hand.as_json:
        hand.json(answer)
    else:
        show_clocks(hand, answer)


def check(context: typer.Context, item: Annotated[str, typer.Argument(help="Its id.")], *, url: Url = None,
          key: Key = None, as_json: AsJson = False) -> None:  # fmt: skip
    """Which open recalls a unit is under, as anybody may ask.

    Example: zhuisu recall check urn:epc:id:sgtin:9521234.000002.B00000603
    """
    hand = hand_of(context, as_json=as_json)
    answer = Service(hand, url, key).ask("GET", "/v1/recalls/check", params={"item": item})
    if hand.as_json:
        hand.json(answer)
        return
    for one in answer["recalls"]:
        hand.tell("{recall}: {title}", recall=one["recall"], title=one["title"])
    if not answer["recalls"]:
        hand.tell("No open recall is on record for {item}", item=item)


def report(
    context: typer.Context,
    case_id: CaseId,
    name: Annotated[str | None, typer.Argument(help="Which report; left out: which there are.")] = None,
    *,
    form: FileForm = "xlsx",
    as_of: AsOf = None,
    out: Out = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Write a report to a file: the same bytes for the same as-of point. Without a name: which there are.

    Example: zhuisu recall report RC-2026-1 affected-units --format csv --out affected.csv
    """
    hand = hand_of(context, as_json=as_json)
    service = Service(hand, url, key)
    if name is None:
        answer = service.ask("GET", path_of(case_id, "reports"))
        if hand.as_json:
            hand.json(answer)
            return
        rows = [[r["name"], r["title"][hand.say.language], ", ".join(r["formats"])] for r in answer["reports"]]
        hand.out.print(plain_table(("report", "title", "formats"), rows, hand.say))
        return
    target = out or Path(f"{case_id}-{name}.{form}")
    save(hand, service, path_of(case_id, "reports", name), target, given(format=form, as_of=as_of))


def pack(
    context: typer.Context, case_id: CaseId, *, out: Out = None, url: Url = None, key: Key = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Write the offline pack: lists, contacts and notices, for when systems are down.

    Example: zhuisu recall pack RC-2026-1 --out RC-2026-1.zip
    """
    hand = hand_of(context, as_json=as_json)
    save(hand, Service(hand, url, key), path_of(case_id, "pack"), out or Path(f"{case_id}-pack.zip"), {})


def holds(
    context: typer.Context,
    *,
    since: Annotated[str | None, typer.Option(help="Only what is newer than this cursor or position.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """What must not move: holds placed and released, as WMS and marketplaces read them.

    Example: zhuisu holds
    """
    hand = hand_of(context, as_json=as_json)
    answer = Service(hand, url, key).ask("GET", "/v1/holds", params=given(since=since))
    if hand.as_json:
        hand.json(answer)
        return
    rows = [
        [
            short(h["item"]) if h["item"] else hand.say("all of them"),
            hand.say("ON HOLD") if h["on_hold"] else word("released", hand.say),
            ", ".join(h.get("holds", ())) or h["hold_id"],
            h["occurred_at"],
        ]
        for h in answer["holds"]
    ]
    hand.out.print(plain_table(("item", "state", "hold", "at"), rows, hand.say))
    hand.tell("Next time: --since {cursor}", cursor=answer["next"])


def given(**asked: str | None) -> dict[str, str]:
    """The parameters that were given."""
    return {name: value for name, value in asked.items() if value is not None}


def save(hand: Hand, service: Service, path: str, target: Path, asked: dict[str, str]) -> None:  # noqa: PLR0917
    """Stream an answer into a file; one that was cut leaves none."""
    part = target.with_name(target.name + ".part")
    try:
        with service.http.stream("GET", path, params=asked) as answer:
            if answer.status_code >= 400:
                answer.read()
                service.read(answer)
            with part.open("wb") as file:
                for piece in answer.iter_bytes():
                    file.write(piece)
        part.replace(target)
    except httpx.HTTPError as error:
        part.unlink(missing_ok=True)
        service.away(error)
    except OSError as error:
        hand.fail(REFUSED, "{target} cannot be written: {error}", target=target, error=error)
    if hand.as_json:
        hand.json({"file": str(target), "bytes": target.stat().st_size})
    hand.tell("{target}: {bytes} bytes", target=target, bytes=target.stat().st_size)
