"""What every question shares: its parameters read, its snapshot opened, its item found or refused."""

import asyncpg
from fastapi import Request

from domain.ids import InvalidId, ItemId
from domain.moments import InvalidMoment, Moment
from domain.positions import InvalidPosition, parse_vector
from services.problems import Problem
from services.query.nearest import NEAREST_SHOWN, nearest
from services.query.ranges import Ranges
from services.query.scope import Scope


def known_parameters(request: Request, *names: str) -> None:
    """Refuse parameters that would silently do nothing."""
    unknown = sorted(set(request.query_params) - set(names))
    if unknown:
        raise Problem(422, "unknown-parameter", f"{unknown[0]} is not known here: it takes {', '.join(names)}")


def instant(text: str | None, name: str) -> int | None:
    """Microseconds of a time parameter (its latest bound)."""
    if text is None:
        return None
    try:
        return Moment.parse(text.replace(" ", "+"), zone="UTC").latest_us
    except InvalidMoment as error:
        raise Problem(422, "invalid-parameter", f"{name}: {error}") from error


def vector_of(text: str | None, name: str) -> dict[int, int] | None:
    """The vector a position parameter names."""
    if text is None:
        return None
    try:
        return parse_vector(text)
    except InvalidPosition as error:
        raise Problem(422, "invalid-parameter", f"{name}: {error}") from error


NAMED = """(EXISTS (SELECT FROM views.event_items e WHERE e.item_no = i.item_no)
OR EXISTS (SELECT FROM views.memberships m WHERE m.lot_no = i.item_no)
OR EXISTS (SELECT FROM views.serial_ranges r WHERE r.lot_no = i.item_no))"""
"""SQL: an event names item i. A lot may be known by its serials alone (ilmd, links): its recall must find them."""


async def near_to(connection: asyncpg.Connection, tenant_id: int, text: str, *, scope: Scope | None) -> list[str]:
    """Known items that were probably meant, within the scope."""
    found = await nearest(connection, tenant_id, text)
    if isinstance(text, ItemId):
        members = [str(i) for i in await Ranges(connection, tenant_id).beside(text)]
        found = list(dict.fromkeys([*members, *found]))[:NEAREST_SHOWN]
    own = await scope.own_items(found) if scope is not None else found
    return [item for item in found if item in own]


async def item_asked(
    connection: asyncpg.Connection, tenant_id: int, text: str, *, scope: Scope | None = None
) -> ItemId:
    """The canonical id of a known item that is within the scope. Raises Problem 404 with what lies near it."""

    try:
        item = ItemId.parse(text)
    except InvalidId as error:
        beside = await near_to(connection, tenant_id, text, scope=scope)
        raise Problem(404, "not-an-item-id", str(error), item=text, nearest=beside, candidates=beside) from error
    known = (
        await scope.own_items([item])
        if scope is not None
        else await connection.fetchval(
            f"SELECT 1 FROM views.items i WHERE tenant_id = $1 AND uri = $2 AND {NAMED}",
            tenant_id,
            str(item),
        )
        or await Ranges(connection, tenant_id).holding([item])
    )
    if not known:
        beside = await near_to(connection, tenant_id, item, scope=scope)
        raise Problem(404, "unknown-item", f"no event names {item}", item=str(item), nearest=beside)
    return item


def class_asked(text: str) -> str:
    """The class that an id, a GTIN or a name of a product means. Raises Problem 422."""
    try:
        if ":" in text:
            item = ItemId.parse(text)
        else:
            item = ItemId.parse({"gtin" if text.isdigit() and len(text) in (8, 12, 13, 14) else "product": text})
    except InvalidId as error:
        raise Problem(422, "invalid-parameter", f"product: {error}") from error
    return item.material or item
