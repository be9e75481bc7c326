"""`zhuisu recall`: what a coordinator does in a case, from opening to closing."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from services.cli.client import Service
from services.cli.options import REFUSED, USAGE, AsJson, Hand, Key, Url, hand_of
from services.cli.recall_showing import how_far, show_case, show_members, show_totals
from services.cli.showing import plain_table, show_doubts, show_freshness
from services.cli.words import word

CaseId = Annotated[str, typer.Argument(help="The case's id.", metavar="ID")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why: it is kept with the act.")]
Actor = Annotated[str | None, typer.Option("--actor", help="Who does it; else the key's source.")]
Rows = Annotated[int, typer.Option(min=0, help="How many rows the table shows; 0 for all.")]
Rule = Annotated[str | None, typer.Option("--rule", help="The scope rule as JSON, or @FILE that holds it.")]
Lots = Annotated[list[str] | None, typer.Option("--lot", help="A lot that is bad; repeat for several.")]

_FREEZE_SECONDS = 3_600.0
_PAUSE_SECONDS = 0.5


def path_of(case_id: str, *rest: str, group: str = "recalls") -> str:
    """The path of a case, or of a thing of it."""
    return "/".join((f"/v1/{group}", *(quote(part, safe="") for part in (case_id, *rest))))


def signed(actor: str | None, reason: str | None, **fields: Any) -> dict[str, Any]:
    """The body of a command: what was given, and nothing else."""
    given = {"actor": actor, "reason": reason, **fields}
    return {name: value for name, value in given.items() if value not in (None, [], "")}


def open_case(
    context: typer.Context,
    title: Annotated[str, typer.Argument(help="What it is about, in a few words.")],
    *,
    case_id: Annotated[str | None, typer.Option("--id", help="The case's id; left out: one is made.")] = None,
    mode: Annotated[str, typer.Option(help="draft, live or mock: an exercise, which holds nothing.")] = "draft",
    product: Annotated[str | None, typer.Option(help="The product, for people.")] = None,
    hazard: Annotated[str | None, typer.Option(help="What can happen to people.")] = None,
    defect: Annotated[str | None, typer.Option(help="What is wrong with it.")] = None,
    regime: Annotated[
        list[str] | None, typer.Option(help="A regime whose clocks run, e.g. recall-cn-consumer; repeat for several.")
    ] = None,
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Open a case. A draft is turned live when it is decided.

    Example: zhuisu recall open "Cell lot C000006-A" --id RC-2026-1 --mode live --regime recall-cn-consumer
    """
    hand = hand_of(context, as_json=as_json)
    about = {"id": case_id, "title": title, "mode": mode, "product": product, "hazard": hazard, "defect": defect}
    body = signed(actor, reason, **about, regimes=regime)
    told(hand, Service(hand, url, key).ask("POST", "/v1/recalls", json=body))


