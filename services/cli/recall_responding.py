"""`zhuisu recall notify` and `respond`: who was told, and what came back."""

from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.client import Service
from services.cli.files import FileError, kind_of_file, read_bytes
from services.cli.options import REFUSED, USAGE, AsJson, Hand, Key, Url, hand_of
from services.cli.recalling import Actor, CaseId, Reason, path_of, signed

Consignee = Annotated[str | None, typer.Option(help="The consignee's id, as events name it.")]
Rows = Annotated[Path | None, typer.Option("--file", help="A .csv, .ndjson, .json or .xlsx file, a row each.")]

_TYPES = {
    ".csv": "text/csv",
    ".ndjson": "application/x-ndjson",
    ".json": "application/json",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def notify(
    context: typer.Context,
    case_id: CaseId,
    *,
    to: Annotated[str | None, typer.Option(help="direct (accounts), accounts (all but owners) or all.")] = None,
    consignee: Consignee = None,
    how: Annotated[str | None, typer.Option(help="By which means, e.g. e-mail, registered letter, phone.")] = None,
    at: Annotated[str | None, typer.Option(help="When; else now.")] = None,
    file: Rows = None,
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Record that consignees were notified: all that `--to` means, one, or those of a file.

    Who has answered already is recorded with the answer: zhuisu recall respond … --reached-by phone.

    Example: zhuisu recall notify RC-2026-1 --to direct --how e-mail
    """
    hand = hand_of(context, as_json=as_json)
    if file is None and (how is None or (to is None) == (consignee is None)):
        hand.fail(USAGE, "say who was told and how: --to or --consignee, with --how; or --file")
    row = {"to": to, "consignee": consignee, "how": how, "at": at}
    _record(hand, case_id, "notifications", row=row, file=file, by=(actor, reason), service=Service(hand, url, key))


def respond(
    context: typer.Context,
    case_id: CaseId,
    items: Annotated[list[str] | None, typer.Argument(help="Units or lots that it is about.")] = None,
    *,
    response: Annotated[
        str | None,
        typer.Option(help="acknowledged, on_hand, recovered, remedied, unreachable, sold, lost, verdict …"),
    ] = None,
    consignee: Consignee = None,
    quantity: Annotated[str | None, typer.Option(help="So much of a lot that has no serials.")] = None,
    uom: Annotated[str | None, typer.Option(help="Unit of measure of the quantity; none: pieces.")] = None,
    remedy: Annotated[
        str | None, typer.Option(help="label, repair, replace, refund, destroy or software_update.")
    ] = None,
    verdict: Annotated[str | None, typer.Option(help="affected, inspected_clear, repairable or scrap.")] = None,
    why: Annotated[str | None, typer.Option(help="Why somebody cannot be reached, e.g. exported.")] = None,
    reached_by: Annotated[
        str | None,
        typer.Option(
            help="How they were told just now, e.g. phone, visit: for who answers before any notice went out."
        ),
    ] = None,
    at: Annotated[str | None, typer.Option(help="When; else now.")] = None,
    file: Rows = None,
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Record what consignees say of their items, what came back, and which remedy it got.

    Who answers was told before (zhuisu recall notify); else --reached-by records how they were told, too.

    Example: zhuisu recall respond RC-2026-1 urn:epc:id:sgtin:9521234.000002.B1 --response remedied --remedy repair

    Example: zhuisu recall respond RC-2026-1 urn:acme:b2 --response on_hand --consignee dealer-17 --reached-by phone

    Example: zhuisu recall respond RC-2026-1 --file answers.csv
    """
    hand = hand_of(context, as_json=as_json)
    if file is None and response is None:
        hand.fail(USAGE, "say what came back: --response, or --file")
    if quantity is not None and len(items or ()) != 1:
        hand.fail(USAGE, "--quantity is of one lot: name it")
    if reached_by is not None and (file is not None or consignee is None):
        hand.fail(USAGE, "--reached-by is about one consignee: name them with --consignee; a file has a column for it")
    named = [signed(None, None, item=i, quantity=quantity, uom=uom) for i in items or ()]
    row = {"response": response, "consignee": consignee, "remedy": remedy, "verdict": verdict, "why": why, "at": at}
    row["reached_by"] = reached_by
    _record(
        hand,
        case_id,
        "responses",
        row={**row, "items": named or None},
        file=file,
        by=(actor, reason),
        service=Service(hand, url, key),
    )


def _record(
    hand: Hand,
    case_id: str,
    name: str,
    *,
    row: dict[str, Any],
    file: Path | None,
    by: tuple[str | None, str | None],
    service: Service,
) -> None:
    path = path_of(case_id, name)
    if file is None:
        actor, reason = by
        body: dict[str, Any] = signed(actor, reason) | {name: [signed(None, None, **row)]}
        answer = service.ask("POST", path, json=body)
    else:
        content_type = _TYPES.get(kind_of_file(file))
        if content_type is None:
            hand.fail(USAGE, "{file}: rows come as .csv, .ndjson, .json or .xlsx", file=file)
        try:
            content = read_bytes(file)
        except FileError as error:
            hand.fail(USAGE, "{error}", error=error)
        headers = {"Content-Type": content_type}
        answer = service.ask("POST", path, content=content, headers=headers, params=signed(*by))
    if hand.as_json:
        hand.json(answer)
    else:
        hand.tell_rejected(answer["rejected"])
    hand.tell("{count} rows recorded, {rejected} rejected", count=answer["rows"], rejected=answer["rejected_count"])
    if answer["reopened"]:
        hand.tell("The case was closed: it is open again")
    raise typer.Exit(REFUSED if answer["rejected"] else 0)
