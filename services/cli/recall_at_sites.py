"""`zhuisu recall at-sites`: what a store or a plant has of a recall, and what to do with it."""

from collections.abc import Mapping
from typing import Any

import typer

from services.cli.client import Service
from services.cli.options import AsJson, Hand, Key, Url, hand_of
from services.cli.recalling import CaseId, Rows, path_of
from services.cli.showing import plain_table, short, where
from services.cli.words import word

_PAGE = 1_000


def at_sites(
    context: typer.Context,
    case_id: CaseId,
    *,
    rows: Rows = 40,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """What of an approved recall is or was at the sites of your key, and what to do: for stores and plants.

    A key limited to sites (zhuisu keys create … --site SHOP-01) sees its own items alone, another key all of them.

    Example: zhuisu recall at-sites RC-2026-1 --rows 0
    """
    hand = hand_of(context, as_json=as_json)
    service = Service(hand, url, key)
    asked: dict[str, Any] = {"limit": _PAGE}
    answer = service.ask("GET", path_of(case_id, "at-sites"), params=asked)
    members = list(answer["members"])
    while answer["next"] and (rows == 0 or len(members) < rows):
        answer = service.ask("GET", path_of(case_id, "at-sites"), params={**asked, "cursor": answer["next"]})
        members += answer["members"]
    if hand.as_json:
        hand.json({**answer, "members": members})
        return
    _show(hand, answer, members[: rows or len(members)])
    if answer["next"] or len(members) > (rows or len(members)):
        hand.tell("There are more: --rows 0 shows all")
    if answer["left_out"]:
        hand.tell("{line}", line=answer["left_out"][hand.say.language])


def _show(hand: Hand, answer: Mapping[str, Any], members: list[dict[str, Any]]) -> None:
    say = hand.say
    hand.tell("{recall}: {title}", recall=answer["recall"], title=answer["title"])
    if answer["closed"]:
        hand.tell("This recall is closed")
    if answer["hazard"]:
        hand.tell("Hazard: {told}", told=answer["hazard"])
    if answer["what_to_do"]:
        hand.tell("What to do: {told}", told=answer["what_to_do"])
    if answer["contact"]:
        hand.tell("Ask: {told}", told=answer["contact"])
    if not members:
        hand.tell("Nothing of it is or was here, as far as the record says")
        return
    told_rows = [
        [
            short(m["item"]),
            word(m["kind"], say),
            word(m["status"], say) if m["status"] else None,
            say("ON HOLD") if m["on_hold"] else None,
            where({**m, "containers": [m["container"]] if m["container"] else []}, say),
        ]
        for m in members
    ]
    hand.out.print(plain_table(("item", "kind", "status", "hold", "where"), told_rows, say))
