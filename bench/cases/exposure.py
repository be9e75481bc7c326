"""What one machine touched in a week, beside a forward trace from the same seeds."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

from bench.asked import Asked
from bench.measuring import in_turn, middle, over
from bench.results import Row, at_most
from bench.rows import of_csv
from bench.wire import Connection
from bench.world import World
from services.factory.posting import START

_MACHINE = "WELDER-1"
_ROUNDS_LEAST = 15
"""It takes milliseconds: of three rounds one that was disturbed is the ratio."""


async def exposure(world: World, asked: Asked) -> AsyncIterator[Row]:
    """As CSV, both."""
    since = START + timedelta(days=1)
    body = {"equipment": _MACHINE, "since": since.isoformat(), "until": (since + timedelta(days=7)).isoformat()}
    question = json.dumps(body).encode()
    found = of_csv(await _csv(asked.quick, "/v1/exposures", question))
    equal = found.same_as(of_csv(await _csv(asked.domain, "/v1/exposures", question)))
    seeds = json.dumps({"items": await _seeds(asked.quick, question)}).encode()
    ours, theirs = await in_turn(
        max(world.size.rounds, _ROUNDS_LEAST),
        [
            lambda: _csv(asked.quick, "/v1/exposures", question),
            lambda: _csv(asked.quick, "/v1/trace/forward", seeds),
        ],
        budget_seconds=world.size.budget_seconds,
    )
    yield Row(
        case="exposure of one machine in one week",
        size=f"{found.count:,} nodes",
        against="forward trace from the same seeds",
        ratios=over(ours, theirs),
        bar=at_most(1.3),
        equal=equal,
        ours=middle(ours),
        theirs=middle(theirs),
    )


async def _csv(connection: Connection, path: str, body: bytes) -> bytes:
    return (await connection.post(path, body, accept="text/csv")).body


async def _seeds(connection: Connection, question: bytes) -> list[str]:
    """What was made on the machine: nodes that no other node led to."""
    nodes = json.loads((await connection.post("/v1/exposures", question)).body)["nodes"]
    least = min(node["level"] for node in nodes)
    return [node["item"] for node in nodes if node["level"] == least]
