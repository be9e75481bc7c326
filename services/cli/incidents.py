"""`zhuisu incident` and `zhuisu drill`: major quality incidents (重大质量事故), and mock recalls."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from services.cli.client import Service
from services.cli.options import AsJson, Hand, Key, Url, hand_of
from services.cli.recall_showing import percent, show_clocks
from services.cli.recalling import Actor, CaseId, Reason, path_of, signed
from services.cli.showing import plain_table, short
from services.cli.words import word

_GROUP = "incidents"


def incident_open(
    context: typer.Context,
    title: Annotated[str, typer.Argument(help="What happened, in a few words.")],
    *,
    known_at: Annotated[str, typer.Option(help="When it became known: the clocks start then.")],
    case_id: Annotated[str | None, typer.Option("--id", help="The case's id; left out: one is made.")] = None,
    place: Annotated[str | None, typer.Option(help="Where it happened.")] = None,
    harm: Annotated[str | None, typer.Option(help="Who or what was harmed.")] = None,
    item: Annotated[list[str] | None, typer.Option(help="A unit or lot it is about; repeat for several.")] = None,
    case: Annotated[list[str] | None, typer.Option(help="A recall it is linked to; repeat for several.")] = None,
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Report a major quality incident: the clocks of first, stage and final reports run from when it was known.

    Example: zhuisu incident open "Pack fire" --known-at 2026-04-02T11:20:00+08:00 --place Hefei --harm "one burnt"
    """
    hand = hand_of(context, as_json=as_json)
    about = {"id": case_id, "title": title, "known_at": known_at, "place": place, "harm": harm}
    body = signed(actor, reason, **about, items=item, cases=case)
    _shown(hand, Service(hand, url, key).ask("POST", "/v1/incidents", json=body))


def incident_report(
    context: typer.Context,
    case_id: CaseId,
    stage: Annotated[str, typer.Argument(help="first, province, stage or final.")],
    *,
    at: Annotated[str | None, typer.Option(help="When; else now.")] = None,
    reference: Annotated[str | None, typer.Option(help="What shows it, e.g. the number of a receipt.")] = None,
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Record that a report went to an authority: it is kept with batch and known flow as the trace has them.

    Example: zhuisu incident report INC-2026-1 first --reference "fax 2026-0402-1"
    """
    hand = hand_of(context, as_json=as_json)
    body = signed(actor, reason, stage=stage, at=at, reference=reference)
    _shown(hand, Service(hand, url, key).ask("POST", path_of(case_id, "reports", group=_GROUP), json=body))


def incident_close(
    context: typer.Context,
    case_id: CaseId,
    *,
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Close the incident.

    Example: zhuisu incident close INC-2026-1 --reason "the cause is known, the recall runs"
    """
    hand = hand_of(context, as_json=as_json)
    service = Service(hand, url, key)
    _shown(hand, service.ask("POST", path_of(case_id, "close", group=_GROUP), json=signed(actor, reason)))


def incident_show(
    context: typer.Context, case_id: CaseId, *, url: Url = None, key: Key = None, as_json: AsJson = False
) -> None:
    """How an incident stands, and what is due.

    Example: zhuisu incident show INC-2026-1
    """
    hand = hand_of(context, as_json=as_json)
    _shown(hand, Service(hand, url, key).ask("GET", path_of(case_id, group=_GROUP)))


def incident_list(context: typer.Context, *, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """All incidents, newest first.

    Example: zhuisu incident list
    """
    hand = hand_of(context, as_json=as_json)
    answer = Service(hand, url, key).ask("GET", "/v1/incidents")
    if hand.as_json:
        hand.json(answer)
        return
    rows = [[i["incident"], word(i["state"], hand.say), i["title"], i["opened_at"]] for i in answer["incidents"]]
    hand.out.print(plain_table(("incident", "state", "title", "opened at"), rows, hand.say))


def drill(
    context: typer.Context,
    *,
    seed: Annotated[int | None, typer.Option(help="Picks the lot; left out: a random one, which is kept.")] = None,
    lot: Annotated[str | None, typer.Option(help="This lot, whatever the seed.")] = None,
    trend: Annotated[bool, typer.Option("--trend", help="Run none: show those that were run.")] = False,
    reason: Reason = None,
    actor: Actor = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Run a mock recall: a lot picked by seed, both traces and the mass balance, timed; the result is kept.

    Example: zhuisu drill --seed 20260402

    Example: zhuisu drill --trend
    """
    hand = hand_of(context, as_json=as_json)
    service = Service(hand, url, key)
    if trend:
        _trend(hand, service.ask("GET", "/v1/drills"))
        return
    answer = service.ask("POST", "/v1/drills", json=signed(actor, reason, seed=seed, lot=lot))
    if hand.as_json:
        hand.json(answer)
        return
    hand.out.print(plain_table(_RUN, [_run(answer)], hand.say))


_RUN = ("drill", "lot", "affected", "sources", "accounted for", "seconds")


def _run(run: Mapping[str, Any]) -> list[object]:
    result = run["result"]
    affected, sources = ((result.get(way) or {}).get("totals", {}).get("items") for way in ("forward", "backward"))
    share = percent(result.get("share_accounted"))
    return [run["drill"], short(run["lot"]), affected, sources, share, run["seconds"]]


def _trend(hand: Hand, answer: Mapping[str, Any]) -> None:
    if hand.as_json:
        hand.json(answer)
        return
    hand.out.print(plain_table(_RUN, [_run(run) for run in answer["drills"]], hand.say))
    for name in ("newest", "before"):
        some = answer["trend"][name]
        if some["runs"]:
            hand.tell(
                "{which} {runs}: {seconds} s (median), {share} accounted for",
                which=hand.say(name),
                runs=some["runs"],
                seconds=round(some["seconds"], 3),
                share=percent(some["share_accounted"]),
            )


def _shown(hand: Hand, incident: Mapping[str, Any]) -> None:
    if hand.as_json:
        hand.json(incident)
        return
    state = word(incident["state"], hand.say)
    hand.tell("{incident}: {state} – {title}", incident=incident["incident"], state=state, title=incident["title"])
    show_clocks(hand, incident)
