"""What every process of the service does to itself before it works."""

import gc
import sys
import threading
from collections.abc import Iterator

import pytest

from services.cli.options import Hand
from services.cli.running import SWITCH_SECONDS, complete

pytestmark = pytest.mark.usefixtures("as_before")


@pytest.fixture
def as_before() -> Iterator[None]:
    """The interpreter of the tests stays as it is."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)
    gc.unfreeze()


def test_a_thread_that_computes_does_not_keep_others_waiting_for_long() -> None:
    told: list[float] = []

    async def work() -> None:
        told.append(sys.getswitchinterval())

    ran = threading.Thread(target=complete, args=(Hand(str), work()))  # a loop of its own, beside that of the tests
    ran.start()
    ran.join()
    assert told == [pytest.approx(SWITCH_SECONDS)]
    assert SWITCH_SECONDS < 0.001
