"""What `/readyz` tells of each part."""

import asyncpg

from tests.conftest import NewDatabase
from tests.http.serving import serving
from tests.waiting import eventually


async def test_a_database_that_refuses_to_answer_is_told_as_that_part(new_database: NewDatabase) -> None:
    """A right that is missing is no fault of the service: a probe reads which part an operator must mend."""
    url = await new_database()
    owner = await asyncpg.connect(url)
    async with serving(url) as service:

        async def ready() -> bool:
            return (await service.get("/readyz")).status_code == 200

        await eventually(ready)
        await owner.execute("REVOKE SELECT ON views.dead_letters FROM zhuisu_api")
        refused = await service.get("/readyz")
        await owner.execute("GRANT SELECT ON views.dead_letters TO zhuisu_api")
        assert (refused.status_code, refused.json().get("parts")) == (
            503,
            {"log": "ok", "database": "cannot be asked: InsufficientPrivilegeError", "projector": "ok"},
        )
        await eventually(ready)
    await owner.close()
