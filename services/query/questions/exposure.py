"""What was exposed to a circumstance, and what that went into (SEMANTICS §3 'Exposure')."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from domain.answers import Way
from services.access import Caller
from services.query.asking import known_parameters
from services.query.described import EXAMPLE_EXPOSURE, EXPOSURE_EXAMPLE, answers, takes
from services.query.exposed import exposed
from services.query.exposure_asked import PLAIN, exposure_of, text_of
from services.query.formats import format_of
from services.query.items_asked import body_of, json_of
from services.query.paging import digest
from services.query.snapshot import Asked, Questions
from services.query.tracing import answer, trace_asked
from services.query.walks import Start
from services.query.watching import until_gone

_IN_QUERY = ("wait_for", "limit", "cursor", "format")


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.post(
        "/v1/exposures",
        response_class=Response,
        responses=answers(EXPOSURE_EXAMPLE),
        openapi_extra=takes(*_IN_QUERY, body=EXAMPLE_EXPOSURE),
    )
    async def post_exposures(request: Request, caller: reader) -> Response:
        """What was made, inspected or received under a circumstance in a time window, and all that it went into."""
        known_parameters(request, *_IN_QUERY)
        form = format_of(request)
        body = json_of(await body_of(request, limit_bytes=questions.settings.max_body_bytes))
        exposure = exposure_of(body)
        given = {**request.query_params, **{name: text_of(body, name) for name in PLAIN if body.get(name) is not None}}
        ask = trace_asked(given, Way.FORWARD, name="exposure", question=digest(request, body), form=form)

        async def begin(asked: Asked) -> Start:
            return Start((), seeds=await exposed(questions.graphs, asked, exposure))

        return await until_gone(request, answer(questions, request, caller=caller, ask=ask, begin=begin, given=given))

    return router
