"""What every process of the service does to itself before it works."""

import gc
import sys
import threading
from collections.abc import Iterator

import pytest

from services.cli.options import Hand
from services.cli.running import SWITCH_SECONDS, complete, told_by
from services.embedded.app import Running

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


def test_what_is_there_when_a_service_is_up_is_not_looked_at_for_garbage_again() -> None:
    lasting = [[n] for n in range(1000)]
    assert any(one is lasting for one in gc.get_objects())
    told_by(Hand(str, as_json=True), Running("http://127.0.0.1:1", key=""))
    assert not any(one is lasting for one in gc.get_objects())
