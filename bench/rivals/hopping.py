"""A naive client that walks one hop a request over our own HTTP API: timelines, events, states, one by one.

What an EPCIS client does that knows a repository by its events. It asks for the timeline of an item, for each event of
it, and for the state of what it reached.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from bench.rivals.walking import Link, Walk
from bench.rows import RowSet, of_csv
from bench.wire import Connection
from services.query.formats import NODES, AsCsv

_WALKED = frozenset({"transformed", "assembled", "reworked", "material_received"})


class Hopping:
    """One connection, one request at a time; it asks for no event twice."""

    name = "a client that walks a hop a request"
    handicap = "our own API, states by one look each; one connection"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def ask(self, lot: str) -> list[dict[str, Any]]:
        """The forward trace of a lot, as nodes."""
        walk, events = Walk(lot), dict[str, Mapping[str, Any]]()
        while walk.fresh:
            links: list[Link] = []
            for item in walk.fresh:
                for event_id in await self._events_of(item):
                    if event_id not in events:
                        events[event_id] = (await self._get(f"/v1/events/{quote(event_id, safe='')}"))["body"]
                    links += links_of(item, event_id, events[event_id])
            walk.step(links)
        return [await self._node(walk, item, events) for item in walk.levels if item != lot]

    async def _get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((await self._connection.get(path)).body)
        return found

    async def _events_of(self, item: str) -> list[str]:
        timeline = await self._get(f"/v1/items/timeline?item={quote(item, safe='')}")
        return [e["event_id"] for e in timeline["events"] if e["kind"] in _WALKED and e["standing"] == "counts"]

    async def _node(self, walk: Walk, item: str, events: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        arrivals, level = walk.arrivals[item], walk.levels[item]
        links = sorted(link for link, _ in arrivals)
        sources = sorted({link.source for link, hops in arrivals if hops == level})
        state = await self._get(f"/v1/items/state?item={quote(item, safe='')}")
        return {
            **state,
            "item": item,
            "level": level,
            "certainty": "certain",
            "reasons": [],
            "from": sources,
            "from_count": len(sources),
            "links": [
                {"relation": k.relation, "from": k.source, "to": k.target, "event_id": k.event_id} for k in links
            ],
            "link_count": len(links),
            "occurred_at": min(_instant(events[link.event_id]) for link in links),
        }

    def rows(self, answer: list[dict[str, Any]]) -> RowSet:
        """What `ask` gave, to compare."""
        return of_csv(AsCsv(NODES, for_spreadsheet=False).rows(answer), header=False)


def links_of(item: str, event_id: str, event: Mapping[str, Any]) -> Iterator[Link]:
    """Where the item went in the event."""

    def link(relation: str, target: str) -> Link:
        return Link(relation, item, target, event_id, False)

    def named(*lists: str) -> bool:
        return any(item == one["item"] for name in lists for one in event.get(name, ()))

    match event["kind"]:
        case "transformed" if named("inputs"):
            yield from (link("derivation", out) for one in event["outputs"] for out in _spelt(one))
        case "assembled" if named("components"):
            yield link("part_of", event["parent"])
        case "reworked":
            if named("parts"):
                yield link("part_of", event["item"])
            if named("materials"):
                yield link("derivation", event["item"])
        case "material_received" if item == event["item"]:
            _, _, word, _, product, *_ = item.split(":")
            yield link("identified_as", f"urn:zhuisu:{word}:{event['supplier']}:{product}:{event['supplier_lot']}")


def _spelt(output: Mapping[str, Any]) -> list[str]:
    if "range" not in output:
        return [output["item"]]
    ranged = output["range"]
    head, first, last = ranged["product"].replace(":class:", ":unit:"), ranged["first"], ranged["last"]
    digits = len(first) - len(first.rstrip("0123456789"))
    letters = first[:-digits]
    numbers = range(int(first[-digits:]), int(last[-digits:]) + 1)
    return [f"{head}:{letters}{number:0{digits}d}" for number in numbers]


def _instant(event: Mapping[str, Any]) -> str:
    told = event.get("started_at") or event["occurred_at"]
    return datetime.fromisoformat(told).astimezone(UTC).isoformat().replace("+00:00", "Z")
