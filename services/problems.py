"""RFC 9457 problems: every refusal has a stable type, says what is wrong and what to do."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError


class Problem(Exception):
    """A refusal. `code` makes the type URI `/problems/<code>`; `more` are extra members."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers, self.more = status, code, detail, headers or {}, more

    def document(self) -> dict[str, Any]:
        """The problem as its JSON members."""
        title = self.code.replace("-", " ").capitalize()
        head = {"type": f"/problems/{self.code}", "title": title, "status": self.status, "detail": self.detail}
        return head | self.more


def install(app: FastAPI) -> None:
    """Answer Problems as application/problem+json."""

    async def answer(request: Request, problem: Exception) -> JSONResponse:
        assert isinstance(problem, Problem)
        return JSONResponse(
            problem.document(), problem.status, headers=problem.headers, media_type="application/problem+json"
        )

    app.add_exception_handler(Problem, answer)


def field_errors(error: ValidationError) -> list[dict[str, str]]:
    """Each wrong field of an event, by its path, and what is wrong with it."""
    found = []
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        path = [str(part) for part in one["loc"]]
        found.append({"field": ".".join(path[1:] or path), "detail": one["msg"].removeprefix("Value error, ")})
    return found
