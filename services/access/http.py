"""Who is asking over HTTP: `Authorization: Bearer <key>` or `X-API-Key: <key>`."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from services.access.callers import Caller, Role
from services.access.keys import AccessUnavailable, Keys
from services.problems import Problem


def caller_with(role: Role, keys: Keys) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency: the caller of a request, who must hold `role`."""

    async def find(request: Request) -> Caller:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        key = bearer.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
        try:
            caller = await keys.authenticate(key) if key else None
        except AccessUnavailable as error:
            raise Problem(503, "access-unavailable", str(error), headers={"Retry-After": "2"}) from error
        if caller is None:
            detail = "send a valid key: Authorization: Bearer <key>, or X-API-Key: <key>"
            raise Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
        if not caller.may(role):
            raise Problem(403, "forbidden", f"this key has not the role {role}: ask an admin for one that has")
        return caller

    return find