def scope(
    context: typer.Context,
    case_id: CaseId,
    *,
    rule: Rule = None,
    lot: Lots = None,
    change: Annotated[str, typer.Option(help="set, widened or narrowed.")] = "set",
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Say what is affected, as a rule that people can read.

    Example: zhuisu recall scope RC-2026-1 --lot urn:zhuisu:lot:own:CELL-21700:C000006-A --reason "supplier's 8D"

    Example: zhuisu recall scope RC-2026-1 --rule @rule.json --change widened --reason "second lot"
    """
    hand = hand_of(context, as_json=as_json)
    body = signed(actor, reason, rule=rule_of(hand, rule, lot), change=change)
    told(hand, Service(hand, url, key).ask("POST", path_of(case_id, "scope"), json=body))


def preview(
    context: typer.Context,
    case_id: Annotated[str | None, typer.Argument(help="The case's id; or give a rule.", metavar="[ID]")] = None,
    *,
    rule: Rule = None,
    lot: Lots = None,
    rows: Rows = 20,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """What a freeze would hold now, with counts and cost. Nothing is changed.

    Example: zhuisu recall preview RC-2026-1
    """
    hand = hand_of(context, as_json=as_json)
    if case_id is None and rule is None and not lot:
        hand.fail(USAGE, "name the case, or give a --rule or a --lot")
    service = Service(hand, url, key)
    if case_id is not None:
        answer = service.ask("GET", path_of(case_id, "preview"))
    else:
        answer = service.ask("POST", "/v1/recalls/preview", json={"rule": rule_of(hand, rule, lot)})
    if hand.as_json:
        hand.json(answer)
        return
    show_totals(hand, answer["totals"])
    show_members(hand, answer["members"], rows=rows)
    show_doubts(hand, answer)
    show_freshness(hand, answer)


def freeze(
    context: typer.Context,
    case_id: CaseId,
    *,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Until the set is whole.")] = True,
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Freeze what is affected as known now: the set is stored, and never computed again.

    Example: zhuisu recall freeze RC-2026-1 --reason "scope is agreed"
    """
    hand = hand_of(context, as_json=as_json)
    service = Service(hand, url, key)
    answer = service.ask("POST", path_of(case_id, "freeze"), json=signed(actor, reason))
    until = time.monotonic() + _FREEZE_SECONDS
    with hand.working("Freezing {case} …", case=case_id) as say_how_far:
        while wait and (answer.get("freeze") or {}).get("state") == "freezing" and time.monotonic() < until:
            time.sleep(_PAUSE_SECONDS)
            answer = service.ask("GET", path_of(case_id))
            say_how_far(how_far(hand, answer))
    told(hand, answer)
    if (answer.get("freeze") or {}).get("state") == "failed":
        raise typer.Exit(REFUSED)


def approve(
    context: typer.Context,
    case_id: CaseId,
    *,
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Approve the frozen set, with another key than froze it: holds and alerts follow.

    Example: zhuisu recall approve RC-2026-1 --key "$SECOND_KEY" --actor "Li Na"
    """
    _do(hand_of(context, as_json=as_json), case_id, "approve", body=signed(actor, reason), url=url, key=key)


def describe(
    context: typer.Context,
    case_id: CaseId,
    *,
    mode: Annotated[str | None, typer.Option(help="live: the draft is decided.")] = None,
    title: Annotated[str | None, typer.Option(help="What it is about, in a few words.")] = None,
    hazard: Annotated[str | None, typer.Option(help="What can happen to people.")] = None,
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Correct what the case says of itself; --mode live turns a draft into a recall.

    Example: zhuisu recall describe RC-2026-1 --mode live --reason "the board decided"
    """
    body = signed(actor, reason, mode=mode, title=title, hazard=hazard)
    _do(hand_of(context, as_json=as_json), case_id, "describe", body=body, url=url, key=key)


def stop(
    context: typer.Context,
    case_id: CaseId,
    *,
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Stop active recall (停止积极召回); the case stays open for what is outstanding.

    Example: zhuisu recall stop RC-2026-1 --reason "98 % are back, three letters went unanswered"
    """
    _do(hand_of(context, as_json=as_json), case_id, "stop", body=signed(actor, reason), url=url, key=key)


def close(
    context: typer.Context,
    case_id: CaseId,
    *,
    outstanding_reason: Annotated[
        str | None, typer.Option(help="Why it is closed although units are outstanding.")
    ] = None,
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Close the case. With units outstanding it takes a reason for that, too.

    Example: zhuisu recall close RC-2026-1 --reason "all are back or destroyed"
    """
    body = signed(actor, reason, outstanding_reason=outstanding_reason)
    _do(hand_of(context, as_json=as_json), case_id, "close", body=body, url=url, key=key)


def reopen(
    context: typer.Context,
    case_id: CaseId,
    *,
    item: Annotated[list[str] | None, typer.Option(help="A unit that turned up; repeat for several.")] = None,
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Open a closed case again.

    Example: zhuisu recall reopen RC-2026-1 --item urn:epc:id:sgtin:9521234.000002.B00000603 --reason "it turned up"
    """
    body = signed(actor, reason, items=item)
    _do(hand_of(context, as_json=as_json), case_id, "reopen", body=body, url=url, key=key)


def cases_list(context: typer.Context, *, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """All recalls, newest first.

    Example: zhuisu recall list
    """
    hand = hand_of(context, as_json=as_json)
    answer = Service(hand, url, key).ask("GET", "/v1/recalls")
    if hand.as_json:
        hand.json(answer)
        return
    headings = ("recall", "mode", "state", "title", "opened at", "top units")
    rows = [
        [r["recall"], word(r["mode"], hand.say), word(r["state"], hand.say), r["title"], r["opened_at"], r["top_units"]]
        for r in answer["recalls"]
    ]
    hand.out.print(plain_table(headings, rows, hand.say))


def show(context: typer.Context, case_id: CaseId, *, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """How a case stands, and who did what, when and why.

    Example: zhuisu recall show RC-2026-1
    """
    hand = hand_of(context, as_json=as_json)
    told(hand, Service(hand, url, key).ask("GET", path_of(case_id)), history=True)


def _do(hand: Hand, case_id: str, act: str, *, body: Mapping[str, Any], url: str | None, key: str | None) -> None:
    told(hand, Service(hand, url, key).ask("POST", path_of(case_id, act), json=body))


def told(hand: Hand, case: Mapping[str, Any], *, history: bool = False) -> None:
    """The case as it stands now."""
    if hand.as_json:
        hand.json(case)
    else:
        show_case(hand, case, history=history)


def rule_of(hand: Hand, rule: str | None, lots: list[str] | None) -> Any:
    """The scope rule that options give; a wrong one ends the command."""
    if rule is None:
        if not lots:
            hand.fail(USAGE, "say what is affected: --rule or --lot")
        return {"lots": lots}
    try:
        text = Path(rule[1:]).read_text(encoding="utf-8") if rule.startswith("@") else rule
        return json.loads(text)
    except OSError as error:
        hand.fail(USAGE, "--rule: {error}", error=error)
    except ValueError as error:
        hand.fail(USAGE, "--rule is no JSON: {error}", error=error)
