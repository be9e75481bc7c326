"""Mass balance of a lot, or of an order or another transformation (docs/semantics.md, 'Mass balance')."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from domain.balance import TOLERANCE, unaccounted_gaps
from domain.facts import Role
from domain.ids import InvalidId, PlaceId
from domain.order_balance import OrderBalance, order_balance
from domain.order_facts import order_key
from domain.state import State, states
from services.access import Caller
from services.problems import Problem, described
from services.query import rendering
from services.query.answering import answered
from services.query.asking import known_parameters
from services.query.caching import json_answer
from services.query.described import REFUSALS
from services.query.snapshot import Asked, Questions
from services.query.watching import watched

_PARAMETERS = {
    "item": "a lot: a URI, EPC URN or GS1 Digital Link",
    "order": "in place of a lot: this order",
    "site": "the place of the order",
    "transformation": "in place of both: this transformation, by the id that answers give it",
    "tolerance": "the share of what came in that may be missing without being a gap, 0 to 1; default 0.001",
    "at": "the balance at this time; default now",
    "as_of": "as known then: a position (0-1234) or a time",
    "wait_for": "answer only once this position is in the views",
}
_DESCRIBED = {
    "parameters": [
        {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "description": text}
        for name, text in _PARAMETERS.items()
    ]
}


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/items/balance", response_class=Response, openapi_extra=_DESCRIBED, responses=described(REFUSALS))
    @watched
    async def get_balance(request: Request, caller: reader) -> Response:
        """What came in of a lot (`item`), what went out, what is there, and what nobody accounts for; or the same of
        an order (`order` and `site`) or another `transformation`. A key limited to sites: as these tell it.
        """
        known_parameters(request, *_PARAMETERS)
        key = _transformation(request)
        tolerance = _tolerance(request.query_params.get("tolerance"))
        async with questions.ask(caller, request) as asked:
            if key is not None:
                body = await _of_order(asked, key, at_us=asked.at_us(request), tolerance=tolerance)
            else:
                body = await _of_lot(asked, request, tolerance=tolerance)
            return json_answer(request, body | {"tolerance": rendering.text(tolerance)} | asked.frame([]))

    return router


def _transformation(request: Request) -> str | None:
    """The key of the transformation asked about; None: an item is. Raises Problem 422 unless it is one of the two."""
    query = request.query_params
    order, site, key = query.get("order"), query.get("site"), query.get("transformation")
    if sum(x is not None for x in (query.get("item"), order, key)) != 1 or (order is None) != (site is None):
        detail = "ask about one thing: item=<lot>, or order=<number>&site=<place>, or transformation=<id>"
        raise Problem(422, "invalid-parameter", detail)
    if order is None or site is None:
        return key
    try:
        return order_key(PlaceId.parse(site), order)
    except InvalidId as error:
        raise Problem(422, "invalid-parameter", f"site: {error}") from error


def _tolerance(text: str | None) -> Decimal:
    """The share of what came in that may be missing: 0 to 1."""
    if text is None:
        return TOLERANCE
    try:
        tolerance = Decimal(text)
    except InvalidOperation:
        tolerance = Decimal(-1)
    if not (tolerance.is_finite() and 0 <= tolerance <= 1):
        raise Problem(422, "invalid-parameter", f"tolerance: {text} is not a share from 0 to 1, e.g. 0.001")
    return tolerance


async def _of_lot(asked: Asked, request: Request, *, tolerance: Decimal) -> dict[str, Any]:
    item = await asked.item(request.query_params["item"])
    record = asked.record() if asked.scope is None else asked.scope.record()
    state: State = (await answered(states([item], at_us=asked.at_us(request)), record))[item]
    if state.kind not in ("lot", "class"):
        detail = f"{item} is a {state.kind}: a balance is of a lot; /v1/items/state says where this is"
        raise Problem(422, "not-a-lot", detail, item=str(item))
    gaps = unaccounted_gaps(item, state.balances, tolerance=tolerance)
    return {
        "item": item,
        "balances": [rendering.balance_json(b) for b in state.balances],
        "where": rendering.standing_json(state)["where"],
        "gaps": [rendering.gap_json(g) for g in gaps],
        "conflicts": [rendering.conflict_json(c) for c in state.conflicts],
    }


async def _of_order(asked: Asked, key: str, *, at_us: int, tolerance: Decimal) -> dict[str, Any]:
    record = asked.record() if asked.scope is None else asked.scope.record()
    found: OrderBalance = await answered(order_balance(key, at_us=at_us, tolerance=tolerance), record)
    if not found.lines:
        detail = f"no event tells what went into or came of {key}: check the number and the site"
        raise Problem(404, "unknown-transformation", detail, transformation=key)
    return {
        "transformation": key,
        "closed": found.closed,
        "lines": [
            {
                "item": line.item,
                "role": "input" if line.role is Role.INPUT else "output",
                "uom": line.uom,
                "posted": rendering.text(line.posted),
                "net": rendering.text(line.net),
            }
            for line in found.lines
        ],
        "balances": [
            {
                "uom": t.uom,
                "consumed": rendering.text(t.consumed),
                "produced": rendering.text(t.produced),
                "open": rendering.text(t.open),
                "unaccounted": rendering.text(t.unaccounted),
            }
            for t in found.totals
        ],
        "gaps": [rendering.gap_json(g) for g in found.gaps],
        "conflicts": [rendering.conflict_json(c) for c in found.conflicts],
    }
