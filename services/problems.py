"""RFC 9457 problems: every refusal has a stable type, says what is wrong and what to do."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"

_CODES = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large", 415: "unsupported-media-type"}


class Problem(Exception):
    """A refusal. `code` makes the type URI `/problems/<code>`; `more` are extra members."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers, self.more = status, code, detail, headers or {}, more

    def document(self) -> dict[str, Any]:
        """The problem as its JSON members."""
        head = {"type": type_uri(self.code), "title": title(self.code), "status": self.status, "detail": self.detail}
        return head | self.more


def type_uri(code: str) -> str:
    """The stable type of a problem or of one event's error."""
    return f"/problems/{code}"


def title(code: str) -> str:
    """The code in words."""
    return code.replace("-", " ").capitalize()


def described(refusals: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route by status, for its API description."""
    members = {name: {"type": "string"} for name in ("type", "title", "detail")} | {"status": {"type": "integer"}}
    schema = {"type": "object", "properties": members, "required": list(members), "additionalProperties": True}
    return {
        status: {"description": text, "content": {MEDIA_TYPE: {"schema": schema}}} for status, text in refusals.items()
    }


def respond(problem: Problem) -> JSONResponse:
    """The problem as a response."""
    return JSONResponse(problem.document(), problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every refusal of `app` as application/problem+json: ours, the framework's, and faults of our own."""

    async def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        return respond(error)

    async def parameters(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        errors = _listed(error.errors())
        detail = "; ".join(f"{e['field']}: {e['detail']}" for e in errors)
        return respond(Problem(422, "invalid-parameter", detail, errors=errors))

    async def framework(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = _CODES.get(error.status_code, "refused")
        detail = f"{request.method} {request.url.path}: {error.detail}; what there is: /docs"
        return respond(Problem(error.status_code, code, detail, headers=dict(error.headers or {})))

    async def unkeepable(request: Request, error: Exception) -> JSONResponse:
        detail = "a text contains the character NUL, which nothing in the record has: remove it"
        return respond(Problem(422, "invalid-parameter", detail))

    async def fault(request: Request, error: Exception) -> JSONResponse:
        detail = "a fault of this service, its log says more: send the same request again, ids make that safe"
        return respond(Problem(500, "internal", detail))

    handlers: Sequence[tuple[type[Exception], Callable[[Request, Exception], Awaitable[JSONResponse]]]] = (
        (Problem, ours),
        (RequestValidationError, parameters),
        (HTTPException, framework),
        (asyncpg.CharacterNotInRepertoireError, unkeepable),
        (Exception, fault),
    )
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)


def field_errors(error: ValidationError) -> list[dict[str, str]]:
    """Each wrong field of validated data, by its path, and what is wrong with it."""
    return _listed(error.errors(include_url=False, include_context=False, include_input=False))


def _listed(errors: Sequence[Any]) -> list[dict[str, str]]:
    found = []
    for one in errors:
        path = [str(part) for part in one["loc"]]
        found.append({"field": ".".join(path[1:] or path), "detail": one["msg"].removeprefix("Value error, ")})
    return found
