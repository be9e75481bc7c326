"""What a party, a place or a product was described as: the description that holds at an instant."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response

from domain.corrections import Standing
from domain.ids import InvalidId, PartyId, PlaceId
from domain.moments import iso
from services.access import Caller
from services.problems import Problem
from services.query.asking import class_asked, known_parameters
from services.query.caching import json_answer
from services.query.snapshot import Asked, Questions
from services.query.standing import judged
from services.query.watching import watched

Topic = Literal["party", "place", "product"]
_OF_EVENT = frozenset({"kind", "occurred_at", "event_id"})
"""Members of the event that are not what it describes."""

_DESCRIPTIONS = """
-- the later of two that begin at one instant is the one recorded later
SELECT m.event_no, e.key_no, k.event_id, m.valid_from_us, m.described, e.log_partition, e.log_offset
FROM views.master_data m JOIN views.events e USING (event_no) JOIN views.event_keys k USING (key_no)
WHERE m.tenant_id = $1 AND m.topic = $2 AND m.subject = $3
AND ($4::text[] IS NULL OR EXISTS (
    SELECT FROM views.event_places p WHERE p.event_no = m.event_no AND p.place = ANY($4)))
ORDER BY m.valid_from_us, e.appended_us, e.log_partition, e.log_offset
"""


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    async def described(topic: Topic, subject: str, request: Request, *, caller: Caller) -> Response:
        known_parameters(request, "at", "as_of", "wait_for")
        canonical = str(_canonical(topic, subject))
        async with questions.ask(caller, request) as asked:
            found = await _holding(asked, topic, canonical, at_us=asked.at_us(request))
            if found is None:
                detail = (
                    f"nothing describes {canonical} at that time: post {topic}_described, or ask about another time"
                )
                raise Problem(404, "not-described", detail)
            return json_answer(request, found | asked.frame([]))

    @router.get("/v1/parties/{party:path}", response_class=Response)
    @watched
    async def get_party(party: str, request: Request, caller: reader) -> Response:
        """What a party is described as `at` an instant, and from when to when that holds. Contacts are elsewhere."""
        return await described("party", party, request, caller=caller)

    @router.get("/v1/places/{place:path}", response_class=Response)
    @watched
    async def get_place(place: str, request: Request, caller: reader) -> Response:
        """What a place is described as `at` an instant, and from when to when that holds."""
        return await described("place", place, request, caller=caller)

    @router.get("/v1/products/{product:path}", response_class=Response)
    @watched
    async def get_product(product: str, request: Request, caller: reader) -> Response:
        """What a product is described as `at` an instant, and from when to when that holds."""
        return await described("product", product, request, caller=caller)

    return router


async def _holding(asked: Asked, topic: Topic, subject: str, *, at_us: int) -> dict[str, Any] | None:
    places = await _places(asked, topic, subject)
    rows = await asked.connection.fetch(_DESCRIPTIONS, asked.tenant_id, topic, subject, places)
    verdicts = await judged(asked.connection, [r["key_no"] for r in rows], vector=asked.vector)
    counting = [
        r
        for r in rows
        if asked.knows(r["log_partition"], r["log_offset"])
        and (r["event_no"] not in verdicts or verdicts[r["event_no"]].standing in (Standing.COUNTS, Standing.PENDING))
    ]
    past = [r for r in counting if r["valid_from_us"] <= at_us]
    if not past:
        return None
    held, later = past[-1], [r for r in counting if r["valid_from_us"] > at_us]
    return {
        topic: subject,
        **{k: v for k, v in held["described"].items() if k not in _OF_EVENT and k != topic},
        "valid_from": iso(held["valid_from_us"]),
        "valid_until": iso(later[0]["valid_from_us"]) if later else None,
        "event_id": held["event_id"],
    }


async def _places(asked: Asked, topic: Topic, subject: str) -> list[str] | None:
    """None: all. A key limited to sites sees those of its places and products, and what its sites posted."""
    scope = asked.scope
    if scope is None or (topic == "place" and subject in scope.places):
        return None
    if topic == "product" and subject in await scope.own_items([subject]):
        return None
    return sorted(scope.places)


def _canonical(topic: Topic, text: str) -> str:
    try:
        match topic:
            case "party":
                return PartyId.parse(text)
            case "place":
                return PlaceId.parse(text)
            case "product":
                return class_asked(text)
    except InvalidId as error:
        raise Problem(422, "invalid-parameter", str(error)) from error
