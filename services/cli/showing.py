"""Answers as people read them: tables, a tree by level, totals, gaps, conflicts, and how fresh it all is."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from services.cli.messages import Say
from services.cli.options import Hand
from services.cli.words import meaning, word

Node = Mapping[str, Any]

_INSIDE = ("installed", "consumed")
_OTHER_COLUMNS = 96
"""What the columns beside the id take before they fold, borders and all."""


def short(item: str) -> str:
    """An id without what all ids share, for tables only: `--json` has the canonical form."""
    if item.startswith("https://id.gs1.org/"):
        return item.removeprefix("https://id.gs1.org")
    return unquote(item.removeprefix("urn:zhuisu:"))


def sure(node: Node, say: Say) -> str:
    """How sure, and why not."""
    reasons = ", ".join(word(reason, say) for reason in node.get("reasons", ()))
    certainty = word(node.get("certainty"), say)
    return f"{certainty} ({reasons})" if reasons else certainty


def where(node: Node, say: Say) -> str:
    """Container and place of a thing that has one place; of a lot that lies in several, each with its quantity."""
    rows = node.get("where") or []
    if len(rows) > 1:
        return "\n".join(_share(row, say) for row in rows[:4]) + ("\n…" if len(rows) > 4 else "")
    containers = [short(c) for c in node.get("containers") or []][:2]
    place = short(node["site"]) if node.get("site") else None
    inside = say("in {container}", container=" < ".join(containers)) if containers else None
    return ", ".join(part for part in (place, inside) if part) or "–"


def _share(row: Mapping[str, Any], say: Say) -> str:
    quantity = " ".join(str(part) for part in (row.get("quantity"), row.get("uom")) if part)
    place = row.get("site") or row.get("container") or row.get("holder")
    return f"{quantity or '?'} × {short(place) if place else word(row.get('status'), say)}"


def status(node: Node, say: Say) -> str:
    """How it stands, with what must not be overlooked."""
    marks = [say("ON HOLD")] if node.get("on_hold") else []
    marks += [say("RECALLED")] if node.get("recalls") else []
    return " ".join([word(node.get("status"), say), *marks])


def trace_table(answer: Mapping[str, Any], say: Say, *, rows: int, columns: int) -> RenderableType:
    """Nodes as a table of at most so many columns of text: what holds the others first, then by level."""
    shown = _in_order(answer["nodes"])[:rows]
    # A fixed width: rich keeps to it and folds the others, but would cut off the last column for a least width.
    longest = max((len(short(node["item"])) for node in shown), default=0)
    item_width = max(len("item"), min(longest, max(columns // 5, columns - _OTHER_COLUMNS)))
    table = Table(title_justify="left", expand=False)
    headings = ("item", "kind", "level", "how sure", "where", "who has it", "status")
    for heading in headings:
        table.add_column(say(heading), overflow="fold", width=item_width if heading == "item" else None)
    for node in shown:
        holder = short(node["holder"]) if node.get("holder") else "–"
        cells = (short(node["item"]), word(node["kind"], say), str(node["level"]), sure(node, say), where(node, say))
        table.add_row(*(escape(cell) for cell in (*cells, holder, status(node, say))))
    return table


def _in_order(nodes: Sequence[Node]) -> list[Node]:
    return sorted(nodes, key=lambda n: (n["status"] in _INSIDE, n["level"], n["item"]))


def trace_tree(answer: Mapping[str, Any], say: Say, *, rows: int) -> RenderableType:
    """Nodes as a tree by level: each under the first of those it was reached from."""
    children: dict[str, list[Node]] = defaultdict(list)
    for node in sorted(answer["nodes"], key=lambda n: (n["level"], n["item"])):
        children[node["from"][0] if node["from"] else ""].append(node)
    left = rows
    root = Tree(say("forward") if answer["question"] == "forward" else say("backward"), highlight=False)
    branches: list[tuple[Tree, str]] = [(root.add(escape(short(item))), item) for item in answer["items"]]
    while branches:
        branch, item = branches.pop(0)
        for node in children.pop(item, []):
            if left == 0:
                branch.add("…")
                break
            left -= 1
            more = say(" and {count} more ways", count=node["from_count"] - 1) if node["from_count"] > 1 else ""
            text = f"{short(node['item'])} · {sure(node, say)} · {status(node, say)} · {where(node, say)}{more}"
            branches.append((branch.add(escape(text)), node["item"]))
    return root


def show_trace(hand: Hand, answer: Mapping[str, Any], *, rows: int = 40, as_tree: bool = False) -> None:
    """A whole trace for people: the counts first, then the things, then what is open, then how fresh it is."""
    say = hand.say
    _show_totals(hand, answer["totals"])
    columns = hand.out.width
    shown = trace_tree(answer, say, rows=rows) if as_tree else trace_table(answer, say, rows=rows, columns=columns)
    if answer["nodes"]:
        hand.out.print(shown)
    if len(answer["nodes"]) > rows:
        hand.tell("… and {count} more: --rows 0 shows all, --json too", count=len(answer["nodes"]) - rows)
    show_doubts(hand, answer)
    show_freshness(hand, answer)


def show_doubts(hand: Hand, answer: Mapping[str, Any]) -> None:
    """Where the record ends or is doubtful, and where it contradicts itself: the first of each."""
    for gap in answer["gaps"][:10]:
        items = ", ".join(short(i) for i in gap["items"][:3]) + (" …" if len(gap["items"]) > 3 else "")
        if gap.get("quantity") is not None:
            items += f" ({gap['quantity']} {gap['uom'] or hand.say('pieces')})"
        hand.tell("gap {code}: {detail}: {items}", code=gap["code"], detail=meaning(gap, hand.say), items=items)
    for conflict in answer["conflicts"][:10]:
        items = ", ".join(short(i) for i in conflict["items"][:3])
        detail = meaning(conflict, hand.say)
        hand.tell("conflict {code}: {detail}: {items}", code=conflict["code"], detail=detail, items=items)
    for name in ("gaps", "conflicts"):
        if len(answer[name]) > 10:
            hand.tell("… and {count} more {what}", count=len(answer[name]) - 10, what=hand.say(name))


def _show_totals(hand: Hand, totals: Mapping[str, Any]) -> None:
    say = hand.say
    hand.tell(
        "{items} items: {units} units ({top_units} of them not inside another), {lots} lots;"
        " {certain} certain, {possible} possible",
        **{name: totals[name] for name in ("items", "units", "top_units", "lots", "certain", "possible")},
    )
    for name, heading in (("by_status", "by status"), ("by_site", "by site"), ("by_holder", "by holder")):
        counts = sorted(totals.get(name, {}).items(), key=lambda pair: (-pair[1], pair[0]))
        if counts:
            told = ", ".join(f"{word(key, say) if name == 'by_status' else short(key)} {n}" for key, n in counts[:8])
            hand.tell("{heading}: {told}", heading=say(heading), told=told + (" …" if len(counts) > 8 else ""))


def show_freshness(hand: Hand, answer: Mapping[str, Any]) -> None:
    """What the answer rests on: complete or why not, as of when, how far behind."""
    as_of, lag = answer["as_of"], answer["lag"]
    recorded = as_of.get("recorded_at") or "–"
    if answer["complete"]:
        hand.tell("Complete, as of {position} recorded at {recorded}", position=as_of["position"], recorded=recorded)
        return
    why = ", ".join(word(code, hand.say) for code in answer["incomplete_because"])
    behind = "?" if lag.get("events") is None else str(lag["events"])
    hand.tell(
        "INCOMPLETE ({why}), as of {position} recorded at {recorded}, {behind} events behind",
        why=why,
        position=as_of["position"],
        recorded=recorded,
        behind=behind,
    )


def state_table(answer: Mapping[str, Any], say: Say) -> Table:
    """One item, a row a fact."""
    table = Table(show_header=False)
    facts = {
        "item": answer["item"],
        "also known as": "\n".join(answer.get("equivalent", [])[1:]),
        "kind": word(answer.get("kind"), say),
        "status": status(answer, say),
        "where": where(answer, say),
        "who has it": answer.get("holder"),
        "owner": answer.get("owner"),
        "disposition": answer.get("disposition"),
        "installed in": ", ".join(short(i) for i in answer.get("wholes", [])),
        "holds": ", ".join(answer.get("holds", [])),
        "recalls": ", ".join(answer.get("recalls", [])),
        "events": str(answer.get("event_count", "")),
    }
    for name, fact in facts.items():
        if fact:
            table.add_row(say(name), escape(str(fact)))
    return table


def plain_table(headings: Sequence[str], rows: Sequence[Sequence[object]], say: Say) -> Table:
    """Any rows under translated headings; what is absent is a dash."""
    table = Table()
    for heading in headings:
        table.add_column(say(heading), overflow="fold")
    for row in rows:
        table.add_row(*("–" if cell in (None, "") else escape(str(cell)) for cell in row))
    return table
