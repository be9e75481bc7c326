"""A log can be told from every other, also from one that was made anew in its place."""

import pytest

from domain.ports import LogUnavailable
from tests.contract.rigs import DEADLINE_SECONDS, Rig, record
from tests.waiting import eventually


async def test_every_process_and_every_moment_sees_the_same_identity(rig: Rig) -> None:
    log, other = await rig.open(), await rig.open()
    before = await log.identity()
    assert before
    assert await other.identity() == before
    await log.append([record(n) for n in range(10)], deadline_seconds=DEADLINE_SECONDS)
    assert await log.identity() == before


async def test_a_log_made_anew_under_the_same_name_is_another(rig: Rig) -> None:
    if rig.make_anew is None:
        pytest.skip(f"{rig.name} cannot be made anew")
    log = await rig.open()
    before = await log.identity()
    await rig.make_anew()

    async def another() -> bool:
        try:
            return await log.identity() != before
        except LogUnavailable:  # between the old one and the new
            return False

    await eventually(another, within_seconds=DEADLINE_SECONDS)
