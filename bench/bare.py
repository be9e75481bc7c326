"""A server that does the least: what answers and captures are measured against, in a process of its own.

`GET /bare`: who asks, BEGIN, set_config, SELECT 1, COMMIT. `POST /parsed`: the body parsed
and validated as ingest does it, nothing else.
"""

import argparse
import asyncio
from typing import Annotated

import uvicorn
import uvloop
from fastapi import Depends, FastAPI, Request, Response

from bench.building import ACCEPTED_US, Tenant, callers
from services.access import Caller, Keys, Role
from services.access.http import caller_with
from services.cli.running import collect_seldom
from services.database import api_pool, tenant_transaction
from services.ingest.explaining import EventError
from services.ingest.judging import Posted, validated
from services.ingest.limits import limits_of
from services.ingest.lines import parsed
from services.ingest.reading import read
from services.problems import install
from services.settings import load_settings

_SENDER = callers(Tenant(1, "bare", "urn:bench:party", ""))["mes-cells"]


def app_on(keys: Keys, pool: object) -> FastAPI:
    """The two endpoints."""
    app = FastAPI()
    install(app)

    @app.get("/bare")
    async def bare(caller: Annotated[Caller, Depends(caller_with(Role.READ, keys))]) -> Response:
        async with tenant_transaction(pool, caller.tenant_id) as connection:
            await connection.fetchval("SELECT 1")
        return Response(b"1")

    posted, limits = Posted(_SENDER, ACCEPTED_US), limits_of(load_settings())

    @app.post("/parsed")
    async def parsed_only(request: Request) -> Response:
        body = await request.body()
        lines = "ndjson" in request.headers.get("content-type", "")
        documents = [parsed(line) for line in body.split(b"\n") if line] if lines else [read(body)]
        for number, document in enumerate(documents):
            if number % 100 == 99:
                await asyncio.sleep(0)
            if isinstance(told := validated(document, posted, limits), EventError):
                raise ValueError(f"an event was refused: {told}")
        return Response(str(len(documents)).encode(), 202)

    return app


async def serve(url: str, port: int) -> None:
    """Until it is told to end."""
    pool = await api_pool(url)
    config = uvicorn.Config(
        app_on(Keys(pool), pool), host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off"
    )
    await uvicorn.Server(config).serve()
    await pool.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    collect_seldom()  # as every process of the service does
    uvloop.run(serve(given.url, given.port))
