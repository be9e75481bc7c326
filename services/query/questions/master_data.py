"""What a party, a place or a product was described as: the description that holds at an instant."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from domain.ids import InvalidId, PartyId, PlaceId
from domain.moments import iso
from services.access import Caller
from services.problems import Problem
from services.query.asking import class_asked, known_parameters
from services.query.caching import json_answer
from services.query.descriptions import Descriptions, Topic
from services.query.snapshot import Asked, Questions
from services.query.watching import watched


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
    descriptions = Descriptions(asked, places=await _places(asked, topic, subject))
    await descriptions.load(topic, [subject])
    held = descriptions.at(topic, subject, at_us=at_us)
    if held is None:
        return None
    return {
        topic: subject,
        **{k: v for k, v in held.said.items() if k != topic},
        "valid_from": iso(held.from_us),
        "valid_until": iso(held.until_us) if held.until_us is not None else None,
        "event_id": held.event_id,
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
