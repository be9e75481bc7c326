"""Where items came from, and what they went into and where that is now (SEMANTICS §3)."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from domain.answers import Way
from services.access import Caller
from services.query.asking import known_parameters
from services.query.described import EXAMPLE_ITEM, SUMMARY_EXAMPLE, TRACE_EXAMPLE, answers, takes
from services.query.formats import AsSummary, Format, format_of
from services.query.items_asked import Wanted, items_asked, wanted
from services.query.paging import digest
from services.query.snapshot import Asked, MoreThanFew, NeedsMore, Questions
from services.query.tracing import PARAMETERS, TraceAsked, answer, answer_of_few, trace_asked
from services.query.walks import Start
from services.query.watching import until_gone

_WAYS = {str(way): way for way in Way}
_NO_PAGES = tuple(p for p in PARAMETERS if p not in ("limit", "cursor", "format"))


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter(route_class=_at_once(questions.reader))
    reader = Annotated[Caller, Depends(questions.reader)]
    limit_bytes = questions.settings.max_body_bytes

    @router.get(
        "/v1/trace/{way}", response_class=Response, responses=answers(TRACE_EXAMPLE), openapi_extra=takes(*PARAMETERS)
    )
    async def get_trace(way: Way, item: str, *, request: Request, caller: reader) -> Response:
        """Where an item came from (backward), or what it went into and where that is now (forward)."""
        known_parameters(request, "item", *PARAMETERS)
        asked, form = Wanted([item]), format_of(request)
        return await _of_one(questions, request, caller=caller, way=way, asked=asked, form=form)

    @router.get(
        "/v1/trace/{way}/summary",
        response_class=Response,
        responses=answers(SUMMARY_EXAMPLE),
        openapi_extra=takes(*_NO_PAGES),
    )
    async def get_summary(way: Way, item: str, *, request: Request, caller: reader) -> Response:
        """The trace without its nodes: totals, gaps, conflicts, and whether it is complete."""
        known_parameters(request, "item", *_NO_PAGES)
        asked = Wanted([item])
        return await _of_one(questions, request, caller=caller, way=way, asked=asked, form=AsSummary())

    @router.post(
        "/v1/trace/{way}",
        response_class=Response,
        responses=answers(TRACE_EXAMPLE),
        openapi_extra=takes(*PARAMETERS, body={"items": [EXAMPLE_ITEM]}),
    )
    async def post_trace(way: Way, *, request: Request, caller: reader) -> Response:
        """The same for many items: {"items": [...]}, or CSV with one id a line or a column `item`."""
        known_parameters(request, *PARAMETERS)
        form = format_of(request)
        asked = await wanted(request, limit_bytes=limit_bytes)
        return await until_gone(request, _trace(questions, request, caller=caller, way=way, asked=asked, form=form))

    @router.post(
        "/v1/trace/{way}/summary",
        response_class=Response,
        responses=answers(SUMMARY_EXAMPLE),
        openapi_extra=takes(*_NO_PAGES, body={"items": [EXAMPLE_ITEM]}),
    )
    async def post_summary(way: Way, *, request: Request, caller: reader) -> Response:
        """The same for many items, without nodes."""
        known_parameters(request, *_NO_PAGES)
        asked = await wanted(request, limit_bytes=limit_bytes)
        return await until_gone(
            request, _trace(questions, request, caller=caller, way=way, asked=asked, form=AsSummary())
        )

    return router


def _at_once(find: Callable[[Request], Awaitable[Caller]]) -> type[APIRoute]:
    """Routes whose GET, where it names a way and one item, is called at once.

    What the framework does to solve parameters takes as long as walking to the few items of a unit.
    """

    class AtOnce(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            solving, endpoint = super().get_route_handler(), self.endpoint
            if self.methods != {"GET"}:
                return solving

            async def handle(request: Request) -> Response:
                way, items = _WAYS.get(request.path_params["way"]), request.query_params.getlist("item")
                if way is None or len(items) != 1:
                    return await solving(request)  # it says what is wrong
                answer: Response = await endpoint(way, items[0], request=request, caller=await find(request))
                return answer

            return handle

    return AtOnce


async def _of_one(
    questions: Questions, request: Request, *, caller: Caller, way: Way, asked: Wanted, form: Format
) -> Response:
    """What is not answered at once ends when the client leaves."""
    ask, begin = _asked(request, way=way, asked=asked, form=form)
    begun, snapshot = None, await questions.at_once(caller, request)
    if snapshot is not None:
        try:
            return await answer_of_few(questions, request, asked=snapshot, ask=ask, begin=begin)
        except MoreThanFew:
            begun = snapshot
        except NeedsMore:
            pass
    return await until_gone(request, answer(questions, request, caller=caller, ask=ask, begin=begin, begun=begun))


async def _trace(
    questions: Questions, request: Request, *, caller: Caller, way: Way, asked: Wanted, form: Format
) -> Response:
    ask, begin = _asked(request, way=way, asked=asked, form=form)
    return await answer(questions, request, caller=caller, ask=ask, begin=begin)


def _asked(
    request: Request, *, way: Way, asked: Wanted, form: Format
) -> tuple[TraceAsked, Callable[[Asked], Awaitable[Start]]]:
    paged = "limit" in request.query_params
    question = digest(request, list(asked.texts)) if paged else ""  # what only a cursor needs
    ask = trace_asked(request.query_params, way, name=way, question=question, form=form)
    skip = request.query_params.get("unknown") == "skip"

    async def begin(snapshot: Asked) -> Start:
        return Start(*await items_asked(snapshot, asked, skip_unknown=skip))

    return ask, begin
