"""Keys over HTTP, for admins: made, listed, revoked. A key's value is shown once."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from services.access.callers import Caller, Role, parse_roles
from services.access.http import caller_with
from services.access.keys import KeyInfo, Keys
from services.problems import Problem


class NewKeyRequest(BaseModel):
    """What a new key may do and for whom it speaks."""

    model_config = ConfigDict(extra="forbid")
    name: str
    roles: list[str]
    source: str | None = None
    sites: list[str] | None = None
    zone: str | None = None


def create_router(*, keys: Keys) -> APIRouter:
    """`/v1/keys`, for callers with the role admin."""
    router = APIRouter()
    admin = Annotated[Caller, Depends(caller_with(Role.ADMIN, keys))]

    @router.post("/v1/keys", status_code=201)
    async def create_key(wanted: NewKeyRequest, caller: admin) -> JSONResponse:
        """Make a key; `key` in the answer is shown now and never again."""
        try:
            made = await keys.create(
                caller.tenant_id,
                wanted.name,
                roles=parse_roles(frozenset(wanted.roles)),
                source=wanted.source,
                sites=frozenset(wanted.sites) if wanted.sites is not None else None,
                zone=wanted.zone,
            )
        except ValueError as error:
            raise Problem(422, "invalid-key", str(error)) from error
        return JSONResponse({"key": made.value, **_shown(made.info)}, 201)

    @router.get("/v1/keys")
    async def list_keys(caller: admin) -> dict[str, Any]:
        """All keys of the tenant, revoked ones too, without their values."""
        return {"keys": [_shown(k) for k in await keys.list(caller.tenant_id)]}

    @router.delete("/v1/keys/{key_id}")
    async def revoke_key(key_id: int, caller: admin) -> dict[str, Any]:
        """Take a key back; it ends everywhere within seconds."""
        revoked = await keys.revoke(caller.tenant_id, key_id)
        if revoked is None:
            raise Problem(404, "unknown-key", f"there is no key {key_id}: list them with GET /v1/keys")
        return _shown(revoked)

    return router


def _shown(info: KeyInfo) -> dict[str, Any]:
    return {
        "key_id": info.key_id,
        "name": info.name,
        "source": info.source,
        "roles": sorted(info.roles),
        "sites": sorted(info.sites) if info.sites is not None else None,
        "zone": info.zone,
        "created_at": info.created_at.isoformat(),
        "revoked_at": info.revoked_at.isoformat() if info.revoked_at is not None else None,
    }
