"""What a machine may lack: such tests are skipped with a reason, or fail where `ZHUISU_REQUIRE` names the thing."""

import os
from typing import NoReturn

import pytest


def required() -> frozenset[str]:
    """The names in `ZHUISU_REQUIRE`, separated by commas: kafka, shared, ..."""
    return frozenset(name.strip() for name in os.environ.get("ZHUISU_REQUIRE", "").split(",") if name.strip())


def skip_or_fail(name: str, reason: str) -> NoReturn:
    """Skip the running test for want of `name`; fail it if that was required."""
    if name in required():
        pytest.fail(f"ZHUISU_REQUIRE names {name}, but: {reason}", pytrace=False)
    pytest.skip(f"{name}: {reason}")
