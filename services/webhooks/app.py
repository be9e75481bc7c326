"""Webhooks over HTTP, for the roles recall and admin: made, listed, replayed, enabled, deleted."""

import base64
from collections.abc import Mapping
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from domain.moments import InvalidMoment, Moment
from domain.ports import Clock
from domain.positions import InvalidPosition, parse_vector
from services.access import Caller, Keys, Role
from services.access.http import caller_with
from services.away import refused_while_away
from services.problems import Problem
from services.settings import Settings
from services.webhooks.guard import checked, networks
from services.webhooks.messages import TYPES
from services.webhooks.seals import Seals
from services.webhooks.store import Wanted, Webhooks

DELIVERIES_SHOWN = 1_000
STATES = ("pending", "delivered", "dead")


class NewWebhook(BaseModel):
    """Where to call and of what. `event_types` left out: of everything."""

    model_config = ConfigDict(extra="forbid")
    url: str
    event_types: Annotated[list[str], Field(min_length=1)] | None = None
    description: Annotated[str, Field(max_length=500)] | None = None


def create_router(*, pool: asyncpg.Pool, keys: Keys, settings: Settings, clock: Clock) -> APIRouter:
    """`/v1/webhooks`."""
    webhooks = Webhooks(pool, Seals(settings.webhook_keys))
    own = networks(settings.webhook_networks)
    may_recall = caller_with(Role.RECALL, keys)

    async def find(request: Request) -> Caller:
        caller = await may_recall(request)
        if caller.sites is not None:
            raise Problem(403, "site-scope", "a webhook is told of all sites: this key, limited to some, sees none")
        return caller

    router = APIRouter()
    recaller = Annotated[Caller, Depends(find)]

    @router.post("/v1/webhooks", status_code=201)
    async def create_webhook(wanted: NewWebhook, caller: recaller) -> JSONResponse:
        """Be told from now on. `secret` in the answer is shown now and never again: it verifies each call."""
        unknown = sorted(set(wanted.event_types or ()) - set(TYPES))
        if unknown:
            raise Problem(422, "unknown-event-type", f"event_types: {unknown[0][:60]} is none of {', '.join(TYPES)}")
        await checked(wanted.url, own=own)
        asked = Wanted(wanted.url, wanted.event_types, wanted.description)
        row, secret = await _asked(webhooks.create(caller, asked, now=clock.now()))
        shown = {"secret": "whsec_" + base64.b64encode(secret).decode(), **_shown(row)}
        return JSONResponse(shown, 201)

    @router.get("/v1/webhooks")
    async def list_webhooks(caller: recaller) -> dict[str, Any]:
        """All webhooks of the tenant with how their deliveries stand, without their secrets."""
        return {"webhooks": [_shown(row) for row in await _asked(webhooks.all(caller.tenant_id))]}

    @router.get("/v1/webhooks/{webhook_id}/deliveries")
    async def list_deliveries(webhook_id: str, caller: recaller, state: str | None = None) -> dict[str, Any]:
        """The newest deliveries, at most 1,000; `state`: pending, delivered or dead (given up)."""
        if state not in (None, *STATES):
            raise Problem(422, "invalid-parameter", f"state: {state} is none of {', '.join(STATES)}")
        found = await _asked(webhooks.deliveries(caller.tenant_id, webhook_id, state=state, limit=DELIVERIES_SHOWN))
        if found is None:
            raise _unknown(webhook_id)
        return {"deliveries": [_plain(row) for row in found]}

    @router.post("/v1/webhooks/{webhook_id}/replay", status_code=202)
    async def replay(webhook_id: str, caller: recaller, since: str) -> dict[str, Any]:
        """Tell everything after `since`, a time or a position, again, with the ids it had; enables it too."""
        if not await _asked(webhooks.replay(caller.tenant_id, webhook_id, since=_since(since))):
            raise _unknown(webhook_id)
        return {"webhook_id": webhook_id, "replaying_since": since}

    @router.post("/v1/webhooks/{webhook_id}/enable")
    async def enable(webhook_id: str, caller: recaller) -> dict[str, Any]:
        """Call a disabled webhook again, with all that waited for it."""
        row = await _asked(webhooks.enable(caller.tenant_id, webhook_id, now=clock.now()))
        if row is None:
            raise _unknown(webhook_id)
        return _shown(row)

    @router.delete("/v1/webhooks/{webhook_id}", status_code=204)
    async def delete_webhook(webhook_id: str, caller: recaller) -> Response:
        """Call it no more, and forget what waited for it."""
        if not await _asked(webhooks.delete(caller.tenant_id, webhook_id)):
            raise _unknown(webhook_id)
        return Response(status_code=204)

    return router


def _since(text: str) -> Mapping[int, int] | int:
    """A vector, or microseconds. Raises Problem 422."""
    try:
        if text[:4].isdigit() and text[4:5] == "-" and len(text) >= 10:
            return Moment.parse(text.replace(" ", "+"), zone="UTC").earliest_us
        return parse_vector(text)
    except (InvalidMoment, InvalidPosition) as error:
        raise Problem(422, "invalid-parameter", f"since: {error}") from error


def _unknown(webhook_id: str) -> Problem:
    return Problem(404, "unknown-webhook", f"there is no webhook {webhook_id}: list them with GET /v1/webhooks")


def _shown(row: asyncpg.Record) -> dict[str, Any]:
    return {**_plain(row), "event_types": row["event_types"] or list(TYPES)}


def _plain(row: asyncpg.Record) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}


async def _asked(work: Any) -> Any:
    """What the store says; 503 while the database is away."""
    with refused_while_away():
        return await work
