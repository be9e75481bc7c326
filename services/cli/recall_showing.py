"""Cases as people read them: how one stands, its members, its accounting, its clocks."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.cli.messages import Say
from services.cli.options import Hand
from services.cli.showing import plain_table, short, sure, where
from services.cli.words import word


def show_case(hand: Hand, case: Mapping[str, Any], *, history: bool = False) -> None:
    """How a case stands; with its history, who did what."""
    say = hand.say
    hand.tell(
        "{recall} ({mode}): {state} – {title}",
        recall=case["recall"],
        mode=word(case["mode"], say),
        state=word(case["state"], say),
        title=case["title"],
    )
    freeze = case.get("freeze")
    if freeze:
        show_freeze(hand, freeze)
    if freeze and freeze["state"] == "freezing" and (progress := how_far(hand, case)):
        hand.out.print(progress, markup=False, highlight=False)
    if history:
        headings = ("number", "act", "by", "at", "reason")
        rows = [
            [a["sequence"], word(a["act"], say), a["actor"], a["occurred_at"], a["reason"]] for a in case["history"]
        ]
        hand.out.print(plain_table(headings, rows, say))


def how_far(hand: Hand, case: Mapping[str, Any]) -> str:
    """What the freeze of a case waits for, or how far it is."""
    running = [j for j in case.get("jobs", ()) if (j["job"], j["state"]) == ("freeze", "running") and j["code"]]
    return ", ".join(
        hand.say("{done} members stored", done=j["detail"]) if j["code"] == "storing" else word(j["code"], hand.say)
        for j in running
    )


def show_freeze(hand: Hand, freeze: Mapping[str, Any]) -> None:
    """What was frozen, as known at which position, and by whom."""
    state = word(freeze["state"], hand.say)
    if "top_units" not in freeze:
        detail = f": {freeze['code']}: {freeze['detail']}" if "code" in freeze else ""
        hand.tell(
            "Freeze {number}: {state}, as known at {position}{detail}",
            number=freeze["number"],
            state=state,
            position=freeze["position"],
            detail=detail,
        )
        return
    hand.tell(
        "Freeze {number}: {state}, as known at {position}: {top_units} top units, {loose_spares} loose spares,"
        " {members} members ({certain} certain, {possible} possible), SHA-256 {sha256}",
        **{name: freeze[name] for name in ("number", "position", "top_units", "loose_spares", "members")},
        **{name: freeze[name] for name in ("certain", "possible", "sha256")},
        state=state,
    )
    if freeze.get("approved_by"):
        hand.tell("Approved by {who}", who=freeze["approved_by"])


def show_totals(hand: Hand, totals: Mapping[str, Any]) -> None:
    """The counts of a scope."""
    hand.tell(
        "{members} members: {top_units} top units, {units} units, {lots} lots; {certain} certain, {possible} possible",
        members=totals["items"],
        **{name: totals[name] for name in ("top_units", "units", "lots", "certain", "possible")},
    )


def sure_since(now: Mapping[str, Any], was: Mapping[str, Any] | None, say: Say) -> str:
    """How sure a member is, and how sure it was before, where that has changed."""
    if was is None or was["certainty"] == now["certainty"]:
        return sure(now, say)
    return say("{now}, was {before}", now=sure(now, say), before=word(was["certainty"], say))


def _sure_now(member: Mapping[str, Any], say: Say) -> str:
    """A member of a frozen set as it stands now (`change`), else as it is."""
    if member.get("change") not in ("changed", "added"):
        return sure(member, say) + (f", {word('withdrawn', say)}" if member.get("change") == "withdrawn" else "")
    now = {"certainty": member["certainty_now"], "reasons": member["reasons_now"] or ()}
    return sure_since(now, member, say)


def show_members(hand: Hand, members: Sequence[Mapping[str, Any]], *, rows: int) -> None:
    """Members of a set: top units first, each with what brought it in."""
    say = hand.say
    inner = sorted(members, key=lambda m: (not m.get("top"), m["level"], m["item"]))
    shown = inner[: rows or len(inner)]
    headings = ("item", "kind", "level", "how sure", "from", "where")
    told = [
        [
            short(m["item"]),
            word(m["kind"], say),
            m["level"],
            _sure_now(m, say),
            ", ".join(short(f) for f in (m.get("from") or m.get("came_from") or ())[:2]),
            where(m, say) if "site" in m else None,
        ]
        for m in shown
    ]
    if told:
        hand.out.print(plain_table(headings, told, say))
    if len(inner) > len(shown):
        hand.tell("… and {count} more: --rows 0 shows all, --json too", count=len(inner) - len(shown))


def show_accounting(hand: Hand, answer: Mapping[str, Any]) -> None:
    """Every unit in exactly one bucket, and the sum."""
    say = hand.say
    rows = [[word(bucket, say), n] for bucket, n in answer["buckets"].items() if n]
    rows.append([say("sum"), sum(answer["buckets"].values())])
    hand.out.print(plain_table(("bucket", "top units"), rows, say))
    hand.tell(
        "Population {population}, outstanding {outstanding}, recalled {recalled} ({of_planned} of planned,"
        " {of_sold} of sold)",
        population=answer["population"],
        outstanding=answer["outstanding"],
        recalled=answer["recalled"],
        of_planned=percent(answer["recalled_of_planned"]),
        of_sold=percent(answer["recalled_of_sold"]),
    )
    spares = answer["loose_spares"]
    if spares["population"]:
        told = ", ".join(f"{word(b, say)} {n}" for b, n in spares["buckets"].items() if n)
        hand.tell("Loose spares {population}: {told}", population=spares["population"], told=told)
    for one in answer["conflicts"][:10]:
        items = ", ".join(short(i) for i in one["items"]) or one.get("party") or ""
        hand.tell("conflict {code}: {detail}: {items}", code=one["code"], detail=one["detail"], items=items)


def percent(share: str | None) -> str:
    """A share as a percentage; a dash where there is none."""
    return "–" if share is None else f"{float(share):.1%}"


def show_clocks(hand: Hand, answer: Mapping[str, Any]) -> None:
    """What is due, and what has not begun."""
    say = hand.say
    headings = ("duty", "to", "due", "state", "source")
    rows = [
        [c["title"][say.language], c["authority"][say.language], c["due_local"], word(c["status"], say), c["source"]]
        for c in answer["clocks"]
    ]
    rows += [
        [w["title"][say.language], w["authority"][say.language], None, say("not begun"), w["source"]]
        for w in answer["waiting"]
    ]
    hand.out.print(plain_table(headings, rows, say))
    for warning in dict.fromkeys(c["warning"][say.language] for c in answer["clocks"] if c.get("warning")):
        hand.tell("Careful: {warning}", warning=warning)
