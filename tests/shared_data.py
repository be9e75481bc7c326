"""The folder of fixtures and schemas that lies beside the repository, where it is there."""

import os
from pathlib import Path

from tests.requirements import skip_or_fail

_REPOSITORY = Path(__file__).resolve().parent.parent


def shared_dir() -> Path:
    """`$ZHUISU_SHARED`, else `../shared` beside the repository; skips the running test where there is none."""
    folder = Path(os.environ.get("ZHUISU_SHARED") or _REPOSITORY.parent / "shared")
    if not folder.is_dir():
        skip_or_fail("shared", f"{folder} is not there; set ZHUISU_SHARED to the folder of fixtures")
    return folder
