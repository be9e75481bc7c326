"""What an operator is told of records that were put aside."""

import asyncio
import json
import os
import sys

from tests.projector.sites import Site


async def _told(site: Site, *options: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ZHUISU_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "dead-letters", "list", *options),
        env=environment | {"ZHUISU_DATABASE_URL": site.url},
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return told.decode()


async def test_more_of_them_than_a_list_shows_are_counted(site: Site) -> None:
    await site.views.execute(
        """
        INSERT INTO views.dead_letters (log_partition, log_offset, appended_us, tenant_id, code, detail, key, value,
                                        settled)
        SELECT 0, n, 0, 1, 'not_json', 'told', '', '', CASE WHEN n < 200 THEN 'no event of ours' END
        FROM generate_series(0, 1299) AS n
        """
    )
    told = json.loads(await _told(site, "--json"))
    assert (len(told["dead_letters"]), told["total"], told["waiting"]) == (1_000, 1_300, 1_100)
    plain = await _told(site)
    assert "1000 of 1300 are listed" in plain
    assert "1100 put aside" in plain
